package libdisc

// Tracks are the tracks of a sequential disc, in order. Not to be changed.
func (d *Disc) Tracks() []Track { return d.description.Tracks }

// Kind is the medium.
func (d *Disc) Kind() Medium { return d.Medium }

// Format is the format and its size in blocks.
func (d *Disc) Format() (Form, int64) { return d.Form, d.Formatted }

// Background is the state of background formatting.
func (d *Disc) Background() uint8 { return d.description.Background }

// ClosedSessions counts the closed sessions.
func (d *Disc) ClosedSessions() int { return d.Sessions }

// Final reports whether nothing can be added any more.
func (d *Disc) Final() bool { return d.Medium.Recording == ROM || d.description.Final }

// Minimal reports whether the disc was blanked minimally: it is written at once.
func (d *Disc) Minimal() bool { return d.description.Minimal }

// ReadOnly reports whether the disc can never be written in this state of its files.
func (d *Disc) ReadOnly() bool { return d.locked }

// Blank reports whether nothing is recorded on a sequential disc, or whether one
// that needs a format has none.
func (d *Disc) Blank() bool {
	if d.Medium.Recording == ROM || d.Form.random() {
		return false
	}
	return len(d.Tracks()) == 0
}

// Sequential reports whether the disc is recorded in tracks now.
func (d *Disc) Sequential() bool { return d.Medium.Recording == Sequential && !d.Form.random() }

// Open is the track that is being written, and its number from 1.
func (d *Disc) Open() (t *Track, number int) {
	if n := len(d.description.Tracks); n > 0 && !d.description.Tracks[n-1].Closed {
		return &d.description.Tracks[n-1], n
	}
	return nil, 0
}

// SessionOpen reports whether the last session has tracks and is not closed.
func (d *Disc) SessionOpen() bool {
	n := len(d.Tracks())
	return n > 0 && d.Tracks()[n-1].Session > d.Sessions
}

// FirstTrack is the number of a session's first track; 0: it has none.
func (d *Disc) FirstTrack(session int) int {
	for i := range d.description.Tracks {
		if d.description.Tracks[i].Session == session {
			return i + 1
		}
	}
	return 0
}

// LastTrack is the number of a session's last track; 0: it has none.
func (d *Disc) LastTrack(session int) int {
	last := 0
	for i := range d.description.Tracks {
		if d.description.Tracks[i].Session == session {
			last = i + 1
		}
	}
	return last
}

// Capacity is how many blocks the medium has in its present state.
func (d *Disc) Capacity() int64 {
	switch {
	case d.Form != Plain:
		return d.Formatted
	case d.Medium.Bordered > 0 && d.Sessions > 0:
		return d.Medium.Bordered
	}
	return d.Medium.Blocks
}

// Readable is the size that a reader is told: that of a ROM or a formatted disc,
// and the end of the last closed session of a sequential one.
func (d *Disc) Readable() int64 {
	switch {
	case d.Medium.Recording == ROM:
		return d.Medium.Blocks
	case d.Form.random(), d.Form == Pseudo:
		return d.Formatted
	case d.Sessions == 0:
		return 0
	}
	return d.SessionEnd(d.Sessions)
}

// SessionEnd is behind a session: where its lead-out begins.
func (d *Disc) SessionEnd(session int) int64 {
	if n := d.LastTrack(session); n > 0 {
		return d.description.Tracks[n-1].End()
	}
	return 0
}

// NWA is the next writable address of a sequential disc; ok is false when
// nothing can be added.
func (d *Disc) NWA() (lba int64, ok bool) {
	if !d.Sequential() || d.Final() || d.locked {
		return 0, false
	}
	if t, _ := d.Open(); t != nil {
		return t.Next, true
	}
	n := len(d.Tracks())
	if n == 0 {
		return 0, true
	}
	t := &d.description.Tracks[n-1]
	m := &d.Medium
	lba = roundUp(t.End(), m.Align)
	switch {
	case t.Session > d.Sessions:
		lba += m.TrackGap
	case d.Sessions == 1:
		lba += m.FirstGap
	default:
		lba += m.LaterGap
	}
	return lba, lba < d.Capacity()
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
