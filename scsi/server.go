package scsi

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrDetached is returned by a handler that goes on after it has returned. The
// device server takes the next task; the handler's work must end in Finish.
var ErrDetached = errors.New("scsi: task goes on detached")

// ErrClosed is returned by Do after Close.
var ErrClosed = errors.New("scsi: device server closed")

// Device is what a device type supplies to its device server. All methods are
// called with the device to itself: no handler runs at the same time.
type Device interface {
	// Conflicts reports whether a reservation of another nexus forbids the command.
	Conflicts(n *Nexus, c *Command) bool

	// Meets returns nil when what c.Needs asks for holds, else the refusal.
	Meets(t *Task, c *Command) error

	// BadLUN carries out a command for a LUN that does not exist.
	BadLUN(t *Task) error

	// NexusAttached and NexusDetached follow the nexuses, for state per nexus.
	NexusAttached(n *Nexus)
	NexusDetached(n *Nexus, e NexusEvent)

	// Reset is a logical unit reset (SAM-5 6.3.3); no task is left when it runs.
	Reset()

	// MaxTransfer is LogicalUnit.MaxTransfer.
	MaxTransfer() int
}

// Trace is the record of one finished task.
type Trace struct {
	Task     *Task // valid only during the call
	Command  *Command
	Duration time.Duration
}

// Options of a device server.
type Options struct {
	// Log gets errors that have no sense data of their own. Required.
	Log *slog.Logger

	// Trace, when not nil, is called for each finished task before its status
	// is sent. It must not keep the task.
	Trace func(Trace)

	// ValidateReserved makes the server check CDB bits that are outside the
	// usage map, as personalities with that capability do.
	ValidateReserved bool

	// Additional, when not nil, supplies the additional sense bytes (vendor
	// specific, SPC-4 4.5.3) of a task that ends with CHECK CONDITION. It is
	// called with the device to itself, and not for tasks that go on detached.
	Additional func(t *Task, s *Sense) []byte

	// DescriptorSense, when not nil, reports whether sense data for the nexus
	// go in descriptor format (D_SENSE of the Control mode page). It is called
	// as Additional is.
	DescriptorSense func(n *Nexus) bool
}

// DeviceServer carries out tasks on one device in order, one at a time (SAM-5
// 4.5.9). It is the LogicalUnit that a transport sees.
//
// The device is owned by whoever holds the turn: the server's goroutine, or, for
// a task that is certain not to wait and has none before it, the goroutine that
// submits it. So the common READ and WRITE cost no hand-over between goroutines.
type DeviceServer[D Device] struct {
	dev   D
	table *Table[D]
	opt   Options
	wake  chan struct{} // capacity 1: the goroutine has something to do
	ended chan struct{}

	mu      sync.Mutex // guards what follows
	idle    *sync.Cond // a task or a turn ended
	queue   queue
	turn    bool  // somebody holds the device
	urgent  int   // how many wait for the turn ahead of the queue
	running *Task // the task of whoever holds it
	nexuses map[*Nexus]struct{}
	closed  bool

	// detached has when each task that goes on detached began; zero without a trace.
	detached map[*Task]time.Time
}

// purger is a device that ends the tasks of other nexuses, as PREEMPT AND ABORT
// does. It is handed DeviceServer.Purge before its first task.
type purger interface {
	SetPurge(purge func(n *Nexus))
}

// NewDeviceServer starts the device server of a device. Close ends it. A device
// with a method SetPurge(func(*Nexus)) is handed Purge.
func NewDeviceServer[D Device](dev D, table *Table[D], opt Options) *DeviceServer[D] {
	s := &DeviceServer[D]{
		dev: dev, table: table, opt: opt,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
		detached: map[*Task]time.Time{}, nexuses: map[*Nexus]struct{}{},
	}
	s.idle = sync.NewCond(&s.mu)
	if p, ok := any(dev).(purger); ok {
		p.SetPurge(s.Purge)
	}
	go s.run()
	return s
}

