package moves

import (
	"encoding/binary"
	"fmt"
	"slices"

	"govtl/libdisc"
)

// side is what is known of a side of a disc: each block carries a number, and
// these are the numbers that it may have.
type side struct {
	medium libdisc.Medium
	blocks int64 // of a formatted disc

	// synced is what a block has for certain, pending what was written to it
	// since the last SYNCHRONIZE CACHE, the latest last.
	synced  map[int64]uint32
	pending map[int64][]uint32

	// died: the drive, or everything, has died since then.
	died bool

	// blanking: the drive died over a BLANK, which may have happened.
	blanking bool
}

func newSide(m libdisc.Medium, blocks int64) *side {
	return &side{medium: m, blocks: blocks, synced: map[int64]uint32{}, pending: map[int64][]uint32{}}
}

func (s *side) sequential() bool { return s.medium.Recording == libdisc.Sequential }

func (s *side) clear() {
	clear(s.synced)
	clear(s.pending)
}

// numbered are n blocks of a number.
func numbered(number uint32, n int) []byte {
	b := make([]byte, n*libdisc.BlockSize)
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], number)
	}
	return b
}

// number is what a block carries; it says so when the block is not whole.
func number(b []byte) (uint32, error) {
	n := binary.BigEndian.Uint32(b)
	if !slices.Equal(b, numbered(n, 1)) {
		return 0, fmt.Errorf("a block is neither old nor new: it begins with % x", b[:16])
	}
	return n, nil
}

// read is READ(10) of one block.
func (j *jukebox) read(d *opticalDrive, lba int64) (outcome string, b []byte) {
	j.t.Helper()
	res := j.command(d.scsi, "a", cdb10(0x28, lba, 1))
	return sense(res), res.In
}

func cdb10(op byte, lba int64, n int) []byte {
	b := make([]byte, 10)
	b[0] = op
	binary.BigEndian.PutUint32(b[2:], uint32(lba))
	binary.BigEndian.PutUint16(b[7:], uint16(n))
	return b
}

// nwa asks for the next writable address.
func (j *jukebox) nwa(d *opticalDrive) (lba, free int64, ok bool) {
	j.t.Helper()
	res := j.command(d.scsi, "a", []byte{0x52, 1, 0, 0, 0, 0xFF, 0, 0, 36, 0})
	if sense(res) != "GOOD" || res.In[7]&1 == 0 {
		return 0, 0, false
	}
	return int64(binary.BigEndian.Uint32(res.In[12:])), int64(binary.BigEndian.Uint32(res.In[16:])), true
}

// verify reads all that is known of a side in a drive, and settles what a death
// had left open.
func (j *jukebox) verify(d *opticalDrive, image string) {
	j.t.Helper()
	s := j.sides[image]
	if s.sequential() && (s.died || s.blanking) {
		res := j.command(d.scsi, "a", []byte{0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0})
		if got := sense(res); got != "GOOD" {
			j.t.Fatalf("READ DISC INFORMATION of %s: %s", image, got)
		}
		if blank := res.In[2]&3 == 0; blank && s.blanking {
			s.clear()
		}
		end, _, ok := j.nwa(d)
		for lba, all := range s.pending {
			if ok && lba < end { // it counts them: then they are there
				s.synced[lba] = all[len(all)-1]
			}
			delete(s.pending, lba)
		}
		for lba := range s.synced {
			if ok && lba >= end {
				j.t.Fatalf("%s: block %d was synced, and the next writable address is %d", image, lba, end)
			}
		}
		if ok {
			if got, _ := j.read(d, end); got != "5/21/00" {
				j.t.Fatalf("%s: block %d, which nobody wrote, reads %s", image, end, got)
			}
		}
		s.died, s.blanking = false, false
	}
	known := map[int64][]uint32{}
	for lba, n := range s.synced {
		known[lba] = []uint32{n}
	}
	for lba, all := range s.pending {
		if !s.died {
			known[lba] = all[len(all)-1:]
			continue
		}
		known[lba] = append(append(known[lba], s.synced[lba]), all...)
	}
	for lba, allowed := range known {
		got, b := j.read(d, lba)
		if got != "GOOD" {
			j.t.Fatalf("%s: READ of block %d: %s", image, lba, got)
		}
		n, err := number(b)
		if err != nil && s.died && len(s.pending[lba]) > 0 {
			continue // torn by a power cut before it was synced
		}
		if err != nil || !slices.Contains(allowed, n) {
			j.t.Fatalf("%s: block %d has number %d, not one of %d (%v)", image, lba, n, allowed, err)
		}
	}
}

// write writes some blocks, and synchronises now and then.
func (j *jukebox) write(d *opticalDrive, image string) {
	j.t.Helper()
	s := j.sides[image]
	lba, count := int64(j.random.IntN(30)*16), 16
	if s.sequential() {
		at, free, ok := j.nwa(d)
		if d.life.dead.Load() {
			return
		}
		if !ok || free < 200 {
			if s.medium.Rewritable {
				j.blank(d, s)
			}
			return
		}
		lba, count = at, 1+j.random.IntN(40)
	}
	j.numbers++
	n := j.numbers
	res := j.command(d.scsi, "a", cdb10(0x2A, lba, count), numbered(n, count)...)
	got := sense(res)
	if got != "GOOD" && !d.life.dead.Load() {
		j.t.Fatalf("WRITE of %d blocks at %d to %s: %s", count, lba, image, got)
	}
	for i := range int64(count) {
		s.pending[lba+i] = append(s.pending[lba+i], n)
	}
	if got != "GOOD" {
		return
	}
	if s.sequential() && j.random.IntN(6) == 0 {
		if got := sense(j.command(d.scsi, "b", []byte{0x5B, 0, 2, 0, 0, 0, 0, 0, 0, 0})); got == "GOOD" {
			j.synced(d, image)
		} else if !d.life.dead.Load() {
			j.t.Fatalf("CLOSE SESSION of %s: %s", image, got)
		}
		return
	}
	if j.random.IntN(2) == 0 {
		j.sync(d, image)
	}
}

// sync sends SYNCHRONIZE CACHE.
func (j *jukebox) sync(d *opticalDrive, image string) {
	j.t.Helper()
	if got := sense(j.command(d.scsi, "b", make10(0x35))); got == "GOOD" {
		j.synced(d, image)
	} else if !d.life.dead.Load() {
		j.t.Fatalf("SYNCHRONIZE CACHE of %s: %s", image, got)
	}
}

func make10(op byte) []byte { return append([]byte{op}, make([]byte, 9)...) }

// synced takes what the blocks have now for certain.
func (j *jukebox) synced(d *opticalDrive, image string) {
	s := j.sides[image]
	for lba, all := range s.pending {
		if s.died {
			got, b := j.read(d, lba)
			n, err := number(b)
			if d.life.dead.Load() {
				return
			}
			if got != "GOOD" || err != nil {
				continue // torn: as unknown as before
			}
			all = []uint32{n}
		}
		s.synced[lba] = all[len(all)-1]
		delete(s.pending, lba)
	}
	if len(s.pending) == 0 {
		s.died = false
	}
}

// blank sends BLANK.
func (j *jukebox) blank(d *opticalDrive, s *side) {
	j.t.Helper()
	got := sense(j.command(d.scsi, "a", []byte{0xA1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
	switch {
	case d.life.dead.Load():
		s.blanking = true
	case got == "GOOD":
		s.clear()
	default:
		j.t.Fatalf("BLANK: %s", got)
	}
}
