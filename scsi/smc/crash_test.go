package smc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"govtl/internal/vfs"
)

// crashMoves are the moves that are crashed: each begins with VTL001L8 in drive
// 1, the other volumes in slots 2 to 6, drive 2 empty.
var crashMoves = []struct {
	name      string
	cdb       func(l *library) []byte
	exchanges bool
}{
	{name: "slot to slot", cdb: func(l *library) []byte { return moveCDB(l.at("slot 2"), l.at("slot 8")) }},
	{name: "slot to drive", cdb: func(l *library) []byte { return moveCDB(l.at("slot 2"), l.at("drive 2")) }},
	{name: "drive to slot", cdb: func(l *library) []byte { return moveCDB(l.at("drive 1"), l.at("slot 1")) }},
	{name: "drive to map", cdb: func(l *library) []byte { return moveCDB(l.at("drive 1"), l.at("map 2")) }},
	{name: "drive to drive", cdb: func(l *library) []byte { return moveCDB(l.at("drive 1"), l.at("drive 2")) }},
	{name: "exchange with a slot", cdb: func(l *library) []byte {
		return exchangeCDB(l.at("slot 2"), l.at("drive 1"), l.at("slot 2"))
	}},
	{name: "exchange with a drive", cdb: func(l *library) []byte {
		return exchangeCDB(l.at("slot 2"), l.at("drive 1"), l.at("drive 2"))
	}},
	{name: "exchange out of a drive", cdb: func(l *library) []byte {
		return exchangeCDB(l.at("drive 1"), l.at("slot 2"), l.at("drive 2"))
	}},
}

// life is the life of a process that is killed before a step: a file operation
// that changes something, or a request to a drive.
type life struct{ steps, last atomic.Int64 }

var errKilled = errors.New("killed")

// step reports whether the process is still there, and whether it dies right now.
func (f *life) step() (alive, dies bool) {
	n, last := f.steps.Add(1), f.last.Load()
	return last == 0 || n <= last, last != 0 && n == last+1
}

// rule is the file system of the process: from its death on nothing changes any
// more; the write that is under way is torn.
func (f *life) rule(o vfs.Op) error {
	alive, dies := f.step()
	switch {
	case alive:
		return nil
	case dies && o.Kind == "write":
		return vfs.ShortWrite
	}
	return errKilled
}

// crashLibrary is a library at the beginning of a crash test.
func crashLibrary(t *testing.T, mem *vfs.Memory, rule func(vfs.Op) error) *library {
	t.Helper()
	l := prepareLibrary(t, "ibm-03584", func(o *Options) { o.FS, o.Dir = vfs.Failing(mem, rule), "/state" })
	l.start()
	var vols []Volume
	for _, b := range testBarcodes {
		vols = append(vols, testVolume(b))
	}
	if _, err := l.c.AddVolumes(vols, 1); err != nil {
		t.Fatal(err)
	}
	if got := l.move("slot 1", "drive 1"); got != "GOOD" {
		t.Fatal(got)
	}
	return l
}

