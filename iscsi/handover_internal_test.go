package iscsi

import (
	"bytes"
	"errors"
	"testing"

	"govtl/iscsi/pdu"
)

// FuzzHandover: what decodes, encodes to the same bytes.
func FuzzHandover(f *testing.F) {
	whole := appendHandover(nil, &FirstRequest{Data: []byte("InitiatorName=x\x00"), Answered: 2})
	f.Add(whole)
	f.Add(whole[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		first, length, err := parseHandover(b)
		if err != nil {
			if errors.Is(err, pdu.ErrShort) && length <= len(b) {
				t.Fatalf("%d of %d bytes are too few", len(b), length)
			}
			return
		}
		if again := appendHandover(nil, first); !bytes.Equal(again, b) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func TestHandoverPrefixes(t *testing.T) {
	whole := appendHandover(nil, &FirstRequest{Data: []byte("InitiatorName=x\x00"), Answered: 2})
	for n := range whole {
		if _, length, err := parseHandover(whole[:n]); !errors.Is(err, pdu.ErrShort) || length <= n {
			t.Errorf("%d of %d bytes: %d, %v", n, len(whole), length, err)
		}
	}
}

func TestNormalizeName(t *testing.T) {
	for name, want := range map[string]string{
		"iqn.2026-11.local.vtl:drive11":        "iqn.2026-11.local.vtl:drive11",
		"IQN.1991-05.com.microsoft:WIN-ABC":    "iqn.1991-05.com.microsoft:win-abc",
		"iqn.2008-11.org.linux-kvm:My_Guest":   "iqn.2008-11.org.linux-kvm:my_guest",
		"eui.02004567A425678D":                 "eui.02004567a425678d",
		"naa.52004567BA64678D":                 "naa.52004567ba64678d",
		"naa.62004567BA64678D0123456789ABCDEF": "naa.62004567ba64678d0123456789abcdef",
		"iqn.2001-04.com.example:bücher":       "iqn.2001-04.com.example:bücher",
	} {
		if got, err := NormalizeName(name); err != nil || got != want {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{
		"", "drive", "iqn.", "iqn.2026-11", "iqn.2026-11.", "iqn.20a6-11.x", "iqn.2026/11.x", "iqn.2026-11.a b", "iqn.2026-11.a\x00b", "iqn.2026-11.a\nb",
		"iqn.2026-11.\xff", "eui.123", "eui.0200456ga425678d", "naa.5", "iqn.2026-11.a,b", string(make([]byte, 300)),
	} {
		if got, err := NormalizeName(name); !errors.Is(err, ErrBadName) {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}
