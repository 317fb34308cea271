package mmc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/scsi"
)

// eachMedium runs a test with each medium, as it comes and with something on it.
func eachMedium(t *testing.T, f func(t *testing.T, r *rig, medium string)) {
	for _, k := range newRig(t).drive.model.Media {
		for _, used := range []bool{false, true} {
			if k.Recording == "rom" && used {
				continue
			}
			t.Run(fmt.Sprintf("%s used %v", k.Name, used), func(t *testing.T) {
				r := newRig(t)
				if k.Recording == "rom" {
					r.file("/rom.iso", data(0, 100))
					if err := r.drive.Load(context.Background(), "/rom.iso", ""); err != nil {
						t.Fatal(err)
					}
					r.nexus.TakeAttention()
					f(t, r, k.Name)
					return
				}
				r.insert(k.Name)
				if used {
					if k.Recording == "overwrite" && !k.Preformat {
						x := fmt.Sprintf("00 02 00 08 %08X %02X %06X", k.Formats[0].Blocks, k.Formats[0].Type<<2, k.Formats[0].Parameter)
						r.want(ok, "04 11 00 00 00 00", unhex(t, x)...)
					}
					r.write(0, 320)
					r.want(ok, "35 00 00 00 00 00 00 00 00 00")
					if k.Recording == "sequential" {
						r.want(ok, "5B 00 02 00 00 00 00 00 00 00")
					}
				}
				f(t, r, k.Name)
			})
		}
	}
}

// replies are commands that return data, with the place of the allocation length,
// two bytes.
var replies = []struct {
	cdb string
	at  int
}{
	{"46 00 00 00 00 00 00 00 00 00", 7}, {"46 01 00 00 00 00 00 00 00 00", 7}, {"46 02 00 21 00 00 00 00 00 00", 7},
	{"51 00 00 00 00 00 00 00 00 00", 7}, {"52 01 00 00 00 01 00 00 00 00", 7}, {"52 00 00 00 00 00 00 00 00 00", 7},
	{"43 00 00 00 00 00 00 00 00 00", 7}, {"43 02 00 00 00 00 00 00 00 00", 7}, {"43 00 01 00 00 00 00 00 00 00", 7},
	{"43 02 02 00 00 00 00 00 00 00", 7}, {"43 00 04 00 00 00 00 00 00 00", 7}, {"23 00 00 00 00 00 00 00 00 00", 7},
	{"4A 01 00 00 0E 00 00 00 00 00", 7}, {"5A 00 3F 00 00 00 00 00 00 00", 7}, {"5A 00 2A 00 00 00 00 00 00 00", 7}, {"5A 00 05 00 00 00 00 00 00 00", 7},
	{"5C 00 00 00 00 00 00 00 00 00", 7}, {"BD 00 00 00 00 00 00 00 00 00 00 00", 8}, {"AD 00 00 00 00 00 00 FF 00 00 00 00", 8},
	{"AD 01 00 00 00 00 00 00 00 00 00 00", 8}, {"AD 00 00 00 00 00 00 00 00 00 00 00", 8}, {"12 00 00 00 00 00", 3}, {"12 01 83 00 00 00", 3},
}

// TestAllocationLengths: whatever the allocation length is, the reply is the
// beginning of the whole one, and it says the same length.
func TestAllocationLengths(t *testing.T) {
	eachMedium(t, func(t *testing.T, r *rig, medium string) {
		for _, c := range replies {
			ask := func(n int) result {
				cdb := unhex(t, c.cdb)
				binary.BigEndian.PutUint16(cdb[c.at:], uint16(n))
				return r.doAs(r.nexus, cdb, nil)
			}
			whole := ask(0xFFFF)
			if whole.String() != ok && whole.sense.Key != scsi.IllegalRequest {
				t.Errorf("%s: %s", c.cdb, whole)
			}
			for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 31, 33, 34, len(whole.data) - 1, len(whole.data), len(whole.data) + 1} {
				if n < 0 {
					continue
				}
				got := ask(n)
				if got.String() != whole.String() || !bytes.Equal(got.data, whole.data[:min(n, len(whole.data))]) {
					t.Errorf("%s for %d bytes: %s % x, the whole is % x", c.cdb, n, got, got.data, whole.data)
				}
			}
		}
		// The reply to GET PERFORMANCE is cut by descriptors, and never at the header.
		for n := range 12 {
			x := r.doAs(r.nexus, unhex(t, fmt.Sprintf("AC 00 00 00 00 00 00 00 00 %02X 03 00", n)), nil)
			if x.String() != ok || len(x.data) < 8 || (len(x.data)-8)%16 != 0 || len(x.data) > 8+16*n {
				t.Errorf("GET PERFORMANCE of %d descriptors: %s, %d bytes", n, x, len(x.data))
			}
		}
	})
}

