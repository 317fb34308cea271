package pdu

import "encoding/binary"

// The iSCSI service responses, RFC 7143 11.4.3.
const (
	CompletedAtTarget uint8 = 0
	TargetFailure     uint8 = 1
)

// SCSIResponse ends a command, RFC 7143 11.4:
//
//	byte  0     21h
//	      1     80h, o 10h, u 08h, O 04h, U 02h
//	      2     Response
//	      3     Status
//	     16-19  Initiator Task Tag
//	     20-23  SNACK Tag
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     36-39  ExpDataSN
//	     40-43  Bidirectional Read Residual Count
//	     44-47  Residual Count
//	     48-    SenseLength (2 bytes), sense data
type SCSIResponse struct {
	Overflow, Underflow        bool
	Response                   uint8
	Status                     uint8
	DataSegmentLength          int
	InitiatorTaskTag           uint32
	StatSN, ExpCmdSN, MaxCmdSN uint32
	ExpDataSN                  uint32 // number of Data-In sent for the command
	Residual                   uint32 // bytes
}

// DecodeSCSIResponse decodes a SCSI Response header.
func DecodeSCSIResponse(b []byte) (p SCSIResponse, err error) {
	h, err := is(b, OpSCSIResponse)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = SCSIResponse{
		Overflow: h[1]&0x04 != 0, Underflow: h[1]&0x02 != 0, Response: h[2], Status: h[3],
		DataSegmentLength: h.DataSegmentLength(), InitiatorTaskTag: h.u32(16), StatSN: h.u32(24), ExpCmdSN: h.u32(28),
		MaxCmdSN: h.u32(32), ExpDataSN: h.u32(36), Residual: h.u32(44),
	}
	if p.Overflow && p.Underflow || p.Response != 0 && (p.Overflow || p.Underflow) {
		return p, &FormatError{OpSCSIResponse, "flags", uint64(h[1])}
	}
	return p, nil
}

// Encode writes the header.
func (p *SCSIResponse) Encode(h *Header) {
	h.start(OpSCSIResponse, 0x80|bit(p.Overflow, 0x04)|bit(p.Underflow, 0x02))
	h[2], h[3] = p.Response, p.Status
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
	h.put32(36, p.ExpDataSN)
	h.put32(44, p.Residual)
}

// SenseData returns the sense data in the data segment of a SCSI Response
// (RFC 7143 11.4.7); it is empty when the segment is.
func SenseData(segment []byte) ([]byte, error) {
	if len(segment) == 0 {
		return nil, nil
	}
	if len(segment) < 2 {
		return nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(segment))
	if len(segment) < 2+n {
		return nil, ErrShort
	}
	return segment[2 : 2+n], nil
}

// AppendSenseData appends the data segment with the sense data.
func AppendSenseData(dst, sense []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(sense)))
	return append(dst, sense...)
}
