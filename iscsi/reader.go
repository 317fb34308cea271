package iscsi

import (
	"errors"
	"fmt"

	"govtl/iscsi/pdu"
)

// errProtocol ends sessions whose peer does not keep to the RFC.
var errProtocol = errors.New("protocol error")

// read takes PDUs until the connection ends. It returns the reason.
func (s *session) read() error {
	digest := 0
	if s.par.headerDigest {
		digest = pdu.DigestLength
	}
	s.reading.Store(true)
	for {
		b, err := s.rx.need(pdu.HeaderLength)
		if err != nil {
			return err
		}
		s.received.Add(1)
		if s.partial.Load() {
			s.partial.Store(false)
		}
		if s.plugged.Load() {
			s.plugged.Store(false)
			s.mu.Lock()
			s.release()
			s.mu.Unlock()
			s.pump()
		}
		header := &s.header
		*header = pdu.Header(b)
		if n := header.DataSegmentLength(); n > s.par.maxReceive {
			return fmt.Errorf("%w: %v with %d bytes of data", errProtocol, header.Opcode(), n)
		}
		var ahs []byte
		if n := header.AHSLength() + digest; n > 0 {
			if b, err = s.rx.need(n); err != nil {
				return err
			}
			ahs = b[:header.AHSLength()]
			if digest > 0 && pdu.ReadDigest(b[len(ahs):]) != pdu.Digest(header[:], ahs) {
				return pdu.ErrHeaderDigest
			}
		}
		if err := s.dispatch(header, ahs); err != nil {
			return err
		}
		s.received.Add(1)
	}
}

// begun notes that a header is coming in pieces, for watch.
func (s *session) begun() {
	if !s.partial.Swap(true) {
		s.received.Add(2)
	}
}

// dispatch carries out one PDU, data included. An error ends the session.
func (s *session) dispatch(h *pdu.Header, ahs []byte) error {
	if len(ahs) > 0 && h.Opcode() != pdu.OpSCSICommand {
		return &pdu.FormatError{Opcode: h.Opcode(), Field: "TotalAHSLength", Value: uint64(len(ahs) / 4)}
	}
	switch h.Opcode() {
	case pdu.OpSCSICommand:
		return s.scsiCommand(h, ahs)
	case pdu.OpDataOut:
		return s.dataOut(h)
	case pdu.OpNOPOut:
		return s.nopOut(h)
	case pdu.OpTaskManagementRequest:
		return s.taskManagement(h)
	case pdu.OpTextRequest:
		return s.textRequest(h)
	case pdu.OpLogoutRequest:
		return s.logout(h)
	}
	reason := pdu.RejectCommandNotSupported
	switch h.Opcode() {
	case pdu.OpSNACK:
		reason = pdu.RejectSNACK
	case pdu.OpLoginRequest:
		reason = pdu.RejectProtocolError
	}
	if err := s.skipData(h.DataSegmentLength()); err != nil && err != pdu.ErrDataDigest {
		return err
	}
	return s.reject(h, reason)
}

// readData reads a data segment with its padding and digest into dst.
func (s *session) readData(dst []byte) error {
	if err := s.rx.into(dst); err != nil {
		return err
	}
	return s.readTail(dst)
}

// readTail reads what follows a data segment.
func (s *session) readTail(data []byte) error {
	pad, n := pdu.Padding(len(data)), pdu.Padding(len(data))
	if s.par.dataDigest {
		n += pdu.DigestLength
	}
	if n == 0 {
		return nil
	}
	tail, err := s.rx.need(n)
	if err != nil {
		return err
	}
	if s.par.dataDigest && pdu.ReadDigest(tail[pad:]) != pdu.Digest(data, tail[:pad]) {
		return pdu.ErrDataDigest
	}
	return nil
}

// skipData reads past a data segment of n bytes; its digest is not looked at.
func (s *session) skipData(n int) error {
	if n == 0 {
		return nil
	}
	n += pdu.Padding(n)
	if s.par.dataDigest {
		n += pdu.DigestLength
	}
	return s.rx.discard(n)
}

// smallData reads a data segment that is kept, of at most limit bytes.
func (s *session) smallData(n, limit int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n > limit {
		return nil, fmt.Errorf("%w: %d bytes of data where %d will do", errProtocol, n, limit)
	}
	data := make([]byte, n)
	return data, s.readData(data)
}

// reject answers a PDU with Reject (RFC 7143 11.17). A peer that goes on like
// that is cut off.
func (s *session) reject(h *pdu.Header, reason pdu.RejectReason) error {
	if n := s.commands.Load(); n-s.struck > strikeSpan {
		s.strikes, s.struck = 0, n // a session may last for years
	}
	if s.strikes++; s.strikes > maxStrikes {
		return fmt.Errorf("%w: %d PDUs rejected", errProtocol, s.strikes)
	}
	s.log.Debug("PDU rejected", "pdu", h.Opcode(), "reason", reason)
	c := &control{data: append([]byte(nil), h[:]...), sn: advanceStatSN}
	r := pdu.Reject{Reason: reason}
	r.Encode(&c.header)
	return s.control(c)
}
