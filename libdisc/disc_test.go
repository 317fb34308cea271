package libdisc

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"govtl/internal/vfs"
)

var (
	dvdPlusR = Medium{Name: "dvd+r", Recording: Sequential, Blocks: 2295104, Align: 16, TrackGap: 16, FirstGap: 2048, LaterGap: 2048}
	dvdMinus = Medium{Name: "dvd-rw", Recording: Sequential, Rewritable: true, Blocks: 2298496, Bordered: 2297888, Align: 16, TrackGap: 16, FirstGap: 28688, LaterGap: 6160}
	cdR      = Medium{Name: "cd-r", Recording: Sequential, Blocks: 359849, Align: 1, RunOut: 2, TrackGap: 150, FirstGap: 11400, LaterGap: 6900}
	bdR      = Medium{Name: "bd-r", Recording: Sequential, Blocks: 12219392, Align: 32}
	dvdPlusW = Medium{Name: "dvd+rw", Recording: Overwrite, Blocks: 2295104, Align: 16}
	rom      = Medium{Name: "dvd-rom", Recording: ROM, Align: 16}
)

func simple(size int64) Medium {
	if size == 0 {
		return dvdPlusR
	}
	return rom
}

// blocks are n blocks that tell where they belong.
func blocks(lba int64, n int) []byte {
	p := make([]byte, n*BlockSize)
	for i := range n {
		for j := 0; j < BlockSize; j += 8 {
			copy(p[i*BlockSize+j:], []byte{byte(lba + int64(i)), byte((lba + int64(i)) >> 8), byte((lba + int64(i)) >> 16), 0xA5, byte(j), byte(j >> 8), 1, 2})
		}
	}
	return p
}

func made(t testing.TB, f vfs.FS, m Medium) *Disc {
	t.Helper()
	if err := Create("/d.iso", m, Options{FS: f}); err != nil {
		t.Fatal(err)
	}
	return opened(t, f)
}

