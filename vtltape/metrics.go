package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/scsi/ssc"
)

// metricsPatience is how long the question for metrics waits for the command that
// runs. A rewind with the model's real times takes longer than anybody wants to
// wait for a number.
const metricsPatience = 500 * time.Millisecond

// tally counts what happens in the drive, and keeps the last totals.
type tally struct {
	refused, recovered atomic.Uint64

	mu      sync.Mutex // guards what follows
	last    ssc.Totals
	problem string // what went wrong since the last load that went well
}

// note counts an event of the drive.
func (t *tally) note(e ssc.Event) {
	switch e.Kind {
	case "refused":
		t.refused.Add(1)
		t.remember(e.Barcode + ": " + e.Text)
	case "write-error":
		t.remember(e.Barcode + ": " + e.Text)
	case "loaded":
		t.remember("")
	case "recovered":
		t.recovered.Add(1)
	}
}

// remember keeps what went wrong, for people.
func (t *tally) remember(problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problem = problem
}

// lastError is what went wrong.
func (t *tally) lastError() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.problem
}

// metrics adds what the drive counts.
func (d *drive) metrics(ctx context.Context, r *bus.MetricsReply) {
	ctx, cancel := context.WithTimeout(ctx, metricsPatience)
	defer cancel()
	now, err := d.unit.Totals(ctx)
	stale := err != nil
	d.tally.mu.Lock()
	if stale {
		now = d.tally.last
	} else {
		d.tally.last = now
	}
	d.tally.mu.Unlock()
	size := d.config.BufferMiB
	if size == 0 {
		size = config.DefaultBufferMiB
	}
	r.TapeAlert = now.TapeAlert
	r.Drive = &bus.DriveMetrics{
		HostBytesWritten: now.HostBytesWritten, HostBytesRead: now.HostBytesRead,
		StoredBytesWritten: now.StoredBytesWritten, StoredBytesRead: now.StoredBytesRead,
		BlocksWritten: now.BlocksWritten, BlocksRead: now.BlocksRead, Filemarks: now.FilemarksWritten,
		SyncPoints: now.SyncPoints, SyncSeconds: now.SyncTime.Seconds(),
		WriteErrors: now.WriteErrors, ReadErrors: now.ReadErrors, Loads: now.Loads, Cleanings: now.Cleanings,
		LoadsRefused: d.tally.refused.Load(), Recoveries: d.tally.recovered.Load(),
		Loaded: d.unit.State().Loaded, BufferedObjects: now.BufferedObjects, BufferedBytes: now.BufferedBytes,
		BufferSize: uint64(size) << 20, Stale: stale,
	}
}
