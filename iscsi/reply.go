package iscsi

import (
	"fmt"

	"govtl/iscsi/pdu"
)

// replyKind says what a reply is.
type replyKind uint8

const (
	replyControl replyKind = iota // a PDU that is ready but for its sequence numbers
	replyCommand                  // the data and status of a SCSI command
	replyR2T                      // an R2T of a command
	replyWindow                   // the command window, for lack of anything else to carry it
)

// reply is one entry of the queue of what is to be sent, in order.
type reply struct {
	kind    replyKind
	command *command
	control *control
	r2t     pdu.R2T
}

// statSNUse says what a PDU does with StatSN (RFC 7143 4.2.2.2).
type statSNUse uint8

const (
	advanceStatSN statSNUse = iota // carries status: uses one up
	currentStatSN                  // carries the next one without using it
)

// control is a PDU other than a command's, with its data segment.
type control struct {
	header   pdu.Header
	data     []byte
	sn       statSNUse
	numbered bool          // answers a request that used up a CmdSN
	sent     chan struct{} // closed, if not nil, when it was handed to the socket
}

// reply queues a reply; s.mu is held. Whoever calls it rouses afterwards.
func (s *session) reply(r reply) {
	s.replies = append(s.replies, r)
	s.pending.Store(true)
}

// control queues a PDU. A peer that asks and asks and takes no answers is cut off.
func (s *session) control(c *control) error {
	s.mu.Lock()
	if s.controls >= maxControls || s.controls > 0 && s.small+len(c.data) > maxSmall {
		defer s.mu.Unlock()
		return fmt.Errorf("%w: %d answers not taken", errProtocol, s.controls)
	}
	s.controls++
	s.small += len(c.data)
	s.reply(reply{kind: replyControl, control: c})
	s.mu.Unlock()
	s.rouse()
	return nil
}

// rouse sees to it that what was queued is sent: by the reader, when it is busy
// anyway, else by the writer.
func (s *session) rouse() {
	if s.reading.Load() {
		return
	}
	s.wakeWriter()
}

func (s *session) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// flushBeforeRead sends what is pending before the reader may wait for input.
func (s *session) flushBeforeRead() {
	s.reading.Store(false)
	// From here on others wake the writer; what they queued before is seen now.
	if s.pending.Load() {
		s.flush(false)
	}
}

// flush sends what is queued. With wait it is the writer, who may wait for the
// socket; the reader leaves to it what the socket does not take at once.
func (s *session) flush(wait bool) {
	s.mu.Lock()
	if s.sending {
		if !wait || !s.handoff {
			s.mu.Unlock() // whoever sends looks again
			return
		}
		s.handoff = false
	}
	s.sending = true
	for {
		for s.tx.empty() {
			s.tx.recycle()
			if len(s.replies) == 0 {
				s.pending.Store(false)
				s.sending = false
				pump := s.stalled
				s.stalled = false
				s.mu.Unlock()
				if pump {
					s.pump()
				}
				return
			}
			s.tx.take()
		}
		s.mu.Unlock()
		ok, err := s.tx.send(wait)
		if err != nil {
			s.fail(err)
			s.mu.Lock()
			s.sending = false
			s.mu.Unlock()
			return
		}
		s.mu.Lock()
		if !ok {
			s.handoff = true
			s.mu.Unlock()
			s.wakeWriter()
			return
		}
	}
}

// discard releases what a reply holds.
func (r *reply) discard() {
	if r.kind == replyCommand {
		r.command.task.DropIn()
	}
	if r.control != nil && r.control.sent != nil {
		close(r.control.sent)
	}
}
