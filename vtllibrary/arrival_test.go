package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"govtl/bus"
	"govtl/internal/daemon"
	"govtl/internal/station"
	"govtl/internal/vfs"
)

// twoLibraries have drives of one kind, so that each takes the other's cartridges.
const twoLibraries = `version: 1
libraries:
  - id: 10
    model: stk-l700
    serial: L10
    slots: 4
    mail-slots: 2
    drives: [{id: 11, model: ibm-ult3580-td9, serial: D11}]
    media: [{barcodes: RACE01L9-RACE02L9, size-mib: 1}]
  - id: 20
    model: stk-l700
    serial: L20
    slots: 4
    mail-slots: 2
    drives: [{id: 21, model: ibm-ult3580-td9, serial: D21}]
`

// suite is a bus and libraries, all in the test's process. Each library has what
// its daemon has, but no iSCSI target.
type suite struct {
	t     *testing.T
	flags daemon.Flags
	conn  *bus.Conn
}

func newSuite(t *testing.T, text string) *suite {
	t.Helper()
	dir := t.TempDir()
	s := &suite{t: t, flags: daemon.Flags{Config: filepath.Join(dir, "vtl.yaml"), State: filepath.Join(dir, "state")}}
	if err := os.WriteFile(s.flags.Config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := s.flags.Paths()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.MakeDirs(); err != nil {
		t.Fatal(err)
	}
	srv, err := bus.StartServer(bus.ServerOptions{Dir: p.Run})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	if s.conn, err = bus.Connect(bus.ConnectOptions{Server: srv}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.conn.Close)
	return s
}

// start starts a library as its daemon does. stop ends it.
func (s *suite) start(id int) (l *library, stop func()) {
	s.t.Helper()
	st, err := station.Open(station.Options{Device: bus.LibraryDevice(id), Flags: s.flags})
	if err != nil {
		s.t.Fatal(err)
	}
	l = &library{Station: st, id: id}
	if err := l.open(); err != nil {
		s.t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			l.changer.Close()
			if err := st.Abandon(); err != nil {
				s.t.Error(err)
			}
		}
	}
	s.t.Cleanup(stop)
	if err := errors.Join(l.startMedia(), l.endpoints()); err != nil {
		s.t.Fatal(err)
	}
	if err := st.Conn.WaitConnected(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return l, stop
}

// take asks a library to take a cartridge in through its MAP, as vtlcmd does.
func (s *suite) take(id int, barcode string) error {
	_, err := bus.Call(s.t.Context(), s.conn, bus.LibraryMapLoad(id), bus.MapLoadRequest{Barcode: barcode})
	return err
}

// inside is which of the libraries have a cartridge in an element.
func inside(barcode string, all ...*library) (ids []int) {
	for _, l := range all {
		for _, e := range l.changer.Inventory() {
			if e.Volume != nil && e.Volume.Barcode == barcode {
				ids = append(ids, l.id)
			}
		}
	}
	return ids
}

// listed is on the shelves of which libraries a cartridge is listed.
func listed(barcode string, all ...*library) (ids []int) {
	for _, l := range all {
		if l.shelf()[barcode] {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// TestRaceForOneCartridge: a hundred times two operators put one cartridge of the
// shelf into two libraries at the same instant. One of them has it then, and the
// other is told who; one shelf lists it afterwards.
func TestRaceForOneCartridge(t *testing.T) {
	s := newSuite(t, twoLibraries)
	ten, _ := s.start(10)
	twenty, _ := s.start(20)
	all := []*library{ten, twenty}
	if _, err := ten.changer.TakeOut([]string{"RACE01L9"}); err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if err := l.changer.OpenMap(); err != nil {
			t.Fatal(err)
		}
	}
	won := map[int]int{}
	for round := range 100 {
		begin, ends := make(chan struct{}), make(chan error, 2)
		for _, l := range all {
			go func() {
				<-begin
				ends <- s.take(l.id, "RACE01L9")
			}()
		}
		close(begin)
		var refused []error
		for range all {
			if err := <-ends; err != nil {
				refused = append(refused, err)
			}
		}
		holders := inside("RACE01L9", all...)
		if len(refused) != 1 || len(holders) != 1 {
			t.Fatalf("round %d: it is in libraries %v, refused: %v", round, holders, refused)
		}
		if !errors.Is(refused[0], bus.ErrRefused) || !strings.Contains(refused[0].Error(), "library "+strconv.Itoa(holders[0])) ||
			!strings.Contains(refused[0].Error(), "barcode already in library: map 1") {
			t.Fatalf("round %d: library %d has it, and the other was told %v", round, holders[0], refused[0])
		}
		if on := listed("RACE01L9", all...); len(on) != 0 {
			t.Fatalf("round %d: it is in library %d and on the shelves of %v", round, holders[0], on)
		}
		won[holders[0]]++
		for _, l := range all {
			if _, err := l.changer.EmptyMap(); err != nil {
				t.Fatal(err)
			}
		}
		if on := listed("RACE01L9", all...); !slices.Equal(on, holders) {
			t.Fatalf("round %d: library %v gave it out, it is on the shelves of %v", round, holders, on)
		}
	}
	t.Logf("won: %v", won)
}

// TestRaceWithStart: a library starts, with a cartridge in its configuration and
// its inventory lost, while another takes that cartridge in.
func TestRaceWithStart(t *testing.T) {
	s := newSuite(t, twoLibraries)
	ten, stop := s.start(10) // makes the cartridges
	twenty, _ := s.start(20)
	if err := twenty.changer.OpenMap(); err != nil {
		t.Fatal(err)
	}
	state := ten.stateDirectory(10)
	for round := range 10 {
		stop()
		if err := (vfs.OS{}).RemoveAll(state); err != nil {
			t.Fatal(err)
		}
		taken := make(chan error, 1)
		go func() { taken <- s.take(20, "RACE02L9") }()
		ten, stop = s.start(10)
		err := <-taken
		holders := inside("RACE02L9", ten, twenty)
		want := []int{20}
		if err != nil {
			want = []int{10}
		}
		if !slices.Equal(holders, want) {
			t.Fatalf("round %d: it is in libraries %v; library 20 was told %v", round, holders, err)
		}
		if _, err := twenty.changer.EmptyMap(); err != nil {
			t.Fatal(err)
		}
		if err := twenty.changer.ForgetVolume("RACE02L9"); err == nil && holders[0] == 10 {
			t.Fatalf("round %d: it is in library 10 and on the shelf of library 20", round)
		}
	}
}

// TestTakenWhileAway: a library that does not run has its inventory read, and
// takes off its shelf at its start what has gone elsewhere meanwhile.
func TestTakenWhileAway(t *testing.T) {
	s := newSuite(t, twoLibraries)
	ten, stop := s.start(10)
	twenty, _ := s.start(20)
	if _, err := ten.changer.TakeOut([]string{"RACE01L9"}); err != nil {
		t.Fatal(err)
	}
	if err := twenty.changer.OpenMap(); err != nil {
		t.Fatal(err)
	}
	stop()
	err := s.take(20, "RACE02L9")
	if !errors.Is(err, bus.ErrRefused) || !strings.Contains(err.Error(), "library 10: it does not run, and RACE02L9 is in its slot 2") {
		t.Errorf("a cartridge that is inside: %v", err)
	}
	if err := s.take(20, "RACE01L9"); err != nil {
		t.Fatal(err)
	}
	ten, _ = s.start(10)
	if on := listed("RACE01L9", ten, twenty); len(on) != 0 {
		t.Errorf("it is in library 20 and on the shelves of %v", on)
	}
	if in := inside("RACE01L9", ten, twenty); !slices.Equal(in, []int{20}) {
		t.Errorf("it is in libraries %v", in)
	}
}

// TestGateHeld: a library that does not get its turn says so when its time is up,
// and changes nothing.
func TestGateHeld(t *testing.T) {
	s := newSuite(t, twoLibraries)
	ten, _ := s.start(10)
	open, err := ten.gate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ten.changer.TakeOut([]string{"RACE01L9"}); err != nil {
		t.Fatal(err)
	}
	if err := ten.changer.OpenMap(); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ten.mapLoad(ended, bus.MapLoadRequest{Barcode: "RACE01L9"}); !errors.Is(err, bus.ErrBusy) {
		t.Errorf("while another has the gate: %v", err)
	}
	if in := inside("RACE01L9", ten); len(in) != 0 {
		t.Errorf("it is inside all the same: %v", in)
	}
	open()
	if _, err := ten.mapLoad(t.Context(), bus.MapLoadRequest{Barcode: "RACE01L9"}); err != nil {
		t.Error(err)
	}
}
