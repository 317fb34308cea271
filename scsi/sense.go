package scsi

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// SenseKey is the sense key, SPC-4 table 48.
type SenseKey uint8

// The sense keys, SPC-4 4.5.6.
const (
	NoSense        SenseKey = 0x0
	RecoveredError SenseKey = 0x1
	NotReady       SenseKey = 0x2
	MediumError    SenseKey = 0x3
	HardwareError  SenseKey = 0x4
	IllegalRequest SenseKey = 0x5
	UnitAttention  SenseKey = 0x6
	DataProtect    SenseKey = 0x7
	BlankCheck     SenseKey = 0x8
	VendorSpecific SenseKey = 0x9
	CopyAborted    SenseKey = 0xA
	AbortedCommand SenseKey = 0xB
	VolumeOverflow SenseKey = 0xD
	Miscompare     SenseKey = 0xE
	Completed      SenseKey = 0xF
)

var senseKeyNames = [16]string{
	"NO SENSE", "RECOVERED ERROR", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR",
	"ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT", "BLANK CHECK", "VENDOR SPECIFIC",
	"COPY ABORTED", "ABORTED COMMAND", "RESERVED", "VOLUME OVERFLOW", "MISCOMPARE", "COMPLETED",
}

// String is the name of the sense key in T10's words.
func (k SenseKey) String() string { return senseKeyNames[k&0xF] }

// Sense is the content of sense data, SPC-4 4.5, independent of its format. It
// is an error: a handler that returns a *Sense ends its task with CHECK
// CONDITION and this sense data. A Sense that has been returned is not changed
// any more.
type Sense struct {
	Key SenseKey
	ASC ASC

	// Deferred says that the error belongs to an earlier command that had
	// ended with GOOD (response code 71h or 73h), SPC-4 4.5.7.
	Deferred bool

	// Filemark, EOM and ILI are the stream command bits, SPC-4 4.5.2.5.
	Filemark, EOM, ILI bool

	// Valid says that Information holds what the command's clause defines.
	// Fixed format has 32 bits for it: a value that does not fit there is sent
	// with VALID=0.
	Valid       bool
	Information int64

	// CommandSpecific is the COMMAND-SPECIFIC INFORMATION field.
	CommandSpecific uint32

	// FRU is the FIELD REPLACEABLE UNIT CODE.
	FRU uint8

	// SKS holds the sense key specific bytes; SKSV (bit 7 of SKS[0]) says
	// whether they mean anything.
	SKS [3]byte

	// Additional are the bytes from 18 on of fixed format (ADDITIONAL SENSE
	// BYTES), vendor specific, at most MaxAdditional. See Options.Additional.
	Additional []byte

	// Why tells people the reason in words ("LTO-6 medium cannot be read by an
	// LTO-8 drive"). It goes into logs, traces and events, not to the wire.
	Why string
}

// NewSense returns sense data with a key and an additional sense code.
func NewSense(k SenseKey, a ASC) *Sense { return &Sense{Key: k, ASC: a} }

// InvalidFieldInCDBAt is ILLEGAL REQUEST, INVALID FIELD IN CDB with the field
// pointer to a byte and a bit of the CDB (bit -1: the whole byte), SPC-4 4.5.2.4.2.
func InvalidFieldInCDBAt(byteOffset, bit int) *Sense {
	return &Sense{Key: IllegalRequest, ASC: InvalidFieldInCDB, SKS: fieldPointer(true, byteOffset, bit)}
}

// InvalidParameterAt is ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST with the
// field pointer to a byte and a bit of the parameter list (bit -1: the whole byte).
func InvalidParameterAt(byteOffset, bit int) *Sense {
	return &Sense{Key: IllegalRequest, ASC: InvalidFieldInParameterList, SKS: fieldPointer(false, byteOffset, bit)}
}

func fieldPointer(inCDB bool, byteOffset, bit int) [3]byte {
	b := byte(0x80) // SKSV
	if inCDB {
		b |= 0x40 // C/D
	}
	if bit >= 0 {
		b |= 0x08 | byte(bit&7) // BPV, BIT POINTER
	}
	return [3]byte{b, byte(byteOffset >> 8), byte(byteOffset)}
}

// WithProgress returns a copy of s with the progress indication of a running
// operation, done/65536 of it complete, SPC-4 4.5.2.4.4.
func (s *Sense) WithProgress(done uint16) *Sense {
	c := *s
	c.SKS = [3]byte{0x80, byte(done >> 8), byte(done)}
	return &c
}

