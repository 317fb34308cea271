package scsi

import (
	"slices"
	"time"
)

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

// Purge aborts the tasks of a nexus without waiting for those that have begun.
// Unlike Manage it may be called by a handler, whose own task it spares.
func (s *DeviceServer[D]) Purge(n *Nexus) {
	s.begin(func(t *Task) bool { return t.Nexus == n && t != s.running })
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
