package iscsitest

import (
	"errors"
	"fmt"
	"net"
	"time"

	"govtl/iscsi/pdu"
)

// Session is a session of the initiator. It is used by one goroutine at a time.
// Numbers are those that the next PDU will carry; a test may change them.
type Session struct {
	Conn   net.Conn
	Config Config

	TSIH      uint16
	CmdSN     uint32
	ExpStatSN uint32
	MaxCmdSN  uint32
	ExpCmdSN  uint32

	// Answers are the keys that the target sent.
	Answers map[string]string

	// What was negotiated, in bytes.
	InitialR2T, ImmediateData     bool
	FirstBurst, MaxBurst, MaxSend int

	// HoldR2T keeps R2Ts unanswered, in R2Ts of their commands.
	HoldR2T bool

	// Pings counts the target's NOP-Ins that wanted an answer; NoPong leaves
	// them unanswered.
	Pings  int
	NoPong bool

	// Async holds the asynchronous messages, Rejects the rejects.
	Async   []pdu.AsyncMessage
	Rejects []pdu.Reject

	// Other holds responses that belong to no command, by task tag.
	Other map[uint32]pdu.Frame

	framing       pdu.Framing
	loginAnswered bool
	nextTag       uint32
	commands      map[uint32]*Command
}

// ErrUnexpected is wrapped by errors about what the target may not send.
var ErrUnexpected = errors.New("the target breaks the protocol")

// Send sends one PDU; the lengths of h are set. It is framed with digests.
func (s *Session) Send(h *pdu.Header, ahs, data []byte) error {
	_, err := s.Conn.Write(s.framing.Append(nil, h, ahs, data))
	return err
}

// SendRaw sends bytes as they are.
func (s *Session) SendRaw(b []byte) error {
	_, err := s.Conn.Write(b)
	return err
}

// Encode returns the bytes of a PDU as Send would send them.
func (s *Session) Encode(h *pdu.Header, ahs, data []byte) []byte {
	return s.framing.Append(nil, h, ahs, data)
}

// Receive reads one PDU, whatever it is. The frame's data are its own.
func (s *Session) Receive() (pdu.Frame, error) {
	var f pdu.Frame
	_ = s.Conn.SetReadDeadline(time.Now().Add(s.Config.Timeout))
	err := s.framing.Read(s.Conn, &f)
	f.Data = append([]byte(nil), f.Data...)
	return f, err
}

// Tag returns a new initiator task tag.
func (s *Session) Tag() uint32 {
	s.nextTag++
	return s.nextTag
}

// Step reads one PDU and acts on it.
func (s *Session) Step() error {
	f, err := s.Receive()
	if err != nil {
		return err
	}
	h := &f.Header
	s.numbers(h)
	if err := s.statSN(h); err != nil {
		return err
	}
	switch h.Opcode() {
	case pdu.OpSCSIResponse, pdu.OpDataIn, pdu.OpR2T:
		c := s.commands[h.InitiatorTaskTag()]
		if c == nil {
			return fmt.Errorf("%w: %v for task %#x, which is not outstanding", ErrUnexpected, h.Opcode(), h.InitiatorTaskTag())
		}
		return s.commandPDU(c, &f)
	case pdu.OpNOPIn:
		p, err := pdu.DecodeNOPIn(h[:])
		if err != nil {
			return err
		}
		if p.InitiatorTaskTag == pdu.Reserved {
			return s.pinged(&p)
		}
	case pdu.OpAsyncMessage:
		m, err := pdu.DecodeAsyncMessage(h[:])
		s.Async = append(s.Async, m)
		return err
	case pdu.OpReject:
		r, err := pdu.DecodeReject(h[:])
		s.Rejects = append(s.Rejects, r)
		return err
	}
	if s.Other == nil {
		s.Other = map[uint32]pdu.Frame{}
	}
	s.Other[h.InitiatorTaskTag()] = f
	return nil
}

// numbers keeps the window; MaxCmdSN may not go back (RFC 7143 4.2.2.1).
func (s *Session) numbers(h *pdu.Header) {
	expected, last := word(h, 28), word(h, 32)
	if int32(expected-s.ExpCmdSN) > 0 || s.ExpCmdSN == 0 {
		s.ExpCmdSN = expected
	}
	if int32(last-s.MaxCmdSN) > 0 {
		s.MaxCmdSN = last
	}
}

// statSN checks that status comes in order and without gaps (RFC 7143 4.2.2.2).
func (s *Session) statSN(h *pdu.Header) error {
	use := true
	switch h.Opcode() {
	case pdu.OpDataIn:
		if h[1]&1 == 0 {
			return nil
		}
	case pdu.OpR2T:
		use = false
	case pdu.OpNOPIn:
		use = h.InitiatorTaskTag() != pdu.Reserved
	}
	if h.StatSN() != s.ExpStatSN {
		return fmt.Errorf("%w: %v with StatSN %d, expected %d", ErrUnexpected, h.Opcode(), h.StatSN(), s.ExpStatSN)
	}
	if use {
		s.ExpStatSN++
	}
	return nil
}