// TestWrongParameters: what no medium may take, and that nothing of the disc
// changes by it.
func TestWrongParameters(t *testing.T) {
	eachMedium(t, func(t *testing.T, r *rig, medium string) {
		state := func() string {
			var all []byte
			for _, cdb := range []string{"51 00 00 00 00 00 00 00 22 00", "52 01 00 00 00 01 00 00 24 00", "25 00 00 00 00 00 00 00 00 00", "43 00 02 00 00 00 00 00 FF 00"} {
				x := r.doAs(r.nexus, unhex(t, cdb), nil)
				all = append(append(all, x.data...), x.String()...)
			}
			return string(all)
		}
		before := state()
		block := data(0, 1)
		for _, c := range []struct {
			cdb  string
			out  []byte
			want string // outcomes, with blanks between
		}{
			{"28 00 7F FF FF FF 00 00 01 00", nil, "52100"},
			{"28 00 FF FF FF 6A 00 00 01 00", nil, "52100"},
			{"28 00 80 00 00 00 00 FF FF 00", nil, "52100"},
			{"A8 00 00 00 00 00 FF FF FF FF 00 00", nil, "52100"},
			{"2A 00 7F FF FF FF 00 00 01 00", block, "52100 52102 53006 72700 56400"},
			{"2A 00 FF FF FF 69 00 00 01 00", block, "52100 52102 53006 72700 56400"},
			{"2A 00 00 00 00 00 00 00 02 00", block, "B0E03 50E03"},
			{"2A 00 00 00 00 00 00 00 01 00", nil, "B0E03 50E03"},
			{"AA 00 00 00 00 00 FF FF FF FF 00 00", block, "52400"},
			{"2F 02 00 00 00 00 00 00 01 00", block, "52400"},
			{"2F 00 7F FF FF F0 00 FF FF 00", nil, "52100"},
			{"2B 00 7F FF FF FF 00 00 00 00", nil, "52100"},
			{"46 03 00 00 00 00 00 00 08 00", nil, "52400"},
			{"4A 00 00 00 10 00 00 00 08 00", nil, "52400"},
			{"51 07 00 00 00 00 00 00 22 00", nil, "52400"},
			{"52 03 00 00 00 01 00 00 24 00", nil, "52400"},
			{"52 01 00 00 00 00 00 00 24 00", nil, "52400"},
			{"52 01 FF FF FF FF 00 00 24 00", nil, "52400"},
			{"52 02 00 00 00 09 00 00 24 00", nil, "52400"},
			{"43 00 0F 00 00 00 00 00 FF 00", nil, "52400"},
			{"43 00 05 00 00 00 00 00 FF 00", nil, "52400"},
			{"43 00 00 00 00 00 63 00 FF 00", nil, "52400"},
			{"53 00 00 00 00 00 00 00 00 00", nil, "52400"},
			{"53 01 00 00 00 10 00 00 10 00", nil, "52400"},
			{"53 00 00 00 00 FF FF FF FF 00", nil, "52100 52400 56400"},
			{"5B 00 07 00 00 00 00 00 00 00", nil, "52400 72700"},
			{"5B 00 04 00 00 00 00 00 00 00", nil, "52400 72700"},
			{"5B 00 01 00 00 63 00 00 00 00", nil, "52400 57203 72700"},
			{"A1 07 00 00 00 00 00 00 00 00 00 00", nil, "52400 53006"},
			{"A1 02 00 00 00 00 00 00 00 00 00 00", nil, "52400 53006"},
			{"04 00 00 00 00 00", unhex(t, "00 00 00 08 00 00 00 00 00 00 08 00"), "52400"},
			{"04 12 00 00 00 00", unhex(t, "00 00 00 08 00 00 00 00 00 00 08 00"), "52400"},
			{"04 11 00 00 00 00", nil, "51A00"},
			{"04 11 00 00 00 00", unhex(t, "00 00 00 08 00 00"), "51A00"},
			{"04 11 00 00 00 00", unhex(t, "00 00 00 10 00 00 00 00 00 00 08 00"), "52600"},
			{"04 11 00 00 00 00", unhex(t, "00 00 00 08 00 00 00 00 FC 00 00 00"), "52600 53006 72700"},
			{"04 11 00 00 00 00", unhex(t, "00 00 00 08 12 34 56 78 00 00 08 00"), "52600 53006 72700"},
			{"04 11 00 00 00 00", unhex(t, "00 00 00 08 FF FF FF FF C0 00 00 00"), "52600 53006 72700"},
			{"5D 00 00 00 00 00 00 00 00 00", nil, "51A00 53002"},
			{"5D 00 00 00 00 00 00 00 07 00", make([]byte, 7), "51A00 53002"},
			{"5D 00 00 00 00 00 FF FF F8 00", make([]byte, 8), "B0E03 50E03 53002"},
			{"AD 05 00 00 00 00 00 00 08 00 00 00", nil, "52400 53002"},
			{"AD 00 00 00 00 00 00 77 08 00 00 00", nil, "52400 53002"},
			{"AD 01 00 00 00 00 00 77 08 00 00 00", nil, "52400 53002"},
			{"AC 00 00 00 00 00 00 00 00 01 FF 00", nil, "52400"},
			{"B6 00 00 00 00 00 00 00 00 00 08 00", make([]byte, 8), "51A00"},
			{"B9 00 00 00 02 10 00 02 00 00 10 00", nil, "52400"},
			{"BE 18 00 00 00 00 00 00 01 10 00 00", nil, "52400"},
			{"BE 00 7F FF FF FF 00 00 01 10 00 00", nil, "52100"},
			{"BE 00 7F FF FF FF 00 00 01 00 00 00", nil, "52100"},
			{"55 10 00 00 00 00 00 00 09 00", make([]byte, 9), "51A00 52600"},
			{"55 10 00 00 00 00 00 00 0A 00", unhex(t, "00 00 00 00 00 00 00 00 05 32"), "51A00"},
			{"55 10 00 00 00 00 00 00 0A 00", unhex(t, "00 00 00 00 00 00 00 00 05 00"), "51A00 52600"},
			{"A3 0C 07 00 00 00 00 00 00 FF 00 00", nil, "52400"},
			{"5A 00 1F 00 00 00 00 00 FF 00", nil, "52400"},
		} {
			x := r.doAs(r.nexus, unhex(t, c.cdb), c.out)
			if !slices.Contains(strings.Fields(c.want), x.String()) {
				t.Errorf("%s with %d bytes: %s, want %s", c.cdb, len(c.out), x, c.want)
			}
			if after := state(); after != before {
				t.Fatalf("%s has changed the disc:\n% x\n% x", c.cdb, before, after)
			}
		}
	})
}

