package ssc

import (
	"time"

	"govtl/scsi"
)

// Delays are how long the drive's motions take.
type Delays struct {
	Load, Unload, Rewind, Position, Thread time.Duration
}

// motion is an operation that goes on after its command has ended (IMMED, or the
// load that follows an Insert). The work is done when it begins; only its end is
// told later, so nothing is left to happen behind the initiator's back.
type motion struct {
	sense         *scsi.Sense // what commands get meanwhile
	request       *scsi.Sense // what REQUEST SENSE gets meanwhile
	activity      byte        // DT DEVICE ACTIVITY of log page 11h
	begun, ending time.Time
}

// running reports whether an operation may still be in progress.
func (m *motion) running() bool { return m.sense != nil }

// refuses returns the refusal of a command that needs a ready medium while the
// operation is in progress, with the progress indication.
func (m *motion) refuses(now time.Time) *scsi.Sense {
	if m.sense == nil {
		return nil
	}
	if !now.Before(m.ending) {
		*m = motion{}
		return nil
	}
	return m.sense.WithProgress(m.progress(now))
}

// report is what REQUEST SENSE says of the operation, nil when there is none.
func (m *motion) report(now time.Time) *scsi.Sense {
	if m.refuses(now) == nil {
		return nil
	}
	s := m.request
	if s == nil {
		s = m.sense
	}
	return s.WithProgress(m.progress(now))
}

func (m *motion) progress(now time.Time) uint16 {
	whole := m.ending.Sub(m.begun)
	if whole <= 0 {
		return 0xFFFF
	}
	return uint16(min(0xFFFF, 0x10000*float64(now.Sub(m.begun))/float64(whole)))
}

// begin starts an operation that takes so long; none when it takes no time.
func (d *Drive) begin(takes time.Duration, key scsi.SenseKey, asc scsi.ASC, request *scsi.Sense) {
	if takes <= 0 {
		return
	}
	now := d.opt.Now()
	d.motion = motion{sense: scsi.NewSense(key, asc), request: request, begun: now, ending: now.Add(takes)}
}

// pause waits for as long as a motion takes, or until the task is aborted.
func pause(t *scsi.Task, takes time.Duration) error {
	if takes <= 0 {
		return nil
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.Done():
		return scsi.TaskAborted
	}
}

// finish ends a command whose motion takes a while: with IMMED at once, with the
// rest told as progress, else when the time has passed.
func (d *Drive) finish(t *scsi.Task, immed bool, takes time.Duration, request scsi.ASC) error {
	if takes <= 0 {
		return nil
	}
	if immed {
		d.begin(takes, scsi.NotReady, scsi.OperationInProgressNotReady, scsi.NewSense(scsi.NoSense, request))
		return nil
	}
	return pause(t, takes)
}
