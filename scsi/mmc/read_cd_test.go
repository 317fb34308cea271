package mmc

import (
	"bytes"
	"testing"
)

// TestReadCD: each combination of sector type, parts and sub-channels of READ CD:
// exactly the parts that were asked for, or a refusal.
func TestReadCD(t *testing.T) {
	r := newRig(t)
	r.insert("cd-r")
	r.page05(1, 0xC4)
	r.write(0, 300)
	r.want(ok, "5B 00 02 00 00 00 00 00 00 00")
	raw := r.want(ok, "BE 00 00 00 00 10 00 00 02 F8 00 00")
	if len(raw) != 2*2352 {
		t.Fatalf("%d bytes", len(raw))
	}
	if want := unhex(t, "00 FFFFFFFFFFFFFFFFFFFF 00 00 02 16 01"); !bytes.Equal(raw[:16], want) {
		t.Errorf("sync and header are % x, want % x", raw[:16], want)
	}
	for kind := range 8 {
		for parts := range 256 {
			for sub := range 8 {
				x := r.doAs(r.nexus, []byte{0xBE, byte(kind << 2), 0, 0, 0, 16, 0, 0, 2, byte(parts), byte(sub)}, nil)
				want := ok
				sync, header, user, ecc := parts&0x80 != 0, parts&0x20 != 0, parts&0x10 != 0, parts&0x08 != 0
				switch {
				case kind > 5:
					want = "52400"
				case kind != 0 && kind != 2:
					want = "56400"
				case sub != 0, parts&0x06 != 0, ecc && !user, sync && user && !header:
					want = "52400"
				}
				if x.String() != want {
					t.Fatalf("type %d, parts %02X, sub-channels %d: %s, want %s", kind, parts, sub, x, want)
				}
				if want != ok {
					continue
				}
				var b []byte
				for n := range 2 {
					s := raw[n*2352:][:2352]
					for _, p := range []struct {
						is       bool
						from, to int
					}{{sync, 0, 12}, {header, 12, 16}, {user, 16, 2064}, {ecc, 2064, 2352}} {
						if p.is {
							b = append(b, s[p.from:p.to]...)
						}
					}
				}
				if !bytes.Equal(x.data, b) {
					t.Fatalf("type %d, parts %02X: %d bytes, want %d", kind, parts, len(x.data), len(b))
				}
			}
		}
	}
	if got := r.want(ok, "B9 00 00 00 02 10 00 02 12 F8 00 00"); !bytes.Equal(got, raw) {
		t.Errorf("READ CD MSF gives %d bytes, or others", len(got))
	}
	r.want("52100", "BE 00 00 00 01 2E 00 00 01 F8 00 00") // behind the run-out
	r.want("52100", "B9 00 00 00 00 00 00 02 00 F8 00 00") // the pregap
	r.want("52100", "BE 00 00 00 00 00 FF FF FF F8 00 00")
	r = newRig(t)
	r.insert("dvd+rw")
	r.want(ok, "04 11 00 00 00 00", unhex(t, "00 02 00 08 FFFFFFFF 98 000000")...)
	r.want("53002", "BE 00 00 00 00 10 00 00 02 F8 00 00")
	if got := r.want(ok, "BE 00 00 00 00 10 00 00 02 10 00 00"); len(got) != 4096 {
		t.Errorf("%d bytes of user data of a DVD", len(got))
	}
}

// TestSectorParity: the check sums of both product codes are zero, the code that
// a single wrong byte spoils, and the rest of the division.
func TestSectorParity(t *testing.T) {
	var s sector
	for i := range s.user() {
		s.user()[i] = byte(i*i>>3 ^ i)
	}
	s.complete(4711)
	sums := func(length, vectors, step, between, size int) (bad int) {
		for n := range vectors {
			for half := range 2 {
				var plain, weighted byte
				for i := range length {
					word := (between*n + step*i) % size
					if i >= length-2 {
						word = size + (i-length+2)*vectors + n
					}
					v := s[12+2*word+half]
					plain ^= v
					weighted = timesAlpha(weighted) ^ v
				}
				if plain != 0 || weighted != 0 {
					bad++
				}
			}
		}
		return bad
	}
	p := func() int { return sums(26, 43, 43, 1, 24*43) }
	q := func() int { return sums(45, 26, 44, 43, 26*43) }
	if p() != 0 || q() != 0 {
		t.Errorf("%d vectors of P and %d of Q are wrong", p(), q())
	}
	if edc(s[:2068]) != 0 {
		t.Error("the rest of a division with its code is not zero")
	}
	s[1000] ^= 0x40
	if p() != 1 || q() != 1 || edc(s[:2068]) == 0 {
		t.Errorf("with one wrong byte %d vectors of P and %d of Q are wrong", p(), q())
	}
	for v := range 256 {
		if got := timesAlpha(overAlphaPlus1(byte(v))) ^ overAlphaPlus1(byte(v)); got != byte(v) {
			t.Fatalf("%02X / (alpha+1) times it is %02X", v, got)
		}
	}
}
