package libdisc

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// CloseTrack closes the open track of a number, durably. Its last ECC block is
// padded.
func (d *Disc) CloseTrack(number int) error {
	if d.locked {
		return ErrReadOnly
	}
	t, n := d.Open()
	if t == nil || n != number {
		return ErrTrack
	}
	if err := d.pad(t.End()); err != nil {
		return err
	}
	next := d.next()
	next.closeLast()
	return d.commit(next)
}

// closeLast closes the last track of a description.
func (d *description) closeLast() {
	t := &d.Tracks[len(d.Tracks)-1]
	if t.Closed {
		return
	}
	t.Size = roundUp(t.End()-t.Start, d.Medium.Align) + d.Medium.RunOut
	t.Closed = true
	t.Sum = t.Sum.addZeros(t.End() - t.Next)
}

// pad makes the image as long as a track that ends at an address, zeros behind
// what is recorded, and durable.
func (d *Disc) pad(end int64) error {
	want := (roundUp(end, d.Medium.Align) + d.Medium.RunOut) * BlockSize
	size, err := d.image.Size()
	if err != nil {
		return err
	}
	if size < want {
		if err := d.describe(); err != nil {
			return err
		}
		if d.failed != nil {
			return d.failed
		}
		if err := d.image.Truncate(want); err != nil {
			return err
		}
		d.unsynced = true
	}
	return d.Sync()
}

// CloseSession closes the open session with its open track, durably; final says
// that the disc takes nothing more. A disc whose sessions are closed can be made
// final; ErrSequence when there is nothing to close.
func (d *Disc) CloseSession(final bool) error {
	switch {
	case d.locked:
		return ErrReadOnly
	case !d.Sequential() || d.Form == Pseudo:
		return ErrMedium
	case d.Final():
		return ErrFinal
	case !d.SessionOpen() && !(final && d.Sessions > 0):
		return ErrSequence
	}
	if t, _ := d.Open(); t != nil {
		if err := d.pad(t.End()); err != nil {
			return err
		}
	}
	next := d.next()
	if d.SessionOpen() {
		next.closeLast()
		next.Sessions++
	}
	next.Final, next.Minimal = final, false
	if err := d.commit(next); err != nil {
		return err
	}
	if d.isFinishedSimple() {
		return d.becomeROM()
	}
	return nil
}

// isFinishedSimple reports whether the disc needs its description no more.
func (d *Disc) isFinishedSimple() bool {
	return d.Simple && d.description.Final && d.Sessions == 1 && d.opt.Simple != nil
}

// becomeROM takes the description away from a disc of the simple model: from now
// on its image is like any other.
func (d *Disc) becomeROM() error {
	size, err := d.image.Size()
	if err != nil {
		return err
	}
	if err := d.fs.Remove(d.path + SumsSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.fs.Remove(d.path + Suffix); err != nil {
		return err
	}
	if err := d.fs.SyncDir(filepath.Dir(d.path)); err != nil {
		return err
	}
	if err := d.sums.drop(); err != nil {
		return err
	}
	m := d.opt.Simple(size)
	m.Blocks = size / BlockSize
	d.description = description{Medium: m}
	d.described, d.locked = false, true
	return nil
}

// FinishWhole completes a disc that is written at once, when its reservation is
// written; done is false while something of it is missing. appendable keeps it
// open for further sessions, which only CDs have.
func (d *Disc) FinishWhole(appendable bool) (done bool, err error) {
	t, _ := d.Open()
	if t == nil || !t.Whole || t.Next < t.Start+t.Reserved {
		return false, nil
	}
	return true, d.CloseSession(!appendable)
}

// Erase blanks a rewritable disc, durably; minimal says how.
func (d *Disc) Erase(minimal bool) error {
	if d.locked {
		return ErrReadOnly
	}
	if !d.Medium.Rewritable || d.Medium.Recording != Sequential {
		return ErrMedium
	}
	if err := d.commit(description{Medium: d.Medium, Simple: d.Simple, Minimal: minimal}); err != nil {
		return err
	}
	return d.empty()
}

// empty takes all blocks away. A power cut before it is durable does no harm:
// settle does it again, and a formatted disc may keep what it had.
func (d *Disc) empty() error {
	d.unsynced = false
	if err := d.sums.forget(); err != nil {
		return d.fail(err)
	}
	if err := d.image.Truncate(0); err != nil {
		return d.fail(err)
	}
	if err := d.image.Sync(); err != nil {
		return d.fail(err)
	}
	return nil
}

// SetFormat formats the disc, durably. Its blocks are lost with erase, and stay
// otherwise.
func (d *Disc) SetFormat(f Form, blocks int64, background uint8, erase bool) error {
	if d.locked {
		return ErrReadOnly
	}
	if blocks < 0 || blocks > d.Medium.Blocks {
		return ErrRange
	}
	if err := d.Sync(); err != nil {
		return err
	}
	err := d.commit(description{Medium: d.Medium, Simple: d.Simple, Form: f, Formatted: blocks, Background: background})
	if err != nil || !erase {
		return err
	}
	return d.empty()
}

// Complete ends the intermediate state of restricted overwrite: the disc has the
// size that it has reached.
func (d *Disc) Complete() error {
	if err := d.Sync(); err != nil || d.Form != Intermediate {
		return err
	}
	next := d.next()
	next.Form = Restricted
	return d.commit(next)
}

// SetBackground notes the state of background formatting.
func (d *Disc) SetBackground(state uint8) error {
	if err := d.Sync(); err != nil || d.description.Background == state {
		return err
	}
	next := d.next()
	next.Background = state
	return d.commit(next)
}
