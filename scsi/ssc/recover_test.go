package ssc

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"govtl/internal/vfs"
)

// gated is a file system whose writes to data files can be held, and then fail.
func gated() (fs vfs.FS, hold func(), fail func()) {
	var holds atomic.Bool
	gate := make(chan struct{})
	fs = vfs.Failing(&vfs.Memory{}, func(o vfs.Op) error {
		if holds.Load() && o.Kind == "write" && strings.HasSuffix(o.Name, "data") {
			<-gate
			return io.ErrShortWrite
		}
		return nil
	})
	return fs, func() { holds.Store(true) }, func() { close(gate) }
}

// recoverCDB is RECOVER BUFFERED DATA.
func recoverCDB(flags byte, n int) []byte { return []byte{0x14, flags, 0, byte(n >> 8), byte(n), 0} }

// buffered is what READ POSITION says of the buffer: the initiator's side, the
// medium's side, objects and bytes between them; short and extended form agree.
func (r *rig) buffered() (first, last, objects, bytes uint64) {
	r.t.Helper()
	s := r.want(good, readPos)
	x := r.want(good, []byte{0x34, 8, 0, 0, 0, 0, 0, 0, 32, 0})
	be := binary.BigEndian
	got := [][4]uint64{
		{uint64(be.Uint32(s[4:])), uint64(be.Uint32(s[8:])), uint64(be24(s[13:])), uint64(be.Uint32(s[16:]))},
		{be.Uint64(x[8:]), be.Uint64(x[16:]), uint64(be24(x[5:])), be.Uint64(x[24:])},
	}
	if got[0] != got[1] {
		r.t.Fatalf("READ POSITION short says %v, extended %v", got[0], got[1])
	}
	return got[0][0], got[0][1], got[0][2], got[0][3]
}

// TestRecoverBufferedData: after a deferred error the blocks that did not get onto
// the medium can be had back in order, READ POSITION counts them, and with them
// written again on another medium nothing is lost.
func TestRecoverBufferedData(t *testing.T) {
	fs, hold, fail := gated()
	r := newRig(t, "generic", func(o *Options) { o.FS = fs })
	r.insert("VTL001L9")
	r.want(good, write6v(1000), pattern(0, 1000)...)
	r.want(good, filemarks(1))
	r.want("NO SENSE, END-OF-DATA DETECTED (0/00/05) EOM information 100", recoverCDB(0, 100))
	hold()
	r.want(good, []byte{0x15, 0x10, 0, 0, 12, 0}, 0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 2, 0) // blocks of 512 bytes
	r.want(good, write6v(3000), pattern(1, 3000)...)
	r.want(good, write6f(3), slices.Concat(pattern(2, 512), pattern(3, 512), pattern(4, 512))...)
	r.want(good, []byte{0x10, 1, 0, 0, 2, 0}) // IMMED
	r.want(good, write6v(10), pattern(5, 10)...)
	if first, last, n, size := r.buffered(); first != 9 || last != 2 || n != 7 || size != 3000+3*512+10 {
		t.Fatalf("before the failure: %d %d, %d objects of %d bytes", first, last, n, size)
	}
	fail()
	const failed = "MEDIUM ERROR, WRITE ERROR (3/0C/00)"
	if x := r.do(filemarks(0)); x.String() != failed+" deferred" && x.String() != failed+" information 0" {
		t.Fatalf("the synchronising command: %s", x)
	}
	check := func(objects, size uint64) {
		t.Helper()
		if first, last, n, b := r.buffered(); last != 2 || first != 2+objects || n != objects || b != size {
			t.Fatalf("%d %d, %d objects of %d bytes; want %d of %d", first, last, n, b, objects, size)
		}
	}
	check(7, 3000+3*512+10)
	r.want("ILLEGAL REQUEST, INVALID FIELD IN CDB (5/24/00) information 1", recoverCDB(3, 1))
	r.want(good, recoverCDB(0, 0))
	// A block that is longer than asked for, and SILI that may be shorter.
	if got := r.want("NO SENSE, NO ADDITIONAL SENSE INFORMATION (0/00/00) ILI information -2000", recoverCDB(0, 1000)); !bytes.Equal(got, pattern(1, 3000)[:1000]) {
		t.Fatal("the first block is another one")
	}
	check(6, 3*512+10)
	got := r.want("NO SENSE, FILEMARK DETECTED (0/00/01) FILEMARK information 2", recoverCDB(1, 5))
	if !bytes.Equal(got, slices.Concat(pattern(2, 512), pattern(3, 512), pattern(4, 512))) {
		t.Fatal("the fixed blocks are others")
	}
	check(2, 10)
	r.want("NO SENSE, FILEMARK DETECTED (0/00/01) FILEMARK information 20", recoverCDB(2, 20))
	if got := r.want(good, recoverCDB(2, 20)); !bytes.Equal(got, pattern(5, 10)) {
		t.Fatal("the last block is another one")
	}
	check(0, 0)
	r.want("NO SENSE, END-OF-DATA DETECTED (0/00/05) EOM information 100", recoverCDB(0, 100))

	r.want(good, rewind)
	if got := r.want(good, read6v(1000)); !bytes.Equal(got, pattern(0, 1000)) {
		t.Fatal("what had got onto the medium is not read")
	}
}

// TestUnwrittenIsDropped: a new position gives up what was not written.
func TestUnwrittenIsDropped(t *testing.T) {
	fs, hold, fail := gated()
	r := newRig(t, "generic", func(o *Options) { o.FS = fs })
	r.insert("VTL001L9")
	hold()
	r.want(good, write6v(1000), pattern(0, 1000)...)
	fail()
	r.want("MEDIUM ERROR, WRITE ERROR (3/0C/00) deferred", rewind)
	r.want(good, rewind)
	if first, last, n, _ := r.buffered(); first != 0 || last != 0 || n != 0 {
		t.Fatalf("%d %d, %d objects", first, last, n)
	}
	r.want("NO SENSE, END-OF-DATA DETECTED (0/00/05) EOM information 1000", recoverCDB(0, 1000))
	r.want("MEDIUM ERROR, WRITE ERROR (3/0C/00) information 0", filemarks(0))
}
