package smc

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// bay is the drives of a test library: a second state machine behind Drives, in
// the place of the processes that drives are. It keeps what drives keep when
// their library crashes, and fails as they do.
type bay struct {
	mu     sync.Mutex
	drives map[int]*bayDrive
	calls  int

	// fault, when not nil, is asked before each request. It runs with mu held.
	fault func(call int, op string, drive int) fault

	// changed, when not nil, is told what a drive says of itself.
	changed func(id int, st DriveState)
}

type bayDrive struct {
	volume    Volume
	loaded    bool
	moveID    string
	prevented bool
	takes     map[string]bool // medium models; nil: all
}

// fault is how a request goes wrong.
type fault int

const (
	works     fault = iota
	dead            // the request does not arrive
	lostReply       // it is carried out and the reply does not arrive
	late            // it does not arrive, and the deadline passes
	lateDone        // it is carried out, and the deadline passes
	hangs           // late, and waits for the deadline
	hangsDone       // lateDone, and waits for the deadline
	refuses         // the drive refuses the volume
	restarted       // the drive has lost what it held
	unsaved         // it lets go of the volume and could not save what was written
)

func newBay(ids ...int) *bay {
	b := &bay{drives: map[int]*bayDrive{}}
	for _, id := range ids {
		b.drives[id] = &bayDrive{}
	}
	return b
}

var errUnfit = fmt.Errorf("%w: LTO-6 medium cannot be read by an LTO-8 drive", ErrIncompatible)

// request carries out one request with the fault that is due.
func (b *bay) request(ctx context.Context, op string, id int, do func(*bayDrive) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.drives[id]
	if d == nil {
		return fmt.Errorf("%w: nobody has the id %d", ErrUnreachable, id)
	}
	b.calls++
	f := works
	if b.fault != nil {
		f = b.fault(b.calls, op, id)
	}
	wait := func() error {
		b.mu.Unlock()
		defer b.mu.Lock()
		<-ctx.Done()
		return fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
	}
	switch f {
	case dead:
		return ErrUnreachable
	case late:
		return fmt.Errorf("drive %d: %w", id, context.DeadlineExceeded)
	case lateDone:
		do(d)
		return fmt.Errorf("drive %d: %w", id, context.DeadlineExceeded)
	case hangs:
		return wait()
	case lostReply:
		do(d)
		return ErrUnreachable
	case hangsDone:
		do(d)
		return wait()
	case refuses:
		if op == "insert" {
			return errUnfit
		}
	case unsaved:
		if err := do(d); err != nil || op != "remove" {
			return err
		}
		return fmt.Errorf("%w: no space left on device", ErrVolume)
	case restarted:
		d.volume, d.loaded, d.moveID = Volume{}, false, ""
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return do(d)
}

// Insert implements Drives.
func (b *bay) Insert(ctx context.Context, id int, v Volume, moveID string) error {
	return b.request(ctx, "insert", id, func(d *bayDrive) error {
		if d.moveID == moveID && d.volume.Barcode == v.Barcode {
			return nil
		}
		if d.volume.Barcode != "" {
			return fmt.Errorf("%w: %s", ErrDriveFull, d.volume.Barcode)
		}
		for other, o := range b.drives {
			if o.volume.Barcode == v.Barcode {
				return fmt.Errorf("%w: drive %d has %s open", ErrVolume, other, v.Barcode)
			}
		}
		if d.takes != nil && !d.takes[v.Medium] {
			return errUnfit
		}
		d.volume, d.loaded, d.moveID = v, true, moveID
		return nil
	})
}

// Remove implements Drives.
func (b *bay) Remove(ctx context.Context, id int, barcode, moveID string) error {
	return b.request(ctx, "remove", id, func(d *bayDrive) error {
		if d.moveID == moveID && d.volume.Barcode == "" {
			return nil
		}
		if d.volume.Barcode != barcode {
			return fmt.Errorf("%w: %s", ErrDriveEmpty, barcode)
		}
		if d.prevented {
			return ErrRemovalPrevented
		}
		d.volume, d.loaded, d.moveID = Volume{}, false, moveID
		return nil
	})
}

// State implements Drives.
func (b *bay) State(ctx context.Context, id int) (st DriveState, err error) {
	err = b.request(ctx, "state", id, func(d *bayDrive) error {
		st = d.state()
		return nil
	})
	return st, err
}

func (d *bayDrive) state() DriveState {
	return DriveState{Barcode: d.volume.Barcode, Loaded: d.loaded, MoveID: d.moveID, RemovalPrevented: d.prevented}
}

// change changes a drive as its own initiators do, and tells the library.
func (b *bay) change(id int, f func(*bayDrive) error) error {
	b.mu.Lock()
	d := b.drives[id]
	if d == nil {
		b.mu.Unlock()
		return errors.New("no such drive")
	}
	err := f(d)
	st, changed := d.state(), b.changed
	b.mu.Unlock()
	if changed != nil {
		changed(id, st)
	}
	return err
}

// setFault sets the fault function.
func (b *bay) setFault(f func(call int, op string, drive int) fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = f
}

// replace puts new drives, which work, in the place of all.
func (b *bay) replace(ids ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drives, b.fault = newBay(ids...).drives, nil
}

// holds lists what is in the drives: barcode to id.
func (b *bay) holds() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := map[string]int{}
	for id, d := range b.drives {
		if d.volume.Barcode != "" {
			m[d.volume.Barcode] = id
		}
	}
	return m
}
