package mmc

import (
	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// reserveTrack is RESERVE TRACK, MMC-6 6.31.
func (d *Drive) reserveTrack(t *scsi.Task) error {
	if !d.disc.Sequential() {
		return scsi.InvalidFieldInCDBAt(0, -1).Because("this medium has no tracks to reserve")
	}
	if t.CDB[1]&0x03 != 0 { // RMZ and ARSV: a reservation by address
		return scsi.InvalidFieldInCDBAt(1, 1)
	}
	size := count32(t.CDB[5:])
	if size == 0 {
		return scsi.InvalidFieldInCDBAt(5, -1).Because("a track of no blocks")
	}
	m := libdisc.Mode{}
	if d.isMinus() {
		m = libdisc.Mode{Whole: d.writeType() == writeSAO, Incremental: d.writeType() != writeSAO}
		if d.disc.Minimal() && !m.Whole {
			return illegal(scsi.IllegalModeForThisTrack)
		}
		if m.Whole && !d.disc.Blank() {
			return illegal(scsi.CommandSequenceError)
		}
	}
	if open, _ := d.disc.Open(); open != nil {
		return illegal(scsi.NoMoreTrackReservations)
	}
	err := senseFor(d.disc.Reserve(size, m))
	d.publishWritten()
	return err
}

// closeTrackSession is CLOSE TRACK SESSION, MMC-6 6.3.
func (d *Drive) closeTrackSession(t *scsi.Task) error {
	fn, immed := t.CDB[2]&7, t.CDB[1]&0x01 != 0
	run := func(done func() error) error {
		if err := senseFor(d.disc.Sync()); err != nil {
			return err
		}
		return d.long(t, immed, scsi.OperationInProgressNotReady, d.opt.Durations.Close, &d.totals.closes, func() error {
			err := done()
			d.reclassify()
			return err
		})
	}
	form, _ := d.disc.Format()
	switch {
	case d.disc.ReadOnly():
		return senseFor(libdisc.ErrReadOnly)
	case d.kind.Profile == profileDVDPlusRW && (fn == 0 || fn == 2 || fn == 3):
		if form != libdisc.Random {
			return illegal(scsi.CommandSequenceError)
		}
		return run(func() error { return d.disc.SetBackground(1) })
	case (form == libdisc.Restricted || form == libdisc.Intermediate) && (fn == 2 || fn == 3):
		return run(d.disc.Complete)
	case !d.disc.Sequential():
		return scsi.InvalidFieldInCDBAt(2, 2)
	case fn == 1:
		return d.closeTrack(run, be16(t.CDB[4:]))
	}
	final, ok := d.closesForGood(fn)
	if !ok {
		return scsi.InvalidFieldInCDBAt(2, 2)
	}
	open, number := d.disc.Open()
	switch {
	case form == libdisc.Pseudo: // its session stays open
		if open == nil {
			return nil
		}
		return run(func() error { return d.disc.CloseTrack(number) })
	case d.disc.Final():
		return illegal(scsi.SessionFixationIncomplete)
	case !d.disc.SessionOpen() && (!final || d.disc.ClosedSessions() == 0 || d.closesByPage()):
		// What page 05h says may be its default: nobody has asked to close for good
		// who closes a session that is closed.
		return illegal(scsi.SessionFixationIncomplete)
	}
	return run(func() error { return d.disc.CloseSession(final) })
}

// closeTrack closes a track by its number; 0 and FFh mean the open one.
func (d *Drive) closeTrack(run func(func() error) error, number int) error {
	open, n := d.disc.Open()
	switch {
	case open == nil && d.disc.Final():
		return illegal(scsi.SessionFixationIncomplete)
	case number >= 1 && number <= len(d.disc.Tracks()) && number != n:
		return nil // closed already
	case open == nil || number != n && number != 0 && number != 0xFF:
		return scsi.InvalidFieldInCDBAt(4, 7)
	}
	return run(func() error { return d.disc.CloseTrack(n) })
}

// closesByPage reports whether page 05h says what may follow a session.
func (d *Drive) closesByPage() bool { return d.kind.Class == personality.ClassCD || d.isMinus() }

// closesForGood says what closing a session by a function means for what may
// follow: on CD and DVD-R page 05h decides, elsewhere the function.
func (d *Drive) closesForGood(fn byte) (final, ok bool) {
	switch {
	case d.closesByPage():
		return !d.nextSession(), fn == 2
	case d.kind.Class == personality.ClassBD:
		return fn == 6, fn == 2 || fn == 6
	}
	return fn != 2, fn == 2 || fn == 5 || fn == 6
}

// pregap are the blocks before address 0 of a CD, MMC-6 4.2.3.
const pregap = 150

// cueSheet is what matters of a cue sheet.
type cueSheet struct {
	blocks int64 // from address 0 to the lead-out
}

// sendCueSheet is SEND CUE SHEET, MMC-6 6.33: one or more data tracks, of which
// the drive makes one.
func (d *Drive) sendCueSheet(t *scsi.Task) error {
	if d.kind.Class != personality.ClassCD || d.kind.Recording == "rom" {
		return illegal(scsi.IncompatibleFormat)
	}
	n := int(t.CDB[6])<<16 | be16(t.CDB[7:])
	sheet, err := t.DataOut(n)
	if err != nil {
		return err
	}
	if n == 0 || n%8 != 0 || n > 8*300 {
		return illegal(scsi.ParameterListLengthError)
	}
	if !d.disc.Blank() || d.disc.ReadOnly() {
		return illegal(scsi.CommandSequenceError).Because("a cue sheet is for a blank disc")
	}
	last := sheet[n-8:]
	if last[1] != 0xAA {
		return scsi.InvalidParameterAt(n-7, -1).Because("the cue sheet does not end with the lead-out")
	}
	for i := 0; i < n; i += 8 {
		if sheet[i]&0x40 == 0 {
			return scsi.InvalidParameterAt(i, 6).Because("audio tracks cannot be written")
		}
	}
	blocks := (int64(last[5])*60+int64(last[6]))*75 + int64(last[7]) - pregap
	if blocks <= 0 || blocks > d.disc.Capacity() {
		return scsi.InvalidParameterAt(n-3, -1)
	}
	d.cue = &cueSheet{blocks: blocks}
	return nil
}
