package scsi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
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

	mu       sync.Mutex // guards what follows
	idle     *sync.Cond // a task or a turn ended
	queue    queue
	turn     bool  // somebody holds the device
	urgent   int   // how many wait for the turn ahead of the queue
	running  *Task // the task of whoever holds it
	detached map[*Task]struct{}
	nexuses  map[*Nexus]struct{}
	closed   bool
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
		detached: map[*Task]struct{}{}, nexuses: map[*Nexus]struct{}{},
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

// Manage implements LogicalUnit.
func (s *DeviceServer[D]) Manage(n *Nexus, fn TaskManagement, ref *Task) TaskManagementResponse {
	switch fn {
	case AbortTask:
		if s.abort(func(t *Task) bool { return t == ref }) == 0 {
			return TaskDoesNotExist
		}
	case AbortTaskSet:
		s.abort(func(t *Task) bool { return t.Nexus == n })
	case ClearTaskSet:
		hit := map[*Nexus]bool{}
		s.abort(func(t *Task) bool { hit[t.Nexus] = true; return true })
		for other := range hit {
			if other != n {
				other.Attend(CommandsClearedByAnotherInitiator)
			}
		}
	case LogicalUnitReset, TargetWarmReset:
		s.reset()
		s.Attend(BusDeviceResetFunction, nil)
	default:
		return FunctionNotSupported
	}
	return FunctionComplete
}

// Finish ends a task whose handler returned ErrDetached, with what the handler
// would have returned. It may be called before the handler has returned, by
// another goroutine: then it waits until it has.
func (s *DeviceServer[D]) Finish(t *Task, err error) {
	s.mu.Lock()
	for s.running == t {
		s.idle.Wait()
	}
	_, ok := s.detached[t]
	delete(s.detached, t)
	s.mu.Unlock()
	if !ok {
		panic("scsi: Finish of a task that is not detached")
	}
	s.complete(t, err, time.Time{})
	s.idle.Broadcast()
}