// TestLibraryKilled kills the library before each step of a move in turn, a step
// being a change of a file or a request to a drive, and starts it again: on the
// files as they are, on those that a power cut leaves, and on some of what was
// written and not synced. Each volume is in exactly one place, and drives and
// inventory agree.
func TestLibraryKilled(t *testing.T) {
	for _, m := range crashMoves {
		for _, cut := range []struct {
			name string
			keep float64
		}{{"killed", 1}, {"power cut", 0}, {"power cut, half written", 0.5}} {
			t.Run(m.name+"/"+cut.name, func(t *testing.T) {
				for n := int64(1); ; n++ {
					f, mem := &life{}, &vfs.Memory{}
					l := crashLibrary(t, mem, f.rule)
					l.bay.setFault(func(int, string, int) fault {
						if alive, _ := f.step(); !alive {
							return dead
						}
						return works
					})
					f.last.Store(f.steps.Load() + n)
					outcome := sense(l.do("a", m.cdb(l)))
					done := f.steps.Load() <= f.last.Load()
					after := mem.Crash(rand.New(rand.NewPCG(uint64(n), 7)), cut.keep)
					l.c.Close()
					l.bay.setFault(nil)
					l.opt.FS = after
					l.kinds()
					l.start()
					w := l.where()
					if slices.Contains(l.kinds(), Reconciled) {
						t.Errorf("step %d: a volume was found elsewhere than the journal says", n)
					}
					if outcome == "GOOD" && w["VTL002L8"] == "slot 2" && w["VTL001L8"] == "drive 1" {
						t.Errorf("step %d: GOOD, and nothing has moved", n)
					}
					if l.c.Status().Unsettled != 0 {
						t.Errorf("step %d: a move is not settled although all drives answer", n)
					}
					l.c.Close()
					l.c = nil
					if done {
						if n < 5 {
							t.Errorf("the move took %d steps: too few to be true", n)
						}
						return
					}
				}
			})
		}
	}
}

// TestDriveKilled kills a drive in each request of a move in turn, before and
// after it has carried the request out, with and without its reply; the drive
// comes back later, or without what it held.
func TestDriveKilled(t *testing.T) {
	for _, m := range crashMoves[1:] {
		for _, f := range []fault{dead, lostReply, late, lateDone, restarted, refuses, unsaved} {
			t.Run(fmt.Sprintf("%s/%d", m.name, f), func(t *testing.T) {
				for n := 1; ; n++ {
					l := crashLibrary(t, &vfs.Memory{}, func(vfs.Op) error { return nil })
					first := 0
					hit := 0 // the drive that died
					l.bay.setFault(func(call int, op string, id int) fault {
						if first == 0 {
							first = call
						}
						switch {
						case call == first+n-1:
							hit = id
							return f
						case id == hit && f != restarted && f != refuses:
							return dead
						}
						return works
					})
					outcome := sense(l.do("a", m.cdb(l)))
					if outcome[0] == '4' {
						t.Fatalf("request %d: HARDWARE ERROR %s", n, outcome)
					}
					l.bay.mu.Lock()
					reached := hit != 0
					l.bay.fault = nil
					l.bay.mu.Unlock()
					if got := sense(l.do("b", []byte{7, 0, 0, 0, 0, 0})); got != "GOOD" {
						t.Fatalf("request %d: INITIALIZE ELEMENT STATUS: %s", n, got)
					}
					l.where()
					if n%2 == 0 {
						l.restart()
						l.where()
					}
					for _, d := range []string{"drive 1", "drive 2"} {
						if e, _ := parseElement(d); l.c.inventory().volume(e) != nil {
							if got := l.move(d, "slot 7"); got != "GOOD" && got != "5/3B/0D" {
								t.Fatalf("request %d: afterwards %s to slot 7: %s", n, d, got)
							}
						}
					}
					l.where()
					l.c.Close()
					l.c = nil
					if !reached {
						return
					}
				}
			})
		}
	}
}

func (c *Changer) inventory() *inventory {
	inv, _ := c.snapshot()
	return inv
}

