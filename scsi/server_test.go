package scsi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "govtl/scsi"
)

func TestTasksRunInOrder(t *testing.T) {
	m := start(t, Options{})
	n := nexus("a")
	m.attach(n)
	w := newWire(300)
	hold := task(n, w, opGate, 0, 0xFF)
	m.server.Submit(hold)
	<-m.entered
	for i := range 200 { // more than one growth of the queue
		m.server.Submit(task(n, w, []byte{opNote, opSlowNote}[i%2], 0, byte(i)))
	}
	m.gate <- struct{}{}
	for range 201 {
		<-w.done
	}
	var ran []byte
	m.state(t, func(m *machine) { ran = slices.Clone(m.ran) })
	if ran[0] != 0xFF || len(ran) != 201 {
		t.Fatalf("ran % X", ran)
	}
	for i, b := range ran[1:] {
		if b != byte(i) {
			t.Fatalf("task %d ran as number %d", b, i)
		}
	}
	for tk, times := range w.ended {
		if times != 1 {
			t.Errorf("task %p ended %d times", tk, times)
		}
	}
}

func TestHeadOfQueueOvertakes(t *testing.T) {
	m := start(t, Options{})
	n := nexus("a")
	m.attach(n)
	w := newWire(10)
	m.server.Submit(task(n, w, opGate))
	<-m.entered
	m.server.Submit(task(n, w, opNote, 0, 1))
	head := task(n, w, opNote, 0, 2)
	head.Attribute = HeadOfQueue
	m.server.Submit(head)
	m.gate <- struct{}{}
	for range 3 {
		<-w.done
	}
	m.state(t, func(m *machine) {
		if !bytes.Equal(m.ran, []byte{0, 2, 1}) {
			t.Errorf("ran % X", m.ran)
		}
	})
}

func TestPromptTaskRunsBeforeSubmitReturns(t *testing.T) {
	m := start(t, Options{})
	n := nexus("a")
	m.attach(n)
	w := newWire(1)
	m.server.Submit(task(n, w, opNote))
	select {
	case <-w.done:
	default:
		t.Error("a prompt task of an idle device was queued")
	}
}

