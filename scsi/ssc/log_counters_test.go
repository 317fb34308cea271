package ssc

import (
	"encoding/binary"
	"maps"
	"testing"
	"time"

	"govtl/libcart"
)

// logPage is a log page's parameters by code, as LOG SENSE sends them.
func logPage(r *rig, code, subpage byte) map[uint16][]byte {
	r.t.Helper()
	b := r.want(good, []byte{0x4D, 0, 0x40 | code, subpage, 0, 0, 0, 0x20, 0, 0})
	all := map[uint16][]byte{}
	for b = b[4:]; len(b) > 0; b = b[4+int(b[3]):] {
		all[binary.BigEndian.Uint16(b)] = b[4 : 4+int(b[3])]
	}
	return all
}

// number is a counter.
func number(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// counts compares parameters of a page.
func counts(r *rig, when string, code byte, want map[uint16]uint64) {
	r.t.Helper()
	got := logPage(r, code, 0)
	for p, v := range want {
		if n := number(got[p]); n != v {
			r.t.Errorf("%s: page %02Xh, parameter %04Xh is %d, want %d", when, code, p, n, v)
		}
	}
}

// What is not known, in 8 and in 4 bytes.
const unknown64, unknown32 = 1<<64 - 1, 1<<32 - 1

// TestLogCounters: what the log pages count is what was moved. Nothing is compressed,
// so that host and tape see the same bytes: 40 blocks of 100,000 bytes and 3 filemarks
// written, 15 blocks read.
func TestLogCounters(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) { o.Codec, o.Now = libcart.Stored, func() time.Time { return now } })
	const size, blocks, reads = 100_000, 40, 15
	const written, read = size * blocks, size * reads
	for _, code := range []byte{0x38} {
		counts(r, "without a cartridge", code, map[uint16]uint64{0: 0, 0xD: 0, 0x10: unknown64, 0x11: unknown64})
	}
	counts(r, "without a cartridge", 0x0C, map[uint16]uint64{4: unknown32, 5: unknown32, 6: unknown32, 7: unknown32, 8: unknown32})
	counts(r, "without a cartridge", 0x17, map[uint16]uint64{0: 0, 1: 0, 0x0E: 0})
	r.insert("VTL001L9")
	counts(r, "nothing moved", 0x1B, map[uint16]uint64{0: 0, 1: 0, 2: 0, 0x100: 1})
	for i := range blocks {
		r.want(good, write6v(size), pattern(i, size)...)
	}
	r.want(good, filemarks(3))
	r.want(good, rewind)
	for range reads {
		r.want(good, read6v(size))
	}
	now = now.Add(2500 * time.Millisecond)

	rest := func(bytes uint64) (mb, signed uint64) { // rounded, and the signed rest in 32 bits
		mb = (bytes + 500_000) / 1_000_000
		return mb, uint64(uint32(int64(bytes) - int64(mb)*1_000_000))
	}
	rmb, rrest := rest(read)
	wmb, wrest := rest(written)
	compression := map[uint16]uint64{0: 100, 1: 100, 2: rmb, 3: rrest, 4: rmb, 5: rrest, 6: wmb, 7: wrest, 8: wmb, 9: wrest}
	for _, code := range []byte{0x1B, 0x32} {
		counts(r, "moved", code, compression)
	}
	counts(r, "moved", 0x02, map[uint16]uint64{5: written / 1024, 6: 0})
	counts(r, "moved", 0x03, map[uint16]uint64{5: read / 1024, 6: 0})
	counts(r, "moved", 0x0C, map[uint16]uint64{0: written, 1: written, 2: read, 3: read, 0x8000: (written + read) / 1_000_000, 0x8001: 1, 0x8002: 0})
	counts(r, "moved", 0x17, map[uint16]uint64{
		0: 1, 1: 1, 2: written / dataSetBytes, 4: 0, 9: 0, 0xE: (written + 999_999) / 1_000_000, 0xF: (read + 999_999) / 1_000_000,
		0x10: (written + 999_999) / 1_000_000, 0x11: (read + 999_999) / 1_000_000, 0x12: 100, 0x13: 100, 0x14: 2500, 0x15: 2500, 0x19: 100, 0x80: 0, 0x81: 0,
	})
	counts(r, "moved", 0x30, map[uint16]uint64{1: 1, 2: written / dataSetBytes, 7: read / dataSetBytes})

	// The capacity is 1 GiB. A record has a header, so that a bit more is used.
	const capacity = 1 << 30
	moved := logPage(r, 0x38, 0)
	for code, want := range map[uint16]uint64{
		0: blocks, 1: written / 1024, 2: reads, 3: read / 1024, 4: written / dataSetBytes, 5: written / 1024, 6: 0, 7: read / 1024,
		8: written / dataSetBytes, 9: written / 1024, 0xB: read / 1024, 0xC: capacity / 1024, 0xE: capacity / 1024,
	} {
		if n := number(moved[code]); n != want {
			t.Errorf("page 38h, parameter %04Xh is %d, want %d", code, n, want)
		}
	}
	if n := number(moved[0x10]); n > (capacity-written)/1024 || n < (capacity-written)/1024-64 || n != number(moved[0x11]) {
		t.Errorf("remaining %d KiB", n)
	}
	left := logPage(r, 0x31, 0)
	if n := number(left[1]); n != (capacity-written)>>20 && n != (capacity-written)>>20-1 || number(left[2]) != 0 || number(left[3]) != capacity>>20 {
		t.Errorf("page 31h: % X", left)
	}

	// 38h was reset by being read, whole; 32h is by LOG SELECT, 1Bh is not.
	zeros := map[uint16]uint64{}
	for code := range uint16(0xC) {
		zeros[code] = 0
	}
	counts(r, "read", 0x38, zeros)
	for _, code := range []byte{0x32, 0x1B} {
		r.want(good, []byte{0x4C, 2, 0x40 | code, 0, 0, 0, 0, 0, 0, 0})
	}
	counts(r, "reset", 0x32, map[uint16]uint64{0: 0, 1: 0, 2: 0, 3: 0, 6: 0, 7: 0, 8: 0, 9: 0})
	counts(r, "reset", 0x1B, compression)
	r.want(good, read6v(size))
	counts(r, "after the reset", 0x32, map[uint16]uint64{0: 100, 1: 0, 2: 0, 3: size, 4: 0, 5: size, 6: 0, 7: 0})
	counts(r, "after the reset", 0x38, map[uint16]uint64{0: 0, 1: 0, 2: 1, 3: size / 1024, 7: size / 1024})
	counts(r, "loads", 0x14, map[uint16]uint64{0: 1, 0xD: 1, 2: 1, 0xC: 1})
	r.want(good, []byte{0x4C, 2, 0x54, 0, 0, 0, 0, 0, 0, 0})
	counts(r, "loads, reset", 0x14, map[uint16]uint64{0: 1, 0xD: 0, 0xC: 1})
}

