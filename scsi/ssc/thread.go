package ssc

import (
	"fmt"

	"govtl/libcart"
	"govtl/scsi/personality"
)

// thread opens the cartridge in the drive and stands at the beginning of
// partition 0. A cleaning cartridge is not threaded: it cleans. When that takes
// long it returns errBecoming and goes on without the turn; then is called, with
// the turn, when it has ended, with what thread would have returned.
func (d *Drive) thread(then func(error)) error {
	m := d.in
	g, err := libcart.Begin(m.dir, d.cartridgeOptions())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrVolume, err)
	}
	m.info = g.Info()
	m.kind = kindName(m.info.Kind)
	if err := d.fits(m); err != nil {
		g.Close()
		d.raise(alertUnsupportedFormat)
		return err
	}
	return d.openBehind(g, then)
}

// threaded takes the cartridge that was opened.
func (d *Drive) threaded(c *libcart.Cartridge, err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrVolume, err)
	}
	m := d.in
	m.info = c.Info()
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
// it where it survives a restart. then is as that of thread.
func (d *Drive) reload(then func(error)) error {
	err := d.thread(func(err error) {
		if err == nil {
			d.reloaded()
		} else {
			d.notThreaded(err)
		}
		then(err)
	})
	if err == nil {
		d.reloaded()
	}
	return err
}

func (d *Drive) reloaded() {
	d.save()
	d.event("loaded", d.in.barcode, "%s %s", d.in.info.Medium, d.in.kind)
}

// peek reads what a cartridge is that stays unloaded in the drive.
func (d *Drive) peek() error {
	o := d.cartridgeOptions()
	o.ReadOnly = true
	g, err := libcart.Begin(d.in.dir, o)
	if err != nil {
		d.event("refused", d.in.barcode, "%v", err)
		return nil
	}
	defer g.Close()
	d.in.info = g.Info()
	d.in.kind = kindName(d.in.info.Kind)
	return d.fits(d.in)
}

// unthread makes everything durable and closes the cartridge; it stays in the drive.
func (d *Drive) unthread(hold bool) error {
	m := d.in
	d.giveUpOpening()
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
	d.save()
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
