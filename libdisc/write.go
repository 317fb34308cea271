package libdisc

import (
	"errors"
	"fmt"
	"io"
)

// Mode is how a track that a write begins is recorded.
type Mode struct {
	Incremental bool
	Whole       bool // the disc is complete when the reservation is written
}

// Reserve begins a track of a size in blocks, RESERVE TRACK.
func (d *Disc) Reserve(blocks int64, m Mode) error {
	if d.locked {
		return ErrReadOnly
	}
	if !d.Sequential() {
		return ErrMedium
	}
	if d.Final() {
		return ErrFinal
	}
	start, ok := d.NWA()
	if t, _ := d.Open(); t != nil || blocks <= 0 {
		return ErrSequence
	}
	if !ok || roundUp(blocks, d.Medium.Align) > d.Capacity()-start {
		return ErrRange
	}
	return d.begin(Track{Start: start, Next: start, Reserved: blocks, Whole: m.Whole, Incremental: m.Incremental})
}

// begin adds an open track.
func (d *Disc) begin(t Track) error {
	if len(d.Tracks()) == maxTracks {
		return ErrRange
	}
	t.Session, t.Sum = d.Sessions+1, sumKnown
	d.description.Tracks = append(d.description.Tracks, t)
	d.dirty = true
	return nil
}

// Write writes whole blocks from an address on. It is durable after Sync.
func (d *Disc) Write(lba int64, p []byte, m Mode) error {
	n := int64(len(p)) / BlockSize
	switch {
	case d.locked:
		return ErrReadOnly
	case int64(len(p)) != n*BlockSize:
		return fmt.Errorf("%w: %d bytes", ErrAlign, len(p))
	case n == 0:
		return nil
	case lba < 0 || lba > maxBlocks:
		return ErrRange
	case d.Form.random():
		return d.writeRandom(lba, n, p)
	case d.Medium.Recording == Overwrite:
		return ErrUnformatted
	case d.Final():
		return ErrFinal
	}
	nwa, ok := d.NWA()
	switch {
	case d.Form == Pseudo && lba+n <= nwa && d.recorded(lba, n):
		return d.replace(lba, n, p)
	case !ok:
		return ErrRange
	case lba != nwa:
		return ErrAddress
	}
	t, _ := d.Open()
	limit := d.Capacity()
	if t != nil && t.Reserved > 0 {
		limit = roundUp(t.Start+t.Reserved, d.Medium.Align)
	}
	if lba+n > limit {
		return ErrRange
	}
	if err := d.put(lba, p, false); err != nil {
		// What a refused write left behind must not become padding.
		if terr := errors.Join(d.image.Truncate(lba*BlockSize), d.sums.cut(lba)); terr != nil {
			return d.fail(terr)
		}
		return err
	}
	if t == nil {
		if err := d.begin(Track{Start: lba, Incremental: m.Incremental, Whole: m.Whole}); err != nil {
			return err
		}
		t, _ = d.Open()
	}
	t.Next = lba + n
	t.Sum = t.Sum.add(p)
	d.dirty = true
	return nil
}

func (d *Disc) writeRandom(lba, n int64, p []byte) error {
	if d.Form != Random && (lba%d.Medium.Align != 0 || n%d.Medium.Align != 0) {
		return ErrAlign
	}
	end := lba + n
	if end > d.Formatted {
		if d.Form != Intermediate || end > d.Medium.Blocks || lba > d.Formatted {
			return ErrRange
		}
	}
	if err := d.put(lba, p, true); err != nil {
		return err
	}
	if end > d.Formatted {
		d.Formatted, d.dirty = end, true
	}
	return nil
}

// describe gives a disc of the simple model its description. Nothing goes into the
// image before: a power cut must not leave one that looks finished.
func (d *Disc) describe() error {
	if d.described {
		return nil
	}
	return d.save()
}

// put writes to the image, over says that there may be something already.
func (d *Disc) put(lba int64, p []byte, over bool) error {
	if err := d.describe(); err != nil {
		return err
	}
	if d.failed != nil {
		return d.failed
	}
	if err := d.sums.create(); err != nil {
		return err
	}
	d.unsynced = true
	if over {
		if err := d.sums.mark(lba, int64(len(p))/BlockSize); err != nil {
			return d.fail(err)
		}
	}
	if _, err := d.image.WriteAt(p, lba*BlockSize); err != nil {
		d.sums.keep = d.sums.keep || over
		return err
	}
	if err := d.sums.put(lba, p); err != nil {
		d.sums.keep = d.sums.keep || over
		return err
	}
	return nil
}

// replace writes over recorded blocks (BD-R POW), whose checksums are then not
// known any more: durably so before the first of them changes.
func (d *Disc) replace(lba, n int64, p []byte) error {
	changed := false
	for i := range d.description.Tracks {
		t := &d.description.Tracks[i]
		if lba < t.End() && lba+n > t.Start && t.Sum.Known() {
			t.Sum, changed = 0, true
		}
	}
	if changed {
		d.dirty = true
		if err := d.Sync(); err != nil {
			return err
		}
	}
	return d.put(lba, p, true)
}

// recorded reports whether a range lies within one track's recorded blocks.
func (d *Disc) recorded(lba, n int64) bool {
	for i := range d.description.Tracks {
		t := &d.description.Tracks[i]
		end := t.Next
		if t.Closed {
			end = t.End()
		}
		if lba >= t.Start && lba+n <= end {
			return true
		}
	}
	return false
}

// CanRead returns nil when the range can be read. What was never written on a
// formatted disc reads as zeros.
func (d *Disc) CanRead(lba, n int64) error {
	if lba < 0 || n < 0 || lba > maxBlocks || n > maxBlocks {
		return ErrRange
	}
	switch {
	case d.Medium.Recording == ROM, d.Form.random(), d.Form == Pseudo:
		if lba+n > d.Readable() {
			return ErrRange
		}
	case n > 0 && !d.recorded(lba, n) && !d.acrossTracks(lba, n):
		return ErrUnwritten
	}
	return nil
}

// acrossTracks reports whether each block of a range is in some track: those of
// one session may lie next to each other.
func (d *Disc) acrossTracks(lba, n int64) bool {
	for i := range d.description.Tracks {
		t := &d.description.Tracks[i]
		end := t.Next
		if t.Closed {
			end = t.End()
		}
		if n > 0 && lba >= t.Start && lba < end {
			took := min(n, end-lba)
			lba, n = lba+took, n-took
		}
	}
	return n == 0
}

// Read fills p from an address on; CanRead must allow it. What does not have the
// checksum that it was written with is a *BlockError.
func (d *Disc) Read(lba int64, p []byte) error {
	if err := d.CanRead(lba, int64(len(p)+BlockSize-1)/BlockSize); err != nil {
		return err
	}
	n, err := d.image.ReadAt(p, lba*BlockSize)
	if err != nil && err != io.EOF {
		return err
	}
	clear(p[n:])
	d.clearPadding(lba, p)
	_, damaged, err := d.sums.check(lba, p)
	if err == nil && damaged >= 0 {
		err = &BlockError{damaged}
	}
	return err
}

// clearPadding makes zeros of what a drive adds to a track, whatever the file has.
func (d *Disc) clearPadding(lba int64, p []byte) {
	if d.Form == Pseudo {
		return
	}
	for i := range d.description.Tracks {
		t := &d.description.Tracks[i]
		from, to := max(t.Next, lba)-lba, min(t.End()-lba, int64(len(p)+BlockSize-1)/BlockSize)
		if t.Closed && from < to {
			clear(p[from*BlockSize : min(to*BlockSize, int64(len(p)))])
		}
	}
}