// TestVolumeStatisticsOfEarlierMounts: page 17h tells of the last mount when the
// cartridge is out, and its subpages of the mounts before.
func TestVolumeStatisticsOfEarlierMounts(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) { o.Codec = libcart.Stored })
	for i, barcode := range []string{"VTL001L9", "VTL002L9", "VTL003LZ", "VTL004L9"} {
		r.insert(barcode)
		for k := range i + 1 {
			r.want(good, write6v(1_000_000), pattern(k, 1_000_000)...)
		}
		if i > 1 { // what was in the buffer at the end of a mount counts too
			r.want(good, filemarks(0))
		}
		now := logPage(r, 0x17, 0)
		if i == 3 {
			break
		}
		if err := r.drive.Remove(t.Context(), barcode, "out"+barcode); err != nil {
			t.Fatal(err)
		}
		if out := logPage(r, 0x17, 0); number(out[0]) != 1 || !maps.EqualFunc(out, now, func(a, b []byte) bool { return len(a) == len(b) }) ||
			string(out[0x42][:8]) != barcode || number(out[0xE]) != uint64(i+1) {
			t.Errorf("unloaded: %q, %d MB", out[0x42], number(out[0xE]))
		}
	}
	for subpage, want := range []string{"VTL004L9", "VTL003LZ", "VTL002L9"} {
		p := logPage(r, 0x17, byte(subpage))
		if got := string(p[0x42][:8]); got != want || number(p[0]) != 1 || number(p[0xE]) != uint64(4-subpage) {
			t.Errorf("subpage %d: %s, valid %d, %d MB written", subpage, got, number(p[0]), number(p[0xE]))
		}
		if worm := want == "VTL003LZ"; worm != (number(p[0x81]) == 1) || worm && string(p[0x45]) != "LTOLZG9  " {
			t.Errorf("%s: WORM %d, personality %q", want, number(p[0x81]), p[0x45])
		}
	}
}
