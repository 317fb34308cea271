package spc

import (
	"encoding/binary"
	"time"

	"govtl/scsi"
)

// clock is the device clock, SPC-4 5.2.
type clock struct {
	start time.Time     // when it started, by the host's clock
	base  time.Duration // what it showed then
	set   bool          // by SET TIMESTAMP
}

// reportTimestamp carries out REPORT TIMESTAMP, SPC-4 6.38.
func (c *Core) reportTimestamp(t *scsi.Task) error {
	return reply32(t, c.timestamp(c.milliseconds()))
}

// milliseconds is what the device clock shows.
func (c *Core) milliseconds() uint64 {
	return uint64(max(0, (c.cfg.Now().Sub(c.clock.start) + c.clock.base).Milliseconds()))
}

// timestamp is a time of the device clock as REPORT TIMESTAMP has it, 12 bytes.
func (c *Core) timestamp(ms uint64) []byte {
	b := []byte{0, 0x0A, 0, 0}
	if c.clock.set {
		b[2] = 0x02 // TIMESTAMP ORIGIN: SET TIMESTAMP
	}
	return append(b, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms), 0, 0)
}

// setTimestamp carries out SET TIMESTAMP, SPC-4 6.46.
func (c *Core) setTimestamp(t *scsi.Task) error {
	n := binary.BigEndian.Uint32(t.CDB[6:])
	if n == 0 {
		return nil
	}
	if n != 12 {
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	b, err := t.DataOut(12)
	if err != nil {
		return err
	}
	ms := binary.BigEndian.Uint64(b[2:]) & 0xFFFFFFFFFFFF
	if ms > uint64(1<<63-1)/uint64(time.Millisecond) {
		return scsi.InvalidParameterAt(4, 7)
	}
	c.clock = clock{start: c.cfg.Now(), base: time.Duration(ms) * time.Millisecond, set: true}
	c.Attend(scsi.TimestampChanged, t.Nexus)
	return nil
}
