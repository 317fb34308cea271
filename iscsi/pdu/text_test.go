package pdu

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	good := "InitiatorName=iqn.x\x00Empty=\x00X-com.example.a+b@c_d=1=2\x00iSCSIProtocolLevel=1\x00"
	pairs, err := ParseText([]byte(good), 4)
	if err != nil || len(pairs) != 4 || pairs[1] != (Pair{"Empty", ""}) || pairs[2].Value != "1=2" {
		t.Fatalf("%v, %v", pairs, err)
	}
	for n := 1; n < len(good); n++ {
		if good[n-1] == 0 {
			continue
		}
		if _, err := ParseText([]byte(good[:n]), 4); !errors.Is(err, ErrText) {
			t.Errorf("%q: %v", good[:n], err)
		}
	}
	for _, bad := range []string{
		"=1\x00", "\x00", "lower=1\x00", "A b=1\x00", "A\xff=1\x00", "1A=1\x00", "NoValue\x00", "A=1", "A=1\x00\x00",
		"A" + strings.Repeat("b", 63) + "=1\x00", "A=" + strings.Repeat("b", 2051) + "\x00", strings.Repeat("A=1\x00", 5),
	} {
		if pairs, err := ParseText([]byte(bad), 4); !errors.Is(err, ErrText) {
			t.Errorf("%.40q: %v, %v", bad, pairs, err)
		}
	}
}

func TestNumber(t *testing.T) {
	for s, want := range map[string]uint64{"0": 0, "512": 512, "0x1F": 31, "0X1f": 31, "0x0010": 16, "16777215": 16777215} {
		if n, err := ParseNumber(s, 0, 1<<24); err != nil || n != want {
			t.Errorf("%q: %d, %v", s, n, err)
		}
	}
	for _, s := range []string{"", "-1", "+1", "01", "1 ", " 1", "1_0", "0x", "0x+1", "x", "1e3", "18446744073709551616", "0b1", "16777217", "١"} {
		if n, err := ParseNumber(s, 0, 1<<24); !errors.Is(err, ErrText) {
			t.Errorf("%q: %d, %v", s, n, err)
		}
	}
}

func TestBinary(t *testing.T) {
	for s, want := range map[string]string{"0x00ff": "\x00\xff", "0XABC": "\x0a\xbc", "0bAAH/": "\x00\x01\xff", "0B/w==": "\xff", "0b/w": "\xff"} {
		if b, err := ParseBinary(s); err != nil || string(b) != want {
			t.Errorf("%q: % x, %v", s, b, err)
		}
	}
	for _, s := range []string{"", "0x", "0b", "12", "0xZZ", "0b!!!!", "0y00", "0bAA\nAA", "0x" + strings.Repeat("00", 1025)} {
		if b, err := ParseBinary(s); !errors.Is(err, ErrText) {
			t.Errorf("%.40q: % x, %v", s, b, err)
		}
	}
	if s := FormatBinary([]byte{0, 0xAB}); s != "0x00ab" {
		t.Error(s)
	}
}

// FuzzText: what parses, appends to the same bytes.
func FuzzText(f *testing.F) {
	f.Add([]byte("InitiatorName=iqn.x\x00Empty=\x00"))
	f.Add([]byte("CHAP_C=0x00ff\x00CHAP_I=1\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pairs, err := ParseText(b, MaxKeys)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range pairs {
			again = AppendText(again, p.Key, p.Value)
			if n, err := ParseNumber(p.Value, 1, 100); err == nil && (n < 1 || n > 100) {
				t.Fatalf("%q is %d", p.Value, n)
			}
			if bin, err := ParseBinary(p.Value); err == nil {
				if back, err := ParseBinary(FormatBinary(bin)); len(bin) > 0 && (err != nil || !bytes.Equal(back, bin)) {
					t.Fatalf("%q: % x became % x, %v", p.Value, bin, back, err)
				}
			}
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%q became %q", b, again)
		}
	})
}

