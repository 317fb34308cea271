package smc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"govtl/scsi"
)

// unreachable reports whether an error leaves open what the drive did.
func unreachable(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// link is the drive in an element, nil when there is none.
func (c *Changer) link(e Element) *drive {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.linked(e)
}

// linked is link with c.mu held.
func (c *Changer) linked(e Element) *drive {
	if e.Type != DataTransfer || e.Number < 1 || e.Number > len(c.drives) {
		return nil
	}
	return c.drives[e.Number-1]
}

// remove asks the drive in an element for its volume. A drive that could not
// save what was written may let go of it all the same and say so: then it is
// out, and the loss is told.
func (c *Changer) remove(ctx context.Context, e Element, barcode, id string) error {
	err := c.request(ctx, e, c.opt.DriveTimeout, func(ctx context.Context, d *drive) error {
		return c.watched(ctx, d, func(ctx context.Context) error { return c.opt.Drives.Remove(ctx, d.ID, barcode, id) })
	})
	if errors.Is(err, ErrVolume) {
		st, serr := c.state(ctx, e)
		if serr != nil {
			return serr
		}
		if st.Barcode != barcode && st.MoveID == id {
			c.log.Error("volume taken out of a drive that could not save what was written", "barcode", barcode, "from", e, "err", err)
			c.event(Event{Kind: Alert, Barcode: barcode, From: e, MoveID: id, Why: err.Error()})
			err = nil
		}
	}
	if err == nil {
		c.holds(c.link(e), DriveState{MoveID: id})
	}
	return err
}

// insert gives the drive in an element a volume.
func (c *Changer) insert(ctx context.Context, e Element, v Volume, id string) error {
	return c.request(ctx, e, c.opt.DriveTimeout, func(ctx context.Context, d *drive) error {
		err := c.watched(ctx, d, func(ctx context.Context) error { return c.opt.Drives.Insert(ctx, d.ID, v, id) })
		if err != nil {
			return err
		}
		c.holds(d, DriveState{Barcode: v.Barcode, Loaded: true, MoveID: id})
		return nil
	})
}

// holds notes what a drive holds.
func (c *Changer) holds(d *drive, st DriveState) {
	c.mu.Lock()
	d.state = st
	c.mu.Unlock()
}

// request calls a drive within a deadline and notes whether it answered.
func (c *Changer) request(ctx context.Context, e Element, limit time.Duration, call func(context.Context, *drive) error) error {
	d := c.link(e)
	if d == nil {
		return fmt.Errorf("%w: no drive in %s", ErrUnreachable, e)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := call(ctx, d)
	c.answered(d, err)
	return err
}

// answered notes whether a drive answers, and tells when that changes. Drives
// that start together with the changer have some time to appear.
func (c *Changer) answered(d *drive, err error) {
	if c.ctx.Err() != nil { // it is the changer that goes
		return
	}
	c.mu.Lock()
	d.lost = ""
	if err != nil && unreachable(err) {
		d.lost = err.Error()
		d.checked = false
	}
	d.seen = d.seen || d.lost == ""
	lost := d.lost
	tell := (lost != "") != d.toldLost && (lost == "" || d.seen || time.Since(c.began) > c.opt.Appearance)
	if tell {
		d.toldLost = lost != ""
	}
	c.mu.Unlock()
	switch {
	case tell && lost != "":
		c.log.Warn("drive does not answer", "drive", d.ID, "err", lost)
		c.event(Event{Kind: DriveLost, Drive: d.ID, Why: lost})
		c.alert(alertDriveOffline, true)
	case tell:
		c.log.Info("drive answers again", "drive", d.ID)
		c.event(Event{Kind: DriveBack, Drive: d.ID})
		if !c.anyLost() {
			c.alert(alertDriveOffline, false)
		}
	}
}

// anyLost reports whether a drive does not answer.
func (c *Changer) anyLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.drives, func(d *drive) bool { return d != nil && d.toldLost })
}

// state asks the drive in an element what it holds.
func (c *Changer) state(ctx context.Context, e Element) (st DriveState, err error) {
	err = c.request(ctx, e, c.opt.ProbeTimeout, func(ctx context.Context, d *drive) error {
		st, err = c.opt.Drives.State(ctx, d.ID)
		return err
	})
	return st, err
}

// patiently repeats f while a drive does not answer, for as long as it takes to
// start the daemon of a drive again.
func (c *Changer) patiently(ctx context.Context, f func() error) error {
	end := time.Now().Add(c.opt.Patience)
	for {
		err := f()
		if err == nil || !unreachable(err) || !time.Now().Before(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(patienceStep):
		}
	}
}

