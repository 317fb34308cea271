package ssc

import (
	"time"

	"govtl/scsi/personality"
)

// layout is how a recording lies on the tape. Each partition has its share of the
// wraps, and fills one after the other; even wraps run away from the beginning of
// the tape and odd ones back.
type layout struct {
	size  int64    // bytes of recording on one wrap
	wraps uint16   // of the whole tape, at least 1
	first []uint16 // the first wrap of each partition
	share []uint16 // how many wraps each partition has, at least 1

	length  int64 // of the tape in millimetres
	streams float64
	winds   float64 // millimetres per second, reading and winding; 0: not known
	unload  float64 // seconds, from the beginning of the tape
}

// bands is how many data bands LTO and 3592 tapes have.
const bands = 4

// layout is that of the loaded medium.
func (d *Drive) layout() layout {
	l := layout{wraps: 1}
	m := d.in.model
	if m != nil {
		l.wraps, l.length = max(m.Wraps, 1), int64(m.Length)*1000
	}
	whole := int64(l.wraps)
	l.size = max(d.whole().Max/whole, 1)
	number := uint16(0)
	for p := range d.in.cart.Partitions() {
		share := uint16(min(max((d.in.cart.Capacity(uint8(p)).Max+l.size/2)/l.size, 1), whole))
		l.first, l.share = append(l.first, number), append(l.share, share)
		number += share
	}
	l.speeds(m, d.model.Timing)
	return l
}

// speeds takes the speeds of the tape from the model's figures.
func (l *layout) speeds(m *personality.Medium, t personality.Timing) {
	l.unload = t.Unload
	if m == nil || t.Rewind <= 0 || t.MBps <= 0 {
		return
	}
	perWrap := float64(m.CapacityBytes()) / float64(l.wraps) / (t.MBps * 1e6) // seconds
	if perWrap > 0 {
		l.winds, l.streams = float64(l.length)/t.Rewind, float64(l.length)/perWrap
	}
}

// place is a place on the tape.
type place struct {
	wrap     uint16
	backward bool  // the wrap runs towards the beginning of the tape
	rpos     int64 // millimetres from the beginning of the tape
	band     uint8
}

// at is the place of a byte of a partition's recording.
func (l *layout) at(partition uint8, offset int64) place {
	n := min(offset/l.size, int64(l.share[partition])-1)
	within := min(offset-n*l.size, l.size)
	p := place{wrap: l.first[partition] + uint16(n)}
	p.rpos = int64(float64(within) / float64(l.size) * float64(l.length))
	if p.backward = p.wrap%2 == 1; p.backward {
		p.rpos = l.length - p.rpos
	}
	p.band = uint8(min(int64(p.wrap)*bands/int64(l.wraps), bands-1))
	return p
}

// What a locate costs beside winding: to stop and to come up to speed again, to move
// the head to another wrap, and to another data band.
const (
	repositionTime = 3 * time.Second
	otherWrapTime  = 500 * time.Millisecond
	otherBandTime  = 2 * time.Second
)

// locateTime estimates the seconds from one place to another; 0 when the speeds of
// the drive are not known.
func (l *layout) locateTime(from, to place) float64 {
	if l.winds == 0 {
		return 0
	}
	distance := float64(max(to.rpos-from.rpos, from.rpos-to.rpos))
	seconds := repositionTime.Seconds() + distance/l.winds
	if from.wrap != to.wrap {
		seconds += otherWrapTime.Seconds()
	} else if from.backward == (to.rpos < from.rpos) || distance == 0 {
		return min(seconds, distance/l.streams) // ahead on the same wrap: reading on may be faster
	}
	if from.band != to.band {
		seconds += otherBandTime.Seconds()
	}
	return seconds
}

// unloadTime estimates the seconds from a place until the cartridge is ejected.
func (l *layout) unloadTime(from place) float64 {
	if l.winds == 0 {
		return 0
	}
	return float64(from.rpos)/l.winds + l.unload
}
