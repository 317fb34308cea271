package iscsi

import (
	"slices"

	"govtl/internal/buffer"
	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// dataOut takes a SCSI Data-Out PDU (RFC 7143 11.7): its data go straight to
// their place in the command's buffer.
func (s *session) dataOut(header *pdu.Header) error {
	p, err := pdu.DecodeDataOut(header[:])
	if err != nil {
		return err
	}
	s.mu.Lock()
	c := s.tasks[p.InitiatorTaskTag]
	if c == nil || c.state != waiting {
		late := c != nil && c.state == dropped
		s.mu.Unlock()
		if err := s.skipData(p.DataSegmentLength); err != nil {
			return err
		}
		if late || p.DataSegmentLength == 0 {
			return nil
		}
		return s.reject(header, pdu.RejectInvalidField)
	}
	if c.seq.open && (p.TargetTransferTag != c.seq.ttt || p.TargetTransferTag != pdu.Reserved && p.LUN != c.h.LUN) {
		s.mu.Unlock()
		if err := s.skipData(p.DataSegmentLength); err != nil {
			return err
		}
		return s.reject(header, pdu.RejectInvalidField)
	}
	dst := c.place(&p)
	c.filling = true
	s.filling++
	s.mu.Unlock()

	var dataErr error
	if dst == nil {
		dataErr = s.skipData(p.DataSegmentLength)
	} else {
		dataErr = s.readData(dst)
	}
	if dataErr == pdu.ErrDataDigest {
		if err := s.reject(header, pdu.RejectDataDigest); err != nil {
			return err
		}
	}
	s.bytesOut.Add(uint64(p.DataSegmentLength))

	s.mu.Lock()
	s.filled(c)
	if dataErr != nil && dataErr != pdu.ErrDataDigest {
		s.mu.Unlock()
		return dataErr
	}
	if c.state == waiting {
		if dataErr != nil {
			c.fail(scsi.AbortedCommand, scsi.ProtocolServiceCRCError)
		} else if dst != nil {
			c.arrived += uint32(p.DataSegmentLength)
		}
		c.seq.dataSN++
		if p.Final || c.seq.at == c.seq.end {
			s.nextSequence(c)
		}
		s.settle(c)
	}
	s.mu.Unlock()
	s.pump()
	return nil
}

// place checks a Data-Out against the sequence that is under way and returns
// where its data go; nil means that they are read past. Errors fail the command,
// which ends when no more data are to come for it (RFC 7143 11.4.2).
func (c *command) place(p *pdu.DataOut) []byte {
	n := uint64(p.DataSegmentLength)
	q := &c.seq
	switch {
	case !q.open:
		if n > 0 {
			c.fail(scsi.AbortedCommand, scsi.UnexpectedUnsolicitedData)
		}
		return nil
	case c.failure != nil:
		return nil
	case p.DataSN != q.dataSN:
		c.fail(scsi.AbortedCommand, scsi.ProtocolServiceCRCError)
		return nil
	case p.BufferOffset != q.at, uint64(q.at)+n > uint64(q.end),
		p.Final != (uint64(q.at)+n == uint64(q.end)) && (p.Final || n > 0):
		c.fail(scsi.AbortedCommand, scsi.NotEnoughUnsolicitedData)
		if uint64(q.at)+n >= uint64(q.end) {
			q.at = q.end // no more is to come
		}
		return nil
	}
	at := q.at
	q.at += uint32(n)
	if c.discard || n == 0 {
		return nil
	}
	return c.buf.B[at:q.at]
}

// askFor sends an R2T for what the command still needs, if there is memory for
// all of it; s.mu is held.
func (s *session) askFor(c *command) {
	expected := int(c.expectedOut())
	if c.buf == nil || len(c.buf.B) < expected {
		// The next one in order has to go on even if it alone is too much for the
		// session, as soon as there is memory in the target.
		next := s.submittedOut == 0 && len(s.fifo) > 0 && s.fifo[0] == c || c.h.Immediate
		more := s.beyond(c, expected) - c.counted
		if !s.use(more, next) {
			s.starved = true
			return
		}
		b := buffer.Default.Get(expected)
		if c.buf != nil {
			copy(b.B, c.buf.B[:c.arrived])
			c.buf.Release()
		}
		c.buf, c.counted = b, c.counted+more
	}
	c.asked = c.arrived
	c.seq = s.sequence(c)
	for len(c.ahead) < s.par.maxR2T-1 && c.asked < c.expectedOut() {
		c.ahead = append(c.ahead, s.sequence(c))
	}
}

// sequence asks for the next part of the command's data, which come in order
// (RFC 7143 11.8, 13.17, 13.19); s.mu is held.
func (s *session) sequence(c *command) sequence {
	n := min(c.expectedOut()-c.asked, uint32(s.par.maxBurst))
	q := sequence{open: true, ttt: s.newTTT(), at: c.asked, end: c.asked + n}
	s.reply(reply{command: c, kind: replyR2T, r2t: pdu.R2T{
		LUN: c.h.LUN, InitiatorTaskTag: c.h.InitiatorTaskTag, TargetTransferTag: q.ttt,
		R2TSN: c.r2tSN, BufferOffset: q.at, DesiredLength: n,
	}})
	c.r2tSN++
	c.asked = q.end
	return q
}

// nextSequence goes on when a sequence is over: with the one that was asked for
// behind it, and by asking for one more. A command that has failed waits for the
// end of those under way and asks for none (RFC 7143 11.4.2); s.mu is held.
func (s *session) nextSequence(c *command) {
	c.seq.open = false
	if len(c.ahead) == 0 {
		return
	}
	c.seq = c.ahead[0]
	c.ahead = slices.Delete(c.ahead, 0, 1)
	if !c.discard && c.asked < c.expectedOut() {
		c.ahead = append(c.ahead, s.sequence(c))
	}
}

// ask looks again for commands that wait for memory, in order; s.mu is held.
func (s *session) ask() {
	s.starved = false
	for _, c := range s.fifo {
		if c.wantsR2T() {
			if s.askFor(c); s.starved {
				return
			}
		}
	}
	if s.immediate > 0 {
		for _, c := range s.tasks {
			if c.h.Immediate && c.wantsR2T() {
				s.askFor(c)
			}
		}
	}
}

// newTTT returns a target transfer tag that is not in use; s.mu is held. The
// space is far larger than what can be outstanding.
func (s *session) newTTT() uint32 {
	s.nextTTT++
	if s.nextTTT == pdu.Reserved {
		s.nextTTT = 1
	}
	return s.nextTTT
}