func TestEndings(t *testing.T) {
	var log bytes.Buffer
	m := start(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	n := nexus("a")
	m.attach(n)
	for _, c := range []struct {
		name   string
		cdb    []byte
		status Status
		sense  string
	}{
		{"good", []byte{opNote}, Good, ""},
		{"status", []byte{opBusy}, Busy, ""},
		{"wrapped sense", []byte{opStray}, CheckCondition, "3/11/00"},
		{"error without sense", []byte{opError}, CheckCondition, "4/44/00"},
		{"panic", []byte{opPanic}, CheckCondition, "4/44/00"},
		{"panic in Prompt", []byte{opBadPrompt}, Good, ""},
		{"needs", []byte{opNeeds}, CheckCondition, "2/3A/00"},
		{"no such opcode", []byte{0xFF}, CheckCondition, "5/20/00"},
		{"known and not done", []byte{opMissing}, CheckCondition, "5/20/00"},
		{"service action", []byte{opActions, 2}, Good, ""},
		{"no such service action", []byte{opActions, 3}, CheckCondition, "5/24/00"},
		{"NACA", []byte{opNote, 0, 0, 0, 0, 4}, CheckCondition, "5/24/00"},
	} {
		got := m.run(n, c.cdb...)
		if got.Status != c.status || (got.Sense != nil) != (c.sense != "") ||
			got.Sense != nil && !strings.Contains(got.Sense.Error(), "("+c.sense+")") {
			t.Errorf("%s: %v, %v", c.name, got.Status, got.Sense)
		}
	}
	if s := log.String(); !strings.Contains(s, "unexpected EOF") || !strings.Contains(s, "panic: handler") {
		t.Errorf("the log does not say why: %s", s)
	}
	bad := task(n, newWire(1), opNote)
	bad.LUN = LUN{0, 1}
	m.server.Submit(bad)
	if <-bad.Transport.(*wire).done; bad.Sense == nil || bad.Sense.ASC != LogicalUnitNotSupported {
		t.Errorf("LUN 1: %v", bad.Sense)
	}
	short := task(n, newWire(1), opNote)
	short.CDB = []byte{opNote}
	m.server.Submit(short)
	if <-short.Transport.(*wire).done; short.Status != Good {
		t.Errorf("short CDB: %v", short.Status)
	}
}

func TestReservedBits(t *testing.T) {
	strict, lax := start(t, Options{ValidateReserved: true}), start(t, Options{})
	n := nexus("a")
	strict.attach(n)
	for _, c := range []struct {
		cdb             []byte
		byteOffset, bit int
	}{
		{[]byte{opNote, 0x20}, 1, 5}, {[]byte{opNote, 0, 0xFF, 0x81}, 3, 7}, {[]byte{opNote, 0, 0, 0, 0, 0x40}, 5, 6},
		{[]byte{opActions, 0x81}, 1, 7},
	} {
		got := strict.run(n, c.cdb...)
		inCDB, at, bit, ok := false, 0, 0, false
		if got.Sense != nil {
			inCDB, at, bit, ok = got.Sense.FieldPointer()
		}
		if !ok || !inCDB || at != c.byteOffset || bit != c.bit {
			t.Errorf("% X: %v, points to byte %d bit %d", c.cdb, got.Sense, at, bit)
		}
		if got := lax.run(n, c.cdb...); got.Status != Good {
			t.Errorf("% X: %v", c.cdb, got.Status)
		}
	}
	if got := strict.run(n, opActions, 0x01); got.Status != Good {
		t.Errorf("service action: %v", got.Sense)
	}
}

func TestUnitAttentions(t *testing.T) {
	m := start(t, Options{})
	a, b := nexus("a"), nexus("b")
	m.server.Attach(a)
	m.attach(b)
	for _, asc := range []ASC{ModeParametersChanged, NotReadyToReadyChange, MicrocodeChanged, ModeParametersChanged} {
		a.Attend(asc)
	}
	m.server.Attend(CommandsClearedByAnotherInitiator, b)
	a.Attend(BusDeviceResetFunction) // takes the place of power on
	if got := m.run(a, opInquiry); got.Status != Good {
		t.Errorf("INQUIRY took the unit attention: %v", got.Sense)
	}
	m.state(t, func(m *machine) { m.conflict = true })
	if got := m.run(a, opNote); got.Status != ReservationConflict {
		t.Errorf("conflict: %v", got.Status)
	}
	m.state(t, func(m *machine) { m.conflict = false })
	var told []ASC
	for {
		got := m.run(a, opNote)
		if got.Status == Good {
			break
		}
		told = append(told, got.Sense.ASC)
	}
	want := []ASC{BusDeviceResetFunction, NotReadyToReadyChange, CommandsClearedByAnotherInitiator, ModeParametersChanged, MicrocodeChanged}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if got := m.run(b, opNote); got.Status != Good {
		t.Errorf("the other nexus: %v", got.Sense)
	}
}

// aborted submits a task of each kind: running, detached and queued.
func aborted(m *machine, n *Nexus, w *wire) (running, detached, queued *Task) {
	detached = task(n, w, opDetach, 0, 1)
	m.server.Submit(detached)
	<-m.entered
	running = task(n, w, opGate, 0, 2)
	m.server.Submit(running)
	<-m.entered
	queued = task(n, w, opNote, 0, 3)
	m.server.Submit(queued)
	return running, detached, queued
}

func TestAbort(t *testing.T) {
	for name, end := range map[string]func(m *machine, n *Nexus, l []*Task){
		"ABORT TASK": func(m *machine, n *Nexus, l []*Task) {
			for _, tk := range l {
				if r := m.server.Manage(n, AbortTask, tk); r != FunctionComplete {
					t.Errorf("ABORT TASK: response %d", r)
				}
				if r := m.server.Manage(n, AbortTask, tk); r != TaskDoesNotExist {
					t.Errorf("ABORT TASK again: response %d", r)
				}
			}
		},
		"ABORT TASK SET":     func(m *machine, n *Nexus, _ []*Task) { m.server.Manage(n, AbortTaskSet, nil) },
		"CLEAR TASK SET":     func(m *machine, n *Nexus, _ []*Task) { m.server.Manage(n, ClearTaskSet, nil) },
		"LOGICAL UNIT RESET": func(m *machine, n *Nexus, _ []*Task) { m.server.Manage(n, LogicalUnitReset, nil) },
		"logout":             func(m *machine, n *Nexus, _ []*Task) { m.server.Detach(n, NexusClosed) },
		"reinstatement":      func(m *machine, n *Nexus, _ []*Task) { m.server.Detach(n, NexusReinstated) },
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t, Options{})
			n := nexus("a")
			m.attach(n)
			w := newWire(10)
			running, detached, queued := aborted(m, n, w)
			end(m, n, []*Task{queued, detached, running})
			for range 3 {
				if tk := <-w.done; !tk.Aborted() {
					t.Errorf("task %d ended as if not aborted: %v", tk.CDB[2], tk.Status)
				}
			}
			m.state(t, func(m *machine) {
				if !bytes.Equal(m.ran, []byte{1}) {
					t.Errorf("ran % X", m.ran)
				}
			})
		})
	}
}

