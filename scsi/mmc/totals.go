package mmc

import "sync/atomic"

// Totals count what the drive has done since it was made.
type Totals struct {
	BytesWritten, BytesRead uint64 // of initiators
	WriteErrors, ReadErrors uint64 // commands that the files failed
	Loads, Refused          uint64 // discs
	Blanks, Formats, Closes uint64 // that were carried out
	Busy                    bool   // one of them runs
}

// totals are the counters behind Totals; they are read without the turn.
type totals struct {
	bytesWritten, bytesRead atomic.Uint64
	writeErrors, readErrors atomic.Uint64
	loads, refused          atomic.Uint64
	blanks, formats, closes atomic.Uint64
	busy                    atomic.Bool
}

// Totals are the counters now. They do not wait for the drive.
func (d *Drive) Totals() Totals {
	t := &d.totals
	return Totals{
		BytesWritten: t.bytesWritten.Load(), BytesRead: t.bytesRead.Load(), WriteErrors: t.writeErrors.Load(), ReadErrors: t.readErrors.Load(),
		Loads: t.loads.Load(), Refused: t.refused.Load(), Blanks: t.blanks.Load(), Formats: t.formats.Load(), Closes: t.closes.Load(),
		Busy: t.busy.Load(),
	}
}
