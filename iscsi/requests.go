package iscsi

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// maxPingData bounds the data of a ping that are sent back, in bytes.
const maxPingData = 64 << 10

// nopOut answers a ping, or takes the answer to ours (RFC 7143 11.18).
func (s *session) nopOut(header *pdu.Header) error {
	p, err := pdu.DecodeNOPOut(header[:])
	if err != nil {
		return err
	}
	// What is sent back is no more than came and than the initiator takes.
	keep := min(p.DataSegmentLength, maxPingData, int(s.maxSend.Load()))
	if p.InitiatorTaskTag == pdu.Reserved {
		keep = 0
	}
	data, dataErr := s.pingData(p.DataSegmentLength, keep)
	if dataErr == pdu.ErrDataDigest {
		return s.reject(header, pdu.RejectDataDigest)
	} else if dataErr != nil {
		return dataErr
	}
	if p.InitiatorTaskTag == pdu.Reserved {
		s.pongs.Store(p.TargetTransferTag)
		return nil
	}
	var failed error
	err = s.inOrder(p.Immediate, p.CmdSN, len(data), func() {
		c := &control{data: data, numbered: !p.Immediate}
		r := pdu.NOPIn{LUN: p.LUN, InitiatorTaskTag: p.InitiatorTaskTag, TargetTransferTag: pdu.Reserved}
		r.Encode(&c.header)
		failed = s.control(c)
	})
	return cmp.Or(err, failed)
}

// pingData reads n bytes and returns the first keep of them.
func (s *session) pingData(n, keep int) ([]byte, error) {
	if keep == n {
		return s.smallData(n, maxPingData)
	}
	data := make([]byte, keep)
	if err := s.rx.into(data); err != nil {
		return nil, err
	}
	rest := n - keep + pdu.Padding(n)
	if s.par.dataDigest {
		rest += pdu.DigestLength
	}
	return data, s.rx.discard(rest)
}

// textRequest takes part in a text exchange (RFC 7143 11.10).
func (s *session) textRequest(header *pdu.Header) error {
	p, err := pdu.DecodeTextRequest(header[:])
	if err != nil {
		return err
	}
	data, err := s.smallData(p.DataSegmentLength, maxLoginText)
	if err == pdu.ErrDataDigest {
		return s.reject(header, pdu.RejectDataDigest)
	} else if err != nil {
		return err
	}
	var failed error
	bad := *header // it may be this request's turn only after others
	err = s.inOrder(p.Immediate, p.CmdSN, len(data), func() {
		r, answer, reason := s.text.request(&p, data, int(s.maxSend.Load()), s.answerText)
		if reason != 0 {
			if !p.Immediate {
				s.mu.Lock()
				s.active--
				s.mu.Unlock()
			}
			failed = s.reject(&bad, reason)
			return
		}
		c := &control{data: answer, numbered: !p.Immediate}
		r.Encode(&c.header)
		failed = s.control(c)
	})
	return cmp.Or(err, failed)
}

// answerText answers the keys that may be used in a normal session's full
// feature phase (RFC 7143 section 13).
func (s *session) answerText(pairs []pdu.Pair) (reply []pdu.Pair, reason pdu.RejectReason) {
	for _, p := range pairs {
		switch p.Key {
		case "SendTargets":
			// All is for discovery sessions; here a target names itself.
			if p.Value == "" || p.Value == "All" || sameName(p.Value, s.target.opt.Name) {
				reply = append(reply, listTarget(s.target.opt.Name, s.target.opt.Portals, s.target.opt.PortalGroupTag, s.local)...)
			}
		case "MaxRecvDataSegmentLength":
			n, err := pdu.ParseNumber(p.Value, minSegment, maxSegment)
			if err != nil {
				return nil, pdu.RejectProtocolError
			}
			s.maxSend.Store(int64(n))
		case "InitiatorAlias":
		default:
			if _, known := operationalKeys[p.Key]; known || authKeys[p.Key] || identityKeys[p.Key] || p.Key == "FirstBurstLength" {
				return nil, pdu.RejectProtocolError
			}
			reply = append(reply, pdu.Pair{Key: p.Key, Value: answerNotUnderstood})
		}
	}
	return reply, 0
}

