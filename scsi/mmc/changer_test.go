package mmc

import (
	"context"
	"errors"
	"testing"
	"time"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// disc makes a blank disc and returns its image.
func (r *rig) disc(barcode, medium string) string {
	r.t.Helper()
	image := "/" + barcode + ".iso"
	if err := libdisc.Create(image, Medium(r.drive.model.Find(medium)), libdisc.Options{FS: r.fs}); err != nil {
		r.t.Fatal(err)
	}
	return image
}

// TestChanger: a changer puts a disc in and takes it out, with unit attention and
// events, and a request that comes again changes nothing.
func TestChanger(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	image := r.disc("DISC001", "dvd+r")
	other := r.login("iqn.2026-11.test:b")
	r.want("23A01", "00 00 00 00 00 00")
	for range 2 {
		if err := r.drive.Insert(ctx, image, "DISC001", "move-1"); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.drive.Status(); s.Barcode != "DISC001" || s.MoveID != "move-1" || !s.Loaded {
		t.Errorf("%+v", s)
	}
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5E 02 02 00 00")
	r.want("62800", "00 00 00 00 00 00")
	r.want(ok, "00 00 00 00 00 00")
	if x := r.doAs(other, make([]byte, 6), nil); x.String() != "62800" {
		t.Errorf("another initiator gets %s", x)
	}
	if err := r.drive.Insert(ctx, image, "DISC002", "move-2"); !errors.Is(err, ErrFull) {
		t.Errorf("a second disc: %v", err)
	}
	r.write(0, 32)
	if err := r.drive.Remove(ctx, "DISC002", "move-3"); !errors.Is(err, ErrEmpty) {
		t.Errorf("another disc: %v", err)
	}
	for range 2 {
		if err := r.drive.Remove(ctx, "DISC001", "move-4"); err != nil {
			t.Fatal(err)
		}
	}
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5E 03 00 00 00")
	r.want("23A01", "00 00 00 00 00 00")
	if err := r.drive.Remove(ctx, "DISC001", "move-5"); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty drive: %v", err)
	}
	if err := r.drive.Insert(ctx, image, "DISC001", "move-6"); err != nil {
		t.Fatal(err)
	}
	r.nexus.TakeAttention()
	r.gives("52 01 00 00 00 01 00 00 1C 00", "00 22 01 01 00 04 01 03 00 00 00 00 00 00 00 20...")
}

// TestChangerTray: a changer takes a disc from an open tray, and not one that an
// initiator holds or that is being blanked.
func TestChangerTray(t *testing.T) {
	ctx := context.Background()
	elapsed := make(chan time.Time)
	r := newRig(t, func(o *Options) {
		o.Durations.Blank = time.Hour
		o.Timer = func(time.Duration) <-chan time.Time { return elapsed }
	})
	if err := r.drive.Insert(ctx, r.disc("DISC001", "dvd-rw"), "DISC001", "1"); err != nil {
		t.Fatal(err)
	}
	r.nexus.TakeAttention()
	r.want(ok, "1E 00 00 00 01 00")
	if err := r.drive.Remove(ctx, "DISC001", "2"); !errors.Is(err, ErrPrevented) {
		t.Errorf("prevented: %v", err)
	}
	r.want("55302", "1B 00 00 00 02 00")
	r.want(ok, "1E 00 00 00 00 00")
	r.want(ok, "A1 10 00 00 00 00 00 00 00 00 00 00")
	if err := r.drive.Remove(ctx, "DISC001", "3"); !errors.Is(err, ErrBusy) {
		t.Errorf("busy: %v", err)
	}
	elapsed <- time.Time{}
	r.ready()
	r.want(ok, "1B 00 00 00 02 00")
	if s := r.drive.Status(); s.Barcode != "DISC001" || s.Loaded {
		t.Errorf("ejected: %+v", s)
	}
	r.want("23A02", "00 00 00 00 00 00")
	if err := r.drive.Remove(ctx, "DISC001", "4"); err != nil {
		t.Fatal(err)
	}
	r.want("23A01", "00 00 00 00 00 00") // the tray is shut
}

// TestChangerRefused: a disc that does not fit, one that is not there, and a
// memory that cannot be written leave the drive empty.
func TestChangerRefused(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	bd := r.disc("DISC001", "bd-r")
	dvd := newRig(t, func(o *Options) {
		o.FS = r.fs
		var err error
		if o.Personality, err = personality.LoadRecorder("dvd-recorder"); err != nil {
			t.Fatal(err)
		}
	})
	if err := dvd.drive.Insert(ctx, bd, "DISC001", "1"); !errors.Is(err, ErrIncompatible) {
		t.Errorf("a BD in a DVD drive: %v", err)
	}
	if err := r.drive.Insert(ctx, "/gone.iso", "GONE", "2"); !errors.Is(err, ErrRefused) || errors.Is(err, ErrIncompatible) {
		t.Errorf("no image: %v", err)
	}
	r.mem.fail = errors.New("disk full")
	if err := r.drive.Insert(ctx, bd, "DISC001", "3"); !errors.Is(err, ErrMemory) {
		t.Errorf("no memory: %v", err)
	}
	if s := r.drive.Status(); s.Barcode != "" || s.File != "" || s.MoveID != "" {
		t.Errorf("%+v", s)
	}
	r.mem.fail = nil
	if err := r.drive.Insert(ctx, bd, "DISC001", "4"); err != nil {
		t.Fatal(err)
	}
	r.mem.fail = errors.New("disk full")
	if err := r.drive.Remove(ctx, "DISC001", "5"); !errors.Is(err, ErrMemory) {
		t.Errorf("no memory: %v", err)
	}
	r.mem.fail = nil
	if s := r.drive.Status(); s.Barcode != "DISC001" || s.MoveID != "4" || !s.Loaded {
		t.Errorf("%+v", s)
	}
	if x := r.doAs(r.login("iqn.2026-11.test:c"), make([]byte, 6), nil); x.status != scsi.Good {
		t.Errorf("the disc that stayed: %s", x)
	}
	if err := r.drive.Close(); err != nil {
		t.Fatal(err)
	}
	again := newRig(t, func(o *Options) { o.FS, o.Memory = r.fs, r.mem })
	if err := again.drive.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if s := again.drive.Status(); s.Barcode != "DISC001" || s.MoveID != "4" || !s.Loaded {
		t.Errorf("after a restart: %+v", s)
	}
}
