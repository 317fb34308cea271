package ssc

import (
	"bytes"
	"testing"
)

// TestTotals: what a drive counts goes on over the change of media.
func TestTotals(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	for i, barcode := range []string{"VTL001L9", "VTL002L9"} {
		r.insert(barcode)
		r.want(good, write6v(100), bytes.Repeat([]byte{7}, 100)...)
		r.want(good, filemarks(1))
		for _, in := range []bool{true, false} {
			if !in {
				if err := r.drive.Remove(t.Context(), barcode, ""); err != nil {
					t.Fatal(err)
				}
			}
			s, err := r.drive.Totals(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := uint64(i + 1)
			if s.HostBytesWritten != 100*n || s.BlocksWritten != n || s.FilemarksWritten != n || s.Loads != n {
				t.Errorf("medium %d, in the drive %v: %+v", i+1, in, s)
			}
			if s.SyncPoints < n || s.SyncTime <= 0 || s.BufferedBytes != 0 {
				t.Errorf("medium %d, in the drive %v: %d syncs in %v, %d bytes in the buffer", i+1, in, s.SyncPoints, s.SyncTime, s.BufferedBytes)
			}
		}
	}
}
