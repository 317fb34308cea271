package ssc

import (
	"time"

	"govtl/scsi"
)

// pace holds an initiator to the streaming rate of the drive, as the drive's
// buffer does: it may run ahead of the tape by what the buffer holds.
func (d *Drive) pace(t *scsi.Task, bytes int) error {
	if d.delays.Rate <= 0 {
		return nil
	}
	now := d.opt.Now()
	if d.streamed.Before(now) {
		d.streamed = now
	}
	d.streamed = d.streamed.Add(time.Duration(float64(bytes) / d.delays.Rate * float64(time.Second)))
	ahead := time.Duration(paceBuffer / d.delays.Rate * float64(time.Second))
	return pause(t, d.streamed.Sub(now)-ahead)
}

// paceBuffer is by how much an initiator may run ahead of the tape, in bytes.
const paceBuffer = 32 << 20
