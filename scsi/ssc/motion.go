package ssc

import (
	"time"

	"govtl/scsi"
)

// Delays are how long the drive's motions take.
type Delays struct {
	Load, Unload, Rewind, Position, Thread time.Duration

	// Rate is the streaming rate in bytes per second; 0 is as fast as it goes.
	Rate float64
}

// motion is an operation that goes on after its command has ended (IMMED, or the
// load that follows an Insert). The work is done when it begins; only its end is
// told later, so nothing is left to happen behind the initiator's back. The one
// exception is a load that has much to do, see becoming.
type motion struct {
	sense         *scsi.Sense // what commands get meanwhile
	request       *scsi.Sense // what REQUEST SENSE gets meanwhile
	activity      activity
	begun, ending time.Time

	// work, when not nil, is what it waits for instead of the time.
	work *becoming
}

// activity is DT DEVICE ACTIVITY of log page 11h, ADC-3 table 14.
type activity byte

// The activities that take a while.
const (
	loading    activity = 0x02
	unloading  activity = 0x03
	locating   activity = 0x07
	rewinding  activity = 0x08
	erasing    activity = 0x09
	formatting activity = 0x0A
)

// activitySense is what an activity is to commands that need a ready medium, and
// to REQUEST SENSE.
var activitySense = map[activity]struct{ sense, request *scsi.Sense }{
	loading:    {scsi.NewSense(scsi.NotReady, scsi.BecomingReady), nil},
	unloading:  {scsi.NewSense(scsi.NotReady, scsi.OperationInProgressNotReady), scsi.NewSense(scsi.NoSense, scsi.OperationInProgress)},
	locating:   {scsi.NewSense(scsi.NotReady, scsi.OperationInProgressNotReady), scsi.NewSense(scsi.NoSense, scsi.LocateOperationInProgress)},
	rewinding:  {scsi.NewSense(scsi.NotReady, scsi.OperationInProgressNotReady), scsi.NewSense(scsi.NoSense, scsi.RewindOperationInProgress)},
	erasing:    {scsi.NewSense(scsi.NotReady, scsi.OperationInProgressNotReady), scsi.NewSense(scsi.NoSense, scsi.EraseOperationInProgress)},
	formatting: {scsi.NewSense(scsi.NotReady, scsi.FormatInProgress), nil},
}

// running reports whether an operation may still be in progress.
func (m *motion) running() bool { return m.sense != nil }

// refuses returns the refusal of a command that needs a ready medium while the
// operation is in progress, with the progress indication.
func (m *motion) refuses(now time.Time) *scsi.Sense {
	if m.sense == nil {
		return nil
	}
	if m.work == nil && !now.Before(m.ending) {
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
	if m.work != nil {
		return m.work.progress()
	}
	whole := m.ending.Sub(m.begun)
	if whole <= 0 {
		return 0xFFFF
	}
	return uint16(min(0xFFFF, 0x10000*float64(now.Sub(m.begun))/float64(whole)))
}

// begin starts an activity that takes so long; none when it takes no time.
func (d *Drive) begin(what activity, takes time.Duration) {
	if takes <= 0 {
		return
	}
	now, a := d.opt.Now(), activitySense[what]
	d.motion = motion{sense: a.sense, request: a.request, activity: what, begun: now, ending: now.Add(takes)}
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
func (d *Drive) finish(t *scsi.Task, immed bool, what activity, takes time.Duration) error {
	if immed {
		d.begin(what, takes)
		return nil
	}
	return pause(t, takes)
}
