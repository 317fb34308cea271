package pdu

// TextRequest asks in full feature phase, RFC 7143 11.10:
//
//	byte  0     I, 04h
//	      1     F 80h, C 40h
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Target Transfer Tag or FFFFFFFFh
//	     24-27  CmdSN
//	     28-31  ExpStatSN
//	     48-    text
type TextRequest struct {
	Immediate, Final, Continue bool
	DataSegmentLength          int
	LUN                        [8]byte
	InitiatorTaskTag           uint32
	TargetTransferTag          uint32
	CmdSN, ExpStatSN           uint32
}

// DecodeTextRequest decodes a Text Request header.
func DecodeTextRequest(b []byte) (p TextRequest, err error) {
	h, err := is(b, OpTextRequest)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = TextRequest{
		Immediate: h.Immediate(), Final: h[1]&0x80 != 0, Continue: h[1]&0x40 != 0,
		DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(), InitiatorTaskTag: h.u32(16),
		TargetTransferTag: h.u32(20), CmdSN: h.u32(24), ExpStatSN: h.u32(28),
	}
	switch {
	case p.Final && p.Continue:
		return p, &FormatError{OpTextRequest, "flags", uint64(h[1])}
	case p.InitiatorTaskTag == Reserved:
		return p, &FormatError{OpTextRequest, "Initiator Task Tag", uint64(Reserved)}
	}
	return p, nil
}

// Encode writes the header.
func (p *TextRequest) Encode(h *Header) {
	h.start(OpTextRequest, bit(p.Final, 0x80)|bit(p.Continue, 0x40))
	h[0] |= bit(p.Immediate, 0x40)
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(24, p.CmdSN)
	h.put32(28, p.ExpStatSN)
}
