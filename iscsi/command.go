package iscsi

import (
	"slices"
	"time"

	"govtl/internal/buffer"
	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// commandState is where a SCSI command stands.
type commandState uint8

const (
	waiting   commandState = iota // for its data, for its turn, or for both
	submitted                     // at the logical unit
	finished                      // its reply is queued
	dropped                       // aborted before it was submitted; late data are thrown away
)

// command is one SCSI command from its PDU to its last reply. Its fields are
// guarded by the session's mutex, except that the logical unit has task between
// Submit and Finished.
type command struct {
	task    scsi.Task
	session *session
	h       pdu.SCSICommand
	state   commandState

	// buf receives the Data-Out. It is as long as the command's data, or as
	// the unsolicited part while memory is short. The task gets it when submitted.
	buf     *buffer.Buffer
	counted int64 // bytes that it takes beyond its place in the window, counted in session.extra

	arrived uint32     // Data-Out that has come, in order, bytes
	seq     sequence   // the one under way
	ahead   []sequence // those asked for behind it, in order
	asked   uint32     // offset behind what was asked for, while seq answers an R2T
	r2tSN   uint32
	filling bool // the reader is reading data into buf
	discard bool // data are read past: the command fails or was dropped
	queued  bool // an immediate command that has all its data and was put into the order

	// failure ends the command in its turn without the logical unit.
	failure *scsi.Sense

	charge  int64 // bytes of Data-In
	charged bool  // they are counted in session.inBytes and session.extra

	early bool      // held for one with a lower CmdSN
	late  time.Time // when its data were seen to be missing, see session.hoards
}

// sequence is the run of Data-Out PDUs that is under way: unsolicited ones, or
// those that answer an R2T (RFC 7143 4.2.5.2).
type sequence struct {
	open   bool
	ttt    uint32 // Reserved: unsolicited
	end    uint32 // offset behind the last byte
	dataSN uint32 // of the next PDU
	at     uint32 // offset of the next PDU
}

func (c *command) reset() {
	c.task.Reset()
	task, s := &c.task, c.session
	in, ahead := task.In, c.ahead[:0]
	*c = command{session: s, ahead: ahead}
	c.task.In = in
}

// expectedOut is the data that the command announces to send, in bytes.
func (c *command) expectedOut() uint32 {
	if c.h.Write {
		return c.h.ExpectedLength
	}
	return 0
}

// ready reports whether the command needs no more data before its turn.
func (c *command) ready() bool {
	if c.seq.open || c.filling {
		return false
	}
	return c.discard || c.failure != nil || c.arrived == c.expectedOut()
}

// wantsR2T reports whether data are to be asked for.
func (c *command) wantsR2T() bool {
	return c.state == waiting && !c.seq.open && !c.filling && !c.ready()
}

// fail makes the command end with sense data in its turn; what comes for it is
// thrown away.
func (c *command) fail(key scsi.SenseKey, asc scsi.ASC) {
	if c.failure == nil {
		c.failure = scsi.NewSense(key, asc)
	}
	c.discard = true
}

// Finished implements scsi.Transport.
func (c *command) Finished(*scsi.Task) {
	s := c.session
	s.mu.Lock()
	s.submitted--
	s.submittedOut -= c.counted
	c.state = finished
	s.freeBuffer(c) // the logical unit has let go of it
	if s.starved {
		s.ask()
	}
	s.reply(reply{command: c, kind: replyCommand})
	if s.managing > 0 || s.closing {
		s.quiet.Broadcast()
	}
	s.mu.Unlock()
	s.rouse()
}

// scsiCommand takes a SCSI Command PDU with its immediate data.
func (s *session) scsiCommand(header *pdu.Header, ahs []byte) error {
	h, err := pdu.DecodeSCSICommand(header[:])
	if err != nil {
		return err
	}
	s.commands.Add(1)
	s.mu.Lock()
	now, early := true, false
	reason := pdu.RejectReason(0)
	if old := s.tasks[h.InitiatorTaskTag]; old != nil && old.state != dropped {
		reason = pdu.RejectTaskInProgress
	} else if h.Immediate {
		// They are outside of the command window, so the window does not bound
		// what they may send unasked (RFC 7143 4.2.2.1).
		unsolicited := int64(0)
		if h.Write && h.ExpectedLength > 0 {
			unsolicited = int64(buffer.Size(int(min(int64(h.ExpectedLength), int64(s.par.firstBurst)))))
		}
		if s.immediate >= maxImmediate || unsolicited > 0 && s.extra+unsolicited > min(s.room, s.target.opt.Limits.SessionMemory) {
			reason = pdu.RejectTooManyImmediate
		}
	} else {
		now, early = s.number(h.CmdSN)
	}
	if reason != 0 || !now && !early {
		s.mu.Unlock()
		if err := s.skipData(h.DataSegmentLength); err != nil || reason == 0 {
			return err
		}
		return s.reject(header, reason)
	}
	c := s.getCommand()
	c.h, c.state, c.early = h, waiting, early
	s.admit(c, len(ahs) > 0)
	c.filling = true // nobody else may take its buffer away while data come in
	s.filling++
	s.track(c)
	if early {
		s.held[h.CmdSN] = heldRequest{command: c}
	} else if !h.Immediate {
		s.fifo = append(s.fifo, c)
		s.release()
	}
	discard, buf := c.discard, c.buf
	s.mu.Unlock()

	var dataErr error
	if h.DataSegmentLength > 0 {
		if discard || buf == nil {
			dataErr = s.skipData(h.DataSegmentLength)
		} else {
			dataErr = s.readData(buf.B[:h.DataSegmentLength])
		}
	}
	if dataErr == pdu.ErrDataDigest {
		if err := s.reject(header, pdu.RejectDataDigest); err != nil {
			return err
		}
	} else if dataErr != nil {
		s.mu.Lock()
		s.filled(c)
		s.mu.Unlock()
		return dataErr
	}
	s.bytesOut.Add(uint64(h.DataSegmentLength))

	s.mu.Lock()
	s.filled(c)
	if dataErr != nil {
		c.fail(scsi.AbortedCommand, scsi.ProtocolServiceCRCError)
	}
	if c.state == waiting {
		c.arrived = uint32(h.DataSegmentLength)
		s.settle(c)
	}
	s.mu.Unlock()
	s.pump()
	return nil
}

// filled notes that the reader is done with the command's buffer, and lets go of
// it if the command was dropped meanwhile; s.mu is held.
func (s *session) filled(c *command) {
	c.filling = false
	s.filling--
	if c.state == dropped {
		s.freeBuffer(c)
	}
}

// track enters the command into the table of tags; s.mu is held.
func (s *session) track(c *command) {
	if old := s.tasks[c.h.InitiatorTaskTag]; old != nil {
		s.forget(c.h.InitiatorTaskTag)
	}
	s.tasks[c.h.InitiatorTaskTag] = c
	if c.h.Immediate {
		s.immediate++
	}
}

// admit prepares the command: checks what its header announces (RFC 7143 11.3,
// 13.11) and gets the memory for its data; s.mu is held.
func (s *session) admit(c *command, extended bool) {
	h, t := &c.h, &c.task
	t.Nexus, t.LUN, t.CDB, t.Transport = s.nexus, scsi.LUN(h.LUN), c.h.CDB[:], c
	t.Attribute = scsi.TaskAttribute(h.Attribute)
	if h.Write {
		t.ExpectedOut = uint64(h.ExpectedLength)
	} else if h.Read {
		t.ExpectedIn = uint64(h.ExpectedLength)
	}
	if t.ExpectedIn > 0 {
		c.charge = int64(buffer.Size(int(min(t.ExpectedIn, uint64(s.maxTransfer)))))
	}
	expected, immediate := uint64(c.expectedOut()), uint64(h.DataSegmentLength)
	unsolicited := min(expected, uint64(s.par.firstBurst))
	switch {
	case extended, h.Read && h.Write:
		// Neither tapes nor changers have extended or bidirectional commands.
		c.fail(scsi.IllegalRequest, scsi.InvalidCommandOperationCode)
	case !h.Read && !h.Write && h.ExpectedLength != 0:
		c.fail(scsi.IllegalRequest, scsi.InvalidFieldInCommandInformationUnit)
	case immediate > 0 && (!s.par.immediateData || !h.Write), !h.Final && s.par.initialR2T:
		c.fail(scsi.AbortedCommand, scsi.UnexpectedUnsolicitedData)
	case immediate > unsolicited:
		c.fail(scsi.AbortedCommand, scsi.NotEnoughUnsolicitedData)
	case expected > uint64(s.maxTransfer):
		c.discard = true // the device server refuses it without data
	}
	if !h.Final && !s.par.initialR2T && immediate < unsolicited {
		c.seq = sequence{open: true, ttt: pdu.Reserved, at: uint32(immediate), end: uint32(unsolicited)}
	}
	if c.discard || expected == 0 {
		return
	}
	// All of the data in one piece if there is memory for it, else only what may
	// come without being asked for, for which the window has kept some.
	n := int(expected)
	if beyond := s.beyond(c, n); beyond > 0 {
		if c.early || s.starved || !s.use(beyond, false) {
			n = int(unsolicited)
			if h.Final {
				n = int(immediate)
			}
			if beyond = 0; h.Immediate && n > 0 { // there is room, it was looked
				beyond = s.beyond(c, n)
				s.use(beyond, false)
			}
		}
		c.counted = beyond
	}
	if n > 0 {
		c.buf = buffer.Default.Get(n)
	}
}

// settle looks what the command needs after data have come; s.mu is held.
func (s *session) settle(c *command) {
	if c.ready() {
		if c.h.Immediate && !c.queued {
			c.queued = true
			s.fifo = slices.Insert(s.fifo, 0, c)
		}
		return
	}
	if c.wantsR2T() && !c.early {
		s.askFor(c)
	}
}

// freeBuffer releases the command's Data-Out; s.mu is held.
func (s *session) freeBuffer(c *command) {
	if c.buf != nil {
		c.buf.Release()
		c.buf = nil
	}
	s.free(c.counted)
	c.counted = 0
}

// pump submits the commands at the head of the order whose data are complete. A
// command that waits for data holds back all behind it (RFC 7143 10.6).
func (s *session) pump() {
	s.mu.Lock()
	if s.pumping {
		s.mu.Unlock() // whoever pumps looks again
		return
	}
	s.pumping = true
	for len(s.fifo) > 0 && s.managing == 0 && !s.closing {
		c := s.fifo[0]
		if !c.ready() {
			break
		}
		// Data-In waits in memory until the initiator takes it: no more of it is
		// asked of the device than there is room for.
		if !s.chargeIn(c) {
			s.stalled = true
			break
		}
		s.fifo = slices.Delete(s.fifo, 0, 1)
		s.submitted++
		s.submittedOut += c.counted
		c.state = submitted
		if c.failure != nil {
			c.task.Status, c.task.Sense = scsi.CheckCondition, c.failure
			s.mu.Unlock()
			c.Finished(&c.task)
			s.mu.Lock()
			continue
		}
		if !c.discard {
			c.task.Out, c.buf = c.buf, nil
		}
		s.mu.Unlock()
		s.unit.Submit(&c.task)
		s.mu.Lock()
	}
	s.pumping = false
	s.mu.Unlock()
}

// dropWaiting drops the commands that match and were not submitted. Nothing is
// answered for them, and late data are thrown away; s.mu is held.
func (s *session) dropWaiting(match func(*command) bool) (n int) {
	for _, c := range s.tasks {
		if c.state == waiting && match(c) {
			s.drop(c)
			n++
		}
	}
	return n
}

// drop is dropWaiting for one command; s.mu is held.
func (s *session) drop(c *command) {
	c.state, c.discard = dropped, true
	s.uncharge(c)
	if !c.filling {
		s.freeBuffer(c)
	}
	for i, f := range s.fifo {
		if f == c {
			s.fifo = slices.Delete(s.fifo, i, i+1)
			if !c.h.Immediate {
				s.active--
			}
			break
		}
	}
	if s.held[c.h.CmdSN].command == c {
		s.held[c.h.CmdSN] = heldRequest{} // its number is used up all the same
	}
	if c.h.Immediate {
		s.immediate--
	}
	s.dropped = append(s.dropped, c.h.InitiatorTaskTag)
	for len(s.dropped) > maxDropped {
		s.forget(s.dropped[0])
	}
}

// forget takes a dropped command out of the table of tags; s.mu is held.
func (s *session) forget(tag uint32) {
	delete(s.tasks, tag)
	if i := slices.Index(s.dropped, tag); i >= 0 {
		s.dropped = slices.Delete(s.dropped, i, i+1)
	}
}