func (s *Session) pinged(p *pdu.NOPIn) error {
	if p.TargetTransferTag == pdu.Reserved {
		return nil
	}
	s.Pings++
	if s.NoPong {
		return nil
	}
	out := pdu.NOPOut{
		Immediate: true, LUN: p.LUN, InitiatorTaskTag: pdu.Reserved, TargetTransferTag: p.TargetTransferTag,
		CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN,
	}
	var h pdu.Header
	out.Encode(&h)
	return s.Send(&h, nil, nil)
}

// Await steps until the response with a task tag is there and returns it.
func (s *Session) Await(tag uint32) (pdu.Frame, error) {
	for {
		if f, ok := s.Other[tag]; ok {
			delete(s.Other, tag)
			return f, nil
		}
		if err := s.Step(); err != nil {
			return pdu.Frame{}, err
		}
	}
}

// Ping sends a NOP-Out with data and returns the data of the answer.
func (s *Session) Ping(data []byte) ([]byte, error) {
	p := pdu.NOPOut{
		Immediate: true, InitiatorTaskTag: s.Tag(), TargetTransferTag: pdu.Reserved, CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN,
	}
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, data); err != nil {
		return nil, err
	}
	f, err := s.Await(p.InitiatorTaskTag)
	if err == nil && f.Header.Opcode() != pdu.OpNOPIn {
		err = fmt.Errorf("%w: %v answers a ping", ErrUnexpected, f.Header.Opcode())
	}
	return f.Data, err
}

// Manage sends a task management function and returns the response.
func (s *Session) Manage(function uint8, lun [8]byte, referenced *Command) (uint8, error) {
	p := pdu.TaskManagementRequest{
		Immediate: true, Function: function, LUN: lun, InitiatorTaskTag: s.Tag(), ReferencedTaskTag: pdu.Reserved,
		CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN,
	}
	if referenced != nil {
		p.ReferencedTaskTag, p.RefCmdSN, p.LUN = referenced.Tag, referenced.CmdSN, referenced.LUN
	}
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, nil); err != nil {
		return 0, err
	}
	f, err := s.Await(p.InitiatorTaskTag)
	if err != nil {
		return 0, err
	}
	r, err := pdu.DecodeTaskManagementResponse(f.Header[:])
	return r.Response, err
}

// TextExchange sends keys in full feature phase and returns the answer's pairs,
// collected over as many PDUs as the target sends.
func (s *Session) TextExchange(keys []pdu.Pair) ([]pdu.Pair, error) {
	tag, ttt := s.Tag(), pdu.Reserved
	data := Text(keys)
	var answer []byte
	for {
		p := pdu.TextRequest{
			Final: true, InitiatorTaskTag: tag, TargetTransferTag: ttt, CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN,
		}
		s.CmdSN++
		var h pdu.Header
		p.Encode(&h)
		if err := s.Send(&h, nil, data); err != nil {
			return nil, err
		}
		data = nil
		rejects := len(s.Rejects)
		var f pdu.Frame
		for {
			var ok bool
			if f, ok = s.Other[tag]; ok {
				delete(s.Other, tag)
				break
			}
			if len(s.Rejects) > rejects {
				return nil, fmt.Errorf("text request rejected: %v", s.Rejects[rejects].Reason)
			}
			if err := s.Step(); err != nil {
				return nil, err
			}
		}
		r, err := pdu.DecodeTextResponse(f.Header[:])
		if err != nil {
			return nil, err
		}
		answer = append(answer, f.Data...)
		if r.Final {
			return pdu.ParseText(answer, 1<<20)
		}
		ttt = r.TargetTransferTag
	}
}

// SendTargets asks for targets and returns the pairs of the answer.
func (s *Session) SendTargets(which string) ([]pdu.Pair, error) {
	return s.TextExchange([]pdu.Pair{{Key: "SendTargets", Value: which}})
}

// Logout ends the session and waits until the target closes the connection.
func (s *Session) Logout() error {
	p := pdu.LogoutRequest{Reason: pdu.LogoutCloseSession, InitiatorTaskTag: s.Tag(), CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN}
	s.CmdSN++
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, nil); err != nil {
		return err
	}
	f, err := s.Await(p.InitiatorTaskTag)
	if err != nil {
		return err
	}
	r, err := pdu.DecodeLogoutResponse(f.Header[:])
	if err == nil && r.Response != pdu.LogoutSuccess {
		err = fmt.Errorf("logout response %d", r.Response)
	}
	s.Conn.Close()
	return err
}

func word(h *pdu.Header, at int) uint32 {
	return uint32(h[at])<<24 | uint32(h[at+1])<<16 | uint32(h[at+2])<<8 | uint32(h[at+3])
}
