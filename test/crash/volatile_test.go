//go:build e2e

package crash

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Requests of the kernel's network block device, <linux/nbd.h>.
const (
	nbdSetSocket    = 0xAB00
	nbdSetBlockSize = 0xAB01
	nbdDoIt         = 0xAB03
	nbdSetBlocks    = 0xAB07
	nbdSetFlags     = 0xAB0A

	nbdHasFlags  = 1 << 0
	nbdSendFlush = 1 << 2
	nbdSendFUA   = 1 << 3

	nbdRead       = 0
	nbdWrite      = 1
	nbdDisconnect = 2
	nbdFlush      = 3
	nbdFUA        = 1 << 0 // of a write: it is on the disk when it is answered

	nbdRequestMagic = 0x25609513
	nbdReplyMagic   = 0x67446698
)

// volatileDisk is a disk with a write cache that a power cut empties, in front of
// one that keeps everything. The cache is this guest's own memory: the page cache of
// the disk behind. What was written reaches that disk when it is flushed, when the
// kernel comes to it, or with some probability at once; so a power cut finds any
// part of it there, in any order.
type volatileDisk struct {
	behind  *os.File
	random  *rand.Rand
	through float64 // probability that a write reaches the disk at once
	socket  *os.File
	buf     []byte
}

// serveVolatile makes a disk volatile and returns the device that it is then.
func serveVolatile(t *testing.T, disk string, random *rand.Rand) string {
	t.Helper()
	const device, block = "/dev/nbd0", 512
	behind, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := behind.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	nbd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []struct {
		request uint
		value   int
	}{{nbdSetBlockSize, block}, {nbdSetBlocks, int(size / block)}, {nbdSetFlags, nbdHasFlags | nbdSendFlush | nbdSendFUA}, {nbdSetSocket, ends[0]}} {
		if err := unix.IoctlSetInt(nbd, set.request, set.value); err != nil {
			t.Fatalf("nbd %04X: %v", set.request, err)
		}
	}
	v := &volatileDisk{behind: behind, random: random, through: random.Float64(), socket: os.NewFile(uintptr(ends[1]), "nbd")}
	go func() {
		err := v.serve()
		fmt.Fprintln(os.Stderr, "volatile disk:", err)
	}()
	go unix.IoctlSetInt(nbd, nbdDoIt, 0) // until the power goes
	return device
}

// serve answers requests, one after the other.
func (v *volatileDisk) serve() error {
	var head [28]byte
	for {
		if _, err := io.ReadFull(v.socket, head[:]); err != nil {
			return err
		}
		if binary.BigEndian.Uint32(head[0:]) != nbdRequestMagic {
			return errors.New("no request")
		}
		flags, kind := binary.BigEndian.Uint16(head[4:]), binary.BigEndian.Uint16(head[6:])
		off, n := int64(binary.BigEndian.Uint64(head[16:])), int64(binary.BigEndian.Uint32(head[24:]))
		if kind == nbdDisconnect {
			return nil
		}
		if kind != nbdRead && kind != nbdWrite {
			n = 0
		}
		const answer = 16
		if int64(cap(v.buf)) < answer+n {
			v.buf = make([]byte, answer+n)
		}
		b := v.buf[:answer+n]
		if kind == nbdWrite {
			if _, err := io.ReadFull(v.socket, b[answer:]); err != nil {
				return err
			}
		}
		failed := v.do(kind, flags, b[answer:], off)
		binary.BigEndian.PutUint32(b[0:], nbdReplyMagic)
		binary.BigEndian.PutUint32(b[4:], 0)
		if failed != nil {
			binary.BigEndian.PutUint32(b[4:], uint32(unix.EIO))
			fmt.Fprintln(os.Stderr, "volatile disk:", failed)
		}
		copy(b[8:answer], head[8:16])
		if kind != nbdRead || failed != nil {
			b = b[:answer]
		}
		if _, err := v.socket.Write(b); err != nil {
			return err
		}
	}
}

// do carries out a request.
func (v *volatileDisk) do(kind, flags uint16, b []byte, off int64) error {
	switch kind {
	case nbdRead:
		_, err := v.behind.ReadAt(b, off)
		return err
	case nbdWrite:
		if _, err := v.behind.WriteAt(b, off); err != nil {
			return err
		}
		switch {
		case flags&nbdFUA != 0:
			return unix.Fdatasync(int(v.behind.Fd()))
		case v.random.Float64() < v.through:
			return unix.SyncFileRange(int(v.behind.Fd()), off, int64(len(b)), unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
		}
		return nil
	case nbdFlush:
		return unix.Fdatasync(int(v.behind.Fd()))
	}
	return fmt.Errorf("request %d is unknown", kind)
}