// Purge aborts the tasks of a nexus without waiting for those that have begun.
// Unlike Manage it may be called by a handler, whose own task it spares.
func (s *DeviceServer[D]) Purge(n *Nexus) {
	s.begin(func(t *Task) bool { return t.Nexus == n && t != s.running })
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

// rouse wakes the goroutine; s.mu is held.
func (s *DeviceServer[D]) rouse() {
	if s.turn {
		return // whoever holds the turn rouses it when done
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// prompt reports whether the task may run at once; s.mu is held. A table whose
// Prompt panics loses no more than the short way.
func (s *DeviceServer[D]) prompt(t *Task) (now bool) {
	defer func() {
		if p := recover(); p != nil {
			now = false
		}
	}()
	if n, ok := t.LUN.Number(); !ok || n != 0 || t.Nexus.hasAttention() {
		return false
	}
	row, _ := s.table.Find(t.CDB)
	return row != nil && row.Prompt != nil && row.Prompt(s.dev, t)
}

func (s *DeviceServer[D]) run() {
	defer close(s.ended)
	for {
		s.mu.Lock()
		for !s.turn && s.urgent == 0 && s.queue.n > 0 {
			j := s.queue.popFront()
			if s.closed && j.task != nil {
				s.mu.Unlock()
				s.complete(j.task, Busy, time.Time{})
				s.mu.Lock()
				continue
			}
			s.turn, s.running = true, j.task
			s.mu.Unlock()
			if j.task != nil {
				s.runTask(j.task)
			} else {
				j.op()
				s.yieldTurn()
			}
			s.mu.Lock()
		}
		if s.closed && !s.turn && s.queue.n == 0 && len(s.detached) == 0 {
			s.mu.Unlock()
			return
		}
		if s.closed && len(s.detached) > 0 && !s.turn {
			s.idle.Wait()
			s.mu.Unlock()
			continue
		}
		s.mu.Unlock()
		<-s.wake
	}
}

// runTask runs the task of the current turn, gives the turn back, and ends the task.
func (s *DeviceServer[D]) runTask(t *Task) {
	var start time.Time
	if s.opt.Trace != nil {
		start = time.Now()
	}
	err := error(TaskAborted)
	if !t.Aborted() {
		err = s.guard(func() error { return s.execute(t) })
		if sense, ok := err.(*Sense); ok {
			err = s.dress(t, sense)
		}
	}
	if err == ErrDetached {
		s.mu.Lock()
		s.detached[t] = struct{}{}
		s.mu.Unlock()
	}
	s.yieldTurn()
	if err != ErrDetached {
		s.complete(t, err, start)
	}
}

func (s *DeviceServer[D]) yieldTurn() {
	s.mu.Lock()
	s.turn, s.running = false, nil
	if s.queue.n > 0 || s.closed {
		s.rouse()
	}
	s.mu.Unlock()
	s.idle.Broadcast()
}

// guard turns a panic of a handler into an error: one bad command must not end
// the daemon and every other session with it.
func (s *DeviceServer[D]) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// dress adds to sense data what only the device knows of its form.
func (s *DeviceServer[D]) dress(t *Task, sense *Sense) error {
	return s.guard(func() error {
		if s.opt.DescriptorSense != nil {
			t.DescriptorSense = s.opt.DescriptorSense(t.Nexus)
		}
		if s.opt.Additional == nil {
			return sense
		}
		c := *sense
		c.Additional = s.opt.Additional(t, sense)
		return &c
	})
}

// execute applies the gates that all commands share, in this order: logical
// unit exists, command supported, reservation, unit attention, reserved bits,
// needs; then the handler. RESERVATION CONFLICT leaves a unit attention
// condition pending (SAM-5 5.3.3).
func (s *DeviceServer[D]) execute(t *Task) error {
	if n, ok := t.LUN.Number(); !ok || n != 0 {
		return s.dev.BadLUN(t)
	}
	row, known := s.table.Find(t.CDB)
	if row == nil || row.Missing != "" {
		if known && row == nil {
			return InvalidFieldInCDBAt(1, 4)
		}
		return NewSense(IllegalRequest, InvalidCommandOperationCode)
	}
	t.command = &row.Command
	if row.Access != Unrestricted && s.dev.Conflicts(t.Nexus, &row.Command) {
		return ReservationConflict
	}
	if !row.KeepsAttention {
		if a, ok := t.Nexus.TakeAttention(); ok {
			return NewSense(UnitAttention, a)
		}
	}
	if err := s.reserved(t, row); err != nil {
		return err
	}
	if row.Needs != 0 {
		if err := s.dev.Meets(t, &row.Command); err != nil {
			return err
		}
	}
	return row.Run(s.dev, t)
}

// reserved checks the CDB against the usage map. The NACA bit is refused always:
// without ACA support SAM-5 5.10.2 asks for it.
func (s *DeviceServer[D]) reserved(t *Task, row *Row[D]) error {
	last := len(row.Usage)
	if last >= len(t.CDB) {
		return InvalidFieldInCDBAt(len(t.CDB)-1, -1)
	}
	if t.CDB[last]&0x04 != 0 {
		return InvalidFieldInCDBAt(last, 2)
	}
	if !s.opt.ValidateReserved {
		return nil
	}
	for i, use := range row.Usage {
		b := t.CDB[i+1]
		if i == 0 && row.HasServiceAction {
			use |= 0x1F
		}
		if extra := b &^ use; extra != 0 {
			for n := 7; n >= 0; n-- {
				if extra&(1<<n) != 0 {
					return InvalidFieldInCDBAt(i+1, n)
				}
			}
		}
	}
	return nil
}

// complete fills in status and sense and tells the transport.
func (s *DeviceServer[D]) complete(t *Task, err error, start time.Time) {
	t.Status, t.Sense = Good, nil
	switch e := err.(type) {
	case nil:
	case *Sense:
		t.Status, t.Sense = CheckCondition, e
	case Status:
		t.Status = e
	default:
		var sense *Sense
		if !errors.As(err, &sense) {
			sense = NewSense(HardwareError, InternalTargetFailure)
			s.opt.Log.Error("command failed without sense data", "cdb", fmt.Sprintf("% X", t.CDB), "err", err)
		}
		t.Status, t.Sense = CheckCondition, sense
	}
	if s.opt.Trace != nil {
		var d time.Duration
		if !start.IsZero() {
			d = time.Since(start)
		}
		s.opt.Trace(Trace{Task: t, Command: t.command, Duration: d})
	}
	if t.Out != nil {
		t.TakeOut().Release()
	}
	t.Transport.Finished(t)
}

// begin aborts the tasks that match and ends those that have not begun. It
// returns how many matched, and those that have begun.
func (s *DeviceServer[D]) begin(match func(*Task) bool) (n int, begun []*Task) {
	s.mu.Lock()
	waiting := s.queue.takeFunc(match)
	if s.running != nil && match(s.running) {
		begun = append(begun, s.running)
	}
	for t := range s.detached {
		if match(t) {
			begun = append(begun, t)
		}
	}
	for _, t := range begun {
		t.Abort()
	}
	s.mu.Unlock()
	for _, t := range waiting {
		t.Abort()
		s.complete(t, TaskAborted, time.Time{})
	}
	return len(waiting) + len(begun), begun
}

// abort aborts the tasks that match, ends those that have not begun, and waits
// for the others. It returns how many matched.
func (s *DeviceServer[D]) abort(match func(*Task) bool) int {
	n, begun := s.begin(match)
	s.mu.Lock()
	for slices.ContainsFunc(begun, func(t *Task) bool {
		_, d := s.detached[t]
		return d || s.running == t
	}) {
		s.idle.Wait()
	}
	s.mu.Unlock()
	return n
}

// exclusively runs f with the device to itself, ahead of waiting tasks, however
// many there are.
func (s *DeviceServer[D]) exclusively(f func()) {
	s.mu.Lock()
	s.urgent++
	for s.turn {
		s.idle.Wait()
	}
	s.urgent--
	s.turn = true
	s.mu.Unlock()
	if err := s.guard(func() error { f(); return nil }); err != nil {
		s.opt.Log.Error("device", "err", err)
	}
	s.yieldTurn()
}

// reset resets the device when no task is left: one that goes on detached may
// have begun since the others were aborted.
func (s *DeviceServer[D]) reset() {
	for done := false; !done; {
		s.abort(func(*Task) bool { return true })
		s.exclusively(func() {
			s.mu.Lock()
			done = len(s.detached) == 0
			s.mu.Unlock()
			if done {
				s.dev.Reset()
			}
		})
	}
}
