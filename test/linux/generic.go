package linux

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sgIO is the request of the sg driver that sends one command, <scsi/sg.h>.
const sgIO = 0x2285

// sgHeader is sg_io_hdr.
type sgHeader struct {
	interfaceID int32
	direction   int32
	cmdLen      uint8
	maxSense    uint8
	iovecCount  uint16
	length      uint32
	data        *byte
	cdb         *byte
	sense       *byte
	timeout     uint32 // ms
	flags       uint32
	packID      int32
	_           uintptr
	status      uint8
	masked      uint8
	message     uint8
	senseLen    uint8
	host        uint16
	driver      uint16
	residual    int32
	duration    uint32
	info        uint32
}

// Directions of sgHeader.
const (
	sgNone     = -1
	sgToUnit   = -2
	sgFromUnit = -3
)

// Completion is how a command ended that went through the sg driver.
type Completion struct {
	Status   byte
	Sense    []byte
	In       []byte
	Residual int // of the data asked for, as the driver says
}

// Generic is an open device of the sg driver.
type Generic struct{ f *os.File }

// OpenGeneric opens one.
func OpenGeneric(path string) (*Generic, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &Generic{f}, nil
}

// Close closes the device.
func (g *Generic) Close() error { return g.f.Close() }

// Command sends a command with parameter data, or one that asks for up to in bytes.
func (g *Generic) Command(cdb, out []byte, in int) (c Completion, err error) {
	buf, sense := make([]byte, max(in, 1)), make([]byte, 96)
	h := &sgHeader{interfaceID: 'S', direction: sgNone, cmdLen: uint8(len(cdb)), maxSense: uint8(len(sense)),
		cdb: &cdb[0], sense: &sense[0], timeout: 60_000}
	switch {
	case len(out) > 0:
		h.direction, h.length, h.data = sgToUnit, uint32(len(out)), &out[0]
	case in > 0:
		h.direction, h.length, h.data = sgFromUnit, uint32(in), &buf[0]
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	for _, p := range []*byte{h.cdb, h.sense, h.data} {
		if p != nil {
			pins.Pin(p)
		}
	}
	if e := g.send(h); e != 0 {
		return c, fmt.Errorf("%s: SG_IO: %w", g.f.Name(), e)
	}
	if h.host != 0 {
		return c, fmt.Errorf("%s: % X: host status %d", g.f.Name(), cdb, h.host)
	}
	c = Completion{Status: h.status, Sense: sense[:h.senseLen], Residual: int(h.residual)}
	if in > 0 && len(out) == 0 {
		c.In = buf[:in-min(int(h.residual), in)]
	}
	return c, nil
}

// send carries out SG_IO with every signal held back. A signal that comes while the
// driver waits for the command makes the kernel start the call again, and the
// command with it: a WRITE would be on the tape twice. The runtime sends signals to
// its threads all the time, to have them scheduled.
func (g *Generic) send(h *sgHeader) syscall.Errno {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return err.(syscall.Errno)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, g.f.Fd(), sgIO, uintptr(unsafe.Pointer(h)))
	return e
}

// SCSI sends a command without parameter data through the sg driver and returns
// what comes back: "GOOD", "key/ASC/ASCQ" in hex, or another status, and up to n
// bytes of data.
func SCSI(t testing.TB, generic string, n int, cdb ...byte) (outcome string, in []byte) {
	t.Helper()
	g, err := OpenGeneric(generic)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c, err := g.Command(cdb, nil, n)
	switch {
	case err != nil:
		return err.Error(), nil
	case c.Status == 2 && len(c.Sense) >= 14:
		return fmt.Sprintf("%X/%02X/%02X", c.Sense[2]&0xF, c.Sense[12], c.Sense[13]), c.In
	case c.Status != 0:
		return fmt.Sprintf("status %02Xh", c.Status), nil
	}
	return "GOOD", c.In
}

// Attentions takes the unit attention conditions that wait for this initiator,
// each as "key/ASC/ASCQ", with TEST UNIT READY.
func Attentions(t testing.TB, generic string) (all []string) {
	t.Helper()
	for range 16 {
		outcome, _ := SCSI(t, generic, 0, 0, 0, 0, 0, 0, 0)
		if len(outcome) == 0 || outcome[0] != '6' {
			return all
		}
		all = append(all, outcome)
	}
	t.Fatalf("unit attention conditions without end: %v", all)
	return nil
}
