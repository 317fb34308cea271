package pdu

// R2T asks for data of a command that writes, RFC 7143 11.8:
//
//	byte  0     31h
//	      1     80h
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Target Transfer Tag, not FFFFFFFFh
//	     24-27  StatSN: the next one, not used up
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     36-39  R2TSN
//	     40-43  Buffer Offset
//	     44-47  Desired Data Transfer Length, not 0
type R2T struct {
	LUN                        [8]byte
	InitiatorTaskTag           uint32
	TargetTransferTag          uint32
	StatSN, ExpCmdSN, MaxCmdSN uint32
	R2TSN                      uint32 // from 0 in each command
	BufferOffset               uint32
	DesiredLength              uint32 // bytes
}

// DecodeR2T decodes a Ready To Transfer.
func DecodeR2T(b []byte) (p R2T, err error) {
	h, err := is(b, OpR2T)
	if err == nil {
		err = h.noAHS()
	}
	if err == nil {
		err = h.noData()
	}
	if err != nil {
		return p, err
	}
	p = R2T{
		LUN: h.lun(), InitiatorTaskTag: h.u32(16), TargetTransferTag: h.u32(20), StatSN: h.u32(24), ExpCmdSN: h.u32(28),
		MaxCmdSN: h.u32(32), R2TSN: h.u32(36), BufferOffset: h.u32(40), DesiredLength: h.u32(44),
	}
	switch {
	case p.TargetTransferTag == Reserved:
		return p, &FormatError{OpR2T, "Target Transfer Tag", uint64(Reserved)}
	case p.DesiredLength == 0:
		return p, &FormatError{OpR2T, "Desired Data Transfer Length", 0}
	}
	return p, nil
}

// Encode writes the header.
func (p *R2T) Encode(h *Header) {
	h.start(OpR2T, 0x80)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
	h.put32(36, p.R2TSN)
	h.put32(40, p.BufferOffset)
	h.put32(44, p.DesiredLength)
}