// TestCueSheets: what is not a cue sheet of a data disc is refused, and a good one
// after it is taken.
func TestCueSheets(t *testing.T) {
	r := newRig(t)
	r.insert("cd-r")
	r.page05(2, 0x04)
	good := "41 00 00 10 00 00 00 00 | 41 01 00 10 00 00 00 00 | 41 01 01 10 00 00 02 00 | 41 AA 01 10 00 00 06 00"
	send := func(want, sheet string) {
		t.Helper()
		b := unhex(t, sheet)
		r.want(want, fmt.Sprintf("5D 00 00 00 00 00 %06X 00", len(b)), b...)
	}
	send("52600", "41 00 00 10 00 00 00 00 | 41 01 01 10 00 00 02 00")                           // no lead-out
	send("52600", "01 00 00 01 00 00 00 00 | 01 01 01 00 00 00 02 00 | 01 AA 01 01 00 00 06 00") // audio
	send("52600", "41 00 00 10 00 00 00 00 | 41 AA 01 10 00 00 00 00")                           // the lead-out before the data
	send("52600", "41 00 00 10 00 00 00 00 | 41 AA 01 10 00 FF 3B 4A")                           // behind the end of the disc
	send("51A00", "41 00 00 10 00 00 00")
	for seed := range uint64(300) {
		b := make([]byte, 8*(1+seed%40))
		for i := range b {
			seed = seed*6364136223846793005 + 1442695040888963407
			b[i] = byte(seed >> 56)
		}
		b[len(b)-7] = 0xAA
		x := r.doAs(r.nexus, unhex(t, fmt.Sprintf("5D 00 00 00 00 00 %06X 00", len(b))), b)
		if s := x.String(); s != ok && s != "52600" {
			t.Fatalf("% x: %s", b, s)
		}
	}
	send(ok, good)
	r.want("52102", hex.EncodeToString(cdb10(0x2A, -151, 2)), data(-151, 2)...)
	r.write(-150, 450)
	r.want(ok, "35 00 00 00 00 00 00 00 00 00")
	send("52C00", good)
	if got := r.want(ok, hex.EncodeToString(cdb10(0x28, 0, 300))); !bytes.Equal(got, data(0, 300)) {
		t.Error("reads otherwise")
	}
}

