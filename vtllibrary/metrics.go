package main

import (
	"context"
	"sync/atomic"

	"govtl/bus"
	"govtl/scsi/smc"
)

// tally counts what happens in the library.
type tally struct {
	failed, imported, exported, reconciled atomic.Uint64
}

// note counts an event of the changer.
func (t *tally) note(e smc.Event) {
	switch e.Kind {
	case smc.MoveFailed:
		t.failed.Add(1)
	case smc.Imported:
		t.imported.Add(1)
	case smc.Exported:
		t.exported.Add(1)
	case smc.Reconciled, smc.Damaged:
		t.reconciled.Add(1)
	}
}

// metrics adds what the library counts.
func (l *library) metrics(_ context.Context, r *bus.MetricsReply) {
	s := l.changer.Status()
	m := &bus.LibraryMetrics{
		Moves: s.Moves, MovesFailed: l.tally.failed.Load(), Imported: l.tally.imported.Load(), Exported: l.tally.exported.Load(),
		Reconciled: l.tally.reconciled.Load(), Online: s.Online, Slots: s.Slots, SlotsFull: s.SlotsFull, Mail: s.Mail,
		MailFull: s.MailFull, Shelf: s.Shelf, Unsettled: s.Unsettled, Drives: len(s.Drives), RemovalPrevented: s.Prevented,
	}
	for _, d := range s.Drives {
		if d.Reachable {
			m.DrivesReachable++
		}
	}
	r.Library = m
}