// logout ends the session (RFC 7143 11.14): everything that is pending ends
// without an answer, the logical unit learns of the loss of the nexus, the
// response goes out, and the initiator closes the connection.
func (s *session) logout(header *pdu.Header) error {
	p, err := pdu.DecodeLogoutRequest(header[:])
	if err != nil {
		return err
	}
	var ended error
	bad := *header
	err = s.inOrder(p.Immediate, p.CmdSN, 0, func() {
		r := pdu.LogoutResponse{
			InitiatorTaskTag: p.InitiatorTaskTag,
			Time2Wait:        uint16(s.par.time2Wait), Time2Retain: uint16(s.par.time2Retain),
		}
		switch {
		case p.Reason == pdu.LogoutForRecovery:
			r.Response = pdu.LogoutRecoveryNotSupported
		case p.Reason == pdu.LogoutCloseConnection && p.CID != s.cid:
			r.Response = pdu.LogoutCIDNotFound
		case p.Reason > pdu.LogoutForRecovery:
			ended = s.reject(&bad, pdu.RejectInvalidField)
			return
		default:
			s.endNexus()
			ended = errLoggedOut
		}
		c := &control{numbered: !p.Immediate, sent: make(chan struct{})}
		r.Encode(&c.header)
		if err := s.control(c); err != nil {
			ended = err
		} else if ended != nil {
			s.awaitClose(c.sent)
		}
	})
	return cmp.Or(err, ended)
}

// endNexus ends all commands and the nexus with them. The reader calls it; the
// writer sends meanwhile.
func (s *session) endNexus() {
	s.reading.Store(false)
	s.mu.Lock()
	s.closing, s.loggedOut = true, true
	s.dropWaiting(func(*command) bool { return true })
	s.mu.Unlock()
	s.target.loggedOut(s)
	s.mu.Lock()
	for s.submitted > 0 || s.managing > 0 {
		s.quiet.Wait()
	}
	s.mu.Unlock()
}

// awaitClose waits until the logout response is out and the initiator has closed
// the connection, for a few seconds.
func (s *session) awaitClose(sent chan struct{}) {
	s.wakeWriter()
	wait := time.NewTimer(s.target.opt.Timeouts.Write)
	defer wait.Stop()
	select {
	case <-sent:
	case <-wait.C:
		return
	case <-s.failed: // the initiator did not wait for it
		return
	}
	s.stream.closeWrite()
	_ = s.conn.SetReadDeadline(time.Now().Add(min(s.target.opt.Timeouts.Write, 5*time.Second)))
	_, _ = io.CopyN(io.Discard, s.conn, 1<<20)
}

// announce sends an asynchronous message (RFC 7143 11.9). sent, if not nil, is
// closed when it is out.
func (s *session) announce(event uint8, parameters [3]uint16, sent chan struct{}) {
	c := &control{sent: sent}
	m := pdu.AsyncMessage{Event: event, Parameters: parameters}
	m.Encode(&c.header)
	if err := s.control(c); err != nil {
		s.fail(err)
	}
}

// ping sends a NOP-In that wants an answer (RFC 7143 11.19).
func (s *session) ping() {
	s.mu.Lock()
	s.pingTag = s.newTTT()
	s.mu.Unlock()
	c := &control{sn: currentStatSN}
	p := pdu.NOPIn{LUN: scsi.LUN{}, InitiatorTaskTag: pdu.Reserved, TargetTransferTag: s.pingTag}
	p.Encode(&c.header)
	s.pingSent = time.Now()
	if err := s.control(c); err != nil {
		s.fail(err)
	}
}

// write is the writer goroutine: it sends what the reader does not, and looks
// after peers that went silent. It ends with the reader.
func (s *session) write() {
	t := &s.target.opt.Timeouts
	period := max(min(t.PDU, t.Ping, t.Pong, t.Data)/4, 5*time.Millisecond)
	tick := time.NewTicker(period)
	defer tick.Stop()
	s.lastChange = time.Now()
	for {
		select {
		case <-s.wake:
			s.flush(true)
		case now := <-tick.C:
			if err := s.watch(now); err != nil {
				s.fail(err)
			}
			s.police(now)
		case <-s.ended:
			return
		}
	}
}

// watch ends sessions whose peer stopped in the middle of a PDU, and pings those
// that are silent; silence alone is no fault (RFC 7143 7.14).
func (s *session) watch(now time.Time) error {
	t := &s.target.opt.Timeouts
	if n := s.received.Load(); n != s.lastReceived {
		s.lastReceived, s.lastChange = n, now
		s.pingTag = 0
		return nil
	}
	silent := now.Sub(s.lastChange)
	inside := (s.lastReceived%2 == 1 || s.partial.Load()) && !s.reading.Load()
	switch {
	case inside && silent > t.PDU:
		return fmt.Errorf("%w: no end of a PDU within %v", errProtocol, t.PDU)
	case inside || s.reading.Load():
	case s.pingTag != 0 && now.Sub(s.pingSent) > t.Pong:
		return fmt.Errorf("no answer to a ping within %v", t.Pong)
	case s.pingTag == 0 && silent > t.Ping:
		s.ping()
	}
	return nil
}
