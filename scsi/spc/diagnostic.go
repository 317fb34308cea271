package spc

import (
	"encoding/binary"
	"maps"
	"slices"

	"govtl/scsi"
)

// sendDiagnostic carries out SEND DIAGNOSTIC, SPC-4 6.42.
func (c *Core) sendDiagnostic(t *scsi.Task) error {
	code, n := t.CDB[1]>>5, int(binary.BigEndian.Uint16(t.CDB[3:]))
	selfTest := t.CDB[1]&0x04 != 0
	switch {
	case code == 3 || code == 7 || selfTest && code != 0:
		return scsi.InvalidFieldInCDBAt(1, 7)
	case (selfTest || code != 0) && n != 0:
		return scsi.InvalidFieldInCDBAt(3, 7)
	}
	list, err := t.DataOut(n)
	if err != nil {
		return err
	}
	switch {
	case selfTest && c.cfg.SelfTest != nil:
		return c.cfg.SelfTest(t)
	case selfTest || n == 0:
		return nil
	case n < 4 || n != 4+int(binary.BigEndian.Uint16(list[2:])):
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	case c.cfg.Diagnostics == nil:
		return scsi.InvalidParameterAt(0, -1)
	}
	return c.cfg.Diagnostics(t, list)
}

// receiveDiagnosticResults carries out RECEIVE DIAGNOSTIC RESULTS, SPC-4 6.28.
func (c *Core) receiveDiagnosticResults(t *scsi.Task) error {
	if t.CDB[1]&0x01 == 0 { // PCV
		return scsi.InvalidFieldInCDBAt(1, 0)
	}
	code := t.CDB[2]
	b := []byte{code, 0, 0, 0}
	if f := c.cfg.DiagnosticPages[code]; f != nil {
		b = f(b)
	} else if code == 0 {
		b = append(b, 0)
		for _, k := range slices.Sorted(maps.Keys(c.cfg.DiagnosticPages)) {
			b = append(b, k)
		}
	} else {
		return scsi.InvalidFieldInCDBAt(2, 7)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	t.Reply(b, int(binary.BigEndian.Uint16(t.CDB[3:])))
	return nil
}

// Modes of READ BUFFER and WRITE BUFFER, SPC-4 tables 243 and 344.
const (
	bufferData       = 0x02
	bufferDescriptor = 0x03
	bufferEcho       = 0x0A
	bufferEchoInfo   = 0x0B

	echoCapacity = 252 // bytes of the echo buffer of each nexus
)

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// readBuffer carries out READ BUFFER, SPC-4 6.18.
func (c *Core) readBuffer(t *scsi.Task) error {
	id, offset, n := t.CDB[2], uint24(t.CDB[3:]), uint24(t.CDB[6:])
	switch t.CDB[1] & 0x1F {
	case bufferData:
		f := c.cfg.Buffers[id]
		if f == nil {
			return scsi.InvalidFieldInCDBAt(2, 7)
		}
		b := f()
		if offset > len(b) {
			return scsi.InvalidFieldInCDBAt(3, 7)
		}
		t.Reply(b[offset:], n)
	case bufferDescriptor:
		var size int
		if f := c.cfg.Buffers[id]; f != nil {
			size = min(len(f()), 0xFFFFFF)
		}
		t.Reply([]byte{0, byte(size >> 16), byte(size >> 8), byte(size)}, n)
	case bufferEcho:
		b, ok := c.echo[t.Nexus]
		if !ok {
			return scsi.NewSense(scsi.IllegalRequest, scsi.CommandSequenceError)
		}
		t.Reply(b, n)
	case bufferEchoInfo:
		t.Reply([]byte{0, 0, echoCapacity >> 8, echoCapacity & 0xFF}, n)
	default:
		return scsi.InvalidFieldInCDBAt(1, 4)
	}
	return nil
}

// writeBuffer carries out WRITE BUFFER, SPC-4 6.49.
func (c *Core) writeBuffer(t *scsi.Task) error {
	n := uint24(t.CDB[6:])
	switch mode := t.CDB[1] & 0x1F; mode {
	case bufferEcho:
		if n > echoCapacity {
			return scsi.InvalidFieldInCDBAt(6, 7)
		}
		b, err := t.DataOut(n)
		if err != nil {
			return err
		}
		c.echo[t.Nexus] = append([]byte(nil), b...)
		return nil
	case 0x04, 0x05, 0x06, 0x07: // download microcode
		if c.cfg.Firmware == nil {
			return scsi.InvalidFieldInCDBAt(1, 4)
		}
		b, err := t.DataOut(n)
		if err != nil {
			return err
		}
		if err := c.cfg.Firmware(t, b); err != nil {
			return err
		}
		c.Attend(scsi.MicrocodeChanged, t.Nexus)
		return nil
	}
	return scsi.InvalidFieldInCDBAt(1, 4)
}
