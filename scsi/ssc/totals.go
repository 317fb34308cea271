package ssc

import (
	"context"

	"govtl/libcart"
)

// Totals is what a drive has counted. All but what is in the buffer only grows.
type Totals struct {
	// Counters are the sums over all media since the drive was made. What
	// belongs to the life of one medium (Loads, Lifetime...) is not in them.
	libcart.Counters

	Loads, Cleanings        uint64 // over the drive's life
	WriteErrors, ReadErrors uint64

	TapeAlert uint64 // flags that are set, bit n-1 is flag n

	// What is in the drive buffer and not yet in the cartridge's file.
	BufferedObjects, BufferedBytes uint64
}

// Totals tells what the drive has counted. It waits for the command that runs.
func (d *Drive) Totals(ctx context.Context) (t Totals, err error) {
	err = d.server.Do(ctx, func(*Drive) error {
		t = Totals{Counters: d.past, Loads: d.stats.loads, Cleanings: d.stats.cleanings,
			WriteErrors: d.stats.writeErrors, ReadErrors: d.stats.readErrors, TapeAlert: d.alerts.Active()}
		if d.in.loaded() {
			t.Counters = add(t.Counters, d.in.cart.Counters())
			t.BufferedObjects, t.BufferedBytes = d.in.cart.BytesInBuffer()
		}
		return nil
	})
	return t, err
}

// add is a with what was counted of one more medium.
func add(a, b libcart.Counters) libcart.Counters {
	a.HostBytesWritten += b.HostBytesWritten
	a.HostBytesRead += b.HostBytesRead
	a.StoredBytesWritten += b.StoredBytesWritten
	a.StoredBytesRead += b.StoredBytesRead
	a.BlocksWritten += b.BlocksWritten
	a.BlocksRead += b.BlocksRead
	a.FilemarksWritten += b.FilemarksWritten
	a.SyncPoints += b.SyncPoints
	a.SyncTime += b.SyncTime
	return a
}

// less is what was counted of a medium since b.
func less(a, b libcart.Counters) libcart.Counters {
	a.HostBytesWritten -= b.HostBytesWritten
	a.HostBytesRead -= b.HostBytesRead
	a.StoredBytesWritten -= b.StoredBytesWritten
	a.StoredBytesRead -= b.StoredBytesRead
	a.BlocksWritten -= b.BlocksWritten
	a.BlocksRead -= b.BlocksRead
	return a
}
