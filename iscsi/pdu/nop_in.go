package pdu

// NOPIn answers a ping, or is one, RFC 7143 11.19:
//
//	byte  0     20h
//	      8-15  LUN
//	     16-19  Initiator Task Tag or FFFFFFFFh
//	     20-23  Target Transfer Tag or FFFFFFFFh
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     48-    ping data
type NOPIn struct {
	DataSegmentLength          int
	LUN                        [8]byte
	InitiatorTaskTag           uint32 // Reserved: not an answer
	TargetTransferTag          uint32 // not Reserved: an answer is wanted
	StatSN, ExpCmdSN, MaxCmdSN uint32
}

// DecodeNOPIn decodes a NOP-In header.
func DecodeNOPIn(b []byte) (p NOPIn, err error) {
	h, err := is(b, OpNOPIn)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = NOPIn{
		DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(), InitiatorTaskTag: h.u32(16),
		TargetTransferTag: h.u32(20), StatSN: h.u32(24), ExpCmdSN: h.u32(28), MaxCmdSN: h.u32(32),
	}
	if p.InitiatorTaskTag == Reserved && p.DataSegmentLength != 0 {
		return p, &FormatError{OpNOPIn, "DataSegmentLength", uint64(p.DataSegmentLength)}
	}
	return p, nil
}

// Encode writes the header.
func (p *NOPIn) Encode(h *Header) {
	h.start(OpNOPIn, 0x80)
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
}
