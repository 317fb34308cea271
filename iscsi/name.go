package iscsi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxNameLength is the longest iSCSI name in bytes, RFC 7143 4.2.7.1.
const MaxNameLength = 223

// ErrBadName is wrapped by NormalizeName's errors.
var ErrBadName = errors.New("not an iSCSI name")

// NormalizeName checks an iSCSI name (RFC 7143 4.2.7) and returns it in its
// normal form, which has no upper case ASCII letters: two names are the same if
// their normal forms are equal byte for byte.
func NormalizeName(name string) (string, error) {
	bad := func(why string) (string, error) {
		if len(name) > MaxNameLength {
			name = name[:MaxNameLength] + "..."
		}
		return "", fmt.Errorf("iscsi: %w: %q %s", ErrBadName, name, why)
	}
	if name == "" {
		return bad("is empty")
	}
	if len(name) > MaxNameLength {
		return bad("is longer than 223 bytes")
	}
	if !utf8.ValidString(name) {
		return bad("is not UTF-8")
	}
	lower := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
	for _, r := range lower {
		ascii := 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == ':'
		// Initiators in the wild put host names with "_" behind the colon.
		if !ascii && r != '_' && r < 0x80 || r == utf8.RuneError || 0x80 <= r && r < 0xA0 {
			return bad(fmt.Sprintf("has a character %q", r))
		}
	}
	switch {
	case strings.HasPrefix(lower, "iqn."):
		if !validIQN(lower) {
			return bad("is not of the form iqn.yyyy-mm.reversed.domain[:anything]")
		}
	case strings.HasPrefix(lower, "eui."):
		if !hexDigits(lower[4:], 16) {
			return bad("is not eui. with 16 hexadecimal digits")
		}
	case strings.HasPrefix(lower, "naa."):
		if !hexDigits(lower[4:], 16) && !hexDigits(lower[4:], 32) {
			return bad("is not naa. with 16 or 32 hexadecimal digits")
		}
	default:
		return bad("begins with none of iqn., eui., naa.")
	}
	return lower, nil
}

// validIQN checks the date and that something follows it.
func validIQN(s string) bool {
	if len(s) < len("iqn.yyyy-mm.x") || s[8] != '-' || s[11] != '.' {
		return false
	}
	for _, i := range []int{4, 5, 6, 7, 9, 10} {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func hexDigits(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// matchName compares a normal name with a pattern: a name, or the beginning of
// names and "*".
func matchName(pattern, name string) bool {
	pattern = strings.ToLower(pattern)
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// address is the TargetAddress value without the group tag (RFC 7143 13.8).
func (a PortalAddress) address(connected netip.AddrPort) string {
	host, port := a.Host, a.Port
	if host == "" {
		host = connected.Addr().Unmap().WithZone("").String()
	}
	if port == 0 {
		port = connected.Port()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
