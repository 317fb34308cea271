package libdisc

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// Sum is the CRC-32C of a track's blocks; the zero value says that it is not known.
type Sum uint64

// sumKnown is the bit that tells a sum from none.
const sumKnown Sum = 1 << 32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Known reports whether there is a sum.
func (s Sum) Known() bool { return s&sumKnown != 0 }

// String is the CRC-32C in hex, or "unknown".
func (s Sum) String() string {
	if !s.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%08x", uint32(s))
}

// MarshalText writes the CRC-32C in hex.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Sum) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 16, 32)
	if err != nil || len(text) != 8 {
		return fmt.Errorf("%q is no CRC-32C in hex", text)
	}
	*s = sumKnown | Sum(v)
	return nil
}

// add is the sum with more blocks behind.
func (s Sum) add(p []byte) Sum {
	if !s.Known() {
		return 0
	}
	return sumKnown | Sum(crc32.Update(uint32(s), castagnoli, p))
}

// maxPadding is how much padding a sum is carried over, in blocks: a reservation
// of a whole disc that was hardly written must not hold its close up.
const maxPadding = 64 << 20 / BlockSize

// addZeros is the sum with n blocks of zeros behind.
func (s Sum) addZeros(n int64) Sum {
	if n > maxPadding {
		return 0
	}
	var zeros [BlockSize]byte
	for range n {
		s = s.add(zeros[:])
	}
	return s
}

// Damage is something about a disc's files that is not as it should be.
type Damage struct {
	Track  int    `json:"track,omitempty"` // from 1; 0: the image as a whole
	LBA    int64  `json:"lba"`
	Reason string `json:"reason"`
}

// Report is what Verify found.
type Report struct {
	Blocks  int64    `json:"blocks"`   // read
	Summed  int64    `json:"verified"` // of them, compared with a checksum
	Damages []Damage `json:"damages,omitempty"`
}

// maxDamages bounds a report.
const maxDamages = 1000

// checkBlocks compares blocks that were read with their checksums and returns how
// many have one, and which are damaged. A drive may be writing the disc: what is
// not as it should be is read once more.
func (d *Disc) checkBlocks(lba int64, p []byte) (known int64, bad []int64, err error) {
	for {
		n, at, err := d.sums.check(lba, p)
		known += int64(n)
		if err != nil || at < 0 {
			return known, bad, err
		}
		again := p[(at-lba)*BlockSize:][:BlockSize]
		if err := d.sums.reload(); err != nil {
			return known, bad, err
		}
		if _, err := d.image.ReadAt(again, at*BlockSize); err != nil && err != io.EOF {
			return known, bad, err
		}
		if _, still, err := d.sums.check(at, again); err != nil || still >= 0 {
			bad = append(bad, at)
		}
		lba, p = at+1, p[(at+1-lba)*BlockSize:]
	}
}

// verifyChunk is how much Verify reads at once, in blocks.
const verifyChunk = 512

// Verify reads everything that is recorded and compares it with the checksums of
// the description. progress, when not nil, is told bytes. The error is that of
// ctx; what is wrong with the disc is in the report.
func (d *Disc) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	var r Report
	size, err := d.image.Size()
	if err != nil {
		return r, err
	}
	type part struct {
		track   int
		lba, to int64
		sum     Sum
	}
	var parts []part
	if d.Sequential() {
		for i := range d.description.Tracks {
			t := &d.description.Tracks[i]
			to := t.Next
			if t.Closed {
				to = t.End()
			}
			if to > t.Start {
				parts = append(parts, part{i + 1, t.Start, to, t.Sum})
			}
		}
		end := int64(0)
		if n := len(parts); n > 0 {
			end = parts[n-1].to * BlockSize
		}
		if size < end {
			r.Damages = append(r.Damages, Damage{LBA: size / BlockSize, Reason: fmt.Sprintf("the image has %d bytes, recorded are %d", size, end)})
		} else if behind := d.recordedEnd() * BlockSize; size > behind && d.described {
			r.Damages = append(r.Damages, Damage{LBA: behind / BlockSize,
				Reason: fmt.Sprintf("%d bytes behind what is recorded: the next drive takes them away", size-behind)})
		}
	} else {
		parts = []part{{lba: 0, to: min(d.Readable(), (size+BlockSize-1)/BlockSize)}}
	}
	var total int64
	for _, p := range parts {
		total += p.to - p.lba
	}
	b := make([]byte, verifyChunk*BlockSize)
	for _, p := range parts {
		sum := sumKnown
		for lba := p.lba; lba < p.to; {
			if err := ctx.Err(); err != nil {
				return r, err
			}
			n := min(verifyChunk, p.to-lba)
			got, err := d.image.ReadAt(b[:n*BlockSize], lba*BlockSize)
			if err != nil && err != io.EOF {
				r.Damages = append(r.Damages, Damage{p.track, lba, err.Error()})
				sum = 0
			}
			clear(b[got : n*BlockSize])
			sum = sum.add(b[:n*BlockSize])
			known, bad, err := d.checkBlocks(lba, b[:n*BlockSize])
			if err != nil {
				r.Damages = append(r.Damages, Damage{p.track, lba, err.Error()})
			}
			for _, at := range bad {
				if len(r.Damages) < maxDamages {
					r.Damages = append(r.Damages, Damage{p.track, at, "the block does not have its checksum"})
				}
				sum = 0 // said already
			}
			if !p.sum.Known() {
				r.Summed += known
			}
			lba += n
			r.Blocks += n
			if progress != nil {
				progress(r.Blocks*BlockSize, total*BlockSize)
			}
		}
		if !p.sum.Known() || !sum.Known() {
			continue
		}
		r.Summed += p.to - p.lba
		if sum != p.sum {
			r.Damages = append(r.Damages, Damage{p.track, p.lba, fmt.Sprintf("checksum %s, not %s", sum, p.sum)})
		}
	}
	return r, nil
}
