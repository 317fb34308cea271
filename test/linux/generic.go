package linux

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"
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
	sgFromUnit = -3
)

// SCSI sends a command without parameter data through the sg driver and returns
// what comes back: "GOOD", "key/ASC/ASCQ" in hex, or another status, and up to n
// bytes of data.
func SCSI(t testing.TB, generic string, n int, cdb ...byte) (outcome string, in []byte) {
	t.Helper()
	f, err := os.OpenFile(generic, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf, sense := make([]byte, max(n, 1)), make([]byte, 96)
	h := &sgHeader{interfaceID: 'S', direction: sgNone, cmdLen: uint8(len(cdb)), maxSense: uint8(len(sense)),
		cdb: &cdb[0], sense: &sense[0], timeout: 60_000}
	if n > 0 {
		h.direction, h.length, h.data = sgFromUnit, uint32(n), &buf[0]
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	for _, p := range []*byte{h.cdb, h.sense, &buf[0]} {
		pins.Pin(p)
	}
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), sgIO, uintptr(unsafe.Pointer(h))); e != 0 {
		t.Fatalf("%s: SG_IO: %v", generic, e)
	}
	switch {
	case h.host != 0:
		return fmt.Sprintf("host status %d", h.host), nil
	case h.status == 2 && h.senseLen >= 14:
		return fmt.Sprintf("%X/%02X/%02X", sense[2]&0xF, sense[12], sense[13]), buf[:n-int(h.residual)]
	case h.status != 0:
		return fmt.Sprintf("status %02Xh", h.status), nil
	}
	return "GOOD", buf[:n-int(h.residual)]
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
