package ssc

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// grao makes GENERATE RECOMMENDED ACCESS ORDER and its parameter list.
func grao(process, kind byte, segments []segment) (cdb, list []byte) {
	list = make([]byte, orderHeader)
	binary.BigEndian.PutUint32(list[4:], uint32(len(segments)*segmentLength))
	for _, s := range segments {
		list = append(list, 0, segmentLength-2, 0, 0, 0)
		list = append(append(list, s.name[:]...), s.partition)
		list = binary.BigEndian.AppendUint64(list, s.begin)
		list = binary.BigEndian.AppendUint64(list, s.end)
	}
	cdb = []byte{0xA4, 0x1D, process, kind, 0, 0}
	return append(binary.BigEndian.AppendUint32(cdb, uint32(len(list))), 0, 0), list
}

// recommended is the list that the drive hands out, and the seconds of each locate.
func recommended(r *rig) (all []segment, seconds []byte) {
	r.t.Helper()
	b := r.want(good, []byte{0xA3, 0x1D, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0})
	if b[1] != orderValid || int(binary.BigEndian.Uint32(b[4:])) != len(b)-orderHeader {
		r.t.Fatalf("header % X of %d bytes", b[:orderHeader], len(b))
	}
	for b = b[orderHeader:]; len(b) > 0; {
		n := int(binary.BigEndian.Uint16(b)) + 2
		s := segment{partition: b[15], begin: binary.BigEndian.Uint64(b[16:]), end: binary.BigEndian.Uint64(b[24:])}
		copy(s.name[:], b[5:])
		all, seconds = append(all, s), append(seconds, b[4])
		b = b[n:]
	}
	return all, seconds
}

func total(seconds []byte) (n int) {
	for _, s := range seconds {
		n += int(s)
	}
	return n
}

// twoPartitions is a drive with a cartridge in two partitions, each with so many
// blocks.
func twoPartitions(t *testing.T, blocks int) *rig {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	r.want(good, []byte{0x15, 0x10, 0, 0, 28, 0}, append([]byte{0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 0},
		0x11, 0x0E, 3, 1, 0x5C, 0, 0, 0, 0, 3, 0xFF, 0xFF, 0, 0, 0, 0)...)
	r.want(good, []byte{0x04, 0, 2, 0, 0, 0})
	for part := range byte(2) {
		r.want(good, []byte{0x92, 0x02, 0, part, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		for i := range blocks {
			r.want(good, write6v(4096), pattern(i, 4096)...)
		}
	}
	r.want(good, filemarks(0))
	return r
}

// TestAccessOrderIsNoSlower: whatever is asked for comes back, each segment once with
// its name, and the locates of the recommended order take no longer than those of the
// order that was given or of the logical objects. Binding points stay.
func TestAccessOrderIsNoSlower(t *testing.T) {
	r := twoPartitions(t, 600)
	rnd := rand.New(rand.NewPCG(9, 0))
	for round := range 40 {
		var segments []segment
		for i := range 1 + rnd.IntN(40) {
			s := segment{partition: byte(rnd.IntN(2)), begin: uint64(rnd.IntN(590))}
			s.end = s.begin + uint64(rnd.IntN(9))
			s.name[0], s.name[9] = byte(i), byte(round)
			segments = append(segments, s)
		}
		bound := round%4 == 3
		if bound {
			start := segment{partition: 1, begin: 17, end: 17, name: [10]byte{'S'}}
			segments = append([]segment{start}, append(segments, segment{name: [10]byte{'U'}})...)
		}
		ask := func(process byte, l []segment) ([]segment, int) {
			cdb, list := grao(process, byte(round&1), l)
			r.want(good, cdb, list...)
			got, seconds := recommended(r)
			return got, total(seconds)
		}
		kept, given := ask(processKeep, segments)
		if !slices.Equal(kept, segments) {
			t.Fatalf("round %d: the order was to be kept", round)
		}
		sorted, best := ask(processSort, segments)
		// A locate is told in whole seconds, rounded up: that much may be lost for each.
		if best > given+len(segments) {
			t.Errorf("round %d: %d s for %d segments, as they were given %d s", round, best, len(segments), given)
		}
		if bound && (sorted[0] != segments[0] || sorted[len(sorted)-1] != segments[len(segments)-1]) {
			t.Errorf("round %d: the binding points moved", round)
		}
		order := func(a, b segment) int { return bytes.Compare(a.name[:], b.name[:]) }
		if !slices.Equal(slices.SortedFunc(slices.Values(sorted), order), slices.SortedFunc(slices.Values(segments), order)) {
			t.Fatalf("round %d: other segments came back", round)
		}
		if !bound {
			slices.SortFunc(segments, func(a, b segment) int {
				return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.begin, b.begin))
			})
			if _, byObject := ask(processKeep, segments); best > byObject+len(segments) {
				t.Errorf("round %d: %d s, in order of the objects %d s", round, best, byObject)
			}
		}
	}
}

// TestAccessOrderLimit: as many segments as the limits page says, and one more.
func TestAccessOrderLimit(t *testing.T) {
	r := twoPartitions(t, 8)
	limits := r.want(good, []byte{0xA3, 0x9D, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0})
	most := int(binary.BigEndian.Uint16(limits))
	segments := make([]segment, most)
	for i := range segments {
		segments[i].begin, segments[i].end = uint64(i%8), uint64(i%8)
	}
	cdb, list := grao(processSort, segmentsPlain, segments)
	r.want(good, cdb, list...)
	if got, _ := recommended(r); len(got) != most {
		t.Errorf("%d segments, want %d", len(got), most)
	}
	cdb, list = grao(processSort, segmentsPlain, append(segments, segment{}))
	r.want("ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST (5/26/00)", cdb, list...)
}

// FuzzSegments: whatever descriptors come, they are refused, or are as many as their
// bytes say with ends not before beginnings.
func FuzzSegments(f *testing.F) {
	_, list := grao(processSort, 0, []segment{{begin: 1, end: 2}, {partition: 1}})
	f.Add(list[orderHeader:])
	f.Add([]byte{0, 0x1E})
	f.Add(bytes.Repeat([]byte{0xFF}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := decodeSegments(b)
		if err != nil {
			return
		}
		if len(all)*segmentLength != len(b) {
			t.Fatalf("%d segments of %d bytes", len(all), len(b))
		}
		for i, s := range all {
			if s.end < s.begin || s.partition != b[i*segmentLength+15] {
				t.Fatalf("segment %d: %+v", i, s)
			}
		}
	})
}
