package pdu

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of text, RFC 7143 6.1 and our own.
const (
	MaxKeyLength   = 63  // bytes
	MaxValueLength = 255 // bytes, for keys that do not say otherwise
	MaxKeys        = 64  // keys of an initiator in one negotiation
)

// MaxLargeValue is the longest binary value in bytes, RFC 7143 12.1.3.
const MaxLargeValue = 1024

// maxEncodedValue is the longest value on the wire: MaxLargeValue in hexadecimal.
const maxEncodedValue = 2 + 2*MaxLargeValue

// ErrText is wrapped by the errors of text decoding.
var ErrText = errors.New("malformed text")

// Pair is one key=value pair, RFC 7143 6.1.
type Pair struct{ Key, Value string }

// ParseText splits text into its pairs, at most limit of them: each is key=value
// and a NUL.
func ParseText(b []byte, limit int) ([]Pair, error) {
	var pairs []Pair
	for len(b) > 0 {
		end := bytes.IndexByte(b, 0)
		if end < 0 {
			return nil, fmt.Errorf("pdu: %w: no NUL at the end", ErrText)
		}
		key, value, ok := bytes.Cut(b[:end], []byte{'='})
		switch {
		case !ok:
			return nil, fmt.Errorf("pdu: %w: no '=' in %.80q", ErrText, b[:end])
		case !validKey(key):
			return nil, fmt.Errorf("pdu: %w: key %.80q", ErrText, key)
		case len(value) > maxEncodedValue:
			return nil, fmt.Errorf("pdu: %w: value of %s has %d bytes", ErrText, key, len(value))
		case len(pairs) == limit:
			return nil, fmt.Errorf("pdu: %w: more than %d keys", ErrText, limit)
		}
		pairs = append(pairs, Pair{string(key), string(value)})
		b = b[end+1:]
	}
	return pairs, nil
}

// AppendText appends one pair.
func AppendText(dst []byte, key, value string) []byte {
	dst = append(dst, key...)
	dst = append(dst, '=')
	dst = append(dst, value...)
	return append(dst, 0)
}

// protocolLevel is the one key of RFC 7143 (13.24) that breaks its own rule.
const protocolLevel = "iSCSIProtocolLevel"

// validKey checks the form of a key: a capital first, then letters, digits and
// . - + @ _ (and # of the X# keys), RFC 7143 6.1.
func validKey(k []byte) bool {
	if len(k) == 0 || len(k) > MaxKeyLength {
		return false
	}
	if (k[0] < 'A' || k[0] > 'Z') && string(k) != protocolLevel {
		return false
	}
	for _, c := range k {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case strings.IndexByte(".-+@_#", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// ParseNumber decodes a numerical value: decimal without sign or leading zeros,
// or hexadecimal after 0x (RFC 7143 6.1), and checks that it is in [low, high].
func ParseNumber(s string, low, high uint64) (uint64, error) {
	base, digits := 10, s
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X") {
		base, digits = 16, s[2:]
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' || strings.ContainsRune(digits, '_') ||
		base == 10 && len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("pdu: %w: number %.40q", ErrText, s)
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("pdu: %w: number %.40q", ErrText, s)
	}
	if n < low || n > high {
		return n, fmt.Errorf("pdu: %w: %d is not in %d to %d", ErrText, n, low, high)
	}
	return n, nil
}

// ParseBinary decodes a binary value of at most MaxLargeValue bytes: hexadecimal
// after 0x or base64 after 0b (RFC 7143 6.1).
func ParseBinary(s string) ([]byte, error) {
	if len(s) < 3 || s[0] != '0' || len(s) > maxEncodedValue {
		return nil, fmt.Errorf("pdu: %w: binary value %.40q", ErrText, s)
	}
	var (
		b   []byte
		err error
	)
	switch s[1] {
	case 'x', 'X':
		digits := s[2:]
		if len(digits)%2 != 0 {
			digits = "0" + digits
		}
		b, err = hex.DecodeString(digits)
	case 'b', 'B':
		b, err = base64.StdEncoding.Strict().DecodeString(s[2:])
		if err != nil {
			b, err = base64.RawStdEncoding.Strict().DecodeString(s[2:])
		}
	default:
		err = ErrText
	}
	if err != nil || len(b) > MaxLargeValue || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("pdu: %w: binary value %.40q", ErrText, s)
	}
	return b, nil
}

// FormatBinary encodes a binary value in hexadecimal: an even number of lower
// case digits, which every initiator understands.
func FormatBinary(b []byte) string { return "0x" + hex.EncodeToString(b) }
