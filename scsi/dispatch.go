package scsi

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

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
		s.detached[t] = start
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
