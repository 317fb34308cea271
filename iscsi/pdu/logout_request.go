package pdu

// The reasons of a Logout Request, RFC 7143 11.14.1.
const (
	LogoutCloseSession    uint8 = 0
	LogoutCloseConnection uint8 = 1
	LogoutForRecovery     uint8 = 2
)

// LogoutRequest ends a session or a connection, RFC 7143 11.14:
//
//	byte  0     I, 06h
//	      1     80h, Reason 7Fh
//	     16-19  Initiator Task Tag
//	     20-21  CID
//	     24-27  CmdSN
//	     28-31  ExpStatSN
type LogoutRequest struct {
	Immediate        bool
	Reason           uint8
	InitiatorTaskTag uint32
	CID              uint16
	CmdSN, ExpStatSN uint32
}

// DecodeLogoutRequest decodes a Logout Request.
func DecodeLogoutRequest(b []byte) (p LogoutRequest, err error) {
	h, err := is(b, OpLogoutRequest)
	if err == nil {
		err = h.noAHS()
	}
	if err == nil {
		err = h.noData()
	}
	if err != nil {
		return p, err
	}
	p = LogoutRequest{
		Immediate: h.Immediate(), Reason: h[1] & 0x7F, InitiatorTaskTag: h.u32(16), CID: h.u16(20),
		CmdSN: h.u32(24), ExpStatSN: h.u32(28),
	}
	if p.InitiatorTaskTag == Reserved {
		return p, &FormatError{OpLogoutRequest, "Initiator Task Tag", uint64(Reserved)}
	}
	return p, nil
}

// Encode writes the header.
func (p *LogoutRequest) Encode(h *Header) {
	h.start(OpLogoutRequest, 0x80|p.Reason&0x7F)
	h[0] |= bit(p.Immediate, 0x40)
	h.put32(16, p.InitiatorTaskTag)
	h.put16(20, p.CID)
	h.put32(24, p.CmdSN)
	h.put32(28, p.ExpStatSN)
}
