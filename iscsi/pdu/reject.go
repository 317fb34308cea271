package pdu

import "fmt"

// RejectReason says why a PDU was rejected, RFC 7143 11.17.1.
type RejectReason uint8

// The reasons.
const (
	RejectDataDigest          RejectReason = 0x02
	RejectSNACK               RejectReason = 0x03
	RejectProtocolError       RejectReason = 0x04
	RejectCommandNotSupported RejectReason = 0x05
	RejectTooManyImmediate    RejectReason = 0x06
	RejectTaskInProgress      RejectReason = 0x07
	RejectInvalidDataACK      RejectReason = 0x08
	RejectInvalidField        RejectReason = 0x09
	RejectOutOfResources      RejectReason = 0x0A
	RejectNegotiationReset    RejectReason = 0x0B
	RejectWaitingForLogout    RejectReason = 0x0C
)

var rejectText = map[RejectReason]string{
	RejectDataDigest:          "data digest error",
	RejectSNACK:               "SNACK reject",
	RejectProtocolError:       "protocol error",
	RejectCommandNotSupported: "command not supported",
	RejectTooManyImmediate:    "too many immediate commands",
	RejectTaskInProgress:      "task in progress",
	RejectInvalidDataACK:      "invalid data ACK",
	RejectInvalidField:        "invalid PDU field",
	RejectOutOfResources:      "out of resources",
	RejectNegotiationReset:    "negotiation reset",
	RejectWaitingForLogout:    "waiting for logout",
}

// String is the RFC's explanation of the reason.
func (r RejectReason) String() string {
	if s, ok := rejectText[r]; ok {
		return s
	}
	return fmt.Sprintf("reject reason %#02x", uint8(r))
}

// Reject refuses a PDU, whose header is its data segment, RFC 7143 11.17:
//
//	byte  0     3Fh
//	      1     80h
//	      2     Reason
//	     16-19  FFFFFFFFh
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     36-39  DataSN/R2TSN
//	     48-    header of the PDU that was rejected
type Reject struct {
	Reason                     RejectReason
	DataSegmentLength          int
	StatSN, ExpCmdSN, MaxCmdSN uint32
	DataSN                     uint32
}

// DecodeReject decodes a Reject header.
func DecodeReject(b []byte) (p Reject, err error) {
	h, err := is(b, OpReject)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	return Reject{
		Reason: RejectReason(h[2]), DataSegmentLength: h.DataSegmentLength(), StatSN: h.u32(24), ExpCmdSN: h.u32(28),
		MaxCmdSN: h.u32(32), DataSN: h.u32(36),
	}, nil
}

// Encode writes the header.
func (p *Reject) Encode(h *Header) {
	h.start(OpReject, 0x80)
	h[2] = byte(p.Reason)
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.put32(16, Reserved)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
	h.put32(36, p.DataSN)
}