func opened(t testing.TB, f vfs.FS) *Disc {
	t.Helper()
	d, err := Open("/d.iso", Options{FS: f, Simple: simple})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ok(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// put makes a file, durably.
func put(t testing.TB, f vfs.FS, name string, b []byte) {
	t.Helper()
	w, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	_, err = w.WriteAt(b, 0)
	ok(t, err, w.Sync(), w.Close(), f.SyncDir("/"))
}

// session writes n blocks at the next writable address and closes the session.
func session(t testing.TB, d *Disc, n int, final bool) int64 {
	t.Helper()
	lba, can := d.NWA()
	if !can {
		t.Fatal("nothing can be added")
	}
	ok(t, d.Write(lba, blocks(lba, n), Mode{}), d.CloseSession(final))
	return lba
}

// TestMultisession: three sessions of 1000, 500 and 300 blocks lie where real
// drives put them.
func TestMultisession(t *testing.T) {
	for _, c := range []struct {
		medium   Medium
		starts   [3]int64
		readable [3]int64
	}{
		{dvdPlusR, [3]int64{0, 0xBF0, 0x15F0}, [3]int64{0x3F0, 0xDF0, 0x1720}},
		{dvdMinus, [3]int64{0, 0x7400, 0x8E10}, [3]int64{0x3F0, 0x7600, 0x8F40}},
		{cdR, [3]int64{0, 0x3072, 0x4D5C}, [3]int64{0x3EA, 0x3268, 0x4E8A}},
		{bdR, [3]int64{0, 0x400, 0x600}, [3]int64{0x400, 0x600, 0x740}},
	} {
		f := &vfs.Memory{}
		d := made(t, f, c.medium)
		for i, n := range []int{1000, 500, 300} {
			if got := session(t, d, n, i == 2); got != c.starts[i] {
				t.Errorf("%s: session %d begins at %X, want %X", c.medium.Name, i+1, got, c.starts[i])
			}
			if got := d.Readable(); got != c.readable[i] {
				t.Errorf("%s: session %d: %X readable, want %X", c.medium.Name, i+1, got, c.readable[i])
			}
			ok(t, d.Close())
			d = opened(t, f)
		}
		if _, can := d.NWA(); can || !d.Final() {
			t.Errorf("%s: not closed", c.medium.Name)
		}
		for i, n := range []int{1000, 500, 300} {
			p := make([]byte, n*BlockSize)
			ok(t, d.Read(c.starts[i], p))
			if !bytes.Equal(p, blocks(c.starts[i], n)) {
				t.Errorf("%s: session %d reads otherwise", c.medium.Name, i+1)
			}
		}
		if c.medium.FirstGap > 0 && !errors.Is(d.CanRead(c.starts[1]-1, 1), ErrUnwritten) {
			t.Errorf("%s: the gap can be read", c.medium.Name)
		}
		if err := d.Write(0, blocks(0, 1), Mode{}); !errors.Is(err, ErrFinal) {
			t.Errorf("%s: write to a closed disc: %v", c.medium.Name, err)
		}
	}
}

// TestRefusals: what a sequential disc does not take.
func TestRefusals(t *testing.T) {
	d := made(t, &vfs.Memory{}, dvdPlusR)
	want := func(want, got error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	want(ErrAddress, d.Write(16, blocks(16, 1), Mode{}))
	want(ErrUnwritten, d.CanRead(0, 1))
	want(ErrSequence, d.CloseSession(false))
	want(ErrTrack, d.CloseTrack(1))
	want(ErrMedium, d.Erase(false))
	want(ErrRange, d.Reserve(3_000_000, Mode{}))
	ok(t, d.Reserve(20, Mode{}))
	want(ErrSequence, d.Reserve(20, Mode{}))
	want(ErrRange, d.Write(0, blocks(0, 33), Mode{}))
	ok(t, d.Write(0, blocks(0, 20), Mode{}), d.CloseTrack(1))
	want(ErrTrack, d.CloseTrack(1))
	want(ErrAddress, d.Write(32, blocks(32, 1), Mode{}))
	if nwa, _ := d.NWA(); nwa != 48 {
		t.Errorf("NWA %d behind a track of the same session, want 48", nwa)
	}
	want(nil, d.CloseSession(true))
	want(ErrFinal, d.CloseSession(true))
}

// TestRewritable: a DVD-RW blanked, formatted, grown, blanked again.
func TestRewritable(t *testing.T) {
	f := &vfs.Memory{}
	d := made(t, f, dvdMinus)
	session(t, d, 100, true)
	ok(t, d.Erase(true))
	if !d.Blank() || !d.Minimal() || d.Readable() != 0 || len(f.Content("/d.iso")) != 0 {
		t.Error("not blank")
	}
	ok(t, d.SetFormat(Intermediate, 0, 0, true))
	if err := d.Write(8, blocks(8, 16), Mode{}); !errors.Is(err, ErrAlign) {
		t.Errorf("%v, want %v", err, ErrAlign)
	}
	ok(t, d.Write(0, blocks(0, 64), Mode{}), d.Write(16, blocks(1, 16), Mode{}), d.Complete())
	if form, n := d.Format(); form != Restricted || n != 64 {
		t.Errorf("%s of %d blocks", form, n)
	}
	if err := d.Write(64, blocks(64, 16), Mode{}); !errors.Is(err, ErrRange) {
		t.Errorf("%v, want %v", err, ErrRange)
	}
	ok(t, d.Close())
	d = opened(t, f)
	p := make([]byte, 16*BlockSize)
	ok(t, d.Read(16, p))
	if !bytes.Equal(p, blocks(1, 16)) {
		t.Error("the overwritten blocks read otherwise")
	}
	ok(t, d.Erase(false))
	if d.Minimal() || !d.Sequential() {
		t.Error("not a sequential disc again")
	}
}

// TestOverwrite: a DVD+RW must be formatted, and then reads zeros where nothing was.
func TestOverwrite(t *testing.T) {
	d := made(t, &vfs.Memory{}, dvdPlusW)
	if err := d.Write(0, blocks(0, 1), Mode{}); !errors.Is(err, ErrUnformatted) {
		t.Errorf("%v, want %v", err, ErrUnformatted)
	}
	ok(t, d.SetFormat(Random, dvdPlusW.Blocks, 2, false), d.Write(1000, blocks(1000, 3), Mode{}))
	p := bytes.Repeat([]byte{1}, 4*BlockSize)
	ok(t, d.Read(999, p))
	if !bytes.Equal(p, append(make([]byte, BlockSize), blocks(1000, 3)...)) {
		t.Error("reads otherwise")
	}
	if err := d.CanRead(dvdPlusW.Blocks, 1); !errors.Is(err, ErrRange) {
		t.Errorf("%v, want %v", err, ErrRange)
	}
}

// TestPseudoOverwrite: what is recorded on a BD-R with POW may be replaced.
func TestPseudoOverwrite(t *testing.T) {
	d := made(t, &vfs.Memory{}, bdR)
	ok(t, d.SetFormat(Pseudo, 12088320, 0, false), d.Write(0, blocks(0, 64), Mode{}), d.Write(16, blocks(3, 1), Mode{}))
	if err := d.Write(65, blocks(65, 1), Mode{}); !errors.Is(err, ErrAddress) {
		t.Errorf("%v, want %v", err, ErrAddress)
	}
	p := make([]byte, BlockSize)
	ok(t, d.Read(16, p))
	if !bytes.Equal(p, blocks(3, 1)) {
		t.Error("not overwritten")
	}
	ok(t, d.Read(5000, p))
	if !bytes.Equal(p, make([]byte, BlockSize)) {
		t.Error("not zeros")
	}
}

// TestSimple: an empty file is a blank DVD+R, and once closed a plain image.
func TestSimple(t *testing.T) {
	f := &vfs.Memory{}
	put(t, f, "/d.iso", nil)
	d := opened(t, f)
	if !d.Blank() || d.Kind().Name != "dvd+r" {
		t.Fatalf("%s, blank %v", d.Kind().Name, d.Blank())
	}
	session(t, d, 40, true)
	if d.Kind().Name != "dvd-rom" || d.Readable() != 48 {
		t.Errorf("a %s of %d blocks", d.Kind().Name, d.Readable())
	}
	ok(t, d.Close())
	if _, err := f.Stat("/d.iso" + Suffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the description is there: %v", err)
	}
	if got := f.Content("/d.iso"); !bytes.Equal(got, append(blocks(0, 40), make([]byte, 8*BlockSize)...)) {
		t.Errorf("the image has %d bytes, and others", len(got))
	}
	d = opened(t, f)
	if err := d.Write(0, blocks(0, 1), Mode{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("%v, want %v", err, ErrReadOnly)
	}
}

// TestWhole: a disc written at once is complete with its last block.
func TestWhole(t *testing.T) {
	d := made(t, &vfs.Memory{}, dvdMinus)
	ok(t, d.Reserve(20, Mode{Whole: true}), d.Write(0, blocks(0, 16), Mode{}))
	if done, err := d.FinishWhole(false); done || err != nil {
		t.Errorf("done %v, %v", done, err)
	}
	ok(t, d.Write(16, blocks(16, 4), Mode{}))
	if done, err := d.FinishWhole(false); !done || err != nil || !d.Final() || d.Readable() != 32 {
		t.Errorf("done %v, %v, final %v, %d blocks", done, err, d.Final(), d.Readable())
	}
}

// TestPowerCut: cut the power anywhere in a burn; what was synced or closed is
// there, an image is never taken for finished, and the disc can be gone on with.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		f := &vfs.Memory{}
		if seed%2 == 0 {
			put(t, f, "/d.iso", nil)
		} else {
			ok(t, Create("/d.iso", dvdPlusR, Options{FS: f}))
		}
		ok(t, f.SyncDir("/"))
		d := opened(t, f)
		synced, sessions, final := int64(0), 0, false
		for range r.IntN(12) {
			lba, can := d.NWA()
			if !can {
				break
			}
			switch r.IntN(5) {
			case 0:
				ok(t, d.Sync())
				synced = lba
			case 1:
				if d.SessionOpen() {
					final = r.IntN(3) == 0
					ok(t, d.CloseSession(final))
					synced, sessions = d.recordedEnd(), sessions+1
				}
			default:
				ok(t, d.Write(lba, blocks(lba, 1+r.IntN(40)), Mode{}))
			}
		}
		g := f.Crash(r, r.Float64())
		e := opened(t, g)
		if e.ClosedSessions() < sessions && e.Kind().Recording != ROM {
			t.Fatalf("seed %d: %d sessions of %d", seed, e.ClosedSessions(), sessions)
		}
		if rom := e.Kind().Recording == ROM; rom && !final {
			t.Fatalf("seed %d: an open disc became a ROM", seed)
		}
		for _, tr := range d.Tracks() {
			n := min(tr.Next, synced) - tr.Start
			if n <= 0 || e.Kind().Recording == ROM && tr.Session > 1 {
				continue
			}
			p := make([]byte, n*BlockSize)
			ok(t, e.Read(tr.Start, p))
		}
		if lba, can := e.NWA(); can {
			if lba < synced {
				t.Fatalf("seed %d: NWA %d, %d were synced", seed, lba, synced)
			}
			session(t, e, 3, true)
		} else if !e.Final() {
			t.Fatalf("seed %d: neither writable nor closed", seed)
		}
	}
}

// TestLock: a disc that can be written is in one drive only; a ROM in many.
func TestLock(t *testing.T) {
	f := &vfs.Memory{}
	d := made(t, f, dvdPlusR)
	if _, err := Open("/d.iso", Options{FS: f}); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("%v, want %v", err, vfs.ErrLocked)
	}
	ok(t, d.Close())
	put(t, f, "/rom.iso", blocks(0, 20))
	for range 2 {
		if _, err := Open("/rom.iso", Options{FS: f, Simple: simple}); err != nil {
			t.Error(err)
		}
	}
}

func FuzzDescription(f *testing.F) {
	d := description{Medium: dvdPlusR, Sessions: 1, Tracks: []Track{{Session: 1, Next: 10, Size: 16, Closed: true}, {Session: 2, Start: 2064, Next: 2070}}}
	b, err := d.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("vtl-disc 1 0 0\n"))
	_, body, _ := bytes.Cut(b, []byte("\n"))
	f.Add(body)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decode(b)
		if err != nil {
			if got, err = decode(wrapped(b)); err != nil { // behind the checksum
				return
			}
		}
		again, err := got.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Fatalf("what was encoded again is refused: %v", err)
		}
	})
}

// TestDamaged: each changed byte and each prefix is refused.
func TestDamaged(t *testing.T) {
	d := description{Medium: dvdPlusR, Sessions: 1, Tracks: []Track{{Session: 1, Next: 10, Size: 16, Closed: true}}}
	b, err := d.encode()
	ok(t, err)
	for i := range b {
		if _, err := decode(b[:i]); !errors.Is(err, ErrDescription) {
			t.Fatalf("%d bytes of it: %v", i, err)
		}
		c := bytes.Clone(b)
		c[i] ^= 0x10
		if _, err := decode(c); !errors.Is(err, ErrDescription) && !errors.Is(err, ErrVersion) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}
