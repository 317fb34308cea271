package smc

import (
	"errors"
	"fmt"
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

// crashLibrary is a library at the beginning of a crash test.
func crashLibrary(t *testing.T, f *life) *library {
	l := newLibrary(t, "ibm-03584", func(o *Options) { o.FS = mortal{vfs.OS{}, f} })
	if got := l.move("slot 1", "drive 1"); got != "GOOD" {
		t.Fatal(got)
	}
	return l
}

// TestLibraryKilled kills the library before each step of a move in turn, a step
// being a change of a file or a request to a drive, and starts it again. Each
// volume is in exactly one place, and drives and inventory agree.
func TestLibraryKilled(t *testing.T) {
	for _, m := range crashMoves {
		t.Run(m.name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				f := &life{}
				l := crashLibrary(t, f)
				l.bay.setFault(func(int, string, int) fault {
					if alive, _ := f.step(); !alive {
						return dead
					}
					return works
				})
				f.last.Store(f.steps.Load() + n)
				outcome := sense(l.do("a", m.cdb(l)))
				done := f.steps.Load() <= f.last.Load()
				l.c.Close()
				l.bay.setFault(nil)
				*f = life{}
				l.start()
				w := l.where()
				if outcome == "GOOD" && done && w["VTL002L8"] == "slot 2" && w["VTL001L8"] == "drive 1" {
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

// TestDriveKilled kills a drive in each request of a move in turn, before and
// after it has carried the request out, with and without its reply; the drive
// comes back later, or without what it held.
func TestDriveKilled(t *testing.T) {
	for _, m := range crashMoves[1:] {
		for _, f := range []fault{dead, lostReply, hangs, hangsDone, restarted, refuses} {
			t.Run(fmt.Sprintf("%s/%d", m.name, f), func(t *testing.T) {
				for n := 1; ; n++ {
					l := crashLibrary(t, &life{})
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
				f := &failing{}
				l := newLibrary(t, "ibm-03584", func(o *Options) { o.FS = failingFS{vfs.OS{}, f} })
				l.move("slot 1", "drive 1")
				f.at.Store(f.steps.Load() + n)
				outcome := sense(l.do("a", m.cdb(l)))
				if outcome[0] == '4' {
					t.Fatalf("step %d: HARDWARE ERROR %s", n, outcome)
				}
				reached := f.steps.Load() >= f.at.Load()
				f.at.Store(0)
				l.where()
				if n%2 == 0 {
					if got := l.move("slot 3", "slot 7"); got != "GOOD" {
						t.Fatalf("step %d: the move after: %s", n, got)
					}
					l.where()
				}
				before := l.where()
				l.restart()
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
