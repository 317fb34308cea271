package pdu

// The responses to a Logout Request, RFC 7143 11.15.1.
const (
	LogoutSuccess              uint8 = 0
	LogoutCIDNotFound          uint8 = 1
	LogoutRecoveryNotSupported uint8 = 2
	LogoutCleanupFailed        uint8 = 3
)

// LogoutResponse answers a Logout Request, RFC 7143 11.15:
//
//	byte  0     26h
//	      1     80h
//	      2     Response
//	     16-19  Initiator Task Tag
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     40-41  Time2Wait, seconds
//	     42-43  Time2Retain, seconds
type LogoutResponse struct {
	Response                   uint8
	InitiatorTaskTag           uint32
	StatSN, ExpCmdSN, MaxCmdSN uint32
	Time2Wait, Time2Retain     uint16
}

// DecodeLogoutResponse decodes a Logout Response.
func DecodeLogoutResponse(b []byte) (p LogoutResponse, err error) {
	h, err := is(b, OpLogoutResponse)
	if err == nil {
		err = h.noAHS()
	}
	if err == nil {
		err = h.noData()
	}
	if err != nil {
		return p, err
	}
	return LogoutResponse{
		Response: h[2], InitiatorTaskTag: h.u32(16), StatSN: h.u32(24), ExpCmdSN: h.u32(28), MaxCmdSN: h.u32(32),
		Time2Wait: h.u16(40), Time2Retain: h.u16(42),
	}, nil
}

// Encode writes the header.
func (p *LogoutResponse) Encode(h *Header) {
	h.start(OpLogoutResponse, 0x80)
	h[2] = p.Response
	h.put32(16, p.InitiatorTaskTag)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
	h.put16(40, p.Time2Wait)
	h.put16(42, p.Time2Retain)
}
