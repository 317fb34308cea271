package ssc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// Refusals of the operator's requests; the wrapped text is the reason for people.
var (
	// ErrIncompatible: the drive cannot use the medium's kind or generation.
	ErrIncompatible = errors.New("ssc: medium does not fit the drive")

	// ErrFull: the drive holds another medium.
	ErrFull = errors.New("ssc: drive is full")

	// ErrEmpty: the drive holds nothing, or another medium.
	ErrEmpty = errors.New("ssc: drive does not hold that medium")

	// ErrVolume: the cartridge's files are missing, damaged or in use.
	ErrVolume = errors.New("ssc: cartridge cannot be loaded")

	// ErrPrevented: an initiator prevents medium removal.
	ErrPrevented = errors.New("ssc: medium removal is prevented")

	// ErrUnsupported: the drive's model has no such thing.
	ErrUnsupported = errors.New("ssc: not a feature of this drive model")

	// ErrValue: the value is out of range.
	ErrValue = errors.New("ssc: bad value")
)

// Insert puts the cartridge of a directory into the drive and loads it. All
// initiators get the unit attention condition 28h/00h. moveID makes it
// idempotent: the same id and barcode again changes nothing. Errors are
// ErrIncompatible, ErrFull and ErrVolume.
func (d *Drive) Insert(ctx context.Context, dir, barcode, moveID string) error {
	return d.server.Do(ctx, func(*Drive) error {
		if d.in != nil {
			if d.in.barcode == barcode && d.State().MoveID == moveID && moveID != "" {
				return nil
			}
			return fmt.Errorf("%w: it holds %s", ErrFull, d.in.barcode)
		}
		d.in = &medium{dir: dir, barcode: barcode}
		if err := d.thread(); err != nil {
			d.in = nil
			d.event("refused", barcode, "%v", err)
			return err
		}
		if err := d.noteMove(moveID); err != nil {
			d.unthread(false)
			d.in = nil
			d.publish()
			return fmt.Errorf("%w: the drive cannot remember it: %w", ErrVolume, err)
		}
		d.server.Attend(scsi.NotReadyToReadyChange, nil)
		d.begin(loading, d.delays.Load+d.delays.Thread)
		d.event("loaded", barcode, "%s %s", d.in.info.Medium, d.in.kind)
		return nil
	})
}

// Remove takes the medium out, unloading it first when it is loaded: when it
// returns nil all that was acknowledged is durable and the cartridge is free.
// PREVENT does not hold against the changer. Errors are ErrEmpty and, when what
// was written could not be made durable, ErrVolume: then the medium is out
// all the same.
func (d *Drive) Remove(ctx context.Context, barcode, moveID string) error {
	return d.server.Do(ctx, func(*Drive) error {
		if d.in == nil && d.State().MoveID == moveID && moveID != "" {
			return nil
		}
		if d.in == nil {
			return fmt.Errorf("%w: it is empty", ErrEmpty)
		}
		if d.in.barcode != barcode {
			return fmt.Errorf("%w: it holds %s", ErrEmpty, d.in.barcode)
		}
		err := d.unthread(false)
		m := d.in
		d.in = nil
		if merr := d.noteMove(moveID); merr != nil {
			d.in = m // nobody may believe it gone that the drive cannot forget
			d.publish()
			return fmt.Errorf("%w: the drive cannot forget it: %w", ErrVolume, merr)
		}
		d.alerts.Clear(alertsOfMedium...)
		d.motion = motion{}
		d.event("removed", barcode, "")
		if err != nil {
			return fmt.Errorf("%w: %w", ErrVolume, err)
		}
		return nil
	})
}

// noteMove notes a move into or out of the drive where it survives a restart: a
// library that finds an interrupted move asks the drive where the medium is.
func (d *Drive) noteMove(moveID string) error {
	d.mu.Lock()
	was := d.hold.MoveID
	d.hold.MoveID = moveID
	d.mu.Unlock()
	d.publish()
	err := d.remember()
	if err != nil {
		d.mu.Lock()
		d.hold.MoveID = was
		d.mu.Unlock()
	}
	return err
}

// Load threads the medium in the drive again after an unload.
func (d *Drive) Load(ctx context.Context) error {
	return d.server.Do(ctx, func(*Drive) error {
		if d.in == nil {
			return fmt.Errorf("%w: it is empty", ErrEmpty)
		}
		if d.in.loaded() {
			return nil
		}
		if err := d.thread(); err != nil {
			return err
		}
		d.server.Attend(scsi.NotReadyToReadyChange, nil)
		d.begin(loading, d.delays.Load+d.delays.Thread)
		return nil
	})
}

// Eject unloads the medium as the button on the drive does; it stays in the
// drive until it is removed. A barcode that is given must be the one inside.
func (d *Drive) Eject(ctx context.Context, barcode string) error {
	return d.server.Do(ctx, func(*Drive) error {
		switch {
		case d.in == nil:
			return fmt.Errorf("%w: it is empty", ErrEmpty)
		case barcode != "" && barcode != d.in.barcode:
			return fmt.Errorf("%w: it holds %s", ErrEmpty, d.in.barcode)
		case d.in.loaded() && d.RemovalPrevented():
			d.raise(alertNoRemoval)
			return ErrPrevented
		}
		if err := d.unthread(false); err != nil {
			return fmt.Errorf("%w: %w", ErrVolume, err)
		}
		d.begin(unloading, d.delays.Unload)
		return nil
	})
}

