package pdu

import "fmt"

// LoginStatus is Status-Class and Status-Detail, RFC 7143 11.13.5.
type LoginStatus uint16

// The login statuses of RFC 7143 11.13.5. Class 2 means "do not retry", class 3
// "retry later".
const (
	LoginSuccess                 LoginStatus = 0x0000
	LoginMovedTemporarily        LoginStatus = 0x0101
	LoginMovedPermanently        LoginStatus = 0x0102
	LoginInitiatorError          LoginStatus = 0x0200
	LoginAuthenticationFailure   LoginStatus = 0x0201
	LoginAuthorizationFailure    LoginStatus = 0x0202
	LoginNotFound                LoginStatus = 0x0203
	LoginTargetRemoved           LoginStatus = 0x0204
	LoginUnsupportedVersion      LoginStatus = 0x0205
	LoginTooManyConnections      LoginStatus = 0x0206
	LoginMissingParameter        LoginStatus = 0x0207
	LoginCannotInclude           LoginStatus = 0x0208
	LoginSessionTypeNotSupported LoginStatus = 0x0209
	LoginSessionDoesNotExist     LoginStatus = 0x020A
	LoginInvalidDuringLogin      LoginStatus = 0x020B
	LoginTargetError             LoginStatus = 0x0300
	LoginServiceUnavailable      LoginStatus = 0x0301
	LoginOutOfResources          LoginStatus = 0x0302
)

var loginStatusText = map[LoginStatus]string{
	LoginSuccess:                 "success",
	LoginMovedTemporarily:        "target moved temporarily",
	LoginMovedPermanently:        "target moved permanently",
	LoginInitiatorError:          "initiator error",
	LoginAuthenticationFailure:   "authentication failure",
	LoginAuthorizationFailure:    "authorization failure",
	LoginNotFound:                "not found",
	LoginTargetRemoved:           "target removed",
	LoginUnsupportedVersion:      "unsupported version",
	LoginTooManyConnections:      "too many connections",
	LoginMissingParameter:        "missing parameter",
	LoginCannotInclude:           "can't include in session",
	LoginSessionTypeNotSupported: "session type not supported",
	LoginSessionDoesNotExist:     "session does not exist",
	LoginInvalidDuringLogin:      "invalid during login",
	LoginTargetError:             "target error",
	LoginServiceUnavailable:      "service unavailable",
	LoginOutOfResources:          "out of resources",
}

// String is the RFC's name and the number of the status.
func (s LoginStatus) String() string {
	text, ok := loginStatusText[s]
	if !ok {
		text = "login status"
	}
	return fmt.Sprintf("%s (%04x)", text, uint16(s))
}

// LoginResponse answers a Login Request, RFC 7143 11.13:
//
//	byte  0     23h
//	      1     T 80h, C 40h, CSG 0Ch, NSG 03h
//	      2     Version-max
//	      3     Version-active
//	      8-13  ISID
//	     14-15  TSIH
//	     16-19  Initiator Task Tag
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     36-37  Status-Class, Status-Detail
//	     48-    text
type LoginResponse struct {
	Transit, Continue          bool
	CSG, NSG                   Stage
	VersionMax, VersionActive  uint8
	DataSegmentLength          int
	ISID                       ISID
	TSIH                       uint16
	InitiatorTaskTag           uint32
	StatSN, ExpCmdSN, MaxCmdSN uint32
	Status                     LoginStatus
}

// DecodeLoginResponse decodes a Login Response header.
func DecodeLoginResponse(b []byte) (p LoginResponse, err error) {
	h, err := is(b, OpLoginResponse)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = LoginResponse{
		Transit: h[1]&0x80 != 0, Continue: h[1]&0x40 != 0, CSG: Stage(h[1] >> 2 & 3), NSG: Stage(h[1] & 3),
		VersionMax: h[2], VersionActive: h[3], DataSegmentLength: h.DataSegmentLength(), TSIH: h.u16(14),
		InitiatorTaskTag: h.u32(16), StatSN: h.u32(24), ExpCmdSN: h.u32(28), MaxCmdSN: h.u32(32),
		Status: LoginStatus(h.u16(36)),
	}
	copy(p.ISID[:], h[8:14])
	if p.Transit && p.Continue {
		return p, &FormatError{OpLoginResponse, "flags", uint64(h[1])}
	}
	return p, nil
}

// Encode writes the header.
func (p *LoginResponse) Encode(h *Header) {
	h.start(OpLoginResponse, bit(p.Transit, 0x80)|bit(p.Continue, 0x40)|byte(p.CSG)<<2|byte(p.NSG))
	h[2], h[3] = p.VersionMax, p.VersionActive
	h.SetDataSegmentLength(p.DataSegmentLength)
	copy(h[8:14], p.ISID[:])
	h.put16(14, p.TSIH)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
	h.put16(36, uint16(p.Status))
}
