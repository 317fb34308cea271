package pdu

// Stage is a login stage, RFC 7143 11.12.3.
type Stage uint8

// The stages.
const (
	SecurityNegotiation    Stage = 0
	OperationalNegotiation Stage = 1
	FullFeaturePhase       Stage = 3
)

// ISID is the initiator's part of the session identifier, RFC 7143 11.12.5.
type ISID [6]byte

// LoginRequest is one step of a login, RFC 7143 11.12:
//
//	byte  0     43h
//	      1     T 80h, C 40h, CSG 0Ch, NSG 03h
//	      2     Version-max
//	      3     Version-min
//	      8-13  ISID
//	     14-15  TSIH
//	     16-19  Initiator Task Tag
//	     20-21  CID
//	     24-27  CmdSN
//	     28-31  ExpStatSN
//	     48-    text
type LoginRequest struct {
	Transit, Continue      bool
	CSG, NSG               Stage
	VersionMax, VersionMin uint8
	DataSegmentLength      int
	ISID                   ISID
	TSIH                   uint16
	InitiatorTaskTag       uint32
	CID                    uint16
	CmdSN, ExpStatSN       uint32
}

// DecodeLoginRequest decodes a Login Request header. It refuses data segments of
// more than 8192 bytes (RFC 7143 6.3) and T together with C (11.12.2).
func DecodeLoginRequest(b []byte) (p LoginRequest, err error) {
	h, err := is(b, OpLoginRequest)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = LoginRequest{
		Transit: h[1]&0x80 != 0, Continue: h[1]&0x40 != 0, CSG: Stage(h[1] >> 2 & 3), NSG: Stage(h[1] & 3),
		VersionMax: h[2], VersionMin: h[3], DataSegmentLength: h.DataSegmentLength(), TSIH: h.u16(14),
		InitiatorTaskTag: h.u32(16), CID: h.u16(20), CmdSN: h.u32(24), ExpStatSN: h.u32(28),
	}
	copy(p.ISID[:], h[8:14])
	switch {
	case !h.Immediate():
		return p, &FormatError{OpLoginRequest, "I", 0}
	case p.Transit && p.Continue:
		return p, &FormatError{OpLoginRequest, "flags", uint64(h[1])}
	case p.DataSegmentLength > DefaultMaxRecvDataSegmentLength:
		return p, &FormatError{OpLoginRequest, "DataSegmentLength", uint64(p.DataSegmentLength)}
	}
	if !p.Transit {
		p.NSG = 0 // reserved, RFC 7143 11.12.3
	}
	return p, nil
}

// Encode writes the header.
func (p *LoginRequest) Encode(h *Header) {
	h.start(OpLoginRequest, bit(p.Transit, 0x80)|bit(p.Continue, 0x40)|byte(p.CSG)<<2|byte(p.NSG))
	h[0] |= 0x40
	h[2], h[3] = p.VersionMax, p.VersionMin
	h.SetDataSegmentLength(p.DataSegmentLength)
	copy(h[8:14], p.ISID[:])
	h.put16(14, p.TSIH)
	h.put32(16, p.InitiatorTaskTag)
	h.put16(20, p.CID)
	h.put32(24, p.CmdSN)
	h.put32(28, p.ExpStatSN)
}
