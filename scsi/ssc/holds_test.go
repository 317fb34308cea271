package ssc

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"govtl/internal/vfs"
)

// TestHoldsWaitsForMoves: a question about what is in the drive stands behind the
// moves that were asked for before it, and behind nothing else.
func TestHoldsWaitsForMoves(t *testing.T) {
	var held atomic.Bool
	gate, reached := make(chan struct{}), make(chan struct{}, 1)
	fs := vfs.Failing(&vfs.Memory{}, func(o vfs.Op) error {
		if held.Load() && strings.HasSuffix(o.Name, "lock") {
			select {
			case reached <- struct{}{}:
			default:
			}
			<-gate
		}
		return nil
	})
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) { o.FS = fs })
	dir := r.cartridge("VTL001L9")
	ctx := context.Background()
	held.Store(true)
	inserted := make(chan error, 1)
	go func() { inserted <- r.drive.Insert(ctx, dir, "VTL001L9", "move7") }()
	<-reached
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if s, err := r.drive.Holds(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("while a cartridge is on its way in the drive says %+v, %v", s, err)
	}
	close(gate)
	s, err := r.drive.Holds(ctx)
	if err != nil || s.Barcode != "VTL001L9" || s.MoveID != "move7" || !s.Loaded {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := <-inserted; err != nil {
		t.Fatal(err)
	}

	// A command that takes its time holds no question up.
	running, release := make(chan struct{}), make(chan struct{})
	go r.drive.Unit().Do(ctx, func(*Drive) error { close(running); <-release; return nil })
	<-running
	if s, err := r.drive.Holds(ctx); err != nil || s.Barcode != "VTL001L9" {
		t.Fatalf("%+v, %v", s, err)
	}
	close(release)
}