// ask asks the drive in an element what it holds and brings the inventory into
// line with the answer.
func (c *Changer) ask(ctx context.Context, e Element) (DriveState, error) {
	st, err := c.state(ctx, e)
	if err != nil {
		return st, err
	}
	return st, c.reconcile(ctx, e, st)
}

// DriveChanged tells the changer what a drive says of itself: when it starts,
// when an initiator unloads or loads the volume in it. It does not wait.
func (c *Changer) DriveChanged(id int, st DriveState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, d := range c.drives {
		if d == nil || d.ID != id {
			continue
		}
		e := Element{DataTransfer, i + 1}
		in := ""
		if v := c.inv.volume(e); v != nil {
			in = v.Barcode
		}
		// What is told may be overtaken by what was told after it: a change is
		// shown at once, and confirmed by asking.
		changed := st != d.state
		if st.Barcode == in {
			d.state = st
		}
		_, open := c.unsettled(e)
		if changed || !d.checked || d.lost != "" || open {
			c.queueAudit(d, e)
		}
		return
	}
}

// queueAudit has the mover compare a drive with the inventory; c.mu is held.
func (c *Changer) queueAudit(d *drive, e Element) {
	if d.queued {
		return
	}
	d.queued = true
	if _, ok := c.mover.add(func(ctx context.Context) error { return c.audit(ctx, d, e) }, nil); !ok {
		d.queued = false
	}
}

// audit settles what is open on a drive's element and compares what the drive
// holds with the inventory.
func (c *Changer) audit(ctx context.Context, d *drive, e Element) error {
	c.mu.Lock()
	d.queued = false
	same := c.linked(e) == d
	c.mu.Unlock()
	if !same {
		return nil
	}
	if err := c.settleTouching(ctx, e); err != nil {
		return err
	}
	_, err := c.ask(ctx, e)
	return err
}

// greet settles what a crash left open and asks all drives what they hold.
func (c *Changer) greet(ctx context.Context) error {
	return c.auditAll(ctx)
}

// auditAll compares all drives with the inventory: the drives are asked all at
// once, so that those that do not answer cost one deadline.
func (c *Changer) auditAll(ctx context.Context) error {
	type answer struct {
		e   Element
		err error
	}
	_, l := c.snapshot()
	answers := make(chan answer, l.count[DataTransfer])
	n := 0
	for i := range l.count[DataTransfer] {
		e := Element{DataTransfer, i + 1}
		if c.link(e) == nil {
			continue
		}
		n++
		go func() {
			_, err := c.state(ctx, e)
			answers <- answer{e, err}
		}()
	}
	var up []Element
	for range n {
		if a := <-answers; a.err == nil {
			up = append(up, a.e)
		}
	}
	var all error
	for _, e := range up {
		all = errors.Join(all, c.audit(ctx, c.link(e), e))
	}
	return all
}

// probe asks the drives that have not been heard of, or do not answer, until
// they do. It runs on a goroutine of its own, so that a drive that hangs holds
// up no move.
func (c *Changer) probe() {
	defer c.tasks.Done()
	tick := time.NewTicker(c.opt.Retry)
	defer tick.Stop()
	type question struct {
		d *drive
		e Element
	}
	answers := make(chan question)
	asked := map[*drive]bool{}
	for {
		select {
		case <-c.ctx.Done():
			for len(asked) > 0 {
				delete(asked, (<-answers).d)
			}
			return
		case q := <-answers:
			delete(asked, q.d)
		case <-tick.C:
			c.mu.Lock()
			for i, d := range c.drives {
				e := Element{DataTransfer, i + 1}
				if d == nil || asked[d] || d.queued {
					continue
				}
				if _, open := c.unsettled(e); d.checked && !open {
					continue
				}
				asked[d] = true
				go func() {
					ctx, cancel := context.WithTimeout(c.ctx, c.opt.ProbeTimeout)
					defer cancel()
					_, err := c.opt.Drives.State(ctx, d.ID)
					if err == nil { // the audit notes that it answers
						c.mu.Lock()
						c.queueAudit(d, e)
						c.mu.Unlock()
					} else {
						c.answered(d, err)
					}
					answers <- question{d, e}
				}()
			}
			c.mu.Unlock()
		}
	}
}

// becomingReady is what a command on elements of a move that is not settled gets.
func becomingReady(in intent) *scsi.Sense {
	return notReady(scsi.OperationInProgressNotReady).Because("the move of %s from %s to %s has not been settled yet",
		in.Legs[0].Volume.Barcode, in.Legs[0].From, in.Legs[0].To)
}
