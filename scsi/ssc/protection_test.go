package ssc

import (
	"bytes"
	"testing"
)

// TestProtectionVectors checks both methods against published check values: the
// primes 2 to 157, and those with 163 to 251 behind.
func TestProtectionVectors(t *testing.T) {
	primes := func(to int) []byte {
		var l []byte
		for n := 2; n <= to; n++ {
			prime := true
			for d := 2; d*d <= n; d++ {
				prime = prime && n%d != 0
			}
			if prime {
				l = append(l, byte(n))
			}
		}
		return l
	}
	for _, c := range []struct {
		to     int
		method protectionMethod
		want   []byte
	}{
		{157, protectionCRC32C, []byte{0x48, 0x4F, 0x17, 0xE8}},
		{157, protectionReedSolomon, []byte{0x73, 0x3D, 0x4D, 0xCA}},
		{251, protectionCRC32C, []byte{0xB0, 0xEC, 0xC8, 0x73}},
		{251, protectionReedSolomon, []byte{0x75, 0x4E, 0xD3, 0x7E}},
	} {
		var got [guardLength]byte
		p := protection{method: c.method}
		p.put(got[:], primes(c.to))
		if !bytes.Equal(got[:], c.want) {
			t.Errorf("method %d over the primes to %d: % X, want % X", c.method, c.to, got, c.want)
		}
	}
}
