package ssc

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi"
)

// TestRemoveDoesNotRaceWrites takes the medium away while an initiator writes: as
// many blocks are on it as commands ended with GOOD.
func TestRemoveDoesNotRaceWrites(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	dir := r.cartridge("VTL001L9")
	var stored uint64
	for round := range 5 {
		r.load(dir, "VTL001L9")
		r.want(good, space6(spaceEnd, 0))
		started := make(chan struct{})
		var once sync.Once
		var writer sync.WaitGroup
		writer.Go(func() {
			for i := 0; ; i++ {
				x := r.do(write6v(5000), pattern(i, 5000)...)
				if x.status != scsi.Good {
					return
				}
				stored++
				if i == 20 {
					once.Do(func() { close(started) })
				}
			}
		})
		<-started
		if err := r.drive.Remove(context.Background(), "VTL001L9", string(rune('a'+round))); err != nil {
			t.Fatal(err)
		}
		writer.Wait()
	}
	r.load(dir, "VTL001L9")
	r.want(good, space6(spaceEnd, 0))
	p := r.want(good, readLong)
	if n := binary.BigEndian.Uint64(p[8:]); n != stored {
		t.Fatalf("%d blocks on the tape, %d writes were good", n, stored)
	}
}

// TestStateWhileCommandRuns: State answers while a command takes its time, and an
// abort ends that command.
func TestStateWhileCommandRuns(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	ctx := context.Background()
	if _, err := r.drive.SetDelay(ctx, "rewind", time.Hour); err != nil {
		t.Fatal(err)
	}
	w := waiter{make(chan struct{})}
	task := &scsi.Task{Nexus: r.nexus, CDB: make([]byte, 16), Transport: w}
	task.CDB[0] = 0x01
	r.drive.Unit().Submit(task)
	if s := r.drive.State(); s.Barcode != "VTL001L9" || !s.Loaded {
		t.Fatalf("%+v", s)
	}
	r.drive.patience = time.Millisecond
	if s, err := r.drive.Status(ctx); err != nil || s.Word != "busy" || s.Barcode != "VTL001L9" {
		t.Fatalf("status while a command runs: %+v, %v", s, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.drive.Status(ended); !errors.Is(err, context.Canceled) {
		t.Fatalf("status of a caller that is gone: %v", err)
	}
	if got := r.drive.Unit().Manage(r.nexus, scsi.AbortTask, task); got != scsi.FunctionComplete {
		t.Fatalf("abort: %v", got)
	}
	<-w.done
	if !task.Aborted() {
		t.Fatal("not aborted")
	}
	r.drive.patience = time.Minute
	if s, err := r.drive.Status(ctx); err != nil || s.Word != "ready" {
		t.Fatalf("%+v, %v", s, err)
	}
}

// TestStreamingRate: an initiator may run ahead of the tape by what the buffer
// holds, then it waits; an aborted command is not on the tape.
func TestStreamingRate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Delays.Rate = 1e3
	})
	r.insert("VTL001L9")
	for i := range paceBuffer >> 20 {
		r.want(good, write6v(1<<20), pattern(i, 1<<20)...)
	}
	w := waiter{make(chan struct{})}
	task := &scsi.Task{Nexus: r.nexus, CDB: append(write6v(1<<20), make([]byte, 10)...), Transport: w, ExpectedOut: 1 << 20}
	task.Out = buffer.Default.Get(1 << 20)
	r.drive.Unit().Submit(task)
	r.drive.Unit().Manage(r.nexus, scsi.AbortTask, task)
	<-w.done
	p := r.want(good, readLong)
	if n := binary.BigEndian.Uint64(p[8:]); n != paceBuffer>>20 {
		t.Fatalf("%d blocks on the tape", n)
	}
}

