package scsi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"

	. "govtl/scsi"
)

// machine is a device for tests. Its fields are touched without a lock, so that
// the race detector sees whenever two hold the device at once.
type machine struct {
	server *DeviceServer[*machine]

	ran      []byte // CDB byte 2 of the commands that ran, in order
	count    int
	resets   int
	events   []string
	conflict bool

	gate    chan struct{} // GATE waits for it
	entered chan struct{} // GATE says that it has begun
}

const (
	opNote      = 0xC0 // notes byte 2; prompt
	opGate      = 0xC1 // waits for the gate, or its abort
	opDetach    = 0xC2 // waits for the gate, or its abort, detached
	opPanic     = 0xC3
	opError     = 0xC4
	opBusy      = 0xC5
	opBadPrompt = 0xC6
	opActions   = 0xC7 // service actions 1 and 2
	opInquiry   = 0xC8 // keeps unit attentions
	opMissing   = 0xC9
	opNeeds     = 0xCA
	opSlowNote  = 0xCB // as opNote, never prompt
	opStray     = 0xCC // an error that wraps sense data
)

func cmd(name string, run func(*machine, *Task) error) Row[*machine] {
	return Row[*machine]{Command: Command{Name: name, Clause: "test", Usage: []byte{0, 0xFF, 0, 0, 0}}, Run: run}
}

func machineTable() *Table[*machine] {
	note := cmd("NOTE", (*machine).note)
	note.Prompt = func(*machine, *Task) bool { return true }
	bad := cmd("BAD PROMPT", (*machine).note)
	bad.Prompt = func(*machine, *Task) bool { panic("prompt") }
	one, two := cmd("ONE", (*machine).note), cmd("TWO", (*machine).note)
	one.HasServiceAction, one.ServiceAction = true, 1
	two.HasServiceAction, two.ServiceAction = true, 2
	inquiry := cmd("INQUIRY", (*machine).note)
	inquiry.KeepsAttention, inquiry.Access = true, Unrestricted
	missing := Row[*machine]{Command: Command{Name: "MISSING", Clause: "test", Usage: make([]byte, 5), Missing: "on purpose"}}
	needs := cmd("NEEDS", (*machine).note)
	needs.Needs = 1
	table, err := Table[*machine]{
		opNote: {note}, opGate: {cmd("GATE", (*machine).waitGate)}, opDetach: {cmd("DETACH", (*machine).detach)},
		opPanic:     {cmd("PANIC", func(*machine, *Task) error { panic("handler") })},
		opError:     {cmd("ERROR", func(*machine, *Task) error { return io.ErrUnexpectedEOF })},
		opBusy:      {cmd("BUSY", func(*machine, *Task) error { return Busy })},
		opBadPrompt: {bad}, opActions: {one, two}, opInquiry: {inquiry}, opMissing: {missing}, opNeeds: {needs},
		opSlowNote: {cmd("SLOW NOTE", (*machine).note)},
		opStray: {cmd("STRAY", func(*machine, *Task) error {
			return fmt.Errorf("wrapped: %w", NewSense(MediumError, UnrecoveredReadError))
		})},
	}.Finish()
	if err != nil {
		panic(err)
	}
	return table
}

func (m *machine) note(t *Task) error {
	m.count++
	m.ran = append(m.ran, t.CDB[2])
	return nil
}

func (m *machine) waitGate(t *Task) error {
	m.entered <- struct{}{}
	select {
	case <-m.gate:
		return m.note(t)
	case <-t.Done():
		return TaskAborted
	}
}

func (m *machine) detach(t *Task) error {
	m.ran = append(m.ran, t.CDB[2])
	go func() {
		m.entered <- struct{}{}
		select {
		case <-m.gate:
			m.server.Finish(t, nil)
		case <-t.Done():
			m.server.Finish(t, TaskAborted)
		}
	}()
	return ErrDetached
}

func (m *machine) Conflicts(*Nexus, *Command) bool { return m.conflict }
func (m *machine) Meets(*Task, *Command) error     { return NewSense(NotReady, MediumNotPresent) }
func (m *machine) BadLUN(*Task) error              { return NewSense(IllegalRequest, LogicalUnitNotSupported) }
func (m *machine) NexusAttached(n *Nexus)          { m.events = append(m.events, "attached "+n.InitiatorName) }
func (m *machine) NexusDetached(n *Nexus, e NexusEvent) {
	m.count++
	m.events = append(m.events, fmt.Sprintf("detached %s %d", n.InitiatorName, e))
}
func (m *machine) Reset()           { m.resets++ }
func (m *machine) MaxTransfer() int { return 1 << 20 }

// start makes a machine with its device server.
func start(t testing.TB, opt Options) *machine {
	m := &machine{gate: make(chan struct{}), entered: make(chan struct{})}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	m.server = NewDeviceServer(m, machineTable(), opt)
	t.Cleanup(m.server.Close)
	return m
}

// state reads the machine with the device to itself.
func (m *machine) state(t testing.TB, f func(*machine)) {
	t.Helper()
	if err := m.server.Do(context.Background(), func(m *machine) error { f(m); return nil }); err != nil {
		t.Fatal(err)
	}
}

// wire is a transport that counts.
type wire struct {
	mu    sync.Mutex
	ended map[*Task]int
	done  chan *Task // nil: nobody waits
}

func newWire(size int) *wire { return &wire{ended: map[*Task]int{}, done: make(chan *Task, size)} }

func (w *wire) Finished(t *Task) {
	w.mu.Lock()
	w.ended[t]++
	w.mu.Unlock()
	w.done <- t
}

func nexus(name string) *Nexus { return &Nexus{InitiatorName: name} }

// attach logs a nexus in without its unit attention condition.
func (m *machine) attach(n *Nexus) {
	m.server.Attach(n)
	n.DropAttention(PowerOnResetOrBusDeviceReset)
}

func task(n *Nexus, w Transport, cdb ...byte) *Task {
	t := &Task{Nexus: n, Transport: w, CDB: make([]byte, 16), Attribute: Simple}
	copy(t.CDB, cdb)
	return t
}

// run submits a task and waits for its end.
func (m *machine) run(n *Nexus, cdb ...byte) *Task {
	w := newWire(1)
	t := task(n, w, cdb...)
	m.server.Submit(t)
	return <-w.done
}

var errRefused = errors.New("refused")
