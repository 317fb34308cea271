package pdu

// TextResponse answers a Text Request, RFC 7143 11.11:
//
//	byte  0     24h
//	      1     F 80h, C 40h
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Target Transfer Tag; FFFFFFFFh with F=1
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     48-    text
type TextResponse struct {
	Final, Continue            bool
	DataSegmentLength          int
	LUN                        [8]byte
	InitiatorTaskTag           uint32
	TargetTransferTag          uint32
	StatSN, ExpCmdSN, MaxCmdSN uint32
}

// DecodeTextResponse decodes a Text Response header.
func DecodeTextResponse(b []byte) (p TextResponse, err error) {
	h, err := is(b, OpTextResponse)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = TextResponse{
		Final: h[1]&0x80 != 0, Continue: h[1]&0x40 != 0, DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(),
		InitiatorTaskTag: h.u32(16), TargetTransferTag: h.u32(20), StatSN: h.u32(24), ExpCmdSN: h.u32(28), MaxCmdSN: h.u32(32),
	}
	switch {
	case p.Final && p.Continue:
		return p, &FormatError{OpTextResponse, "flags", uint64(h[1])}
	case p.Final != (p.TargetTransferTag == Reserved):
		return p, &FormatError{OpTextResponse, "Target Transfer Tag", uint64(p.TargetTransferTag)}
	}
	return p, nil
}

// Encode writes the header.
func (p *TextResponse) Encode(h *Header) {
	h.start(OpTextResponse, bit(p.Final, 0x80)|bit(p.Continue, 0x40))
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
}
