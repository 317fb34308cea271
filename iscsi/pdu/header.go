package pdu

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderLength is the length in bytes of the basic header segment, RFC 7143 11.2.1.
const HeaderLength = 48

// Reserved is the value of a task tag that names no task, RFC 7143 11.2.1.8.
const Reserved uint32 = 0xFFFFFFFF

// DefaultMaxRecvDataSegmentLength holds for both sides until a larger one was
// declared and the login is over, RFC 7143 6.3 and 13.12; bytes.
const DefaultMaxRecvDataSegmentLength = 8192

// ErrShort is returned by decoders for input that ends before the PDU does.
var ErrShort = errors.New("pdu: input shorter than the PDU")

// FormatError is a field whose value the RFC does not allow (RFC 7143 7.7).
type FormatError struct {
	Opcode Opcode
	Field  string
	Value  uint64
}

// Error names the PDU, the field and the value.
func (e *FormatError) Error() string {
	return fmt.Sprintf("pdu: %v: %s %#x", e.Opcode, e.Field, e.Value)
}

// Header is a basic header segment as it is on the wire, RFC 7143 11.2.1:
//
//	byte  0     I (40h), opcode (3Fh)
//	      1     F (80h), by opcode
//	      4     TotalAHSLength, 4-byte words
//	      5-7   DataSegmentLength, bytes, unpadded
//	      8-15  LUN, or by opcode
//	     16-19  Initiator Task Tag
//	     20-47  by opcode
type Header [HeaderLength]byte

// Opcode is the opcode without the I bit.
func (h *Header) Opcode() Opcode { return Opcode(h[0] & 0x3F) }

// Immediate is the I bit, RFC 7143 11.2.1.1.
func (h *Header) Immediate() bool { return h[0]&0x40 != 0 }

// Final is the F bit (T in login PDUs).
func (h *Header) Final() bool { return h[1]&0x80 != 0 }

// AHSLength is the length of the additional header segments in bytes.
func (h *Header) AHSLength() int { return int(h[4]) * 4 }

// DataSegmentLength is the length of the data segment in bytes without padding.
func (h *Header) DataSegmentLength() int { return int(h[5])<<16 | int(h[6])<<8 | int(h[7]) }

// SetDataSegmentLength sets DataSegmentLength; n is below 1<<24.
func (h *Header) SetDataSegmentLength(n int) {
	h[5], h[6], h[7] = byte(n>>16), byte(n>>8), byte(n)
}

// InitiatorTaskTag is the ITT.
func (h *Header) InitiatorTaskTag() uint32 { return h.u32(16) }

// CmdSN is the command sequence number of a request, RFC 7143 4.2.2.1.
func (h *Header) CmdSN() uint32 { return h.u32(24) }

// StatSN is the status sequence number of a response, RFC 7143 4.2.2.2.
func (h *Header) StatSN() uint32 { return h.u32(24) }

// ExpStatSN is the next StatSN that the sender of a request waits for.
func (h *Header) ExpStatSN() uint32 { return h.u32(28) }

// Stamp sets the sequence numbers of a response: StatSN, ExpCmdSN and MaxCmdSN
// have the same place in all of them.
func (h *Header) Stamp(statSN, expCmdSN, maxCmdSN uint32) {
	h.put32(24, statSN)
	h.put32(28, expCmdSN)
	h.put32(32, maxCmdSN)
}

func (h *Header) u16(at int) uint16      { return binary.BigEndian.Uint16(h[at:]) }
func (h *Header) u32(at int) uint32      { return binary.BigEndian.Uint32(h[at:]) }
func (h *Header) put16(at int, v uint16) { binary.BigEndian.PutUint16(h[at:], v) }
func (h *Header) put32(at int, v uint32) { binary.BigEndian.PutUint32(h[at:], v) }
func (h *Header) lun() (l [8]byte)       { copy(l[:], h[8:16]); return l }
func (h *Header) putLUN(l [8]byte)       { copy(h[8:16], l[:]) }
func (h *Header) start(o Opcode, flags byte) {
	*h = Header{}
	h[0], h[1] = byte(o), flags
}

// is checks length and opcode of b and returns its header.
func is(b []byte, o Opcode) (*Header, error) {
	if len(b) < HeaderLength {
		return nil, ErrShort
	}
	h := (*Header)(b[:HeaderLength])
	if h.Opcode() != o {
		return nil, &FormatError{o, "opcode", uint64(h.Opcode())}
	}
	return h, nil
}

// noAHS refuses additional header segments where RFC 7143 allows none.
func (h *Header) noAHS() error {
	if h[4] != 0 {
		return &FormatError{h.Opcode(), "TotalAHSLength", uint64(h[4])}
	}
	return nil
}

// noData refuses a data segment where RFC 7143 allows none.
func (h *Header) noData() error {
	if n := h.DataSegmentLength(); n != 0 {
		return &FormatError{h.Opcode(), "DataSegmentLength", uint64(n)}
	}
	return nil
}

func bit(on bool, b byte) byte {
	if on {
		return b
	}
	return 0
}

// Padding is the number of zero bytes that follow n bytes of a data segment.
func Padding(n int) int { return -n & 3 }