func TestAbortLeavesOthersAlone(t *testing.T) {
	m := start(t, Options{})
	a, b := nexus("a"), nexus("b")
	m.attach(a)
	m.attach(b)
	w := newWire(10)
	m.server.Submit(task(a, w, opGate))
	<-m.entered
	mine, other := task(a, w, opNote, 0, 1), task(b, w, opNote, 0, 2)
	m.server.Submit(mine)
	m.server.Submit(other)
	m.server.Manage(a, AbortTaskSet, nil)
	for range 3 {
		<-w.done
	}
	if other.Aborted() || other.Status != Good || !mine.Aborted() {
		t.Errorf("other %v, mine %v", other.Status, mine.Status)
	}
	if _, ok := b.TakeAttention(); ok {
		t.Error("ABORT TASK SET was told to another nexus")
	}
}

func TestClearTaskSetTellsOthers(t *testing.T) {
	m := start(t, Options{})
	a, b := nexus("a"), nexus("b")
	m.attach(a)
	m.attach(b)
	w := newWire(10)
	m.server.Submit(task(b, w, opGate))
	<-m.entered
	m.server.Submit(task(a, w, opNote))
	m.server.Manage(a, ClearTaskSet, nil)
	for range 2 {
		<-w.done
	}
	if asc, _ := b.TakeAttention(); asc != CommandsClearedByAnotherInitiator {
		t.Errorf("told %v", asc)
	}
	if asc, ok := a.TakeAttention(); ok {
		t.Errorf("the nexus itself was told %v", asc)
	}
}

func TestReset(t *testing.T) {
	m := start(t, Options{})
	a, b := nexus("a"), nexus("b")
	m.attach(a)
	m.attach(b)
	if r := m.server.Manage(a, LogicalUnitReset, nil); r != FunctionComplete {
		t.Errorf("response %d", r)
	}
	m.state(t, func(m *machine) {
		if m.resets != 1 {
			t.Errorf("reset %d times", m.resets)
		}
	})
	for _, n := range []*Nexus{a, b} {
		if asc, _ := n.TakeAttention(); asc != BusDeviceResetFunction {
			t.Errorf("told %v", asc)
		}
	}
	for _, fn := range []TaskManagement{ClearACA, TargetColdReset, 99} {
		if r := m.server.Manage(a, fn, nil); r != FunctionNotSupported {
			t.Errorf("function %d: response %d", fn, r)
		}
	}
}

