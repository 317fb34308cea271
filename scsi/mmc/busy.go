package mmc

import (
	"context"
	"sync/atomic"
	"time"

	"govtl/scsi"
)

// operation is a blank, a format or a close that takes its time. What it does to
// the disc it does at its end: a power cut before leaves the disc as it was.
type operation struct {
	asc      scsi.ASC
	started  time.Time
	duration time.Duration
	done     func() error
	err      error
	ended    chan struct{}
}

// sense is NOT READY with the progress so far.
func (o *operation) sense() *scsi.Sense {
	part := min(float64(time.Since(o.started))/float64(o.duration), 0.999)
	return scsi.NewSense(scsi.NotReady, o.asc).WithProgress(uint16(part * 65536))
}

// long carries out do, and counts it, as an operation that takes a while. With immed the
// command ends at once, else with the operation, while the drive answers others.
func (d *Drive) long(t *scsi.Task, immed bool, a scsi.ASC, duration time.Duration, count *atomic.Uint64, do func() error) error {
	done := func() error {
		err := do()
		if err == nil {
			count.Add(1)
		}
		return err
	}
	if duration <= 0 {
		err := senseFor(done())
		d.mediaEvent(eventNewMedia)
		return err
	}
	o := &operation{asc: a, started: time.Now(), duration: duration, done: done, ended: make(chan struct{})}
	d.busy = o
	d.totals.busy.Store(true)
	go d.carryOut(o, immed)
	if immed {
		return nil
	}
	go func() {
		err := error(scsi.TaskAborted)
		select {
		case <-o.ended:
			err = o.err
		case <-t.Done():
		}
		d.server.Finish(t, err)
	}()
	return scsi.ErrDetached
}

// carryOut waits for the operation's time and ends it.
func (d *Drive) carryOut(o *operation, immed bool) {
	defer close(o.ended)
	o.err = scsi.NewSense(scsi.NotReady, scsi.NotReadyCauseNotReportable)
	select {
	case <-d.opt.Timer(o.duration):
	case <-d.closing:
		return
	}
	err := d.server.Do(context.Background(), func(d *Drive) error {
		d.busy = nil
		d.totals.busy.Store(false)
		o.err = senseFor(o.done())
		d.mediaEvent(eventNewMedia)
		d.publish()
		if immed && o.err != nil {
			d.failed = o.err
		}
		return nil
	})
	if err != nil {
		d.log.Warn("an operation was given up", "operation", o.asc.String(), "err", err)
	}
}