// TestMemory: what a drive holds, its move and its counters survive a restart; a
// damaged memory keeps nothing from starting.
func TestMemory(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	if err := r.drive.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := New(r.drive.opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if s := d.State(); s.Barcode != "VTL001L9" || !s.Loaded || s.MoveID != "move-VTL001L9" {
		t.Fatalf("after a restart: %+v", s)
	}
	if err := d.Remove(ctx, "VTL001L9", "out"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = New(r.drive.opt); err != nil {
		t.Fatal(err)
	}
	if err := d.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if s := d.State(); s.Barcode != "" || s.MoveID != "out" {
		t.Fatalf("after the removal and a restart: %+v", s)
	}
	if err := d.Remove(ctx, "VTL001L9", "out"); err != nil {
		t.Fatalf("the same removal again: %v", err)
	}
	if d.stats.starts != 3 || d.stats.loads != 2 {
		t.Fatalf("counters %+v", d.stats)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"{", `{"version":77}`, `{"version":1,"core":"nonsense"}`, `{"version":1,"dir":"/gone","barcode":"GONE01L9","loaded":true}`} {
		r.mem.doc = []byte(doc)
		d, err := New(r.drive.opt)
		if err != nil {
			t.Fatalf("memory %s: %v", doc, err)
		}
		if err := d.Resume(ctx); err == nil && (doc == "{" || doc == `{"version":77}`) {
			t.Errorf("memory %s: no error", doc)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedCartridge: a cartridge that cannot be opened is refused with a
// reason, and one that became unreadable in the drive does not keep it from starting.
func TestDamagedCartridge(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, "ibm-ult3580-td9")
	dir := r.cartridge("VTL001L9")
	r.load(dir, "VTL001L9")
	r.want(good, write6v(100), pattern(1, 100)...)
	if err := r.drive.Close(); err != nil {
		t.Fatal(err)
	}
	mem := r.fs.(*vfs.Memory)
	for _, file := range []string{"data", "index", "meta", "meta.copy"} {
		if err := mem.Remove(dir + "/" + file); err != nil {
			t.Fatal(err)
		}
	}
	d, err := New(r.drive.opt)
	if err != nil {
		t.Fatal(err)
	}
	r.drive = d
	if err := d.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if s := d.State(); s.Barcode != "VTL001L9" || s.Loaded {
		t.Fatalf("%+v", s)
	}
	r.nexus = r.login("iqn.2026-11.test:a")
	r.want("NOT READY, LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED (2/04/02)", unitOK)
	r.want("MEDIUM ERROR, MEDIUM FORMAT CORRUPTED (3/31/00)", loadCDB)
	if err := d.Remove(ctx, "VTL001L9", "x"); err != nil {
		t.Fatal(err)
	}
	if err := d.Insert(ctx, dir, "VTL001L9", "y"); !errors.Is(err, ErrVolume) {
		t.Fatalf("a damaged cartridge: %v", err)
	}
}

// TestLostData: where the data of a cartridge are lost reading is a medium error, and
// what lies behind can be reached.
func TestLostData(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	dir := r.cartridge("VTL001L9")
	r.load(dir, "VTL001L9")
	r.want(good, write6v(100), pattern(1, 100)...)
	r.want(good, write6v(100), pattern(2, 100)...)
	r.want(good, unload)
	mem := r.fs.(*vfs.Memory)
	data := mem.Content(dir + "/data")
	data[len(data)-150] ^= 0xFF
	if err := mem.SetContent(dir+"/data", data); err != nil {
		t.Fatal(err)
	}
	r.want(good, loadCDB)
	r.want(good, read6v(100))
	r.want("MEDIUM ERROR, UNRECOVERED READ ERROR (3/11/00) information 100", read6v(100))
	r.want(good, space6(spaceBlocks, 1))
	r.want("BLANK CHECK, END-OF-DATA DETECTED (8/00/05) information 100", read6v(100))
	if r.drive.alerts.Active()&(1<<(alertReadFailed-1)) == 0 {
		t.Error("no TapeAlert")
	}
}

// TestMemoryFails: what the drive cannot remember does not come in, and what it
// cannot forget does not go out.
func TestMemoryFails(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, "ibm-ult3580-td9")
	dir := r.cartridge("VTL001L9")
	r.mem.fail = errors.New("disk full")
	if err := r.drive.Insert(ctx, dir, "VTL001L9", "1"); !errors.Is(err, ErrVolume) {
		t.Fatal(err)
	}
	if s := r.drive.State(); s.Barcode != "" || s.MoveID != "" {
		t.Fatalf("%+v", s)
	}
	r.mem.fail = nil
	r.load(dir, "VTL001L9")
	r.mem.fail = errors.New("disk full")
	if err := r.drive.Remove(ctx, "VTL001L9", "2"); !errors.Is(err, ErrVolume) {
		t.Fatal(err)
	}
	if s := r.drive.State(); s.Barcode != "VTL001L9" || s.Loaded || s.MoveID != "move-VTL001L9" {
		t.Fatalf("%+v", s)
	}
	r.mem.fail = nil
	if err := r.drive.Remove(ctx, "VTL001L9", "2"); err != nil {
		t.Fatal(err)
	}
}

// TestCartridgeInUse: a cartridge that another drive has is refused.
func TestCartridgeInUse(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	other := newRig(t, "ibm-ult3580-td8", func(o *Options) { o.FS = r.fs })
	err := other.drive.Insert(context.Background(), "/cartridges/VTL001L9", "VTL001L9", "1")
	if !errors.Is(err, ErrVolume) || !errors.Is(err, libcart.ErrInUse) {
		t.Fatal(err)
	}
}

// TestSetCompression names the codecs.
func TestSetCompression(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	ctx := context.Background()
	for _, n := range []string{"adaptive", "lz4", "s2", "zstd", "off"} {
		if err := r.drive.SetCompression(ctx, n); err != nil {
			t.Error(err)
		}
		if s, err := r.drive.Status(ctx); err != nil || s.Compression != n {
			t.Errorf("%s: %q, %v", n, s.Compression, err)
		}
	}
	if err := r.drive.SetCompression(ctx, "gzip"); !errors.Is(err, ErrValue) {
		t.Error(err)
	}
}

// TestLoadIsRemembered: a medium that was unloaded and loaded again by the
// initiator is loaded after a restart, too.
func TestLoadIsRemembered(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	r.want(good, unload)
	r.want(good, loadCDB)
	if err := r.drive.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := New(r.drive.opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s := d.State(); !s.Loaded {
		t.Errorf("after a restart: %+v", s)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
