package ssc

import (
	"fmt"

	"govtl/libcart"
	"govtl/scsi/personality"
)

// thread opens the cartridge in the drive and stands at the beginning of
// partition 0. A cleaning cartridge is not threaded: it cleans.
func (d *Drive) thread() error {
	m := d.in
	c, err := libcart.Open(m.dir, d.cartridgeOptions())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrVolume, err)
	}
	m.info = c.Info()
	m.kind = kindName(m.info.Kind)
	if err := d.fits(m); err != nil {
		c.Close()
		d.raise(alertUnsupportedFormat)
		return err
	}
	d.alerts.Clear(alertsOfMedium...)
	d.alerts.Clear(alertsUntilLoad...)
	if r := c.Recovery(); r.Note != "" {
		d.event("recovered", m.barcode, "%s", r.Note)
	}
	m.memoryOnly, m.lost, m.appendKnown, m.changed, m.warned, m.dirty = false, false, false, false, false, false
	d.overwrite.cancel()
	d.order = accessOrder{}
	if m.info.Kind == libcart.Cleaning {
		d.clean(c)
		return c.Close()
	}
	m.pending, m.capacitySet = nil, false
	if m.readOnly {
		d.raise(alertReadOnlyGeneration)
	}
	d.noteDevice(c)
	d.stats.loads++
	clear(d.zero)
	m.cart = c
	m.becomes = d.intended(m)
	d.optimize(c)
	d.mounted, d.mountedAt = d.tally(), d.opt.Now()
	d.zero[0x02], d.zero[0x03] = d.mounted, d.mounted
	d.publish()
	return nil
}

// reload threads again what had been unloaded and stayed in the drive, and notes
// it where it survives a restart.
func (d *Drive) reload() error {
	if err := d.thread(); err != nil {
		return err
	}
	if err := d.remember(); err != nil {
		d.log.Error("the drive's memory was not saved", "err", err)
	}
	d.event("loaded", d.in.barcode, "%s %s", d.in.info.Medium, d.in.kind)
	return nil
}

// peek reads what a cartridge is that stays unloaded in the drive.
func (d *Drive) peek() error {
	o := d.cartridgeOptions()
	o.ReadOnly = true
	c, err := libcart.Open(d.in.dir, o)
	if err != nil {
		d.event("refused", d.in.barcode, "%v", err)
		return nil
	}
	defer c.Close()
	d.in.info = c.Info()
	d.in.kind = kindName(d.in.info.Kind)
	return d.fits(d.in)
}

// unthread makes everything durable and closes the cartridge; it stays in the drive.
func (d *Drive) unthread(hold bool) error {
	m := d.in
	m.memoryOnly = hold
	if m.cart == nil {
		return nil
	}
	err := m.cart.Close() // with what was in the buffer, which counts
	d.noteVolume()
	d.last = m.cart.Counters()
	d.past = add(d.past, d.last)
	m.cart = nil
	d.demounted()
	d.overwrite.cancel()
	d.order = accessOrder{}
	d.publish()
	if merr := d.remember(); merr != nil {
		d.log.Error("the drive's memory was not saved", "err", merr)
	}
	d.event("unloaded", m.barcode, "")
	return err
}

func (d *Drive) cartridgeOptions() libcart.Options {
	o := libcart.Options{
		FS: d.opt.FS, Log: d.log, Holder: "drive " + d.opt.Serial,
		BufferSize: int64(d.bufferBound()), MinFree: d.opt.MinFree,
	}
	o.Codec, o.Adaptive = d.effectiveCodec()
	return o
}

// fits refuses a medium that the model does not list.
func (d *Drive) fits(m *medium) error {
	if m.info.Kind == libcart.Cleaning {
		if _, ok := d.model.Medium(m.info.Medium); !ok {
			return fmt.Errorf("%w: %s cannot use a %s", ErrIncompatible, d.model.Title, d.mediumTitle(m.info.Medium))
		}
		return nil
	}
	model, ok := d.model.Medium(m.info.Medium)
	if !ok {
		return fmt.Errorf("%w: %s medium cannot be read by an %s drive", ErrIncompatible, d.mediumTitle(m.info.Medium), d.model.Title)
	}
	if m.info.Kind == libcart.WORM && !d.model.Has(personality.WORM) {
		return fmt.Errorf("%w: an %s drive cannot use WORM media", ErrIncompatible, d.model.Title)
	}
	m.model = model
	m.readOnly = d.model.Media[m.info.Medium] == personality.ReadOnly
	return nil
}

// mediumTitle is what people call a medium model.
func (d *Drive) mediumTitle(name string) string {
	if m, err := personality.LoadMedium(name, d.opt.Media...); err == nil {
		return m.Title
	}
	return name
}

// effectiveCodec is the codec for what is written from now on: none while the
// initiator has compression off.
func (d *Drive) effectiveCodec() (libcart.Codec, bool) {
	if !d.compress {
		return libcart.Stored, false
	}
	return d.codec.codec, d.codec.adaptive
}
