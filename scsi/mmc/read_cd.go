package mmc

import (
	"encoding/binary"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// What of a sector READ CD returns, MMC-6 6.19: bits of byte 9 of the CDB.
const (
	partSync   = 0x80
	partHeader = 0x20
	partUser   = 0x10
	partECC    = 0x08
	partC2     = 0x06
)

// maxCDSectors bounds READ CD: what one command may carry.
const maxCDSectors = maxTransfer / sectorSize

// readCD is READ CD, MMC-6 6.19, for sectors of mode 1.
func (d *Drive) readCD(t *scsi.Task) error {
	n := int64(t.CDB[6])<<16 | int64(be16(t.CDB[7:]))
	return d.readSectors(t, lba(t.CDB[2:]), n)
}

// readCDMSF is READ CD MSF, the form of MMC-6 6.19 with times: from a time to another, which is not read.
func (d *Drive) readCDMSF(t *scsi.Task) error {
	from, to := lbaOfMSF(t.CDB[3:]), lbaOfMSF(t.CDB[6:])
	if from > to {
		return scsi.InvalidFieldInCDBAt(6, 7)
	}
	return d.readSectors(t, from, to-from)
}

// lbaOfMSF is the address of a time, MMC-6 4.2.3.
func lbaOfMSF(m []byte) int64 {
	f := (int64(m[0])*60+int64(m[1]))*75 + int64(m[2])
	if m[0] >= 90 {
		return f - 450150
	}
	return f - pregap
}

// readSectors sends the parts of sectors that bytes 1, 9 and 10 ask for.
func (d *Drive) readSectors(t *scsi.Task, at, n int64) error {
	parts := t.CDB[9]
	switch kind := t.CDB[1] >> 2 & 7; {
	case kind > 5:
		return scsi.InvalidFieldInCDBAt(1, 4)
	case kind != 0 && kind != 2: // any type, mode 1
		return illegal(scsi.IllegalModeForThisTrack)
	case t.CDB[10]&7 != 0: // sub-channels are of audio discs
		return scsi.InvalidFieldInCDBAt(10, 2)
	case parts&partC2 != 0:
		return scsi.InvalidFieldInCDBAt(9, 2)
	case parts&partECC != 0 && parts&partUser == 0,
		parts&partSync != 0 && parts&partUser != 0 && parts&partHeader == 0:
		return scsi.InvalidFieldInCDBAt(9, 7)
	}
	if parts&(partSync|partHeader|partECC) == 0 {
		if parts&partUser == 0 {
			return senseFor(d.disc.CanRead(at, n))
		}
		return d.read(t, at, n)
	}
	if d.kind.Class != personality.ClassCD {
		return illegal(scsi.IncompatibleFormat).Because("only the sectors of a CD have sync, header and parity")
	}
	if err := d.disc.CanRead(at, n); err != nil {
		return senseFor(err)
	}
	if n > maxCDSectors {
		return scsi.InvalidFieldInCDBAt(6, -1).Because("%d sectors are more than one command can carry", n)
	}
	var s sector
	out := make([]byte, 0, int(n)*sectorSize)
	for ; n > 0; at, n = at+1, n-1 {
		if err := d.disc.Read(at, s.user()); err != nil {
			return d.failedRead(err)
		}
		s.complete(at)
		if parts&partSync != 0 {
			out = append(out, s[:12]...)
		}
		if parts&partHeader != 0 {
			out = append(out, s[12:16]...)
		}
		if parts&partUser != 0 {
			out = append(out, s.user()...)
			d.totals.bytesRead.Add(libdisc.BlockSize)
		}
		if parts&partECC != 0 {
			out = append(out, s[2064:]...)
		}
	}
	t.Reply(out, len(out))
	return nil
}

// sectorSize is a sector of a CD with everything that belongs to it, ECMA-130 14.
const sectorSize = 2352

// sector is a sector of mode 1: sync (12 bytes), header (4), user data (2048),
// EDC (4), zeros (8), parity P (172) and Q (104).
type sector [sectorSize]byte

func (s *sector) user() []byte { return s[16:2064] }

// complete fills in what is not user data, for the sector of an address.
func (s *sector) complete(at int64) {
	s[0], s[11] = 0, 0
	for i := 1; i < 11; i++ {
		s[i] = 0xFF
	}
	for i, v := range msf(at) {
		s[12+i] = v/10<<4 | v%10
	}
	s[15] = 1
	binary.LittleEndian.PutUint32(s[2064:], edc(s[:2064]))
	clear(s[2068:2076])
	s.parity(24, 43, 43, 1)
	s.parity(43, 26, 44, 43)
}

// edc is the error detection code, ECMA-130 14.3: the rest of a division by
// (x^16+x^15+x^2+1)(x^16+x^2+x+1), the least significant bit first.
func edc(b []byte) uint32 {
	var rest uint32
	for _, v := range b {
		rest ^= uint32(v)
		for range 8 {
			rest = rest>>1 ^ rest&1*0xD8018001
		}
	}
	return rest
}

// parity fills in one of the two product codes, ECMA-130 annex A: in each of
// vectors there are data bytes, a step of words apart, and two of parity that make
// the sum of all and the sum of all times powers of alpha zero. High and low bytes
// of the words are codes of their own.
func (s *sector) parity(data, vectors, step, between int) {
	words := s[12:]
	first := data * vectors // the parity lies behind what it is of
	for n := range vectors {
		for half := range 2 {
			var sum, weighted byte
			for i := range data {
				v := words[(between*n+step*i)%first*2+half]
				sum ^= v
				weighted = timesAlpha(weighted) ^ v
			}
			weighted = timesAlpha(timesAlpha(weighted))
			p := overAlphaPlus1(sum ^ weighted)
			words[(first+n)*2+half] = p
			words[(first+vectors+n)*2+half] = sum ^ p
		}
	}
}

// timesAlpha multiplies in GF(2^8) with x^8+x^4+x^3+x^2+1.
func timesAlpha(v byte) byte { return v<<1 ^ v>>7*0x1D }

// overAlphaPlus1 divides by alpha+1, whose inverse is F4h.
func overAlphaPlus1(v byte) (q byte) {
	for bits := byte(0xF4); bits != 0; bits >>= 1 {
		q ^= bits & 1 * v
		v = timesAlpha(v)
	}
	return q
}
