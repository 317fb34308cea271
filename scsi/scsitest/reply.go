package scsitest

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strings"

	"govtl/scsi"
)

// longIn is how much Data-In, in bytes, a transcript shows in full.
const longIn = 1024

// Text is the reply as a transcript has it.
func (r Result) Text() string {
	var b strings.Builder
	b.WriteString(r.Status.String())
	if len(r.Sense) > 0 {
		s, err := scsi.DecodeSense(r.Sense)
		if err != nil {
			fmt.Fprintf(&b, ": % X (%v)", r.Sense, err)
		} else {
			b.WriteString(": " + SenseText(s))
		}
	}
	if r.Residual != "" {
		b.WriteString(", " + r.Residual)
	}
	b.WriteByte('\n')
	if len(r.In) > longIn {
		fmt.Fprintf(&b, "%d bytes, crc32c %08X\n", len(r.In), crc32.Checksum(r.In, crc32.MakeTable(crc32.Castagnoli)))
		return b.String()
	}
	b.WriteString(Hex(r.In))
	return b.String()
}

// Hex is a dump of 16 bytes a line: offset, bytes, text.
func Hex(p []byte) string {
	var b strings.Builder
	for at := 0; at < len(p); at += 16 {
		l := p[at:min(at+16, len(p))]
		text := bytes.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return '.'
			}
			return c
		}, printable(l))
		fmt.Fprintf(&b, "%04X  %-47s  %s\n", at, fmt.Sprintf("% X", l), text)
	}
	return b.String()
}

// printable has the bytes that are no ASCII replaced.
func printable(p []byte) []byte {
	c := bytes.Clone(p)
	for i := range c {
		if c[i] >= 0x80 {
			c[i] = '.'
		}
	}
	return c
}

// SenseText is sense data in words, all that an initiator can see of it.
func SenseText(s *scsi.Sense) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s (%X/%02X/%02X)", s.Key, s.ASC, uint8(s.Key), uint8(s.ASC>>8), uint8(s.ASC))
	for _, f := range []struct {
		on   bool
		name string
	}{{s.Deferred, "deferred"}, {s.Filemark, "FILEMARK"}, {s.EOM, "EOM"}, {s.ILI, "ILI"}} {
		if f.on {
			b.WriteString(", " + f.name)
		}
	}
	if s.Valid {
		fmt.Fprintf(&b, ", information %d", s.Information)
	}
	if s.CommandSpecific != 0 {
		fmt.Fprintf(&b, ", command specific %d", s.CommandSpecific)
	}
	if s.FRU != 0 {
		fmt.Fprintf(&b, ", FRU %02Xh", s.FRU)
	}
	if inCDB, at, bit, ok := s.FieldPointer(); ok {
		where := "parameter"
		if inCDB {
			where = "CDB"
		}
		fmt.Fprintf(&b, ", %s byte %d", where, at)
		if bit >= 0 {
			fmt.Fprintf(&b, " bit %d", bit)
		}
	} else if s.SKS[0]&0x80 != 0 {
		fmt.Fprintf(&b, ", progress %d/65536", int(s.SKS[1])<<8|int(s.SKS[2]))
	}
	return b.String()
}
