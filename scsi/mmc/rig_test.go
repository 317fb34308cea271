package mmc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"testing"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// rig is a drive with one initiator.
type rig struct {
	t     testing.TB
	drive *Drive
	nexus *scsi.Nexus
	fs    *vfs.Memory
	mem   *memory
}

// memory is a drive's non-volatile memory.
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
	if m.fail == nil {
		m.doc = bytes.Clone(doc)
	}
	return m.fail
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	p, err := personality.LoadRecorder("bd-recorder")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, fs: &vfs.Memory{}, mem: &memory{}}
	o := Options{Personality: p, Serial: "OPT0000040", FS: r.fs, Memory: r.mem, TargetName: "iqn.2026-11.local.vtl:optical40"}
	for _, f := range change {
		f(&o)
	}
	if r.drive, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.drive.Close() })
	r.nexus = r.login("iqn.2026-11.test:a")
	return r
}

func (r *rig) login(name string) *scsi.Nexus {
	n := &scsi.Nexus{InitiatorName: name, RelativePort: 1}
	r.drive.Unit().Attach(n)
	n.TakeAttention()
	return n
}

// insert makes a blank disc, loads it, and takes unit attention and event.
func (r *rig) insert(medium string) {
	r.t.Helper()
	if err := r.drive.Load(context.Background(), "/"+medium+".iso", medium); err != nil {
		r.t.Fatal(err)
	}
	r.nexus.TakeAttention()
}

// file makes a file.
func (r *rig) file(name string, b []byte) {
	r.t.Helper()
	w, err := r.fs.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := w.WriteAt(b, 0); err != nil {
		r.t.Fatal(err)
	}
	w.Close()
}

type result struct {
	status scsi.Status
	sense  *scsi.Sense
	data   []byte
}

// String is GOOD or "key/asc/ascq" in hex.
func (x result) String() string {
	if x.sense == nil {
		return x.status.String()
	}
	return strings.ToUpper(hex.EncodeToString([]byte{byte(x.sense.Key), byte(x.sense.ASC >> 8), byte(x.sense.ASC)})[1:])
}

type waiter struct{ done chan struct{} }

func (w waiter) Finished(*scsi.Task) { close(w.done) }

func (r *rig) doAs(n *scsi.Nexus, cdb, out []byte) result {
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

// want carries out a command, given in hex, and compares how it ends: GOOD or
// key, code and qualifier in hex, such as 53A02.
func (r *rig) want(want, cdb string, out ...byte) []byte {
	r.t.Helper()
	x := r.doAs(r.nexus, unhex(r.t, cdb), out)
	if x.String() != want {
		why := ""
		if x.sense != nil {
			why = x.sense.Error()
		}
		r.t.Fatalf("%s: %s (%s), want %s", cdb, x, why, want)
	}
	return x.data
}

// ready asks until the drive is ready.
func (r *rig) ready() {
	r.t.Helper()
	for {
		x := r.doAs(r.nexus, make([]byte, 6), nil)
		if x.String() == ok {
			return
		}
		if x.sense == nil || x.sense.Key != scsi.NotReady {
			r.t.Fatalf("TEST UNIT READY: %s", x)
		}
	}
}

// gives compares the data that a command returns; "..." at the end: more may follow.
func (r *rig) gives(cdb, want string) {
	r.t.Helper()
	got := r.want(ok, cdb)
	want, open := strings.CutSuffix(want, "...")
	w := unhex(r.t, want)
	if open && len(got) > len(w) {
		got = got[:len(w)]
	}
	if !bytes.Equal(got, w) {
		r.t.Errorf("%s gives\n  % x\nwant\n  % x", cdb, got, w)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const ok = "GOOD"

// write writes n blocks from an address on in chunks as burning programs do.
func (r *rig) write(at, n int) {
	r.t.Helper()
	for n > 0 {
		took := min(n, 16)
		r.want(ok, hex.EncodeToString(cdb10(0x2A, at, took)), data(at, took)...)
		at, n = at+took, n-took
	}
}

func cdb10(op byte, at, n int) []byte {
	b := make([]byte, 10)
	b[0] = op
	binary.BigEndian.PutUint32(b[2:], uint32(int32(at)))
	binary.BigEndian.PutUint16(b[7:], uint16(n))
	return b
}

// data are blocks that tell their address.
func data(at, n int) []byte {
	b := make([]byte, n*libdisc.BlockSize)
	for i := range n {
		binary.BigEndian.PutUint32(b[i*libdisc.BlockSize:], uint32(at+i+1))
	}
	return b
}

// page05 sends the write parameters page: write type and multi-session bits.
func (r *rig) page05(writeType, third byte) {
	r.t.Helper()
	list := make([]byte, 60)
	list[8], list[9], list[10], list[11], list[12] = 0x05, 0x32, 0x40|writeType, third, 8
	binary.BigEndian.PutUint32(list[8+10:], 16)
	binary.BigEndian.PutUint16(list[8+14:], 150)
	r.want(ok, "55 10 00 00 00 00 00 00 3C 00", list...)
}
