package ssc

import (
	"context"
	"errors"
	"time"

	"govtl/libcart"
	"govtl/scsi"
)

const (
	// loadPatience is how long commands wait for a cartridge that is being opened.
	// After that the drive is becoming ready, and answers what needs no medium.
	loadPatience = 2 * time.Second

	// littleWork is what the host is slow at, and not the cartridge long, in bytes
	// of Opening.Progress; for that commands wait longer, morePatience times.
	littleWork   = 16 << 20
	morePatience = 10
)

// errBecoming says that a load goes on without the turn.
var errBecoming = errors.New("ssc: becoming ready")

// becoming is a cartridge that is being opened while the drive has other things to
// do: to find the end of a long recording again takes its time. It is part of the
// drive's motion.
//
//	begun ──(within loadPatience)── settled
//	  └── becoming ──┬─ ended: settled by an operation in the drive's queue
//	                 └─ given up (unload, removal, shutdown): settled
type becoming struct {
	opening *libcart.Opening
	cancel  context.CancelFunc

	// ended is closed when cart and err are there; they are whoever settles it's.
	ended chan struct{}
	cart  *libcart.Cartridge
	err   error

	// settled is closed when outcome is there, what the load has come to.
	settled chan struct{}
	outcome error
}

// progress is the progress indication, in 65536ths.
func (b *becoming) progress() uint16 {
	done, all := b.opening.Progress()
	if all <= 0 {
		return 0
	}
	return uint16(min(0xFFFF, 0x10000*float64(done)/float64(all)))
}

// settle says what the load has come to.
func (b *becoming) settle(outcome error) {
	b.outcome = outcome
	close(b.settled)
}

// openBehind finishes opening the cartridge that is in the drive, see thread.
func (d *Drive) openBehind(g *libcart.Opening, then func(error)) error {
	ctx, cancel := context.WithCancel(d.life)
	b := &becoming{opening: g, cancel: cancel, ended: make(chan struct{}), settled: make(chan struct{})}
	go func() {
		b.cart, b.err = g.Finish(ctx)
		close(b.ended)
	}()
	if d.opensInTime(b) {
		cancel()
		return d.threaded(b.cart, b.err)
	}
	s := activitySense[loading]
	d.motion = motion{sense: s.sense, request: s.request, activity: loading, work: b}
	d.event("loading", d.in.barcode, "the recording is being looked through")
	go func() {
		<-b.ended
		// With the server closed nobody is left to settle it but Close.
		_ = d.server.Do(context.Background(), func(*Drive) error {
			if d.motion.work == b && d.life.Err() == nil {
				d.motion = motion{}
				b.cancel()
				err := d.threaded(b.cart, b.err)
				then(err)
				b.settle(err)
			}
			return nil
		})
	}()
	return errBecoming
}

// opensInTime waits for as long as commands may wait, and says whether the
// cartridge is open by then, or cannot be opened.
func (d *Drive) opensInTime(b *becoming) bool {
	if b.endsWithin(d.loadPatience) {
		return true
	}
	_, work := b.opening.Progress()
	return work < littleWork && b.endsWithin(morePatience*d.loadPatience)
}

func (b *becoming) endsWithin(t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-b.ended:
		return true
	case <-timer.C:
		return false
	}
}

// giveUpOpening ends a load that is going on, if there is one: the cartridge is
// free then, and stays in the drive.
func (d *Drive) giveUpOpening() {
	b := d.motion.work
	if b == nil {
		return
	}
	d.motion = motion{}
	b.release()
	b.settle(senseNotLoaded)
	d.save()
	d.event("unloaded", d.in.barcode, "before it was loaded")
}

// release gives up opening and closes what was open already. What happens then
// to files changes nothing that was promised.
func (b *becoming) release() {
	b.cancel()
	<-b.ended
	if b.err == nil {
		_ = b.cart.Close()
	}
}

// awaitLoad ends a command when the load that goes on has ended.
func (d *Drive) awaitLoad(t *scsi.Task, b *becoming) error {
	d.waiting.Go(func() {
		var err error
		select {
		case <-b.settled:
			if err = b.outcome; err != nil {
				err = d.loadSense(err)
			}
		case <-d.life.Done():
			err = scsi.Busy
		case <-t.Done():
			err = scsi.TaskAborted
		}
		d.server.Finish(t, err)
	})
	return scsi.ErrDetached
}

// notThreaded leaves a medium in the drive, unloaded, that turned out not to be
// readable after the drive had taken it.
func (d *Drive) notThreaded(err error) {
	d.raise(alertLoadFailed)
	d.event("refused", d.in.barcode, "%v", err)
	d.publish()
	d.save()
}
