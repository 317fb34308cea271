package ssc

import (
	"encoding/binary"
	"hash/crc32"

	"govtl/internal/buffer"
	"govtl/scsi"
)

// guardLength is the length of a logical block protection information field.
const guardLength = 4

// protectionMethod is LOGICAL BLOCK PROTECTION METHOD, SSC-4 8.3.9.
type protectionMethod uint8

// The methods.
const (
	protectionOff         protectionMethod = 0
	protectionReedSolomon protectionMethod = 1
	protectionCRC32C      protectionMethod = 2
)

// protection is logical block protection as one nexus has set it (mode page
// 0Ah/F0h): each block on the wire has four more bytes.
type protection struct {
	method      protectionMethod
	write, read bool
}

var senseGuard = scsi.NewSense(scsi.HardwareError, scsi.LogicalBlockGuardCheckFailed)

func (p *protection) onWrite() bool { return p.method != protectionOff && p.write }
func (p *protection) onRead() bool  { return p.method != protectionOff && p.read }

// append puts the guard behind a block that was read, when the nexus wants it.
func (p *protection) append(b *buffer.Buffer) *buffer.Buffer {
	if !p.onRead() {
		return b
	}
	n := len(b.B)
	if cap(b.B) < n+guardLength {
		c := buffer.Default.Get(n + guardLength)
		copy(c.B, b.B)
		b.Release()
		b = c
	}
	b.B = b.B[:n+guardLength]
	p.put(b.B[n:], b.B[:n])
	return b
}

// check returns how many of the blocks in data, each of size bytes with its
// guard, pass before the first that does not.
func (p *protection) check(data []byte, size int) int {
	if size <= guardLength {
		return 0
	}
	good := 0
	for ; len(data) >= size; data = data[size:] {
		var want [guardLength]byte
		p.put(want[:], data[:size-guardLength])
		if [guardLength]byte(data[size-guardLength:size]) != want {
			break
		}
		good++
	}
	return good
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// put computes the guard of a block: CRC32C least significant byte first, the
// Reed-Solomon code most significant byte first.
func (p *protection) put(dst, block []byte) {
	if p.method == protectionCRC32C {
		binary.LittleEndian.PutUint32(dst, crc32.Checksum(block, castagnoli))
		return
	}
	binary.BigEndian.PutUint32(dst, reedSolomon(block))
}

// reedSolomon is the Reed-Solomon code of ECMA-319 (method 1): over GF(256) with
// field polynomial 11Dh, generator x^4 + a^201 x^3 + a^246 x^2 + a^201 x + 1 for
// the primitive element a, start value 0.
// It is linear, so eight bytes are taken at a time with a table for each.
func reedSolomon(block []byte) uint32 {
	var c uint32
	t := &reedSolomonTables
	for ; len(block) >= 8; block = block[8:] {
		c ^= binary.BigEndian.Uint32(block)
		c = t[7][c>>24] ^ t[6][c>>16&0xFF] ^ t[5][c>>8&0xFF] ^ t[4][c&0xFF] ^
			t[3][block[4]] ^ t[2][block[5]] ^ t[1][block[6]] ^ t[0][block[7]]
	}
	for _, b := range block {
		c = c<<8 ^ t[0][byte(c>>24)^b]
	}
	return c
}

// The coefficients a^201 and a^246 of the generator.
const (
	a201 = 0x38
	a246 = 0xCF
)

// reedSolomonTables has in row k what a byte contributes when k bytes follow it.
var reedSolomonTables = makeReedSolomonTables()

// makeReedSolomonTables multiplies each field element with the generator's lower
// coefficients, and then with x for each byte that follows.
func makeReedSolomonTables() (t [8][256]uint32) {
	for i := range t[0] {
		x := byte(i)
		t[0][i] = uint32(gfMultiply(x, a201))<<24 | uint32(gfMultiply(x, a246))<<16 | uint32(gfMultiply(x, a201))<<8 | uint32(x)
	}
	for k := 1; k < len(t); k++ {
		for i, c := range t[k-1] {
			t[k][i] = c<<8 ^ t[0][byte(c>>24)]
		}
	}
	return t
}

// gfMultiply multiplies in GF(256) with field polynomial 11Dh.
func gfMultiply(a, b byte) (p byte) {
	for ; b > 0; b >>= 1 {
		if b&1 != 0 {
			p ^= a
		}
		carry := a & 0x80
		a <<= 1
		if carry != 0 {
			a ^= 0x1D
		}
	}
	return p
}
