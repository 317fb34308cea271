package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// NAA is a Name Address Authority identifier of 8 bytes, SPC-4 7.8.6.6.
type NAA [8]byte

// String is the form of the configuration: eight hex bytes with colons.
func (n NAA) String() string {
	parts := make([]string, len(n))
	for i, b := range n {
		parts[i] = fmt.Sprintf("%02x", b)
	}
	return strings.Join(parts, ":")
}

// ParseNAA reads eight hex bytes, with or without colons between. The first
// digit, the NAA type, is one of those with 8 bytes: 2 (IEEE extended), 3
// (locally assigned) or 5 (IEEE registered).
func ParseNAA(s string) (NAA, error) {
	var n NAA
	digits := s
	if strings.Contains(s, ":") {
		parts := strings.Split(s, ":")
		if len(parts) != len(n) {
			return n, fmt.Errorf("NAA %q is not of 8 bytes", s)
		}
		for _, p := range parts {
			if len(p) != 2 {
				return n, fmt.Errorf("NAA %q: %q is not a byte of two hex digits", s, p)
			}
		}
		digits = strings.Join(parts, "")
	}
	if len(digits) != 2*len(n) {
		return n, fmt.Errorf("NAA %q is not of 16 hex digits", s)
	}
	if _, err := hex.Decode(n[:], []byte(digits)); err != nil {
		return NAA{}, fmt.Errorf("NAA %q is not hexadecimal", s)
	}
	switch n[0] >> 4 {
	case 2, 3, 5:
		return n, nil
	}
	return NAA{}, fmt.Errorf("NAA %q begins with %x: use 2, 3 (locally assigned) or 5", s, n[0]>>4)
}

// naaFor is the identifier of a device: the configured one, else a locally
// assigned one made from its serial number, so that it never changes by itself.
func naaFor(configured, kind, serial string) (NAA, error) {
	if configured != "" {
		return ParseNAA(configured)
	}
	if serial == "" {
		return NAA{}, errors.New("no serial number to make an NAA from")
	}
	sum := sha256.Sum256([]byte(kind + "\x00" + serial))
	var n NAA
	copy(n[:], sum[:])
	n[0] = 0x30 | n[0]&0x0F
	return n, nil
}

// Identifier is the drive's NAA identifier: the configured one, or one made of
// its serial number.
func (d *Drive) Identifier() (NAA, error) { return naaFor(d.NAA, KindDrive, d.Serial) }

// Identifier is the library's NAA identifier: the configured one, or one made of
// its serial number.
func (l *Library) Identifier() (NAA, error) { return naaFor(l.NAA, KindLibrary, l.Serial) }
