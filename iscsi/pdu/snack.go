package pdu

// SNACK asks for something to be sent again, RFC 7143 11.16; only with
// ErrorRecoveryLevel 1 and up:
//
//	byte  0     10h
//	      1     80h, Type 0Fh
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Target Transfer Tag or SNACK Tag
//	     28-31  ExpStatSN
//	     40-43  BegRun
//	     44-47  RunLength
type SNACK struct {
	Type              uint8
	LUN               [8]byte
	InitiatorTaskTag  uint32
	TargetTransferTag uint32
	ExpStatSN         uint32
	BegRun, RunLength uint32
}

// DecodeSNACK decodes a SNACK Request.
func DecodeSNACK(b []byte) (p SNACK, err error) {
	h, err := is(b, OpSNACK)
	if err == nil {
		err = h.noAHS()
	}
	if err == nil {
		err = h.noData()
	}
	if err != nil {
		return p, err
	}
	return SNACK{
		Type: h[1] & 0x0F, LUN: h.lun(), InitiatorTaskTag: h.u32(16), TargetTransferTag: h.u32(20),
		ExpStatSN: h.u32(28), BegRun: h.u32(40), RunLength: h.u32(44),
	}, nil
}

// Encode writes the header.
func (p *SNACK) Encode(h *Header) {
	h.start(OpSNACK, 0x80|p.Type&0x0F)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(28, p.ExpStatSN)
	h.put32(40, p.BegRun)
	h.put32(44, p.RunLength)
}