// TestFilesFail fails each change of a file in turn, once, while the library
// goes on: no command ends with HARDWARE ERROR, and all agree afterwards, also
// after a restart.
func TestFilesFail(t *testing.T) {
	for _, m := range crashMoves {
		t.Run(m.name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				var steps, at atomic.Int64
				mem := &vfs.Memory{}
				l := crashLibrary(t, mem, func(o vfs.Op) error {
					if steps.Add(1) != at.Load() {
						return nil
					}
					if o.Kind == "write" {
						return vfs.ShortWrite
					}
					return errors.New("no space left on device")
				})
				at.Store(steps.Load() + n)
				outcome := sense(l.do("a", m.cdb(l)))
				if outcome[0] == '4' {
					t.Fatalf("step %d: HARDWARE ERROR %s", n, outcome)
				}
				reached := steps.Load() >= at.Load()
				at.Store(0)
				l.where()
				if n%2 == 0 {
					if got := l.move("slot 3", "slot 7"); got != "GOOD" {
						t.Fatalf("step %d: the move after: %s", n, got)
					}
					l.where()
				}
				before := l.where()
				if n%3 == 0 { // the power goes
					after := mem.Crash(nil, 0)
					l.c.Close()
					l.opt.FS = after
				} else {
					l.c.Close()
				}
				l.start()
				for b, at := range l.where() {
					if at != before[b] && n%2 == 0 {
						t.Errorf("step %d: %s was in %s and is in %s after a restart", n, b, before[b], at)
					}
				}
				l.c.Close()
				l.c = nil
				if !reached {
					return
				}
			}
		})
	}
}

// TestLocked: a second changer does not start in the same directory.
func TestLocked(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	if c, err := New(l.opt); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second changer: %v, %v", c, err)
	}
}

