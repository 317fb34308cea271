package ssc

import (
	"context"
	"errors"
	"fmt"

	"govtl/scsi"
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
// initiators get the unit attention condition 28h/00h. When the recording has to be
// looked through for long it returns before that is over, and the drive is becoming
// ready; a medium that turns out to be damaged then stays in it, unloaded. moveID
// makes it idempotent: the same id and barcode again changes nothing. Errors are
// ErrIncompatible, ErrFull and ErrVolume.
func (d *Drive) Insert(ctx context.Context, dir, barcode, moveID string) error {
	d.moves.Add(1)
	defer d.moves.Add(-1)
	return d.server.Do(ctx, func(*Drive) error {
		if d.in != nil {
			if d.in.barcode == barcode && d.State().MoveID == moveID && moveID != "" {
				return nil
			}
			return fmt.Errorf("%w: it holds %s", ErrFull, d.in.barcode)
		}
		d.in = &medium{dir: dir, barcode: barcode}
		long := d.thread(d.arrivedLate)
		if long != nil && long != errBecoming {
			d.in = nil
			d.event("refused", barcode, "%v", long)
			return long
		}
		if err := d.noteMove(moveID); err != nil {
			d.unthread(false)
			d.in = nil
			d.publish()
			return fmt.Errorf("%w: the drive cannot remember it: %w", ErrVolume, err)
		}
		if long == nil {
			d.arrived()
		}
		return nil
	})
}

// arrived ends the load of a medium that came into the drive.
func (d *Drive) arrived() {
	d.server.Attend(scsi.NotReadyToReadyChange, nil)
	d.begin(loading, d.delays.Load+d.delays.Thread)
	d.event("loaded", d.in.barcode, "%s %s", d.in.info.Medium, d.in.kind)
}

// arrivedLate is arrived when Insert did not wait for it: the medium stays, come
// what may.
func (d *Drive) arrivedLate(err error) {
	if err != nil {
		d.notThreaded(err)
		return
	}
	d.save()
	d.arrived()
}

// Remove takes the medium out, unloading it first when it is loaded: when it
// returns nil all that was acknowledged is durable and the cartridge is free.
// PREVENT does not hold against the changer. Errors are ErrEmpty and, when what
// was written could not be made durable, ErrVolume: then the medium is out
// all the same.
func (d *Drive) Remove(ctx context.Context, barcode, moveID string) error {
	d.moves.Add(1)
	defer d.moves.Add(-1)
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

// Load threads the medium in the drive again after an unload. As Insert it may
// return before that is over.
func (d *Drive) Load(ctx context.Context) error {
	return d.server.Do(ctx, func(*Drive) error {
		if d.in == nil {
			return fmt.Errorf("%w: it is empty", ErrEmpty)
		}
		if d.in.loaded() || d.motion.work != nil {
			return nil
		}
		ready := func(err error) {
			if err == nil {
				d.server.Attend(scsi.NotReadyToReadyChange, nil)
				d.begin(loading, d.delays.Load+d.delays.Thread)
			}
		}
		err := d.reload(ready)
		if err == errBecoming {
			return nil
		}
		ready(err)
		return err
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
		if err := d.thread(d.resumed); err != errBecoming {
			d.resumed(err)
		}
		return nil
	})
}

// resumed ends the load of what was in the drive when its daemon ended.
func (d *Drive) resumed(err error) {
	if err != nil {
		d.raise(alertLoadFailed)
		d.event("refused", d.in.barcode, "after a restart: %v", err)
		d.publish()
		return
	}
	blank := true
	if d.in.cart != nil {
		for p := range d.in.cart.Partitions() {
			blank = blank && d.in.cart.Capacity(uint8(p)).Used == 0
		}
	}
	d.in.lost = !blank
	d.server.Attend(scsi.NotReadyToReadyChange, nil)
}
