package mhvtl

import (
	"errors"
	"fmt"
)

// errLZO is an LZO1X stream that cannot be what a compressor has written.
var errLZO = errors.New("invalid LZO1X stream")

// Instruction codes of an LZO1X stream: the first value of each class of copy.
// A class is told by the highest bit that is set.
const (
	lzoFar   = 16  // 0001HLLL: from 16 to 48 KiB back, and the end of the stream
	lzoMid   = 32  // 001LLLLL: up to 16 KiB back
	lzoNear  = 64  // 01LDDDSS: 3 or 4 bytes, up to 2 KiB back
	lzoNear5 = 128 // 1LLDDDSS: 5 to 8 bytes, up to 2 KiB back

	lzoFirst = 17 // a first byte above it is a run of literals of its own

	lzoNearReach = 2 << 10  // how far lzoNear reaches
	lzoMidReach  = 16 << 10 // how far lzoMid reaches
)

// lzoReader is the compressed side of decompressLZO.
type lzoReader struct {
	b []byte
	n int // bytes taken
}

// take returns the next n bytes.
func (r *lzoReader) take(n int) ([]byte, bool) {
	if n > len(r.b)-r.n {
		return nil, false
	}
	r.n += n
	return r.b[r.n-n : r.n], true
}

// octet returns the next byte.
func (r *lzoReader) octet() (int, bool) {
	if r.n >= len(r.b) {
		return 0, false
	}
	r.n++
	return int(r.b[r.n-1]), true
}

// length completes a length whose field in the instruction is low: 0 stands for
// most, and as much again as follows: 255 for each zero byte, and then the byte
// that is not zero. limit bounds the result, so that no length overflows.
func (r *lzoReader) length(low, most, limit int) (int, bool) {
	if low != 0 {
		return low, true
	}
	n := most
	for {
		b, ok := r.octet()
		if !ok {
			return 0, false
		}
		if b != 0 {
			return n + b, true
		}
		if n += 255; n > limit {
			return 0, false
		}
	}
}

// decompressLZO decompresses a whole LZO1X stream (the bitstream without version
// byte) into dst, which it must fill to the last byte. It reads src to its end.
//
// A stream is instructions, literals between them. An instruction copies from
// what was decompressed already; its last two bits, or those of its distance, say
// how many literals (0 to 3) follow at once. An instruction below 16 means one of
// three things by what was before it: after no literals it is a run of literals;
// after 1 to 3 a copy of two bytes from near; after a run a copy of three bytes
// from 2 to 3 KiB back.
func decompressLZO(dst, src []byte) error {
	r := &lzoReader{b: src}
	out := 0
	fail := func(what string) error {
		return fmt.Errorf("%w: %s at byte %d (%d of %d decompressed)", errLZO, what, r.n, out, len(dst))
	}
	literals := func(n int) bool {
		b, ok := r.take(n)
		if !ok || n > len(dst)-out {
			return false
		}
		out += copy(dst[out:], b)
		return true
	}

	const afterRun = 4 // the last instruction was a run of literals
	state := 0         // literals behind the last instruction: 0 to 3, or afterRun
	if len(src) > 0 && src[0] > lzoFirst {
		r.n = 1
		state = int(src[0]) - lzoFirst
		if !literals(state) {
			return fail("literals beyond the end")
		}
		state = min(state, afterRun)
	}
	for {
		code, ok := r.octet()
		if !ok {
			return fail("no end mark")
		}
		var length, distance, next int
		switch {
		case code < lzoFar && state == 0:
			n, ok := r.length(code, 15, len(dst))
			if !ok || !literals(n+3) {
				return fail("literals beyond the end")
			}
			state = afterRun
			continue
		case code < lzoFar:
			high, ok := r.octet()
			if !ok {
				return fail("cut short")
			}
			length, distance = 2, high<<2+code>>2+1
			if state == afterRun {
				length, distance = 3, distance+lzoNearReach
			}
			next = code & 3
		case code < lzoNear:
			low, most, base := code&31, 31, 1
			if code < lzoMid {
				low, most, base = code&7, 7, lzoMidReach+code&8<<11
			}
			if length, ok = r.length(low, most, len(dst)); !ok {
				return fail("length beyond the end")
			}
			length += 2
			b, ok := r.take(2)
			if !ok {
				return fail("cut short")
			}
			word := int(b[0]) | int(b[1])<<8
			distance, next = base+word>>2, word&3
			if code < lzoMid && distance == lzoMidReach {
				switch {
				case length != 3 || next != 0:
					return fail("wrong end mark")
				case r.n != len(src):
					return fail("more behind the end mark")
				case out != len(dst):
					return fail("too little was compressed")
				}
				return nil
			}
		default:
			high, ok := r.octet()
			if !ok {
				return fail("cut short")
			}
			length = 3 + code>>5&1
			if code >= lzoNear5 {
				length = 5 + code>>5&3
			}
			distance, next = high<<3+code>>2&7+1, code&3
		}
		if distance > out {
			return fail("copy from before the beginning")
		}
		if length > len(dst)-out {
			return fail("copy beyond the end")
		}
		if distance >= length {
			copy(dst[out:out+length], dst[out-distance:])
		} else { // the copy reads what it has just written
			for i := out; i < out+length; i++ {
				dst[i] = dst[i-distance]
			}
		}
		out += length
		if !literals(next) {
			return fail("literals beyond the end")
		}
		state = next
	}
}