func TestNexusEvents(t *testing.T) {
	m := start(t, Options{})
	n := nexus("a")
	m.server.Attach(n)
	m.server.Detach(n, NexusReinstated)
	m.server.Attach(n)
	if l := m.server.Nexuses(); len(l) != 1 || l[0] != n {
		t.Errorf("nexuses %v", l)
	}
	m.server.Detach(n, NexusClosed)
	if l := m.server.Nexuses(); len(l) != 0 {
		t.Errorf("nexuses %v", l)
	}
	m.state(t, func(m *machine) {
		if want := []string{"attached a", "detached a 1", "attached a", "detached a 0"}; !slices.Equal(m.events, want) {
			t.Errorf("events %q", m.events)
		}
	})
}

// TestDetachIsNotStarved: an end of a nexus goes ahead of tasks that wait.
func TestDetachIsNotStarved(t *testing.T) {
	m := start(t, Options{})
	a, b := nexus("a"), nexus("b")
	m.attach(a)
	m.attach(b)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		w := newWire(16)
		for range 16 {
			m.server.Submit(task(b, w, opSlowNote))
		}
		for n := 16; n > 0; n-- {
			<-w.done
			if !stop.Load() {
				m.server.Submit(task(b, w, opSlowNote))
				n++
			}
		}
	})
	for range 100 {
		m.server.Detach(a, NexusReinstated)
	}
	stop.Store(true)
	wg.Wait()
}

