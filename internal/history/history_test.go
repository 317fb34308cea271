package history

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/bus"
	"govtl/internal/vfs"
)

// at is the time of the n-th event of a test.
func at(n int) time.Time { return time.Date(2026, 11, 21, 12, 0, 0, n*1000, time.UTC) }

func moved(n int) bus.Event {
	return bus.Event{Time: at(n), Source: bus.LibraryDevice(10), What: bus.Moved{
		Barcode: fmt.Sprintf("VTL%03dL9", n%1000), From: "slot 1", To: "drive 1", By: "iqn.2026-11.host:one"}}
}

func login(n int) bus.Event {
	return bus.Event{Time: at(n), Source: bus.LibraryDevice(10), What: bus.Login{Initiator: "iqn.2026-11.host:one", Address: "10.0.0.1:5"}}
}

// keep writes events as one run of a program does.
func keep(f vfs.FS, name string, events ...bus.Event) {
	w := Open(f, "/state", name, slog.New(slog.DiscardHandler))
	for len(events) > 0 {
		n := min(len(events), maxWaiting)
		for _, e := range events[:n] {
			w.events <- e // waits, where Add loses
		}
		events = events[n:]
	}
	w.Close()
}

func read(t *testing.T, f vfs.FS) Kept {
	t.Helper()
	k, err := Read(f, "/state")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestKept: what runs of several programs kept is read back, in order, with all
// that it told.
func TestKept(t *testing.T) {
	f := &vfs.Memory{}
	if k := read(t, f); len(k.Events) != 0 {
		t.Errorf("before anything happened: %v", k)
	}
	died := bus.Event{Time: at(4), Source: bus.DriveDevice(11), What: bus.DaemonChanged{State: bus.DaemonDied}}
	loaded := bus.Event{Time: at(2), Source: bus.DriveDevice(11), What: bus.Loaded{Barcode: "VTL001L9"}}
	keep(f, "library10", moved(1), login(3), moved(5))
	keep(f, "drive11", loaded)
	keep(f, "suite", died)
	keep(f, "library10", moved(6)) // after a restart
	want := []bus.Event{moved(1), loaded, login(3), died, moved(5), moved(6)}
	if k := read(t, f); !slices.Equal(k.Events, want) || k.Newer+k.Damaged != 0 {
		t.Errorf("kept\n%v, want\n%v", k, want)
	}
}

// TestBounded: the files do not grow without bound, the newest events are kept,
// and logins push out no moves.
func TestBounded(t *testing.T) {
	f := &vfs.Memory{}
	keep(f, "library10", moved(0), moved(1))
	var many []bus.Event
	for n := range 4000 {
		many = append(many, login(10+n))
	}
	keep(f, "library10", many...)
	k := read(t, f)
	if len(k.Events) < 1000 || !slices.Equal(k.Events[:2], []bus.Event{moved(0), moved(1)}) || k.Events[len(k.Events)-1] != many[len(many)-1] {
		t.Errorf("kept %d events, from %v to %v", len(k.Events), k.Events[0], k.Events[len(k.Events)-1])
	}
	kept := k.Events[2:]
	if !slices.Equal(kept, many[len(many)-len(kept):]) {
		t.Error("there is a gap")
	}
	list, err := f.ReadDir("/state/" + Directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		b, err := f.ReadFile(filepath.Join("/state", Directory, e.Name()), maxFile)
		if err != nil || len(b) > maxFile {
			t.Errorf("%s: %d bytes, %v", e.Name(), len(b), err)
		}
	}
	if len(list) != 3 {
		t.Errorf("files: %v", list)
	}
}

// TestDamaged: a torn line costs itself; the next run begins a line of its own.
// What a newer suite wrote is counted.
func TestDamaged(t *testing.T) {
	f := &vfs.Memory{}
	keep(f, "library10", moved(1), moved(2))
	name := "/state/" + Directory + "/library10" + suffix
	b, err := f.ReadFile(name, maxFile)
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Replace(bytes.SplitAfter(b, []byte("\n"))[0], []byte(`{"v":1,`), []byte(`{"v":2,`), 1)
	torn := slices.Concat(b, newer, b[:40])
	if err := vfs.ReplaceFile(f, name, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	keep(f, "library10", moved(3))
	if k := read(t, f); !slices.Equal(k.Events, []bus.Event{moved(1), moved(2), moved(3)}) || k.Newer != 1 || k.Damaged != 1 {
		t.Errorf("kept %+v", k)
	}
}

// TestNoSecrets: an address that an event quotes loses its password.
func TestNoSecrets(t *testing.T) {
	f := &vfs.Memory{}
	keep(f, "drive11", bus.Event{Time: at(1), Source: bus.DriveDevice(11),
		What: bus.Configured{Refused: `bus: dial nats://vtl:pass-word%20@nats.example:4222: refused; wss://token@[::1]/x`}})
	b, err := f.ReadFile("/state/"+Directory+"/drive11"+suffix, maxFile)
	if err != nil || bytes.Contains(b, []byte("pass-word")) || bytes.Contains(b, []byte("token@")) {
		t.Errorf("%s %v", b, err)
	}
	k := read(t, f)
	if len(k.Events) != 1 || !strings.Contains(k.Events[0].What.String(), "nats://(removed)@nats.example:4222: refused; wss://(removed)@[::1]/x") {
		t.Errorf("kept %v", k)
	}
}

// TestFullDisk: events that cannot be written are lost, and those after them,
// when there is room again, are kept whole.
func TestFullDisk(t *testing.T) {
	mem := &vfs.Memory{}
	full := false
	f := vfs.Failing(mem, func(op vfs.Op) error {
		if full && op.Kind == "write" {
			return vfs.ShortWrite
		}
		return nil
	})
	w := &Writer{fs: f, dir: "/state/" + Directory, name: "library10", files: map[string]*file{}}
	for n, want := range []bool{true, false, true} {
		full = !want
		if err := w.write(moved(n)); (err == nil) != want {
			t.Errorf("event %d: %v", n, err)
		}
	}
	if k := read(t, mem); !slices.Equal(k.Events, []bus.Event{moved(0), moved(2)}) || k.Damaged != 0 {
		t.Errorf("kept %+v", k)
	}
}

// FuzzDecode: no file makes the reader fail, and what it reads can be kept again.
func FuzzDecode(f *testing.F) {
	for _, e := range []bus.Event{moved(1), login(2)} {
		b, err := encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("{\"v\":2}\n\n{}\nnull\n[1]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var k Kept
		k.decode(b)
		for _, e := range k.Events {
			if _, err := encode(e); err != nil && len(b) < maxLine/8 {
				t.Errorf("%v: %v", e, err)
			}
		}
		if n := bytes.Count(b, []byte("\n")) + 1; len(k.Events)+k.Newer+k.Damaged > n {
			t.Errorf("%d lines became %+v", n, k)
		}
	})
}
