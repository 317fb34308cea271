package linux

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Types of element as the ch driver has them, <linux/chio.h>.
const (
	ChangerTransport    = 0 // CHET_MT
	ChangerStorage      = 1 // CHET_ST
	ChangerImportExport = 2 // CHET_IE
	ChangerDrive        = 3 // CHET_DT
)

// Flags of an element's status, <linux/chio.h>.
const (
	ChangerFull   = 0x01
	ChangerImpExp = 0x02
	ChangerExcept = 0x04
	ChangerAccess = 0x08
)

// The requests of the ch driver.
const (
	chioMove       = 1<<30 | 20<<16 | 'c'<<8 | 1
	chioExchange   = 1<<30 | 28<<16 | 'c'<<8 | 2
	chioPosition   = 1<<30 | 12<<16 | 'c'<<8 | 3
	chioParameters = 2<<30 | 20<<16 | 'c'<<8 | 6
	chioStatus     = 1<<30 | 16<<16 | 'c'<<8 | 8
	chioElement    = 1<<30 | 108<<16 | 'c'<<8 | 16
	chioInitialize = 'c'<<8 | 17
)

// Changer is /dev/sch0: a changer through the kernel's ch driver.
type Changer struct{ f *os.File }

// OpenChanger opens the device of the ch driver.
func OpenChanger(path string) (*Changer, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &Changer{f}, nil
}

// Close closes the device.
func (c *Changer) Close() error { return c.f.Close() }

// request sends a request with an argument that the kernel reads or fills.
func (c *Changer) request(name string, request uintptr, arg unsafe.Pointer) error {
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, c.f.Fd(), request, uintptr(arg)); e != 0 {
		return fmt.Errorf("%s: %w", name, e)
	}
	return nil
}

// ChangerUnit is an element: its type and its number from 0.
type ChangerUnit struct{ Type, Unit int32 }

// Parameters are the numbers of transports, slots, import/export elements and
// drives (CHIOGPARAMS).
func (c *Changer) Parameters() (transports, slots, portals, drives int, err error) {
	var p struct{ current, transports, slots, portals, drives int32 }
	err = c.request("CHIOGPARAMS", chioParameters, unsafe.Pointer(&p))
	return int(p.transports), int(p.slots), int(p.portals), int(p.drives), err
}

// Status is one byte of flags for each of n elements of a type (CHIOGSTATUS).
func (c *Changer) Status(kind int32, n int) ([]byte, error) {
	flags := make([]byte, n)
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(&flags[0])
	s := struct {
		kind int32
		data *byte
	}{kind, &flags[0]}
	err := c.request("CHIOGSTATUS", chioStatus, unsafe.Pointer(&s))
	return flags, err
}

// Flags that turn a medium over on its way, <linux/chio.h>. The ch driver puts
// those of an exchange into byte 10 of the CDB the other way round than SMC-3 6.3.
const (
	ChangerInvert       = 0x01 // CM_INVERT
	ChangerInvertFirst  = 0x01 // CE_INVERT1
	ChangerInvertSecond = 0x02 // CE_INVERT2
)

// Move moves a medium (CHIOMOVE).
func (c *Changer) Move(from, to ChangerUnit) error { return c.MoveFlags(from, to, 0) }

// MoveFlags is Move with flags.
func (c *Changer) MoveFlags(from, to ChangerUnit, flags int32) error {
	m := struct {
		from, to ChangerUnit
		flags    int32
	}{from, to, flags}
	return c.request("CHIOMOVE", chioMove, unsafe.Pointer(&m))
}

// Exchange moves the medium of first to second and that of source to first
// (CHIOEXCHANGE).
func (c *Changer) Exchange(source, first, second ChangerUnit) error {
	return c.ExchangeFlags(source, first, second, 0)
}

// ExchangeFlags is Exchange with flags.
func (c *Changer) ExchangeFlags(source, first, second ChangerUnit, flags int32) error {
	x := struct {
		source, first, second ChangerUnit
		flags                 int32
	}{source, first, second, flags}
	return c.request("CHIOEXCHANGE", chioExchange, unsafe.Pointer(&x))
}

// Position sends the transport to an element (CHIOPOSITION).
func (c *Changer) Position(at ChangerUnit) error {
	p := struct {
		at    ChangerUnit
		flags int32
	}{at, 0}
	return c.request("CHIOPOSITION", chioPosition, unsafe.Pointer(&p))
}

// Initialize has the changer look what is where (CHIOINITELEM).
func (c *Changer) Initialize() error { return c.request("CHIOINITELEM", chioInitialize, nil) }

// Flags of CHIOGELEM's answer.
const (
	elementHasSource = 0x04 // CGE_SRC
	elementHasTag    = 0x10 // CGE_PVOLTAG
)

// ChangerElement is what CHIOGELEM tells of one element.
type ChangerElement struct {
	Status int32        // ChangerFull and the other flags
	Source *ChangerUnit // where the medium was taken from; nil: not known
	Tag    string       // primary volume tag; empty: none
}

// Element tells of one element (CHIOGELEM).
func (c *Changer) Element(e ChangerUnit) (ChangerElement, error) {
	g := struct {
		e        ChangerUnit
		status   int32
		number   int32
		source   ChangerUnit
		id, lun  int32
		pvoltag  [36]byte
		avoltag  [36]byte
		answered int32
	}{e: e}
	if err := c.request("CHIOGELEM", chioElement, unsafe.Pointer(&g)); err != nil {
		return ChangerElement{}, err
	}
	r := ChangerElement{Status: g.status}
	if g.answered&elementHasSource != 0 {
		r.Source = &g.source
	}
	if g.answered&elementHasTag != 0 {
		r.Tag = string(bytes.TrimRight(g.pvoltag[:32], " \x00"))
	}
	return r, nil
}
