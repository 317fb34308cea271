package iscsi_test

import (
	"encoding/binary"
	"log/slog"

	"govtl/internal/buffer"
	"govtl/scsi"
)

// nullTape is a tape that keeps the lengths of its blocks and throws the bytes
// away: what a write and a read through it cost is the transport alone.
type nullTape struct {
	objects     []uint32 // length of each block; filemark
	at          int
	blockLength uint32

	// endless tapes keep not even the lengths: what is written is forgotten, and
	// each read finds a block of the length it asks for.
	endless bool
}

const filemark = 1<<32 - 1

// newNullTape returns a null tape behind a device server.
func newNullTape(endless bool) *scsi.DeviceServer[*nullTape] {
	table, err := nullCommands.Finish()
	if err != nil {
		panic(err)
	}
	return scsi.NewDeviceServer(&nullTape{endless: endless}, table, scsi.Options{Log: slog.New(slog.DiscardHandler)})
}

func (*nullTape) Conflicts(*scsi.Nexus, *scsi.Command) bool  { return false }
func (*nullTape) Meets(*scsi.Task, *scsi.Command) error      { return nil }
func (*nullTape) NexusAttached(*scsi.Nexus)                  {}
func (*nullTape) NexusDetached(*scsi.Nexus, scsi.NexusEvent) {}
func (*nullTape) Reset()                                     {}
func (*nullTape) MaxTransfer() int                           { return 16 << 20 }
func (*nullTape) BadLUN(*scsi.Task) error {
	return scsi.NewSense(scsi.IllegalRequest, scsi.LogicalUnitNotSupported)
}

func nullRow(name string, run func(*nullTape, *scsi.Task) error, usage int) []scsi.Row[*nullTape] {
	return []scsi.Row[*nullTape]{{
		Command: scsi.Command{Name: name, Clause: "SSC-4", Usage: make([]byte, usage-1)}, Run: run,
		Prompt: func(*nullTape, *scsi.Task) bool { return true },
	}}
}

var nullCommands = scsi.Table[*nullTape]{
	0x00: nullRow("TEST UNIT READY", (*nullTape).nothing, 6),
	0x01: nullRow("REWIND", func(d *nullTape, _ *scsi.Task) error { d.at = 0; return nil }, 6),
	0x05: nullRow("READ BLOCK LIMITS", (*nullTape).readBlockLimits, 6),
	0x08: nullRow("READ(6)", (*nullTape).read, 6),
	0x0A: nullRow("WRITE(6)", (*nullTape).write, 6),
	0x10: nullRow("WRITE FILEMARKS(6)", (*nullTape).writeFilemarks, 6),
	0x11: nullRow("SPACE(6)", (*nullTape).space, 6),
	0x12: nullRow("INQUIRY", (*nullTape).inquiry, 6),
	0x15: nullRow("MODE SELECT(6)", (*nullTape).modeSelect, 6),
	0x16: nullRow("RESERVE(6)", (*nullTape).nothing, 6),
	0x17: nullRow("RELEASE(6)", (*nullTape).nothing, 6),
	0x1A: nullRow("MODE SENSE(6)", (*nullTape).modeSense, 6),
	0x1B: nullRow("LOAD UNLOAD", (*nullTape).nothing, 6),
	0x1E: nullRow("PREVENT ALLOW MEDIUM REMOVAL", (*nullTape).nothing, 6),
	0x2B: nullRow("LOCATE(10)", (*nullTape).locate, 10),
	0x34: nullRow("READ POSITION", (*nullTape).readPosition, 10),
	0xA0: nullRow("REPORT LUNS", (*nullTape).reportLUNs, 12),
}

func (*nullTape) nothing(*scsi.Task) error { return nil }

func (d *nullTape) push(v uint32) {
	if d.endless {
		return
	}
	d.objects = append(d.objects[:d.at], v)
	d.at++
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

func (d *nullTape) write(t *scsi.Task) error {
	n := uint24(t.CDB[2:])
	if t.CDB[1]&1 == 0 {
		if _, err := t.DataOut(int(n)); err != nil {
			return err
		}
		d.push(n)
		return nil
	}
	if _, err := t.DataOut(int(n * d.blockLength)); err != nil {
		return err
	}
	for range n {
		d.push(d.blockLength)
	}
	return nil
}

func (d *nullTape) read(t *scsi.Task) error {
	n := uint24(t.CDB[2:])
	if d.endless {
		t.ReplyBuffer(buffer.Default.Get(int(n)))
		return nil
	}
	count := uint32(1)
	if t.CDB[1]&1 != 0 {
		count = n
	}
	for range count {
		switch {
		case d.at == len(d.objects):
			return &scsi.Sense{Key: scsi.BlankCheck, ASC: scsi.EndOfDataDetected, Valid: true, Information: int64(n)}
		case d.objects[d.at] == filemark:
			d.at++
			return &scsi.Sense{ASC: scsi.FilemarkDetected, Filemark: true, Valid: true, Information: int64(n)}
		}
		t.ReplyBuffer(buffer.Default.Get(int(d.objects[d.at])))
		d.at++
	}
	return nil
}

func (d *nullTape) writeFilemarks(t *scsi.Task) error {
	for range uint24(t.CDB[2:]) {
		d.push(filemark)
	}
	return nil
}

func (d *nullTape) space(t *scsi.Task) error {
	if t.CDB[1]&0xF == 3 {
		d.at = len(d.objects)
	}
	return nil
}

func (d *nullTape) locate(t *scsi.Task) error {
	d.at = min(int(binary.BigEndian.Uint32(t.CDB[3:])), len(d.objects))
	return nil
}

func (d *nullTape) readPosition(t *scsi.Task) error {
	var b [20]byte
	binary.BigEndian.PutUint32(b[4:], uint32(d.at))
	binary.BigEndian.PutUint32(b[8:], uint32(d.at))
	t.Reply(b[:], 20)
	return nil
}

func (d *nullTape) readBlockLimits(t *scsi.Task) error {
	t.Reply([]byte{0, 0xFF, 0xFF, 0xFF, 0, 1}, 6)
	return nil
}

func (d *nullTape) inquiry(t *scsi.Task) error {
	var b [96]byte
	b[0], b[1], b[2], b[3], b[4] = 1, 0x80, 6, 2, 91
	copy(b[8:], "NULL    NULLTAPE        0   ")
	t.Reply(b[:], int(binary.BigEndian.Uint16(t.CDB[3:])))
	return nil
}

func (d *nullTape) modeSense(t *scsi.Task) error {
	b := [12]byte{11, 0, 0x10, 8}
	b[9], b[10], b[11] = byte(d.blockLength>>16), byte(d.blockLength>>8), byte(d.blockLength)
	t.Reply(b[:], int(t.CDB[4]))
	return nil
}

func (d *nullTape) modeSelect(t *scsi.Task) error {
	p, err := t.DataOut(int(t.CDB[4]))
	if err == nil && len(p) >= 12 {
		d.blockLength = uint24(p[9:])
	}
	return err
}

func (d *nullTape) reportLUNs(t *scsi.Task) error {
	b := [16]byte{3: 8}
	t.Reply(b[:], 16)
	return nil
}
