package ssc

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi"
)

// gate is a file system whose recordings cannot be read while it is shut.
type gate struct {
	vfs.FS
	mu     sync.Mutex
	open   chan struct{} // nil: it is not shut
	reads  atomic.Int64
	broken atomic.Bool
}

type gatedFile struct {
	vfs.File
	gate *gate
}

func (g *gate) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := g.FS.OpenFile(name, flag, perm)
	if err != nil || filepath.Base(name) != "data" {
		return f, err
	}
	return gatedFile{f, g}, nil
}

func (f gatedFile) ReadAt(b []byte, off int64) (int, error) {
	if off == 0 { // the header
		return f.File.ReadAt(b, off)
	}
	f.gate.mu.Lock()
	open := f.gate.open
	f.gate.mu.Unlock()
	if open != nil {
		<-open
	}
	if f.gate.broken.Load() {
		return 0, unix.EIO
	}
	f.gate.reads.Add(1)
	return f.File.ReadAt(b, off)
}

func (g *gate) shut() {
	g.mu.Lock()
	g.open = make(chan struct{})
	g.reads.Store(0)
	g.mu.Unlock()
}

// release opens the gate; it may be open.
func (g *gate) release() {
	g.mu.Lock()
	if g.open != nil {
		close(g.open)
		g.open = nil
	}
	g.mu.Unlock()
}

const longObjects = 4_000