// TestNowhere: a drive has let go of a volume, the next one refuses it, and the
// first does not take it back: the volume gets another element.
func TestNowhere(t *testing.T) {
	for _, c := range []struct{ fill, want string }{
		{"", "slot 1"}, {"slot 1", "slot 7"}, {"slots", "picker 1"}, {"picker", "shelf"},
	} {
		l := newLibrary(t, "ibm-03584")
		l.move("slot 1", "drive 1")
		switch c.fill {
		case "slot 1":
			l.move("slot 2", "slot 1")
			l.move("slot 3", "slot 2") // slot 3 is the first that is free
			l.move("slot 4", "slot 3")
			l.move("slot 5", "slot 4")
			l.move("slot 6", "slot 5")
			l.move("slot 5", "slot 6")
			l.addVolumes(5)
		case "slots", "picker":
			l.addVolumes(1, 7, 8)
		}
		if c.fill == "picker" {
			err := l.c.change(func(v *inventory) error {
				v.put(Element{MediumTransport, 1}, place{volume: &Volume{Barcode: "HELD01L8"}})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		l.bay.setFault(func(_ int, op string, _ int) fault { return refuses })
		if got := l.move("drive 1", "drive 2"); got != "5/30/00" {
			t.Errorf("fill %q: %s", c.fill, got)
		}
		l.bay.setFault(nil)
		if w := l.where()["VTL001L8"]; w != c.want {
			t.Errorf("fill %q: the volume is in %s, not in %s", c.fill, w, c.want)
		}
		if !slices.Contains(l.kinds(), Reconciled) {
			t.Errorf("fill %q: no event tells where the volume is", c.fill)
		}
		if c.want == "picker 1" {
			l.c.Close()
			l.start()
			if got := l.move("slot 2", "drive 1"); got != "GOOD" {
				t.Fatal(got)
			}
			if got := l.move("picker 1", "slot 2"); got != "GOOD" {
				t.Errorf("out of the picker: %s", got)
			}
		}
	}
}

// addVolumes fills slots.
func (l *library) addVolumes(slots ...int) {
	l.t.Helper()
	for _, n := range slots {
		b := "FILL" + strings.Repeat("0", 2) + string(rune('A'+n)) + "L8"
		if at, err := l.c.AddVolume(testVolume(b), n); err != nil || at != (Element{Storage, n}) {
			l.t.Fatalf("AddVolume(%s, %d): %v, %v", b, n, at, err)
		}
	}
}

// TestDiskFull: a volume is in a drive and the inventory cannot be saved. The
// move was GOOD; further moves wait, NOT READY, until it can be; a restart
// finds the volume by its intent.
func TestDiskFull(t *testing.T) {
	var full atomic.Bool
	mem := &vfs.Memory{}
	l := crashLibrary(t, mem, func(o vfs.Op) error {
		if full.Load() && strings.HasSuffix(o.Name, inventoryName+".new") {
			return errors.New("no space left on device")
		}
		return nil
	})
	full.Store(true)
	if got := l.move("slot 2", "drive 2"); got != "GOOD" {
		t.Errorf("a move whose volume is in the drive: %s", got)
	}
	if got := l.where()["VTL002L8"]; got != "drive 2" {
		t.Errorf("the volume is in %s", got)
	}
	for range 2 {
		if got := l.move("drive 1", "slot 1"); got != "2/04/03" {
			t.Errorf("the next move: %s", got)
		}
	}
	for _, e := range []func() error{
		func() error { _, err := l.c.AddVolume(testVolume("NEW001L8"), 0); return err },
		func() error {
			return l.c.Reconfigure(t.Context(), Configuration{Slots: 9, Mail: 2, DriveElements: l.opt.DriveElements})
		},
	} {
		if err := e(); !errors.Is(err, errStore) {
			t.Errorf("an operator's change: %v", err)
		}
	}
	after := mem.Crash(nil, 0)
	full.Store(false)
	if got := l.move("drive 1", "slot 1"); got != "GOOD" {
		t.Errorf("when there is room again: %s", got)
	}
	l.where()
	l.c.Close()

	l.bay.drives[11].volume = testVolume("VTL001L8") // as it was at the power cut
	l.opt.FS = after
	l.start()
	if w := l.where(); w["VTL002L8"] != "drive 2" || w["VTL001L8"] != "drive 1" {
		t.Errorf("after the power cut: %v", w)
	}
}

// TestEndIsLost: what happened after a move is not undone when the power goes
// before the end of the move is in the journal.
func TestEndIsLost(t *testing.T) {
	mem := &vfs.Memory{}
	l := crashLibrary(t, mem, func(vfs.Op) error { return nil })
	if got := l.move("drive 1", "map 1"); got != "GOOD" {
		t.Fatal(got)
	}
	if err := l.c.OpenMap(); err != nil {
		t.Fatal(err)
	}
	if taken, err := l.c.EmptyMap(); err != nil || len(taken) != 1 {
		t.Fatal(taken, err)
	}
	after := mem.Crash(nil, 0)
	if open, _ := decodeJournal(after.Content("/state/" + journalName)); len(open) != 1 {
		t.Fatalf("the journal shows %d moves open: this test shows nothing", len(open))
	}
	l.c.Close()
	l.opt.FS = after
	l.start()
	if w := l.where()["VTL001L8"]; w != "shelf" {
		t.Errorf("the volume is in %s, not on the shelf", w)
	}
}

// TestTwoOpen: the journal shows two moves open, the inventory includes the first
// of them.
func TestTwoOpen(t *testing.T) {
	mem := &vfs.Memory{}
	l := crashLibrary(t, mem, func(vfs.Op) error { return nil })
	leg := func(b string, slot int) []leg {
		return []leg{{Volume: volumeRecord{Barcode: b}, From: Element{Storage, slot}, To: Element{DataTransfer, 2}}}
	}
	for id, b := range []string{"VTL002L8", "VTL003L8"} {
		if err := l.c.store.begin(intent{ID: []string{"first", "second"}[id], Legs: leg(b, id+2)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.c.change(func(v *inventory) error { v.apply("first"); return nil }); err != nil {
		t.Fatal(err)
	}
	l.c.Close()
	l.bay.setFault(func(int, string, int) fault { return dead })
	l.start()
	l.c.mu.Lock()
	open := slices.Clone(l.c.open)
	l.c.mu.Unlock()
	if len(open) != 1 || open[0].ID != "second" {
		t.Errorf("open after the start: %+v", open)
	}
	l.bay.setFault(nil)
	if err := l.c.Audit(t.Context()); err != nil {
		t.Error(err)
	}
	l.where()
	if n := l.c.Status().Unsettled; n != 0 {
		t.Errorf("%d moves are not settled", n)
	}
}
