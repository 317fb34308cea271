package iscsi_test

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"sync"
	"testing"

	"govtl/internal/buffer"
	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/spc"
)

// ramDisk is a direct access block device (SBC-3) in memory. It exists in tests
// only: the protocol tests of others are written with disk commands, and two
// kinds of devices on one engine find what one would hide.
//
// Operation codes C0h to C3h are for tests: C0h waits until the test lets it go
// or it is aborted, C1h is C0h in the manner of a command that cannot be stopped,
// C2h answers byte 1 as the sense key together with as many bytes of data as the
// allocation length in bytes 2 and 3 says, C3h is a write of EXPECTED length that
// is thrown away.
type ramDisk struct {
	*spc.Core
	server  *scsi.DeviceServer[*ramDisk]
	data    []byte
	most    int // MaxTransfer
	ejected bool

	mu      sync.Mutex // guards what follows
	gate    chan struct{}
	waiting int
	order   []byte // byte 6 (GROUP NUMBER) of each WRITE(10), in order
}

const ramBlock = 512 // bytes

func newRAMDisk(t testing.TB, blocks int) *ramDisk {
	t.Helper()
	d := &ramDisk{data: make([]byte, blocks*ramBlock), most: 16 << 20, gate: make(chan struct{})}
	modes, err := page.NewModes([]page.Mode{
		{Code: 0x08, Length: 0x12, Name: "Caching", Clause: "SBC-3 6.4.5", Fields: page.Fields{page.Bit(2, 2, "WCE", 1, page.Fixed)}},
		{Code: 0x0A, Length: 0x0A, Name: "Control", Clause: "SPC-4 7.5.8", Fields: page.Fields{
			page.Bit(2, 2, "D_SENSE", 0, page.Changeable),
			page.Bit(4, 3, "SWP", 0, page.Changeable),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	vpd, err := page.NewVPDs([]page.VPD{
		page.UnitSerialNumber("RAM0000001"),
		page.DeviceIdentification(page.T10Designator("TEST", "RAM DISK", "RAM0000001"), page.NAADesignator(page.LogicalUnit, 0x5000000000000042)),
		{Code: 0xB0, Name: "Block Limits", Clause: "SBC-3 6.5.3", Length: 0x3C},
		{Code: 0xB1, Name: "Block Device Characteristics", Clause: "SBC-3 6.5.2", Length: 0x3C, Fields: page.Fields{
			page.Uint16(4, "MEDIUM ROTATION RATE", 1, page.Fixed)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Core, err = spc.New(spc.Config{
		Log: slog.New(slog.DiscardHandler),
		Inquiry: spc.InquiryData{DeviceType: 0, Removable: true, Version: 6, Format: 2, Vendor: "TEST", Product: "RAM DISK", Revision: "0001",
			Length: 74, VersionDescriptors: []uint16{0x00A2, 0x0960, 0x0460, 0x04C0}, Bytes: map[int]uint8{7: 0x02}},
		VPD: vpd, Modes: modes,
		ModeHeader: func(_ *scsi.Nexus, _ page.Control) page.Header {
			h := page.Header{DeviceSpecific: 0x10, BlockLength: ramBlock}
			if modes.Get(nil, 0x0A, 0, "SWP") != 0 {
				h.DeviceSpecific |= 0x80
			}
			return h
		},
		CompatibleReserve: true,
		Timeout:           30,
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := ramCommands.Finish()
	if err != nil {
		t.Fatal(err)
	}
	d.SetCommands(table.Commands())
	d.server = scsi.NewDeviceServer(d, table, scsi.Options{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(d.server.Close)
	return d
}

// loaded is what commands that need the medium need.
const loaded scsi.Need = 1

// Meets implements scsi.Device.
func (d *ramDisk) Meets(*scsi.Task, *scsi.Command) error {
	if d.ejected {
		return scsi.NewSense(scsi.NotReady, scsi.MediumNotPresent)
	}
	return nil
}

func (d *ramDisk) startStop(t *scsi.Task) error {
	if t.CDB[4]&0xF2 == 2 { // LOEJ, no power condition
		if d.RemovalPrevented() {
			return scsi.NewSense(scsi.IllegalRequest, scsi.MediumRemovalPrevented)
		}
		d.ejected = t.CDB[4]&1 == 0
	}
	return nil
}

func (d *ramDisk) MaxTransfer() int { return d.most }

func ramRow(name string, data scsi.Direction, run func(*ramDisk, *scsi.Task) error, usage ...byte) scsi.Row[*ramDisk] {
	needs := loaded
	if name == "START STOP UNIT" || data == scsi.NoData && usage[0] == 0xFF {
		needs = 0
	}
	return scsi.Row[*ramDisk]{
		Command: scsi.Command{Name: name, Clause: "SBC-3 5", Data: data, Usage: usage, Needs: needs}, Run: run,
		Prompt: func(*ramDisk, *scsi.Task) bool { return true },
	}
}

// shared rows pass a write exclusive reservation, exclusive ones no reservation.
func shared(r scsi.Row[*ramDisk]) scsi.Row[*ramDisk] {
	r.Access = scsi.SharedRead
	return r
}

func exclusive(r scsi.Row[*ramDisk]) scsi.Row[*ramDisk] {
	r.Access = scsi.Exclusive
	return r
}

func ramAction(sa uint8, r scsi.Row[*ramDisk]) scsi.Row[*ramDisk] {
	r.ServiceAction, r.HasServiceAction = sa, true
	return r
}

var (
	usage6  = []byte{0x1F, 0xFF, 0xFF, 0xFF, 0}
	usage10 = []byte{0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0}
	usage12 = []byte{0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0}
	usage16 = []byte{0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0}
)

var ramCommands = scsi.Table[*ramDisk]{
	0x00: {spc.TestUnitReady[*ramDisk](loaded)},
	0x03: {spc.RequestSense[*ramDisk]()},
	0x08: {shared(ramRow("READ(6)", scsi.DataIn, (*ramDisk).read, usage6...))},
	0x0A: {ramRow("WRITE(6)", scsi.DataOut, (*ramDisk).write, usage6...)},
	0x12: {spc.Inquiry[*ramDisk]()},
	0x15: {spc.ModeSelect6[*ramDisk]()},
	0x16: {spc.Reserve6[*ramDisk]()},
	0x17: {spc.Release6[*ramDisk]()},
	0x1A: {exclusive(spc.ModeSense6[*ramDisk]())},
	0x1B: {ramRow("START STOP UNIT", scsi.NoData, (*ramDisk).startStop, 0x01, 0, 0, 0x03, 0)},
	0x1E: {spc.PreventAllow[*ramDisk]()},
	0x25: {ramRow("READ CAPACITY(10)", scsi.DataIn, (*ramDisk).readCapacity10, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x01, 0)},
	0x28: {shared(ramRow("READ(10)", scsi.DataIn, (*ramDisk).read, usage10...))},
	0x2A: {ramRow("WRITE(10)", scsi.DataOut, (*ramDisk).write, usage10...)},
	0x2E: {ramRow("WRITE AND VERIFY(10)", scsi.DataOut, (*ramDisk).write, usage10...)},
	0x2F: {ramRow("VERIFY(10)", scsi.DataOut, (*ramDisk).verify, usage10...)},
	0x35: {ramRow("SYNCHRONIZE CACHE(10)", scsi.NoData, (*ramDisk).synchronize, usage10...)},
	0x55: {spc.ModeSelect10[*ramDisk]()},
	0x5A: {exclusive(spc.ModeSense10[*ramDisk]())},
	0x5E: spc.PersistentReserveIn[*ramDisk](),
	0x5F: spc.PersistentReserveOut[*ramDisk](),
	0x88: {shared(ramRow("READ(16)", scsi.DataIn, (*ramDisk).read, usage16...))},
	0x8A: {ramRow("WRITE(16)", scsi.DataOut, (*ramDisk).write, usage16...)},
	0x8E: {ramRow("WRITE AND VERIFY(16)", scsi.DataOut, (*ramDisk).write, usage16...)},
	0x8F: {ramRow("VERIFY(16)", scsi.DataOut, (*ramDisk).verify, usage16...)},
	0x91: {ramRow("SYNCHRONIZE CACHE(16)", scsi.NoData, (*ramDisk).synchronize, usage16...)},
	0x9E: {ramAction(0x10, ramRow("READ CAPACITY(16)", scsi.DataIn, (*ramDisk).readCapacity16, usage16...))},
	0xA0: {spc.ReportLUNs[*ramDisk]()},
	0xA3: {spc.ReportSupportedOperationCodes[*ramDisk](), spc.ReportSupportedTaskManagementFunctions[*ramDisk]()},
	0xA8: {shared(ramRow("READ(12)", scsi.DataIn, (*ramDisk).read, usage12...))},
	0xAA: {ramRow("WRITE(12)", scsi.DataOut, (*ramDisk).write, usage12...)},
	0xAE: {ramRow("WRITE AND VERIFY(12)", scsi.DataOut, (*ramDisk).write, usage12...)},
	0xAF: {ramRow("VERIFY(12)", scsi.DataOut, (*ramDisk).verify, usage12...)},
	0xC0: {detached("WAIT", true)},
	0xC1: {detached("WAIT STUBBORNLY", false)},
	0xC2: {ramRow("FAIL WITH DATA", scsi.DataIn, (*ramDisk).failWithData, 0xFF, 0xFF, 0xFF, 0xFF, 0)},
	0xC3: {ramRow("SINK", scsi.DataOut, (*ramDisk).sink, 0xFF, 0xFF, 0xFF, 0xFF, 0)},
}

// detached goes on until the gate is open or, if it can be, it is aborted.
func detached(name string, abortable bool) scsi.Row[*ramDisk] {
	r := ramRow(name, scsi.NoData, func(d *ramDisk, t *scsi.Task) error {
		d.mu.Lock()
		d.waiting++
		gate := d.gate
		d.mu.Unlock()
		var done <-chan struct{}
		if abortable {
			done = t.Done()
		}
		wait := func() error {
			select {
			case <-gate:
				return nil
			case <-done:
				return scsi.TaskAborted
			}
		}
		if !abortable {
			return wait() // holds the device, as a LOCATE does
		}
		go func() { d.server.Finish(t, wait()) }()
		return scsi.ErrDetached
	}, 0xFF, 0xFF, 0xFF, 0xFF, 0)
	r.Prompt = nil
	return r
}

// open lets the commands go that wait.
func (d *ramDisk) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.gate)
	d.gate = make(chan struct{})
}

// begun is how many commands have begun to wait.
func (d *ramDisk) begun() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting
}

// ran is the order in which WRITE(10) were carried out: byte 6 of each.
func (d *ramDisk) ran() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return string(d.order)
}

// extent decodes LOGICAL BLOCK ADDRESS and TRANSFER LENGTH by the group of the
// operation code, in blocks.
func (d *ramDisk) extent(cdb []byte) (lba, n uint64, err error) {
	switch cdb[0] >> 5 {
	case 0:
		lba, n = uint64(cdb[1]&0x1F)<<16|uint64(cdb[2])<<8|uint64(cdb[3]), uint64(cdb[4])
		if n == 0 {
			n = 256
		}
	case 1, 2:
		lba, n = uint64(binary.BigEndian.Uint32(cdb[2:])), uint64(binary.BigEndian.Uint16(cdb[7:]))
	case 4:
		lba, n = binary.BigEndian.Uint64(cdb[2:]), uint64(binary.BigEndian.Uint32(cdb[10:]))
	case 5:
		lba, n = uint64(binary.BigEndian.Uint32(cdb[2:])), uint64(binary.BigEndian.Uint32(cdb[6:]))
	}
	blocks := uint64(len(d.data) / ramBlock)
	if lba > blocks || n > blocks-lba {
		return 0, 0, scsi.NewSense(scsi.IllegalRequest, 0x2100)
	}
	if cdb[0]>>5 != 0 && cdb[0] != 0x35 && cdb[0] != 0x91 && cdb[1]&0xE0 != 0 && cdb[0]&0x0F != 0x0F {
		return 0, 0, scsi.InvalidFieldInCDBAt(1, 7) // RDPROTECT, WRPROTECT: no protection information
	}
	return lba, n, nil
}

func (d *ramDisk) read(t *scsi.Task) error {
	lba, n, err := d.extent(t.CDB)
	if err != nil {
		return err
	}
	p := d.data[lba*ramBlock : (lba+n)*ramBlock]
	for len(p) > 0 {
		b := buffer.Default.Get(min(len(p), 1<<20))
		p = p[copy(b.B, p):]
		t.ReplyBuffer(b)
	}
	return nil
}

// take returns what of n blocks the initiator has sent: the protocol tests want
// whole blocks that came to be written, with a residual overflow for the rest.
func (d *ramDisk) take(t *scsi.Task, n uint64) []byte {
	t.Wanted, t.WantedSet = n*ramBlock, true
	if t.Out == nil {
		return nil
	}
	p := t.Out.B[:min(uint64(len(t.Out.B)), n*ramBlock)]
	return p[:len(p)/ramBlock*ramBlock]
}

func (d *ramDisk) write(t *scsi.Task) error {
	lba, n, err := d.extent(t.CDB)
	if err != nil {
		return err
	}
	if d.Modes().Get(t.Nexus, 0x0A, 0, "SWP") != 0 {
		return scsi.NewSense(scsi.DataProtect, scsi.WriteProtected)
	}
	copy(d.data[lba*ramBlock:], d.take(t, n))
	if t.CDB[0] == 0x2A {
		d.mu.Lock()
		d.order = append(d.order, t.CDB[6])
		d.mu.Unlock()
	}
	return nil
}

func (d *ramDisk) verify(t *scsi.Task) error {
	lba, n, err := d.extent(t.CDB)
	if err != nil {
		return err
	}
	if t.CDB[1]&0xE0 != 0 || t.CDB[1]&0x06 == 0x04 {
		return scsi.InvalidFieldInCDBAt(1, 7)
	}
	if t.CDB[1]&0x02 == 0 {
		return nil // BYTCHK=00b: nothing is sent
	}
	p := d.take(t, n)
	if !bytes.Equal(p, d.data[lba*ramBlock:lba*ramBlock+uint64(len(p))]) {
		return scsi.NewSense(scsi.Miscompare, 0x1D00)
	}
	return nil
}

func (d *ramDisk) synchronize(t *scsi.Task) error {
	_, _, err := d.extent(t.CDB)
	return err
}

func (d *ramDisk) readCapacity10(t *scsi.Task) error {
	if t.CDB[8]&1 == 0 && binary.BigEndian.Uint32(t.CDB[2:]) != 0 {
		return scsi.InvalidFieldInCDBAt(2, -1)
	}
	var b [8]byte
	binary.BigEndian.PutUint32(b[0:], uint32(len(d.data)/ramBlock-1))
	binary.BigEndian.PutUint32(b[4:], ramBlock)
	t.Reply(b[:], 8)
	return nil
}

func (d *ramDisk) readCapacity16(t *scsi.Task) error {
	var b [32]byte
	binary.BigEndian.PutUint64(b[0:], uint64(len(d.data)/ramBlock-1))
	binary.BigEndian.PutUint32(b[8:], ramBlock)
	t.Reply(b[:], int(min(binary.BigEndian.Uint32(t.CDB[10:]), 32)))
	return nil
}

func (d *ramDisk) failWithData(t *scsi.Task) error {
	p := bytes.Repeat([]byte{0xA5}, int(binary.BigEndian.Uint16(t.CDB[2:])))
	t.Reply(p, len(p))
	return &scsi.Sense{Key: scsi.SenseKey(t.CDB[1]), ASC: 0x1100, ILI: true, Valid: true, Information: 77}
}

func (d *ramDisk) sink(t *scsi.Task) error {
	if t.Out == nil && t.ExpectedOut > 0 {
		return scsi.InvalidFieldInCDBAt(1, -1)
	}
	t.Wanted, t.WantedSet = t.ExpectedOut, true
	return nil
}