// gatedRig is a drive that does not wait for cartridges, and a shut gate before a
// cartridge of many objects that has lost its index, and was closed or not.
func gatedRig(t *testing.T, closed bool) (*rig, *gate, string) {
	mem := &vfs.Memory{}
	g := &gate{FS: mem}
	t.Cleanup(g.release)
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) { o.FS = g })
	dir := r.cartridge("VTL001L9")
	c, err := libcart.Open(dir, libcart.Options{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	b := buffer.Default.Get(100)
	copy(b.B, pattern(1, 100))
	_, err = c.Write(b)
	_, err2 := c.WriteFilemarks(longObjects - 1)
	err = errors.Join(err, err2, c.Sync(t.Context()))
	if !closed {
		mem.Kill()
	}
	if cerr := c.Close(); closed {
		err = errors.Join(err, cerr)
	}
	if err := errors.Join(err, mem.Remove(dir+"/index")); err != nil {
		t.Fatal(err)
	}
	g.shut()
	r.drive.loadPatience = 0
	return r, g, dir
}

// submit begins a command and returns its end.
func (r *rig) submit(n *scsi.Nexus, cdb []byte) <-chan result {
	c := make(chan result, 1)
	w := waiter{make(chan struct{})}
	t := &scsi.Task{Nexus: n, CDB: append(append([]byte(nil), cdb...), make([]byte, 16)...)[:16], Attribute: scsi.Simple, Transport: w}
	r.drive.Unit().Submit(t)
	go func() {
		<-w.done
		c <- result{status: t.Status, sense: t.Sense}
	}()
	return c
}

// isBecomingReady holds a drive to what it may say while it opens a cartridge.
func (r *rig) isBecomingReady() {
	r.t.Helper()
	for _, cdb := range [][]byte{unitOK, read6v(100), write6v(100), rewind, readPos, {0x8C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}} {
		x := r.do(cdb)
		if x.sense == nil || x.sense.Key != scsi.NotReady || x.sense.ASC != scsi.BecomingReady || x.sense.SKS[0]&0x80 == 0 {
			r.t.Errorf("% X: %v", cdb, x)
		}
	}
	for _, cdb := range [][]byte{
		{0x12, 0, 0, 0, 96, 0}, {0x12, 1, 0x80, 0, 96, 0}, {0xA0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {0x1A, 8, 0x3F, 0, 255, 0}, {0x4D, 0, 0x51, 0, 0, 0, 0, 1, 0},
		{0x05}, {0x03, 0, 0, 0, 96, 0}, {0x44, 0, 0, 0, 0, 0, 0, 1, 0}, {0x1B, 1, 0, 0, 1, 0},
	} {
		r.want(good, cdb)
	}
	if s, err := r.drive.Status(context.Background()); err != nil || s.Word != "loading" || s.Loaded {
		r.t.Errorf("status %+v, %v", s, err)
	}
}

// TestBecomingReady: while the index of a long tape is made again the drive answers
// all that needs no medium, whatever it was that loaded the tape.
func TestBecomingReady(t *testing.T) {
	ctx := context.Background()
	for name, load := range map[string]func(r *rig, dir string) error{
		"Insert": func(r *rig, dir string) error { return r.drive.Insert(ctx, dir, "VTL001L9", "1") },
		"Resume": func(r *rig, dir string) error {
			if err := r.drive.Close(); err != nil {
				return err
			}
			r.mem.doc = []byte(`{"version":1,"dir":"` + dir + `","barcode":"VTL001L9","loaded":true}`)
			var err error
			if r.drive, err = New(r.drive.opt); err != nil {
				return err
			}
			r.drive.loadPatience = 0
			r.nexus = r.login("iqn.2026-11.test:a")
			return r.drive.Resume(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, g, dir := gatedRig(t, name == "Insert")
			if err := load(r, dir); err != nil {
				t.Fatal(err)
			}
			r.isBecomingReady()
			loaded := r.submit(r.nexus, loadCDB) // waits for the load that goes on
			r.isBecomingReady()
			g.release()
			if x := <-loaded; x.String() != good {
				t.Fatal(x)
			}
			r.want("UNIT ATTENTION, NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED (6/28/00)", unitOK)
			r.want(good, rewind) // the position is lost after a restart
			if got := r.want(good, read6v(100)); string(got) != string(pattern(1, 100)) {
				t.Error("another block")
			}
			if s := r.drive.State(); !s.Loaded {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestLoadsBehind: LOAD UNLOAD ends when the tape is ready, or with IMMED at once.
func TestLoadsBehind(t *testing.T) {
	ctx := context.Background()
	for _, immed := range []bool{false, true} {
		r, g, dir := gatedRig(t, true)
		g.release()
		r.load(dir, "VTL001L9")
		r.want(good, loadCDB) // has waited until it is open
		r.nexus.TakeAttention()
		other := r.login("iqn.2026-11.test:b")
		r.want(good, unload)
		if err := g.FS.Remove(dir + "/index"); err != nil {
			t.Fatal(err)
		}
		g.shut()
		cdb := []byte{0x1B, flag(immed, 1), 0, 0, 1, 0}
		first := r.submit(other, cdb)
		if immed {
			if x := <-first; x.String() != good {
				t.Fatal(x)
			}
		} else if err := r.drive.server.Do(ctx, func(*Drive) error { return nil }); err != nil { // it has begun
			t.Fatal(err)
		}
		r.isBecomingReady()
		second := r.submit(r.nexus, loadCDB)
		r.isBecomingReady()
		r.drive.Unit().Manage(r.nexus, scsi.LogicalUnitReset, nil)
		r.nexus.TakeAttention()
		other.TakeAttention()
		if x := <-second; x.status != scsi.TaskAborted {
			t.Errorf("after a reset: %v", x)
		}
		r.isBecomingReady() // the reset leaves the medium alone
		second = r.submit(r.nexus, loadCDB)
		g.release()
		if x := <-second; x.String() != good {
			t.Fatal(x)
		}
		r.nexus.TakeAttention()
		r.want(good, read6v(100))
	}
}

// TestLoadGivenUp: what takes the medium from a drive that is becoming ready does
// not wait until it is.
func TestLoadGivenUp(t *testing.T) {
	ctx := context.Background()
	for name, giveUp := range map[string]func(r *rig) error{
		"unload": func(r *rig) error { r.want(good, unload); return nil },
		"eject":  func(r *rig) error { return r.drive.Eject(ctx, "") },
		"remove": func(r *rig) error { return r.drive.Remove(ctx, "VTL001L9", "2") },
		"close":  func(r *rig) error { return r.drive.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r, g, dir := gatedRig(t, true)
			if err := r.drive.Insert(ctx, dir, "VTL001L9", "1"); err != nil {
				t.Fatal(err)
			}
			waiting := r.submit(r.nexus, loadCDB)
			// The gate opens when somebody has given up.
			err := r.drive.server.Do(ctx, func(d *Drive) error {
				b, end := d.motion.work, d.end
				cancel := b.cancel
				b.cancel = func() { cancel(); g.release() }
				d.end = func() { end(); g.release() }
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := giveUp(r); err != nil {
				t.Fatal(err)
			}
			if x := <-waiting; x.String() == good {
				t.Errorf("LOAD: %v", x)
			}
			if n := g.reads.Load(); n > 100 {
				t.Errorf("%d reads after that", n)
			}
			release, err := libcart.Hold(dir, libcart.Options{FS: g.FS})
			if err != nil {
				t.Fatal("the cartridge is not free:", err)
			}
			if err := release(); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "close":
				d, err := New(r.drive.opt)
				if err == nil {
					err = d.Resume(ctx)
				}
				if s := d.State(); err != nil || !s.Loaded { // it was to be loaded
					t.Errorf("after a restart: %+v, %v", s, err)
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			case "remove":
				r.want("NOT READY, MEDIUM NOT PRESENT (2/3A/00)", unitOK)
			default:
				r.want("NOT READY, LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED (2/04/02)", unitOK)
				r.want(good, loadCDB)
			}
		})
	}
}

// TestLoadFailsBehind: a medium that turns out to be damaged after the changer has
// been told that it is in the drive stays there, unloaded, and can be taken out.
func TestLoadFailsBehind(t *testing.T) {
	ctx := context.Background()
	r, g, dir := gatedRig(t, false)
	if err := r.drive.Insert(ctx, dir, "VTL001L9", "1"); err != nil {
		t.Fatal(err)
	}
	r.isBecomingReady()
	waiting := r.submit(r.nexus, loadCDB)
	g.broken.Store(true)
	g.release()
	if x := <-waiting; x.String() != "MEDIUM ERROR, MEDIUM FORMAT CORRUPTED (3/31/00)" {
		t.Error(x)
	}
	r.want("NOT READY, LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED (2/04/02)", unitOK)
	if r.drive.alerts.Active()&(1<<(alertLoadFailed-1)) == 0 {
		t.Error("no TapeAlert")
	}
	if s := r.drive.State(); s.Barcode != "VTL001L9" || s.Loaded {
		t.Errorf("%+v", s)
	}
	if err := r.drive.Remove(ctx, "VTL001L9", "2"); err != nil {
		t.Fatal(err)
	}
	r.want("NOT READY, MEDIUM NOT PRESENT (2/3A/00)", unitOK)
}
