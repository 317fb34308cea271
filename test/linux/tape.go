package linux

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Tape is a tape device of the st driver, opened without rewinding.
type Tape struct {
	f *os.File
}

// Operations of MTIOCTOP, <linux/mtio.h>.
const (
	opForwardFilemarks  = 1  // MTFSF
	opBackwardFilemarks = 2  // MTBSF
	opForwardRecords    = 3  // MTFSR
	opBackwardRecords   = 4  // MTBSR
	opWriteFilemarks    = 5  // MTWEOF
	opRewind            = 6  // MTREW
	opEndOfData         = 12 // MTEOM
	opSetBlock          = 20 // MTSETBLK
	opSeek              = 22 // MTSEEK
)

// Requests of ioctl(2), <linux/mtio.h>, as 64-bit machines have them.
const (
	requestOperation = 0x40086d01 // MTIOCTOP
	requestPosition  = 0x80086d03 // MTIOCPOS
)

// OpenTape opens a tape device for reading, and for writing if write is set.
func OpenTape(path string, write bool) (*Tape, error) {
	mode := os.O_RDONLY
	if write {
		mode = os.O_RDWR
	}
	// The descriptor is opened by hand: st has no use for the poller.
	fd, err := unix.Open(path, mode, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &Tape{f: os.NewFile(uintptr(fd), path)}, nil
}

// Close closes the device. After a write the driver writes a filemark first.
func (t *Tape) Close() error { return t.f.Close() }

// Write writes one block.
func (t *Tape) Write(p []byte) (int, error) {
	n, err := unix.Write(int(t.f.Fd()), p)
	if err != nil {
		return max(n, 0), &os.PathError{Op: "write", Path: t.f.Name(), Err: err}
	}
	return n, nil
}

// Read reads one block; n is 0 without an error at a filemark and at the end of
// data. (The driver says EIO at an end of data that has no filemark before it.)
func (t *Tape) Read(p []byte) (int, error) {
	n, err := unix.Read(int(t.f.Fd()), p)
	if err != nil {
		if t.atEndOfData() {
			return 0, nil
		}
		return max(n, 0), &os.PathError{Op: "read", Path: t.f.Name(), Err: err}
	}
	return n, nil
}

// atEndOfData reports whether the tape stands at the end of data, by going there.
// If not, it goes back.
func (t *Tape) atEndOfData() bool {
	here, err := t.Tell()
	if err != nil || t.EndOfData() != nil {
		return false
	}
	end, err := t.Tell()
	if err == nil && end != here {
		t.Seek(here)
	}
	return err == nil && end == here
}

// operate carries out one operation of MTIOCTOP.
func (t *Tape) operate(op int16, count int32) error {
	request := struct {
		op    int16
		_     int16
		count int32
	}{op: op, count: count}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, t.f.Fd(), requestOperation, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("%s: operation %d, count %d: %w", t.f.Name(), op, count, errno)
	}
	return nil
}

// WriteFilemarks writes n filemarks, not immediately: what was written before is
// on the medium when it returns.
func (t *Tape) WriteFilemarks(n int) error { return t.operate(opWriteFilemarks, int32(n)) }

// Rewind goes to the beginning of the tape.
func (t *Tape) Rewind() error { return t.operate(opRewind, 1) }

// EndOfData goes behind what was written last.
func (t *Tape) EndOfData() error { return t.operate(opEndOfData, 1) }

// Filemarks spaces over n filemarks, backwards when n is negative.
func (t *Tape) Filemarks(n int) error {
	if n < 0 {
		return t.operate(opBackwardFilemarks, int32(-n))
	}
	return t.operate(opForwardFilemarks, int32(n))
}

// Records spaces over n blocks, backwards when n is negative.
func (t *Tape) Records(n int) error {
	if n < 0 {
		return t.operate(opBackwardRecords, int32(-n))
	}
	return t.operate(opForwardRecords, int32(n))
}

// SetBlock sets the block length; 0 is variable.
func (t *Tape) SetBlock(n int) error { return t.operate(opSetBlock, int32(n)) }

// Seek goes to a logical object number.
func (t *Tape) Seek(object int) error { return t.operate(opSeek, int32(object)) }

// Tell returns the logical object number of the position.
func (t *Tape) Tell() (int, error) {
	var position int64
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, t.f.Fd(), requestPosition, uintptr(unsafe.Pointer(&position)))
	if errno != 0 {
		return 0, fmt.Errorf("%s: position: %w", t.f.Name(), errno)
	}
	return int(position), nil
}
