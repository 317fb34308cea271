package smc

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"govtl/internal/vfs"
	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
)

// library is a changer under test with its drives and its state directory.
type library struct {
	t    *testing.T
	bay  *bay
	opt  Options
	c    *Changer
	unit scsitest.Unit

	mu     sync.Mutex
	events []Event
}

// newLibrary makes a library of a model: 8 slots, 2 mail slots, 2 drives 11 and
// 12, six volumes VTL001L8 to VTL005L8 and CLN001L1 in slots 1 to 6.
func newLibrary(t *testing.T, model string, change ...func(*Options)) *library {
	t.Helper()
	l := prepareLibrary(t, model, change...)
	l.start()
	l.fill()
	return l
}

// prepareLibrary is newLibrary before its first start.
func prepareLibrary(t *testing.T, model string, change ...func(*Options)) *library {
	t.Helper()
	m, err := personality.LoadLibrary(model)
	if err != nil {
		t.Fatal(err)
	}
	l := &library{t: t, bay: newBay(11, 12)}
	l.opt = Options{
		Personality: m, Serial: "VTL0000010", NAA: [8]byte{0x30, 1, 2, 3, 4, 5, 6, 7}, FS: &vfs.Memory{}, Dir: "/state", Drives: l.bay,
		Configuration: Configuration{Slots: 8, Mail: 2, DriveElements: []DriveElement{testDrive(11), testDrive(12)}},
		Log:           slog.New(slog.DiscardHandler),
		DriveTimeout:  time.Minute, ProbeTimeout: time.Minute, Retry: 5 * time.Millisecond, Patience: -1,
		Events: func(e Event) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.events = append(l.events, e)
		},
	}
	for _, f := range change {
		f(&l.opt)
	}
	t.Cleanup(func() {
		if l.c != nil {
			l.c.Close()
		}
	})
	return l
}

func testDrive(id int) DriveElement {
	return DriveElement{ID: id, Identity: DriveIdentity{"IBM", "ULT3580-TD8", fmt.Sprintf("DRV%07d", id)}}
}

func testVolume(barcode string) Volume {
	v := Volume{Barcode: barcode, Dir: "/cartridges/" + barcode, Kind: personality.KindData, Medium: "LTO8"}
	if barcode[:3] == "CLN" {
		v.Kind, v.Medium = personality.KindClean, "LTOCLEAN"
	}
	return v
}

var testBarcodes = []string{"VTL001L8", "VTL002L8", "VTL003L8", "VTL004L8", "VTL005L8", "CLN001L1"}

// start opens the changer and waits until it has greeted its drives.
func (l *library) start() {
	l.t.Helper()
	c, err := New(l.opt)
	if err != nil {
		l.t.Fatal(err)
	}
	l.c, l.unit = c, scsitest.InProcess(c.Unit())
	l.bay.mu.Lock()
	l.bay.changed = c.DriveChanged
	l.bay.mu.Unlock()
	l.sync()
}

// sync waits until the mover has done what it was given.
func (l *library) sync() {
	l.t.Helper()
	if err := l.c.await(context.Background(), func(context.Context) error { return nil }); err != nil {
		l.t.Fatal(err)
	}
}

// restart closes the changer and opens it again.
func (l *library) restart() {
	l.t.Helper()
	l.c.Close()
	l.start()
}

// fill puts the test's volumes into slots 1 to 6.
func (l *library) fill() {
	l.t.Helper()
	for i, b := range testBarcodes {
		if at, err := l.c.AddVolume(testVolume(b), i+1); err != nil || at != (Element{Storage, i + 1}) {
			l.t.Fatalf("AddVolume(%s) = %v, %v", b, at, err)
		}
	}
}