// Table is the command table that the server dispatches by.
func (s *DeviceServer[D]) Table() *Table[D] { return s.table }

// MaxTransfer implements LogicalUnit.
func (s *DeviceServer[D]) MaxTransfer() int { return s.dev.MaxTransfer() }

// Submit implements LogicalUnit.
func (s *DeviceServer[D]) Submit(t *Task) {
	for len(t.CDB) < 16 {
		t.CDB = append(t.CDB, 0)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.complete(t, Busy, time.Time{})
		return
	}
	if !s.turn && s.urgent == 0 && s.queue.n == 0 && s.prompt(t) {
		s.turn, s.running = true, t
		s.mu.Unlock()
		s.runTask(t)
		return
	}
	if t.Attribute == HeadOfQueue {
		s.queue.pushFront(job{task: t})
	} else {
		s.queue.pushBack(job{task: t})
	}
	s.rouse()
	s.mu.Unlock()
}

// Do runs op in the same queue as tasks, with the device to itself, and returns
// its error. When ctx ends before op has begun, op does not run. It must not be
// called by whoever has the device: by a handler or another op.
func (s *DeviceServer[D]) Do(ctx context.Context, op func(D) error) error {
	var (
		once   sync.Once
		begun  = make(chan struct{})
		result = make(chan error, 1)
	)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.queue.pushBack(job{op: func() {
		mine := false
		once.Do(func() { mine = true; close(begun) })
		if mine {
			result <- s.guard(func() error { return op(s.dev) })
		}
	}})
	s.rouse()
	s.mu.Unlock()
	select {
	case <-begun:
	case <-ctx.Done():
		dropped := false
		once.Do(func() { dropped = true })
		if dropped {
			return ctx.Err()
		}
	}
	return <-result
}

// Attend establishes a unit attention condition for every nexus but except.
func (s *DeviceServer[D]) Attend(a ASC, except *Nexus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.nexuses {
		if n != except {
			n.Attend(a)
		}
	}
}

// Nexuses lists the attached nexuses.
func (s *DeviceServer[D]) Nexuses() []*Nexus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Nexus
	for n := range s.nexuses {
		all = append(all, n)
	}
	return all
}

// Attach implements LogicalUnit.
func (s *DeviceServer[D]) Attach(n *Nexus) {
	s.mu.Lock()
	s.nexuses[n] = struct{}{}
	s.mu.Unlock()
	n.Attend(PowerOnResetOrBusDeviceReset)
	s.exclusively(func() { s.dev.NexusAttached(n) })
}

// Detach implements LogicalUnit.
func (s *DeviceServer[D]) Detach(n *Nexus, e NexusEvent) {
	s.abort(func(t *Task) bool { return t.Nexus == n })
	s.exclusively(func() { s.dev.NexusDetached(n, e) })
	if e == NexusReinstated {
		n.Attend(PowerOnResetOrBusDeviceReset)
		return
	}
	s.mu.Lock()
	delete(s.nexuses, n)
	s.mu.Unlock()
}

// Finish ends a task whose handler returned ErrDetached, with what the handler
// would have returned. It may be called before the handler has returned, by
// another goroutine: then it waits until it has.
func (s *DeviceServer[D]) Finish(t *Task, err error) {
	s.mu.Lock()
	for s.running == t {
		s.idle.Wait()
	}
	start, ok := s.detached[t]
	delete(s.detached, t)
	s.mu.Unlock()
	if !ok {
		panic("scsi: Finish of a task that is not detached")
	}
	s.complete(t, err, start)
	s.idle.Broadcast()
}

// Close refuses further tasks, ends those that wait with BUSY, and returns when
// nothing runs any more.
func (s *DeviceServer[D]) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.ended
		return
	}
	s.closed = true
	s.rouse()
	s.mu.Unlock()
	<-s.ended
}