func TestDo(t *testing.T) {
	m := start(t, Options{})
	if err := m.server.Do(context.Background(), func(*machine) error { return errRefused }); err != errRefused {
		t.Errorf("error %v", err)
	}
	if err := m.server.Do(context.Background(), func(*machine) error { panic("op") }); err == nil || !strings.Contains(err.Error(), "op") {
		t.Errorf("panic: %v", err)
	}
	n := nexus("a")
	m.attach(n)
	w := newWire(1)
	m.server.Submit(task(n, w, opGate))
	<-m.entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.server.Do(ctx, func(m *machine) error { m.count = -1; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	m.gate <- struct{}{}
	<-w.done
	m.state(t, func(m *machine) {
		if m.count != 1 {
			t.Errorf("the cancelled operation ran: %d", m.count)
		}
	})
}

func TestClose(t *testing.T) {
	m := start(t, Options{})
	n := nexus("a")
	m.attach(n)
	w := newWire(10)
	running, detached, queued := aborted(m, n, w)
	closed := make(chan struct{})
	go func() { m.server.Close(); close(closed) }()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for m.server.Do(cancelled, func(*machine) error { return nil }) != ErrClosed {
		runtime.Gosched() // Close has not begun
	}
	late := task(n, w, opNote, 0, 9)
	m.server.Submit(late)
	m.gate <- struct{}{} // either of the two
	m.gate <- struct{}{}
	<-closed
	m.server.Close()
	for range 4 {
		<-w.done
	}
	for _, c := range []struct {
		t      *Task
		status Status
	}{{running, Good}, {detached, Good}, {queued, Busy}, {late, Busy}} {
		if c.t.Status != c.status {
			t.Errorf("task %d: %v, want %v", c.t.CDB[2], c.t.Status, c.status)
		}
	}
}

func TestPurgeFromAHandler(t *testing.T) {
	m := start(t, Options{})
	a, b := nexus("a"), nexus("b")
	m.attach(a)
	m.attach(b)
	w := newWire(10)
	detached := task(b, w, opDetach)
	m.server.Submit(detached)
	<-m.entered
	m.server.Submit(task(a, w, opGate))
	<-m.entered
	queued, other := task(b, w, opNote, 0, 1), task(a, w, opNote, 0, 2)
	m.server.Submit(queued)
	m.server.Submit(other)
	purged := make(chan error)
	go func() {
		purged <- m.server.Do(context.Background(), func(m *machine) error { m.server.Purge(b); return nil })
	}()
	m.server.Purge(b)
	<-w.done
	<-w.done
	m.gate <- struct{}{}
	if err := <-purged; err != nil {
		t.Error(err)
	}
	for range 2 {
		<-w.done
	}
	if !queued.Aborted() || !detached.Aborted() || other.Aborted() || other.Status != Good {
		t.Errorf("queued %v, detached %v, other %v", queued.Aborted(), detached.Aborted(), other.Status)
	}
}

func TestAdditionalSenseBytes(t *testing.T) {
	m := start(t, Options{
		Additional:      func(*Task, *Sense) []byte { return []byte("IBM") },
		DescriptorSense: func(n *Nexus) bool { return n.InitiatorName == "b" },
	})
	for name, descriptor := range map[string]bool{"a": false, "b": true} {
		n := nexus(name)
		m.attach(n)
		got := m.run(n, 0xFF)
		if b := got.Sense.AppendFixed(nil); len(b) != FixedLength+3 || b[7] != 13 || string(b[FixedLength:]) != "IBM" {
			t.Errorf("% X", b)
		}
		if got.DescriptorSense != descriptor {
			t.Errorf("nexus %s: descriptor format %v", name, got.DescriptorSense)
		}
	}
}

func TestTrace(t *testing.T) {
	var names []string
	m := start(t, Options{Trace: func(tr Trace) {
		if tr.Command != nil {
			names = append(names, tr.Command.Name)
		}
	}})
	n := nexus("a")
	m.attach(n)
	m.run(n, opSlowNote)
	m.run(n, opNote)
	if !slices.Equal(names, []string{"SLOW NOTE", "NOTE"}) {
		t.Errorf("traced %q", names)
	}
}

// TestTraceOfDetached: the duration of a task that goes on detached is from its
// beginning to its end.
func TestTraceOfDetached(t *testing.T) {
	took := make(chan time.Duration, 1)
	m := start(t, Options{Trace: func(tr Trace) { took <- tr.Duration }})
	n := nexus("a")
	m.attach(n)
	w := newWire(1)
	begun := time.Now()
	m.server.Submit(task(n, w, opDetach))
	<-m.entered
	m.gate <- struct{}{}
	<-w.done
	if d, most := <-took, time.Since(begun); d <= 0 || d > most {
		t.Errorf("traced %v of %v", d, most)
	}
}

// TestStress has several nexuses submit, abort, reset, log out and in at once.
// Every task must end exactly once; the race detector watches the device.
func TestStress(t *testing.T) {
	m := start(t, Options{})
	stopGate := make(chan struct{})
	var gates sync.WaitGroup
	gates.Go(func() { // GATE and DETACH go on at once
		for {
			select {
			case <-m.entered:
			case m.gate <- struct{}{}:
			case <-stopGate:
				return
			}
		}
	})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			n := nexus(string(rune('a' + i)))
			m.server.Attach(n)
			for range 60 {
				w := newWire(16)
				var l []*Task
				for range 16 {
					op := []byte{opNote, opSlowNote, opGate, opDetach, opPanic, opInquiry, 0xFF}[r.IntN(7)]
					tk := task(n, w, op)
					if r.IntN(8) == 0 {
						tk.Attribute = HeadOfQueue
					}
					l = append(l, tk)
					m.server.Submit(tk)
				}
				switch r.IntN(8) {
				case 0:
					m.server.Manage(n, AbortTask, l[r.IntN(len(l))])
				case 1:
					m.server.Manage(n, AbortTaskSet, nil)
				case 2:
					m.server.Manage(n, ClearTaskSet, nil)
				case 3:
					m.server.Manage(n, LogicalUnitReset, nil)
				case 4:
					m.server.Detach(n, NexusClosed)
					m.server.Attach(n)
				case 5:
					m.server.Detach(n, NexusReinstated)
				case 6:
					m.server.Purge(n)
				}
				for range l {
					<-w.done
				}
				for _, tk := range l {
					if w.ended[tk] != 1 {
						t.Errorf("a task ended %d times", w.ended[tk])
					}
				}
			}
			m.server.Detach(n, NexusClosed)
		})
	}
	all.Wait()
	m.server.Close()
	close(stopGate)
	gates.Wait()
}
