package pdu

// NOPOut is a ping, or the answer to one, RFC 7143 11.18:
//
//	byte  0     I, 00h
//	      8-15  LUN
//	     16-19  Initiator Task Tag or FFFFFFFFh
//	     20-23  Target Transfer Tag or FFFFFFFFh
//	     24-27  CmdSN
//	     28-31  ExpStatSN
//	     48-    ping data
type NOPOut struct {
	Immediate         bool
	DataSegmentLength int
	LUN               [8]byte
	InitiatorTaskTag  uint32 // Reserved: no answer is wanted
	TargetTransferTag uint32 // that of the NOP-In it answers, or Reserved
	CmdSN, ExpStatSN  uint32
}

// DecodeNOPOut decodes a NOP-Out header.
func DecodeNOPOut(b []byte) (p NOPOut, err error) {
	h, err := is(b, OpNOPOut)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = NOPOut{
		Immediate: h.Immediate(), DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(),
		InitiatorTaskTag: h.u32(16), TargetTransferTag: h.u32(20), CmdSN: h.u32(24), ExpStatSN: h.u32(28),
	}
	if p.InitiatorTaskTag == Reserved && !p.Immediate {
		return p, &FormatError{OpNOPOut, "I", 0}
	}
	return p, nil
}

// Encode writes the header.
func (p *NOPOut) Encode(h *Header) {
	h.start(OpNOPOut, 0x80)
	h[0] |= bit(p.Immediate, 0x40)
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(24, p.CmdSN)
	h.put32(28, p.ExpStatSN)
}
