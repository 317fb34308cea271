package ssc

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// rig is a drive with one initiator and a folder for cartridges.
type rig struct {
	t     testing.TB
	drive *Drive
	nexus *scsi.Nexus
	dir   string
	mem   *memory
	fs    vfs.FS
}

// memory is a drive's non-volatile memory that a test can look into.
type memory struct {
	mu   sync.Mutex
	doc  []byte
	fail error
}

func (m *memory) Load() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doc, nil
}

func (m *memory) Save(doc []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.doc = bytes.Clone(doc)
	return nil
}

// newRig starts a drive of a model; its initiator has seen the first unit attention.
func newRig(t testing.TB, model string, change ...func(*Options)) *rig {
	t.Helper()
	p, err := personality.LoadDrive(model)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: "/cartridges", mem: &memory{}, fs: &vfs.Memory{}}
	o := Options{Personality: p, FS: r.fs, Serial: "1068000001", NAA: 0x3001020304050607, TargetName: "iqn.2026-11.local.vtl:drive11", Memory: r.mem, MinFree: -1}
	for _, f := range change {
		f(&o)
	}
	if r.fs = o.FS; r.fs != (vfs.OS{}) {
		if err := r.fs.MkdirAll(r.dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if r.drive, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.drive.Close() })
	r.nexus = r.login("iqn.2026-11.test:a")
	return r
}

// login attaches another initiator and takes its first unit attention.
func (r *rig) login(name string) *scsi.Nexus {
	n := &scsi.Nexus{InitiatorName: name, TargetName: "iqn.2026-11.local.vtl:drive11", RelativePort: 1}
	r.drive.Unit().Attach(n)
	n.TakeAttention()
	return n
}

// cartridge makes a cartridge that its barcode tells of and returns its directory.
func (r *rig) cartridge(barcode string, change ...func(*libcart.Spec)) string {
	r.t.Helper()
	m, kind, err := personality.MediumByBarcode(barcode)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.cartridgeOf(m, barcode, append([]func(*libcart.Spec){func(s *libcart.Spec) {
		switch kind {
		case personality.KindWORM:
			s.Kind = libcart.WORM
		case personality.KindClean:
			s.Kind = libcart.Cleaning
		}
	}}, change...)...)
}

// cartridgeOf makes a cartridge of a medium model.
func (r *rig) cartridgeOf(m *personality.Medium, barcode string, change ...func(*libcart.Spec)) string {
	r.t.Helper()
	s := libcart.Spec{
		Barcode: barcode, Density: m.Density, Medium: m.Name, Capacity: 1 << 30, Serial: "SER" + barcode,
		Made: time.Unix(1, 0), MaxPartitions: m.MaxPartitions(),
	}
	for _, f := range change {
		f(&s)
	}
	dir := filepath.Join(r.dir, barcode)
	if err := libcart.Create(dir, s, libcart.Options{FS: r.fs}); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// insert makes a cartridge, puts it into the drive, and takes the unit attention.
func (r *rig) insert(barcode string, change ...func(*libcart.Spec)) {
	r.t.Helper()
	r.load(r.cartridge(barcode, change...), barcode)
}

func (r *rig) load(dir, barcode string) {
	r.t.Helper()
	if err := r.drive.Insert(context.Background(), dir, barcode, "move-"+barcode); err != nil {
		r.t.Fatal(err)
	}
	r.nexus.TakeAttention()
}

// result is the end of a command.
type result struct {
	status scsi.Status
	sense  *scsi.Sense
	data   []byte
}

// String is the status, or the sense data in words without the reason.
func (x result) String() string {
	if x.sense != nil {
		c := *x.sense
		c.Why = ""
		return c.Error()
	}
	return x.status.String()
}

type waiter struct{ done chan struct{} }

func (w waiter) Finished(*scsi.Task) { close(w.done) }

// do carries out a command with a Data-Out for the rig's initiator.
func (r *rig) do(cdb []byte, out ...byte) result { return r.doAs(r.nexus, cdb, out) }

func (r *rig) doAs(n *scsi.Nexus, cdb []byte, out []byte) result {
	w := waiter{make(chan struct{})}
	t := &scsi.Task{Nexus: n, CDB: append(bytes.Clone(cdb), make([]byte, 16)...)[:16], Attribute: scsi.Simple, Transport: w, ExpectedIn: 1 << 24}
	if len(out) > 0 {
		t.Out = buffer.Default.Get(len(out))
		copy(t.Out.B, out)
		t.ExpectedOut = uint64(len(out))
	}
	r.drive.Unit().Submit(t)
	<-w.done
	x := result{status: t.Status, sense: t.Sense}
	for _, b := range t.In {
		x.data = append(x.data, b.B...)
	}
	t.DropIn()
	return x
}

// want carries out a command and compares how it ends.
func (r *rig) want(want string, cdb []byte, out ...byte) []byte {
	r.t.Helper()
	x := r.do(cdb, out...)
	if x.String() != want {
		why := ""
		if x.sense != nil {
			why = " (" + x.sense.Why + ")"
		}
		r.t.Fatalf("% X: %s%s\nwant %s", cdb, x, why, want)
	}
	return x.data
}

const good = "GOOD"

// write6v and the like are the CDBs that tests use most.
func write6v(n int) []byte { return []byte{0x0A, 0, byte(n >> 16), byte(n >> 8), byte(n), 0} }
func read6v(n int) []byte  { return []byte{0x08, 0, byte(n >> 16), byte(n >> 8), byte(n), 0} }
func write6f(n int) []byte { return []byte{0x0A, 1, byte(n >> 16), byte(n >> 8), byte(n), 0} }
func read6f(n int) []byte  { return []byte{0x08, 1, byte(n >> 16), byte(n >> 8), byte(n), 0} }
func filemarks(n int) []byte {
	return []byte{0x10, 0, byte(n >> 16), byte(n >> 8), byte(n), 0}
}
func space6(code byte, n int) []byte {
	return []byte{0x11, code, byte(n >> 16), byte(n >> 8), byte(n), 0}
}

var (
	rewind   = []byte{0x01, 0, 0, 0, 0, 0}
	unitOK   = []byte{0x00, 0, 0, 0, 0, 0}
	loadCDB  = []byte{0x1B, 0, 0, 0, 1, 0}
	unload   = []byte{0x1B, 0, 0, 0, 0, 0}
	readPos  = []byte{0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	readLong = []byte{0x34, 6, 0, 0, 0, 0, 0, 0, 0, 0}
)

// pattern is n bytes that tell their block.
func pattern(seed, n int) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// fixedClock stops the drive's clock.
func fixedClock(o *Options) { o.Now = func() time.Time { return time.Unix(1_800_000_000, 0) } }