// Resume puts back into the drive what was in it when its daemon ended. A
// recorded medium comes up with its position lost: READ, WRITE and WRITE
// FILEMARKS fail (3/3B/00) until a command sets the position, because programs
// that had it mounted would go on writing where the drive stands. A cartridge
// that cannot be loaded stays in the drive, unloaded.
func (d *Drive) Resume(ctx context.Context) error {
	return d.server.Do(ctx, func(*Drive) error {
		m := d.recalled
		if d.damaged != nil || m == nil {
			return d.damaged
		}
		d.mu.Lock()
		d.hold.MoveID = m.MoveID
		d.mu.Unlock()
		if m.Dir == "" {
			d.publish()
			return nil
		}
		d.in = &medium{dir: m.Dir, barcode: m.Barcode}
		defer d.publish()
		if !m.Loaded {
			return d.peek()
		}
		if err := d.thread(); err != nil {
			d.raise(alertLoadFailed)
			d.event("refused", m.Barcode, "after a restart: %v", err)
			return nil
		}
		blank := true
		if d.in.cart != nil {
			for p := range d.in.cart.Partitions() {
				blank = blank && d.in.cart.Capacity(uint8(p)).Used == 0
			}
		}
		d.in.lost = !blank
		d.server.Attend(scsi.NotReadyToReadyChange, nil)
		return nil
	})
}

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
	if m.info.Kind == libcart.Cleaning {
		d.clean(c)
		return c.Close()
	}
	m.pending, m.capacitySet = nil, false
	d.noteDevice(c)
	d.stats.loads++
	clear(d.zero)
	m.cart = c
	d.mounted = d.tally()
	d.zero[0x02], d.zero[0x03] = d.mounted, d.mounted
	d.publish()
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
	d.last = m.cart.Counters()
	err := m.cart.Close()
	d.past = add(d.past, m.cart.Counters())
	m.cart = nil
	d.overwrite.cancel()
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
		BufferSize: d.opt.BufferSize, MinFree: d.opt.MinFree,
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

// SetTapeAlert raises the TapeAlert flags of a mask, in which bit 0 is flag 1, and
// returns all that are set. A mask of 0 lowers all.
func (d *Drive) SetTapeAlert(ctx context.Context, mask uint64) (active uint64, err error) {
	err = d.server.Do(ctx, func(*Drive) error {
		if mask == 0 {
			d.alerts.ClearMask(d.alerts.Active())
		}
		d.alerts.SetMask(mask)
		active = d.alerts.Active()
		d.event("tapealert", "", "%016X", active)
		return nil
	})
	return active, err
}

// SetDelay sets how long a motion takes: load, unload, rewind, position or
// thread. It returns the delays that hold.
func (d *Drive) SetDelay(ctx context.Context, motion string, takes time.Duration) (all Delays, err error) {
	err = d.server.Do(ctx, func(*Drive) error {
		if takes < 0 || takes > 24*time.Hour {
			return fmt.Errorf("%w: a delay of %v", ErrValue, takes)
		}
		switch motion {
		case "load":
			d.delays.Load = takes
		case "unload":
			d.delays.Unload = takes
		case "rewind":
			d.delays.Rewind = takes
		case "position":
			d.delays.Position = takes
		case "thread":
			d.delays.Thread = takes
		default:
			return fmt.Errorf("%w: no motion is called %q", ErrValue, motion)
		}
		all = d.delays
		return nil
	})
	return all, err
}

// SetCompression chooses the codec for what is written while the initiator has
// compression on: adaptive, lz4, s2, zstd or off.
func (d *Drive) SetCompression(ctx context.Context, name string) error {
	return d.server.Do(ctx, func(*Drive) error {
		c, err := codecByName(name)
		if err != nil {
			return err
		}
		d.codec = c
		if d.in.loaded() {
			d.in.cart.SetCodec(d.effectiveCodec())
		}
		return nil
	})
}

// codecByName is the codec of a name in vtl.yaml or vtlcmd.
func codecByName(name string) (codecChoice, error) {
	switch name {
	case "", "adaptive":
		return codecChoice{libcart.S2, true, "adaptive"}, nil
	case "lz4":
		return codecChoice{libcart.LZ4, false, name}, nil
	case "s2":
		return codecChoice{libcart.S2, false, name}, nil
	case "zstd":
		return codecChoice{libcart.Zstd, false, name}, nil
	case "off", "no":
		return codecChoice{libcart.Stored, false, "off"}, nil
	}
	return codecChoice{}, fmt.Errorf("%w: compression %q is not adaptive, lz4, s2, zstd or off", ErrValue, name)
}

// SetAppendOnly turns the append-only mode on or off, as the operator may also
// with a medium loaded. ErrUnsupported: the model has none.
func (d *Drive) SetAppendOnly(ctx context.Context, on bool) error {
	return d.server.Do(ctx, func(*Drive) error {
		if !d.model.Has(personality.AppendOnly) {
			return fmt.Errorf("%w: append-only mode", ErrUnsupported)
		}
		d.Modes().Set(0x10, 0x01, "WRITE MODE", uint64(flag(on, 1)))
		d.takeModes()
		d.Attend(scsi.ModeParametersChanged, nil)
		return nil
	})
}
