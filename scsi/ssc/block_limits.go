package ssc

import (
	"encoding/binary"
	"math"

	"govtl/scsi"
)

// readBlockLimits is READ BLOCK LIMITS, SSC-4 7.6.
func (d *Drive) readBlockLimits(t *scsi.Task) error {
	l := &d.model.BlockLimits
	if t.CDB[1]&0x01 != 0 { // MLOI
		b := make([]byte, 20)
		binary.BigEndian.PutUint64(b[12:], math.MaxUint32)
		t.Reply(b, len(b))
		return nil
	}
	b := make([]byte, 6)
	b[0] = l.Granularity & 0x1F
	put24(b[1:], l.Max)
	binary.BigEndian.PutUint16(b[4:], l.Min)
	t.Reply(b, len(b))
	return nil
}
