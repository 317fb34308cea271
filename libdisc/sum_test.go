package libdisc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"govtl/internal/vfs"
)

// TestVerify: the checksums of tracks find a changed byte and a lost end, over
// restarts, padding and a restart in the middle of a track; what was overwritten
// has none.
func TestVerify(t *testing.T) {
	ctx := context.Background()
	for _, m := range []Medium{dvdPlusR, cdR, bdR} {
		f := &vfs.Memory{}
		d := made(t, f, m)
		session(t, d, 100, false)
		lba, _ := d.NWA()
		ok(t, d.Write(lba, blocks(lba, 7), Mode{}), d.Close())
		d = opened(t, f)
		ok(t, d.Write(lba+7, blocks(lba+7, 4), Mode{}), d.CloseSession(true))
		total := int64(0)
		r, err := d.Verify(ctx, func(_, n int64) { total = n })
		if err != nil || len(r.Damages) > 0 || r.Summed != r.Blocks || r.Blocks*BlockSize != total {
			t.Errorf("%s: %+v, %v, of %d bytes", m.Name, r, err, total)
		}
		ok(t, d.Close())
		image := f.Content("/d.iso")
		image[(lba+8)*BlockSize+5] ^= 1
		ok(t, f.SetContent("/d.iso", image))
		look, err := Open("/d.iso", Options{FS: f, ReadOnly: true})
		ok(t, err)
		if r, err = look.Verify(ctx, nil); err != nil || len(r.Damages) != 1 || r.Damages[0].Track != 2 {
			t.Errorf("%s: a changed byte: %+v, %v", m.Name, r, err)
		}
		ok(t, look.Close(), f.SetContent("/d.iso", image[:50*BlockSize]))
		look, err = Open("/d.iso", Options{FS: f, ReadOnly: true})
		ok(t, err)
		if r, err = look.Verify(ctx, nil); err != nil || len(r.Damages) < 2 {
			t.Errorf("%s: a short image: %+v, %v", m.Name, r, err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := look.Verify(ended, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	f := &vfs.Memory{}
	d := made(t, f, bdR)
	ok(t, d.SetFormat(Pseudo, 12088320, 0, false), d.Write(0, blocks(0, 64), Mode{}), d.Sync())
	if !d.Tracks()[0].Sum.Known() {
		t.Error("no checksum")
	}
	ok(t, d.Write(16, blocks(3, 1), Mode{}), d.Close())
	d = opened(t, f)
	if s := d.Tracks()[0].Sum; s.Known() {
		t.Errorf("overwritten, and the checksum is %s", s)
	}
	if r, err := d.Verify(ctx, nil); err != nil || len(r.Damages) > 0 || r.Summed != 64 {
		t.Errorf("%+v, %v", r, err)
	}
	ok(t, d.Close())
	image := f.Content("/d.iso")
	image[16*BlockSize] ^= 1
	ok(t, f.SetContent("/d.iso", image))
	if r, err := opened(t, f).Verify(ctx, nil); err != nil || len(r.Damages) != 1 || r.Damages[0].LBA != 16 {
		t.Errorf("a changed byte of an overwritten block: %+v, %v", r, err)
	}
}

// TestReadOnly: a disc that is looked at may be in a drive, and does not change.
func TestReadOnly(t *testing.T) {
	f := &vfs.Memory{}
	d := made(t, f, dvdPlusR)
	ok(t, d.Write(0, blocks(0, 40), Mode{}))
	look, err := Open("/d.iso", Options{FS: f, ReadOnly: true})
	ok(t, err)
	if err := look.Write(0, blocks(0, 1), Mode{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("%v, want %v", err, ErrReadOnly)
	}
	r, err := look.Verify(context.Background(), nil)
	if err != nil || len(r.Damages) != 1 || !strings.Contains(r.Damages[0].Reason, "behind what is recorded") {
		t.Errorf("%+v, %v", r, err)
	}
	ok(t, look.Close(), d.CloseSession(true), d.Close())
	if n := len(f.Content("/d.iso")); n != 48*BlockSize {
		t.Errorf("%d bytes", n)
	}
}

// TestFailedSync: after a sync that failed the disc takes nothing more, and what
// it has when it is opened again is what was durable.
func TestFailedSync(t *testing.T) {
	mem := &vfs.Memory{}
	broken := errors.New("broken")
	var fail string
	f := vfs.Failing(mem, func(o vfs.Op) error {
		if o.Kind == fail {
			return broken
		}
		return nil
	})
	for _, kind := range []string{"sync", "rename", "syncdir"} {
		ok(t, mem.RemoveAll("/d.iso"), mem.RemoveAll("/d.iso"+Suffix))
		fail = ""
		ok(t, Create("/d.iso", dvdPlusR, Options{FS: f}))
		d := opened(t, f)
		ok(t, d.Write(0, blocks(0, 16), Mode{}), d.Sync(), d.Write(16, blocks(16, 16), Mode{}))
		fail = kind
		if err := d.Sync(); !errors.Is(err, broken) || !errors.Is(err, ErrFailed) {
			t.Fatalf("%s: %v", kind, err)
		}
		fail = ""
		for _, err := range []error{d.Sync(), d.Write(32, blocks(32, 1), Mode{}), d.CloseSession(true), d.CloseTrack(1)} {
			if !errors.Is(err, ErrFailed) {
				t.Errorf("%s: after it: %v", kind, err)
			}
		}
		if err := d.Close(); !errors.Is(err, ErrFailed) {
			t.Error(err)
		}
		d = opened(t, f)
		if nwa, can := d.NWA(); !can || nwa != 16 && nwa != 32 {
			t.Errorf("%s: the next writable address is %d, %v", kind, nwa, can)
		}
		session(t, d, 5, true)
		if r, err := d.Verify(context.Background(), nil); err != nil || len(r.Damages) > 0 {
			t.Errorf("%s: %+v, %v", kind, r, err)
		}
		ok(t, d.Close())
	}
}
