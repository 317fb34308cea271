package main

import (
	"slices"
	"sync"
	"time"

	"govtl/bus"
	"govtl/scsi/ssc"
)

// maxHistory is how many loads are remembered.
const maxHistory = 200

// history is the drive's list of loads since the daemon started.
type history struct {
	mu    sync.Mutex // guards loads
	loads []bus.LoadRecord
}

func (h *history) add(what, barcode, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.loads) == maxHistory {
		h.loads = slices.Delete(h.loads, 0, 1)
	}
	h.loads = append(h.loads, bus.LoadRecord{Time: time.Now().UTC().Format(time.RFC3339), Barcode: barcode, What: what, Reason: reason})
}

func (h *history) list() []bus.LoadRecord {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.loads)
}

// event publishes what happens in the drive, which has logged it. It is called
// with the device in use and does not wait.
func (d *drive) event(e ssc.Event) {
	d.tally.note(e)
	switch e.Kind {
	case "loaded":
		d.history.add(e.Kind, e.Barcode, e.Text)
		d.Event(bus.Loaded{Barcode: e.Barcode, Note: e.Text})
	case "unloaded", "removed":
		d.history.add(e.Kind, e.Barcode, e.Text)
		d.Event(bus.Unloaded{Barcode: e.Barcode, Removed: e.Kind == "removed"})
	case "refused":
		d.history.add(e.Kind, e.Barcode, e.Text)
		d.Event(bus.LoadFailed{Barcode: e.Barcode, Reason: e.Text})
	case "recovered":
		d.Event(bus.Recovered{Barcode: e.Barcode, Text: e.Text})
	case "tapealert":
		d.Event(bus.Alert{Names: []string{e.Text}})
	}
}
