package iscsi

import (
	"cmp"

	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// Responses of RFC 7143 11.6.1 that the logical unit does not give.
const (
	taskReassignNotSupported    uint8 = 4
	functionAuthorizationFailed uint8 = 6
	functionRejected            uint8 = 255
)

// The function of RFC 7143 11.5.1 that SAM does not have.
const taskReassign = 8

// taskManagement takes a Task Management Function Request. The function itself
// may have to wait for the device, so it runs on a goroutine of its own; nothing
// is submitted until it is through, and its response comes after all replies of
// the tasks it is about (RFC 7143 4.2.3.3, 11.5.1).
func (s *session) taskManagement(header *pdu.Header) error {
	p, err := pdu.DecodeTaskManagementRequest(header[:])
	if err != nil {
		return err
	}
	var failed error
	bad := *header // it may be this request's turn only after others
	err = s.inOrder(p.Immediate, p.CmdSN, 0, func() {
		s.mu.Lock()
		busy := s.managing >= maxManaging
		known := s.tasks[p.InitiatorTaskTag]
		inUse := known != nil && known.state != dropped
		if !busy && !inUse && !s.closing {
			s.managing++
			s.mu.Unlock()
			go s.manage(&p)
			return
		}
		if !p.Immediate {
			s.active--
		}
		s.mu.Unlock()
		reason := pdu.RejectTooManyImmediate
		if inUse {
			reason = pdu.RejectTaskInProgress
		}
		failed = s.reject(&bad, reason)
	})
	return cmp.Or(err, failed)
}

// manage carries out the function and answers.
func (s *session) manage(p *pdu.TaskManagementRequest) {
	response := functionRejected
	err := s.guard(func() error {
		response = s.perform(p)
		return nil
	})
	if err != nil {
		s.fail(err)
	}
	s.log.Info("task management", "function", p.Function, "response", response)
	c := &control{numbered: !p.Immediate, sn: advanceStatSN}
	r := pdu.TaskManagementResponse{Response: response, InitiatorTaskTag: p.InitiatorTaskTag}
	r.Encode(&c.header)
	err = s.control(c)
	if scsi.TaskManagement(p.Function) == scsi.TargetColdReset && response == uint8(scsi.FunctionComplete) {
		s.target.serve.Add(1) // this goroutine goes on when the session has ended
		defer s.target.coldReset()
	}
	s.mu.Lock()
	s.managing--
	if s.starved {
		s.ask()
	}
	s.quiet.Broadcast()
	s.mu.Unlock()
	if err != nil {
		s.fail(err)
	}
	s.rouse()
	s.pump()
}

// perform carries out the function and returns the response.
func (s *session) perform(p *pdu.TaskManagementRequest) uint8 {
	fn := scsi.TaskManagement(p.Function)
	lun, ok := scsi.LUN(p.LUN).Number()
	switch fn {
	case scsi.AbortTask:
		return s.abortTask(p)
	case scsi.AbortTaskSet, scsi.ClearTaskSet, scsi.LogicalUnitReset:
		if !ok || lun != 0 {
			return uint8(scsi.LUNDoesNotExist)
		}
	case scsi.TargetWarmReset:
	case scsi.TargetColdReset:
		if s.target.policy.Load().RefuseColdReset {
			return functionAuthorizationFailed
		}
		fn = scsi.TargetWarmReset // what it is to the device; the sessions end when it is answered
	case taskReassign:
		return taskReassignNotSupported
	default:
		return uint8(scsi.FunctionNotSupported)
	}
	if fn == scsi.AbortTaskSet {
		s.dropAll(p.CmdSN)
	} else {
		s.target.dropEverywhere(s, p.CmdSN, fn == scsi.ClearTaskSet)
	}
	response := s.unit.Manage(s.nexus, fn, nil)
	s.waitQuiet()
	return uint8(response)
}

// abortTask carries out ABORT TASK.
func (s *session) abortTask(p *pdu.TaskManagementRequest) uint8 {
	s.mu.Lock()
	c := s.tasks[p.ReferencedTaskTag]
	switch {
	case c != nil && c.h.LUN != p.LUN:
		s.mu.Unlock()
		return uint8(scsi.TaskDoesNotExist)
	case c != nil && c.state == waiting:
		s.drop(c)
		s.mu.Unlock()
		return uint8(scsi.FunctionComplete)
	case c != nil && c.state == submitted:
		s.mu.Unlock()
		response := s.unit.Manage(s.nexus, scsi.AbortTask, &c.task)
		s.mu.Lock()
		for c.state == submitted {
			s.quiet.Wait()
		}
		s.mu.Unlock()
		return uint8(response)
	}
	defer s.mu.Unlock()
	// A command that never came, with a number that is still to come, counts as
	// received from now on (RFC 7143 11.6.1): it may not run later.
	_, held := s.held[p.RefCmdSN]
	if c == nil && !held && int32(p.RefCmdSN-s.expCmdSN) >= 0 && int32(p.RefCmdSN-p.CmdSN) < 0 &&
		int32(p.RefCmdSN-s.maxCmdSN()) <= 0 {
		s.held[p.RefCmdSN] = heldRequest{}
		s.plugged.Store(true) // the reader goes on from there
		return uint8(scsi.FunctionComplete)
	}
	return uint8(scsi.TaskDoesNotExist)
}

// dropAll drops the commands before a CmdSN that were not submitted.
func (s *session) dropAll(before uint32) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropWaiting(func(c *command) bool { return int32(c.h.CmdSN-before) < 0 || c.h.Immediate })
}

// waitQuiet returns when no command is at the logical unit.
func (s *session) waitQuiet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.submitted > 0 {
		s.quiet.Wait()
	}
}
