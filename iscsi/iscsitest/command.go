package iscsitest

import (
	"fmt"

	"govtl/iscsi/pdu"
)

// Command is a SCSI command of the initiator, and its result.
type Command struct {
	CDB       []byte
	LUN       [8]byte
	Attribute uint8
	Immediate bool
	Out       []byte // data to the device
	In        int    // bytes that there is room for

	// Expected overrides the EXPECTED DATA TRANSFER LENGTH, when not nil.
	Expected *uint32

	Tag   uint32
	CmdSN uint32

	Done                bool
	Status              uint8
	Sense               []byte
	Data                []byte // from the device
	Overflow, Underflow bool
	Residual            uint32
	R2Ts                []pdu.R2T // in order
	DataIns             int       // PDUs

	r2tSN, dataSN uint32
}

// SenseKey, ASC and ASCQ are those of fixed format sense data; 0 without.
func (c *Command) SenseKey() uint8 {
	if len(c.Sense) < 14 {
		return 0
	}
	return c.Sense[2] & 0xF
}

// ASC is the additional sense code with its qualifier.
func (c *Command) ASC() uint16 {
	if len(c.Sense) < 14 {
		return 0
	}
	return uint16(c.Sense[12])<<8 | uint16(c.Sense[13])
}

// String is the result in words.
func (c *Command) String() string {
	return fmt.Sprintf("CDB % x: status %02x, sense %x/%04x, %d bytes in, overflow %v underflow %v residual %d",
		c.CDB, c.Status, c.SenseKey(), c.ASC(), len(c.Data), c.Overflow, c.Underflow, c.Residual)
}

// Header is the SCSI Command PDU that Start would send, without numbers.
func (c *Command) Header() pdu.SCSICommand {
	p := pdu.SCSICommand{
		Immediate: c.Immediate, Final: true, Read: c.In > 0, Write: len(c.Out) > 0, Attribute: c.Attribute, LUN: c.LUN,
		ExpectedLength: uint32(max(c.In, len(c.Out))),
	}
	if c.Expected != nil {
		p.ExpectedLength = *c.Expected
	}
	copy(p.CDB[:], c.CDB)
	return p
}

// Start sends a command with all that may be sent unasked for.
func (s *Session) Start(c *Command) error {
	p := c.Header()
	c.Tag = s.Tag()
	p.InitiatorTaskTag, p.CmdSN, p.ExpStatSN = c.Tag, s.CmdSN, s.ExpStatSN
	c.CmdSN = s.CmdSN
	if !c.Immediate {
		s.CmdSN++
	}
	s.commands[c.Tag] = c
	unsolicited := min(len(c.Out), s.FirstBurst)
	immediate := 0
	if s.ImmediateData {
		immediate = min(unsolicited, s.MaxSend)
	}
	p.Final = s.InitialR2T || immediate == unsolicited
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, c.Out[:immediate]); err != nil {
		return err
	}
	if p.Final {
		return nil
	}
	return s.SendData(c, pdu.Reserved, immediate, unsolicited)
}

// SendData sends the Data-Out PDUs of one sequence.
func (s *Session) SendData(c *Command, ttt uint32, from, to int) error {
	for sn := uint32(0); from < to; sn++ {
		n := min(to-from, s.MaxSend)
		p := pdu.DataOut{
			Final: from+n == to, InitiatorTaskTag: c.Tag, TargetTransferTag: ttt, ExpStatSN: s.ExpStatSN,
			DataSN: sn, BufferOffset: uint32(from),
		}
		if ttt != pdu.Reserved {
			p.LUN = c.LUN
		}
		var h pdu.Header
		p.Encode(&h)
		if err := s.Send(&h, nil, c.Out[from:from+n]); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// Wait steps until the command is done.
func (s *Session) Wait(c *Command) error {
	for !c.Done {
		if err := s.Step(); err != nil {
			return err
		}
	}
	return nil
}

// Do starts a command and waits for its end.
func (s *Session) Do(c *Command) error {
	if err := s.Start(c); err != nil {
		return err
	}
	return s.Wait(c)
}

// Forget takes a command that was aborted off the list: a reply to it is an
// error from now on.
func (s *Session) Forget(c *Command) { delete(s.commands, c.Tag) }

// commandPDU acts on a PDU that belongs to a command.
func (s *Session) commandPDU(c *Command, f *pdu.Frame) error {
	switch f.Header.Opcode() {
	case pdu.OpR2T:
		return s.readyToTransfer(c, f)
	case pdu.OpDataIn:
		return s.dataIn(c, f)
	}
	p, err := pdu.DecodeSCSIResponse(f.Header[:])
	if err != nil {
		return err
	}
	if p.ExpDataSN != c.dataSN {
		return fmt.Errorf("%w: ExpDataSN %d after %d Data-In", ErrUnexpected, p.ExpDataSN, c.dataSN)
	}
	if p.Response != pdu.CompletedAtTarget {
		return fmt.Errorf("%w: response %d", ErrUnexpected, p.Response)
	}
	c.Status, c.Overflow, c.Underflow, c.Residual = p.Status, p.Overflow, p.Underflow, p.Residual
	c.Sense, err = pdu.SenseData(f.Data)
	if (p.Status == 2) != (len(c.Sense) > 0) {
		return fmt.Errorf("%w: status %02x with %d bytes of sense data", ErrUnexpected, p.Status, len(c.Sense))
	}
	s.done(c)
	return err
}

func (s *Session) done(c *Command) {
	c.Done = true
	delete(s.commands, c.Tag)
}

func (s *Session) readyToTransfer(c *Command, f *pdu.Frame) error {
	p, err := pdu.DecodeR2T(f.Header[:])
	if err != nil {
		return err
	}
	from, to := int(p.BufferOffset), int(p.BufferOffset)+int(p.DesiredLength)
	if p.R2TSN != c.r2tSN || to > len(c.Out) || int(p.DesiredLength) > s.MaxBurst || p.LUN != c.LUN {
		return fmt.Errorf("%w: R2T %+v", ErrUnexpected, p)
	}
	c.r2tSN++
	c.R2Ts = append(c.R2Ts, p)
	if s.HoldR2T {
		return nil
	}
	return s.SendData(c, p.TargetTransferTag, from, to)
}

func (s *Session) dataIn(c *Command, f *pdu.Frame) error {
	p, err := pdu.DecodeDataIn(f.Header[:])
	if err != nil {
		return err
	}
	if p.DataSN != c.dataSN || int(p.BufferOffset) != len(c.Data) || len(c.Data)+len(f.Data) > c.In {
		return fmt.Errorf("%w: Data-In %+v after %d bytes of %d", ErrUnexpected, p, len(c.Data), c.In)
	}
	c.dataSN++
	c.DataIns++
	c.Data = append(c.Data, f.Data...)
	if p.HasStatus {
		c.Status, c.Overflow, c.Underflow, c.Residual = p.Status, p.Overflow, p.Underflow, p.Residual
		s.done(c)
	}
	return nil
}

// StartHeader sends a command with a header, AHS and immediate data of the
// caller's making; tag and numbers are filled in.
func (s *Session) StartHeader(c *Command, p *pdu.SCSICommand, ahs, data []byte) error {
	c.Tag = s.Tag()
	p.InitiatorTaskTag, p.CmdSN, p.ExpStatSN = c.Tag, s.CmdSN, s.ExpStatSN
	c.CmdSN = s.CmdSN
	if !p.Immediate {
		s.CmdSN++
	}
	s.commands[c.Tag] = c
	var h pdu.Header
	p.Encode(&h)
	return s.Send(&h, ahs, data)
}