// TestDigest: the test vectors of RFC 3720 B.4.
func TestDigest(t *testing.T) {
	up, down := make([]byte, 32), make([]byte, 32)
	for i := range up {
		up[i], down[i] = byte(i), byte(31-i)
	}
	for want, data := range map[string][]byte{
		"\xaa\x36\x91\x8a": make([]byte, 32), "\x43\xab\xa8\x62": bytes.Repeat([]byte{0xFF}, 32), "\x4e\x79\xdd\x46": up, "\x5c\xdb\x3f\x11": down,
	} {
		var d [4]byte
		PutDigest(d[:], Digest(data[:5], data[5:]))
		if string(d[:]) != want || ReadDigest(d[:]) != Digest(data) {
			t.Errorf("% x: % x, want % x", data[:4], d, want)
		}
	}
}

func TestAHS(t *testing.T) {
	var b []byte
	b = AppendAHS(b, AHS{Type: AHSExtendedCDB, Specific: []byte{0, 1, 2, 3, 4}})
	b = AppendAHS(b, AHS{Type: AHSBidirectionalLength, Specific: []byte{0, 0, 0, 2, 0}})
	if len(b) != 16 {
		t.Fatalf("% x", b)
	}
	a, rest, err := NextAHS(b)
	if err != nil || a.Type != AHSExtendedCDB || len(a.Specific) != 5 || len(rest) != 8 {
		t.Fatalf("%+v, % x, %v", a, rest, err)
	}
	for n := range 8 {
		if _, _, err := NextAHS(b[:n]); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, _, err := NextAHS([]byte{0, 0, 1, 0}); err == nil {
		t.Error("length 0")
	}
}

// FuzzAHS: what splits off, appends to the same bytes but for padding and
// reserved bits.
func FuzzAHS(f *testing.F) {
	f.Add(AppendAHS(nil, AHS{Type: 1, Specific: []byte{0, 1, 2}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, rest, err := NextAHS(b)
		if err != nil {
			return
		}
		again := AppendAHS(nil, a)
		if len(again)+len(rest) != len(b) || !bytes.Equal(again[3:3+len(a.Specific)], b[3:3+len(a.Specific)]) {
			t.Fatalf("% x became % x and % x", b, again, rest)
		}
	})
}

func TestFraming(t *testing.T) {
	for _, digests := range []bool{false, true} {
		f := Framing{HeaderDigest: digests, DataDigest: digests, MaxData: 100}
		var h Header
		(&NOPOut{Immediate: true, InitiatorTaskTag: 1}).Encode(&h)
		for n := range 6 {
			data := bytes.Repeat([]byte{7}, n)
			b := f.Append(nil, &h, AppendAHS(nil, AHS{Type: 1, Specific: []byte{1}}), data)
			var got Frame
			if err := f.Read(bytes.NewReader(b), &got); err != nil || got.Header != h || !bytes.Equal(got.Data, data) || len(got.AHS) != 4 {
				t.Fatalf("%d bytes: %+v, %v", n, got, err)
			}
			for i := range b {
				want := io.ErrUnexpectedEOF
				if i == 0 {
					want = io.EOF
				}
				if err := f.Read(bytes.NewReader(b[:i]), &got); err != want {
					t.Fatalf("%d of %d bytes: %v", i, len(b), err)
				}
				if !digests {
					continue
				}
				bad := bytes.Clone(b)
				bad[i] ^= 1
				if err := f.Read(bytes.NewReader(bad), &got); err == nil {
					t.Fatalf("byte %d of %d wrong: no error", i, len(b))
				}
			}
		}
		h.SetDataSegmentLength(101)
		var got Frame
		if err := f.Read(bytes.NewReader(h[:]), &got); !errors.Is(err, ErrTooLong) {
			t.Error(err)
		}
	}
}

func TestSenseData(t *testing.T) {
	b := AppendSenseData(nil, []byte{0x70, 1, 2})
	for n := range b {
		got, err := SenseData(b[:n])
		if n == 0 && (got != nil || err != nil) || n > 0 && !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: % x, %v", n, got, err)
		}
	}
	if got, err := SenseData(b); err != nil || !bytes.Equal(got, []byte{0x70, 1, 2}) {
		t.Errorf("% x, %v", got, err)
	}
}

func TestNames(t *testing.T) {
	for s, want := range map[string]string{
		Opcode(0x3E).String(): "opcode 0x3e", RejectReason(0x77).String(): "reject reason 0x77", RejectSNACK.String(): "SNACK reject",
		LoginAuthenticationFailure.String(): "authentication failure (0201)", LoginStatus(0x4444).String(): "login status (4444)",
	} {
		if s != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}