// do sends a CDB; unit attention conditions are taken first.
func (l *library) do(nexus string, cdb []byte, out ...byte) scsitest.Result {
	l.t.Helper()
	for {
		r, err := l.unit.Execute(nexus, scsitest.Command{CDB: cdb, Out: out, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil {
			l.t.Fatal(err)
		}
		if r.Status == scsi.CheckCondition && scsi.SenseKey(r.Sense[2]&0xF) == scsi.UnitAttention {
			continue
		}
		return r
	}
}

// sense is key, code and qualifier of a result, 0 for GOOD.
func sense(r scsitest.Result) string {
	if r.Status != scsi.CheckCondition {
		return r.Status.String()
	}
	return fmt.Sprintf("%X/%02X/%02X", r.Sense[2]&0xF, r.Sense[12], r.Sense[13])
}

func moveCDB(from, to ElementAddress) []byte {
	cdb := make([]byte, 12)
	cdb[0] = 0xA5
	binary.BigEndian.PutUint16(cdb[4:], uint16(from))
	binary.BigEndian.PutUint16(cdb[6:], uint16(to))
	return cdb
}

func exchangeCDB(source, first, second ElementAddress) []byte {
	cdb := make([]byte, 12)
	cdb[0] = 0xA6
	binary.BigEndian.PutUint16(cdb[4:], uint16(source))
	binary.BigEndian.PutUint16(cdb[6:], uint16(first))
	binary.BigEndian.PutUint16(cdb[8:], uint16(second))
	return cdb
}

// move moves between elements written as operators do and returns the outcome.
func (l *library) move(from, to string) string {
	l.t.Helper()
	return sense(l.do("a", moveCDB(l.at(from), l.at(to))))
}

func (l *library) at(s string) ElementAddress {
	l.t.Helper()
	e, err := parseElement(s)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.c.Address(e)
}

// where says where each of the volumes is, and fails the test when one is not in
// exactly one place, or when drives and inventory disagree.
func (l *library) where(barcodes ...string) map[string]string {
	l.t.Helper()
	if len(barcodes) == 0 {
		barcodes = testBarcodes
	}
	inv, _ := l.c.snapshot()
	if err := inv.check(); err != nil {
		l.t.Fatal(err)
	}
	m := map[string]string{}
	held := l.bay.holds()
	for _, b := range barcodes {
		e, ok := inv.find(b)
		_, shelf := inv.onShelf(b)
		switch {
		case ok && shelf:
			l.t.Fatalf("%s is in %s and on the shelf", b, e)
		case ok:
			m[b] = e.String()
		case shelf:
			m[b] = "shelf"
		default:
			l.t.Fatalf("%s is lost", b)
		}
		id, inDrive := held[b]
		if inDrive != (e.Type == DataTransfer) || inDrive && l.c.link(e).ID != id {
			l.t.Fatalf("%s: the inventory says %s, drive %d holds it: %v", b, m[b], id, inDrive)
		}
	}
	return m
}

// kinds lists the kinds of the events so far, and forgets them.
func (l *library) kinds() []EventKind {
	l.mu.Lock()
	defer l.mu.Unlock()
	var k []EventKind
	for _, e := range l.events {
		k = append(k, e.Kind)
	}
	l.events = nil
	return k
}

func TestMove(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	for _, m := range []struct{ from, to, want string }{
		{"slot 1", "drive 1", "GOOD"},
		{"slot 2", "drive 1", "5/3B/0D"},
		{"slot 1", "drive 2", "5/3B/0E"},
		{"drive 1", "drive 1", "GOOD"},
		{"drive 1", "drive 2", "GOOD"},
		{"slot 2", "map 1", "GOOD"},
		{"map 1", "slot 7", "GOOD"},
		{"drive 2", "slot 1", "GOOD"},
		{"slot 3", "slot 3", "5/3B/0D"},
		{"drive 2", "slot 1", "5/3B/0E"},
		{"slot 3", "picker 1", "5/21/01"},
	} {
		if got := l.move(m.from, m.to); got != m.want {
			t.Errorf("%s to %s: %s, not %s", m.from, m.to, got, m.want)
		}
	}
	w := l.where()
	if w["VTL001L8"] != "slot 1" || w["VTL002L8"] != "slot 7" {
		t.Errorf("volumes are at %v", w)
	}
	l.restart()
	if got := l.where(); got["VTL002L8"] != "slot 7" {
		t.Errorf("after a restart volumes are at %v", got)
	}
	inv, _ := l.c.snapshot()
	if src := inv.at(Element{Storage, 1}).source; src != (Element{Storage, 1}) {
		t.Errorf("the source of slot 1 is %v", src)
	}
	if src := inv.at(Element{Storage, 7}).source; src != (Element{ImportExport, 1}) {
		t.Errorf("the source of slot 7 is %v", src)
	}
}

func TestExchange(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.move("slot 1", "drive 1")
	for _, x := range []struct{ source, first, second, want string }{
		{"slot 2", "drive 1", "slot 2", "GOOD"},
		{"slot 3", "drive 1", "slot 1", "GOOD"},
		{"drive 1", "slot 1", "drive 2", "GOOD"},
		{"slot 4", "slot 5", "slot 7", "GOOD"},
		{"slot 4", "slot 5", "slot 8", "5/3B/0E"},
		{"slot 5", "slot 4", "slot 8", "5/3B/0E"},
		{"slot 5", "drive 2", "slot 7", "5/3B/0D"},
		{"slot 5", "slot 5", "slot 7", "5/21/01"},
	} {
		if got := sense(l.do("a", exchangeCDB(l.at(x.source), l.at(x.first), l.at(x.second)))); got != x.want {
			t.Errorf("exchange %s, %s, %s: %s, not %s", x.source, x.first, x.second, got, x.want)
		}
	}
	w := l.where()
	want := map[string]string{"VTL001L8": "slot 2", "VTL002L8": "drive 2", "VTL003L8": "slot 1",
		"VTL004L8": "slot 5", "VTL005L8": "slot 7", "CLN001L1": "slot 6"}
	for b, at := range want {
		if w[b] != at {
			t.Errorf("%s is in %s, not in %s", b, w[b], at)
		}
	}
}

// TestRefusals: what a drive refuses is told, is never HARDWARE ERROR, and
// changes nothing.
func TestRefusals(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.bay.drives[12].takes = map[string]bool{"LTO9": true}
	if got := l.move("slot 1", "drive 2"); got != "5/30/00" {
		t.Errorf("a medium that does not fit: %s", got)
	}
	l.move("slot 1", "drive 1")
	if got := l.move("drive 1", "drive 2"); got != "5/30/00" {
		t.Errorf("a medium that does not fit the second drive: %s", got)
	}
	if w := l.where(); w["VTL001L8"] != "drive 1" {
		t.Errorf("a refused medium is not put back: it is in %s", w["VTL001L8"])
	}
	l.bay.change(11, func(d *bayDrive) error { d.prevented = true; return nil })
	if got := l.move("drive 1", "slot 1"); got != "5/53/02" {
		t.Errorf("removal prevented: %s", got)
	}
	l.bay.change(11, func(d *bayDrive) error { d.prevented = false; return nil })
	for _, f := range []fault{dead, late} {
		l.bay.setFault(func(int, string, int) fault { return f })
		if got := l.move("drive 1", "slot 1"); got != "2/04/00" {
			t.Errorf("a drive that does not answer: %s", got)
		}
		if got := sense(l.do("a", []byte{0, 0, 0, 0, 0, 0})); got != "GOOD" {
			t.Errorf("TEST UNIT READY: %s", got)
		}
		l.bay.setFault(nil)
	}
	if got := l.move("drive 1", "slot 1"); got != "GOOD" {
		t.Errorf("afterwards: %s", got)
	}
	l.where()
	if !slices.Contains(l.kinds(), MoveFailed) {
		t.Error("no event tells of a move that failed")
	}
}

// TestUnknownOutcome: a drive carries a request out and its reply is lost. The
// command ends NOT READY; the next one finds out.
func TestUnknownOutcome(t *testing.T) {
	for _, f := range []fault{lostReply, lateDone, dead, late} {
		l := newLibrary(t, "ibm-03584")
		once := func(want string) func(int, string, int) fault {
			return func(_ int, op string, _ int) fault {
				if op == want {
					return f
				}
				if op == "state" {
					return dead // settling waits until the fault is over
				}
				return works
			}
		}
		arm := func(op string) {
			n := 0
			l.bay.setFault(func(call int, o string, d int) fault {
				if o == "state" && n == 0 {
					return works // the probe before the move
				}
				if o == op {
					n++
				}
				return once(op)(call, o, d)
			})
		}
		arm("insert")
		if got := l.move("slot 1", "drive 1"); got != "2/04/00" {
			t.Fatalf("fault %d: insert: %s", f, got)
		}
		if got := l.move("slot 1", "slot 8"); got != "2/04/07" {
			t.Fatalf("fault %d: a move of what is not settled: %s", f, got)
		}
		if got := l.move("slot 2", "slot 8"); got != "GOOD" {
			t.Fatalf("fault %d: a move that has nothing to do with it: %s", f, got)
		}
		l.bay.setFault(nil)
		want := "5/3B/0D"
		if f == dead || f == late {
			want = "GOOD"
		}
		if got := l.move("slot 3", "drive 1"); got != want {
			t.Fatalf("fault %d: after an insert that is not known: %s, not %s", f, got, want)
		}
		l.where()
	}
}