// TestCloseProgress: CLOSE SESSION with IMMED: progress that does not go back, one
// event at its end, and what cannot be done meanwhile.
func TestCloseProgress(t *testing.T) {
	elapsed := make(chan time.Time)
	r := newRig(t, func(o *Options) {
		o.Durations = Durations{Close: time.Hour}
		o.Timer = func(time.Duration) <-chan time.Time { return elapsed }
	})
	r.insert("dvd+r")
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 02 02 00 00")
	r.write(0, 32)
	r.want(ok, "5B 01 02 00 00 00 00 00 00 00")
	last := uint16(0)
	for range 50 {
		x := r.doAs(r.nexus, make([]byte, 6), nil)
		if x.String() != "20407" || x.sense.SKS[0] != 0x80 {
			t.Fatalf("%s %v", x, x.sense)
		}
		if now := binary.BigEndian.Uint16(x.sense.SKS[1:]); now < last {
			t.Fatalf("progress %04X after %04X", now, last)
		} else {
			last = now
		}
	}
	for _, cdb := range []string{"2A 00 00 00 08 20 00 00 00 00", "28 00 00 00 00 00 00 00 01 00", "52 01 00 00 00 01 00 00 24 00", "5B 01 02 00 00 00 00 00 00 00",
		"35 00 00 00 00 00 00 00 00 00", "A1 10 00 00 00 00 00 00 00 00 00 00", "53 00 00 00 00 00 00 00 10 00", "25 00 00 00 00 00 00 00 00 00", "55 10 00 00 00 00 00 00 00 00"} {
		r.want("20407", cdb)
	}
	for _, cdb := range []string{"12 00 00 00 60 00", "46 00 00 00 00 00 00 00 08 00", "5A 00 2A 00 00 00 00 00 FF 00", "1E 00 00 00 01 00", "1E 00 00 00 00 00", "5C 00 00 00 00 00 00 00 0C 00"} {
		r.want(ok, cdb)
	}
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 00 02 00 00")
	elapsed <- time.Time{}
	r.ready()
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 02 02 00 00")
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 00 02 00 00")
	r.gives("25 00 00 00 00 00 00 00 00 00", "00 00 00 1f 00 00 08 00")
}

// TestDamagedBlock: a block that is not as it was written is MEDIUM ERROR with its
// address, for READ, READ CD and VERIFY, and the others are read.
func TestDamagedBlock(t *testing.T) {
	r := newRig(t)
	r.insert("dvd+r")
	r.write(0, 64)
	r.want(ok, "5B 00 02 00 00 00 00 00 00 00")
	image := r.fs.Content("/dvd+r.iso")
	image[40*2048+99] ^= 4
	if err := r.fs.SetContent("/dvd+r.iso", image); err != nil {
		t.Fatal(err)
	}
	for _, cdb := range []string{"28 00 00 00 00 20 00 00 10 00", "A8 00 00 00 00 28 00 00 00 01 00 00", "BE 00 00 00 00 20 00 00 10 10 00 00", "2F 00 00 00 00 00 00 00 40 00"} {
		x := r.doAs(r.nexus, unhex(t, cdb), nil)
		if x.String() != "31100" || !x.sense.Valid || x.sense.Information != 40 || len(x.data) > 0 {
			t.Errorf("%s: %s %v, %d bytes", cdb, x, x.sense, len(x.data))
		}
	}
	if got := r.want(ok, hex.EncodeToString(cdb10(0x28, 41, 23))); !bytes.Equal(got, data(41, 23)) {
		t.Error("the blocks behind it read otherwise")
	}
	if n := r.drive.Totals().ReadErrors; n != 4 {
		t.Errorf("%d read errors counted", n)
	}
}

// TestCloseClosed: closing a session that is closed does not close the disc for
// good because page 05h has its default; the functions of DVD+R that say so do.
func TestCloseClosed(t *testing.T) {
	for _, medium := range []string{"cd-r", "dvd-r", "dvd-rw"} {
		r := newRig(t)
		r.insert(medium)
		r.page05(1, 0xC4)
		if medium != "cd-r" {
			r.page05(0, 0xC5)
		}
		r.write(0, 320)
		r.want(ok, "5B 00 02 00 00 00 00 00 00 00")
		r.page05(0, 0x05)
		r.want("57203", "5B 00 02 00 00 00 00 00 00 00")
		if got := r.want(ok, "51 00 00 00 00 00 00 00 22 00"); got[2]&3 != 1 {
			t.Errorf("%s: the disc has status %d", medium, got[2]&3)
		}
	}
	r := newRig(t)
	r.insert("dvd+r")
	r.write(0, 320)
	r.want(ok, "5B 00 02 00 00 00 00 00 00 00")
	r.want("57203", "5B 00 02 00 00 00 00 00 00 00")
	r.want(ok, "5B 00 06 00 00 00 00 00 00 00")
	r.gives("51 00 00 00 00 00 00 00 03 00", "00 20 0e")
}