// FieldPointer decodes the field pointer of ILLEGAL REQUEST sense data: whether it
// points into the CDB (else into the parameter list), byte and bit (-1: the
// whole byte). ok is false when there is none.
func (s *Sense) FieldPointer() (inCDB bool, byteOffset, bit int, ok bool) {
	if s.Key != IllegalRequest || s.SKS[0]&0x80 == 0 {
		return false, 0, 0, false
	}
	bit = -1
	if s.SKS[0]&0x08 != 0 {
		bit = int(s.SKS[0] & 7)
	}
	return s.SKS[0]&0x40 != 0, int(s.SKS[1])<<8 | int(s.SKS[2]), bit, true
}

// Because returns a copy of s that tells people why.
func (s *Sense) Because(format string, args ...any) *Sense {
	c := *s
	c.Why = fmt.Sprintf(format, args...)
	return &c
}

// Error is the sense data in words.
func (s *Sense) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s (%X/%02X/%02X)", s.Key, s.ASC, uint8(s.Key), uint8(s.ASC>>8), uint8(s.ASC))
	if s.Deferred {
		b.WriteString(" deferred")
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{s.Filemark, "FILEMARK"}, {s.EOM, "EOM"}, {s.ILI, "ILI"}} {
		if f.on {
			b.WriteString(" " + f.name)
		}
	}
	if s.Valid {
		fmt.Fprintf(&b, " information %d", s.Information)
	}
	if s.Why != "" {
		b.WriteString(": " + s.Why)
	}
	return b.String()
}

const (
	// FixedLength is the length in bytes of fixed format sense data without
	// additional sense bytes.
	FixedLength = 18

	// MaxAdditional is the most additional sense bytes that fit.
	MaxAdditional = 252 - FixedLength
)

// AppendFixed appends s in fixed format, SPC-4 4.5.3: FixedLength bytes and the
// additional ones.
func (s *Sense) AppendFixed(dst []byte) []byte {
	var f [FixedLength]byte
	f[0] = 0x70
	if s.Deferred {
		f[0] = 0x71
	}
	if s.Valid && s.Information >= math.MinInt32 && s.Information <= math.MaxUint32 {
		f[0] |= 0x80
		binary.BigEndian.PutUint32(f[3:], uint32(s.Information))
	}
	f[2] = byte(s.Key) | bit(s.Filemark, 0x80) | bit(s.EOM, 0x40) | bit(s.ILI, 0x20)
	more := s.Additional[:min(len(s.Additional), MaxAdditional)]
	f[7] = byte(FixedLength - 8 + len(more))
	binary.BigEndian.PutUint32(f[8:], s.CommandSpecific)
	binary.BigEndian.PutUint16(f[12:], uint16(s.ASC))
	f[14] = s.FRU
	copy(f[15:], s.SKS[:])
	return append(append(dst, f[:]...), more...)
}

// AppendDescriptor appends s in descriptor format, SPC-4 4.5.2.
func (s *Sense) AppendDescriptor(dst []byte) []byte {
	start := len(dst)
	code := byte(0x72)
	if s.Deferred {
		code = 0x73
	}
	dst = append(dst, code, byte(s.Key), byte(s.ASC>>8), byte(s.ASC), 0, 0, 0, 0)
	if s.Valid {
		dst = append(dst, 0x00, 0x0A, 0x80, 0)
		dst = binary.BigEndian.AppendUint64(dst, uint64(s.Information))
	}
	if s.CommandSpecific != 0 {
		dst = append(dst, 0x01, 0x0A, 0, 0)
		dst = binary.BigEndian.AppendUint64(dst, uint64(s.CommandSpecific))
	}
	if s.SKS[0]&0x80 != 0 {
		dst = append(dst, 0x02, 0x06, 0, 0, s.SKS[0], s.SKS[1], s.SKS[2], 0)
	}
	if s.FRU != 0 {
		dst = append(dst, 0x03, 0x02, 0, s.FRU)
	}
	if s.Filemark || s.EOM || s.ILI {
		dst = append(dst, 0x04, 0x02, 0, bit(s.Filemark, 0x80)|bit(s.EOM, 0x40)|bit(s.ILI, 0x20))
	}
	dst[start+7] = byte(len(dst) - start - 8)
	return dst
}

func bit(on bool, b byte) byte {
	if on {
		return b
	}
	return 0
}
