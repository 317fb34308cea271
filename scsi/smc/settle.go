package smc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"govtl/scsi"
)

// errUnsettled: a move that has begun is not settled, because a drive that knows
// does not answer.
var errUnsettled = errors.New("smc: a move is not settled yet")

// settleTouching settles the moves that have begun, did not end, and concern one
// of the elements. It returns errUnsettled when a drive that knows does not
// answer.
func (c *Changer) settleTouching(ctx context.Context, elements ...Element) error {
	for {
		c.mu.Lock()
		in, ok := c.unsettled(elements...)
		c.mu.Unlock()
		if !ok {
			return nil
		}
		if err := c.settle(ctx, in); err != nil {
			return fmt.Errorf("%w: %s from %s to %s: %w",
				errUnsettled, in.Legs[0].Volume.Barcode, in.Legs[0].From, in.Legs[0].To, err)
		}
	}
}

// settle finds out where the volumes of an interrupted move are and makes the
// inventory say so. A drive answers behind the requests that were sent before,
// so that what it says is the outcome of the move. On an error nothing is
// settled.
//
// A volume is in the drive that holds it. One that was not in a drive and that
// no drive holds has not left its element. One that has left a drive is in the
// element it was to go to; when that was a drive too, or the element is not free
// any more, the first drive takes it back, or the second takes it, or it gets
// another element.
func (c *Changer) settle(ctx context.Context, in intent) error {
	at := make([]Element, len(in.Legs))
	known := make([]bool, len(in.Legs))
	holds := map[Element]string{}
	for i, l := range in.Legs {
		for _, e := range []Element{l.To, l.From} {
			if e.Type != DataTransfer || c.link(e) == nil {
				continue // a drive that is gone holds nothing of ours
			}
			if _, asked := holds[e]; !asked {
				st, err := c.state(ctx, e)
				if err != nil {
					return err
				}
				holds[e] = st.Barcode
				c.holds(c.link(e), st)
			}
			if holds[e] == l.Volume.Barcode && !known[i] {
				at[i], known[i] = e, true
			}
		}
		if !known[i] && l.From.Type != DataTransfer {
			at[i], known[i] = l.From, true
		}
	}
	for i, l := range in.Legs {
		if known[i] {
			continue
		}
		if l.To.Type != DataTransfer && !slices.Contains(at, l.To) {
			at[i], known[i] = l.To, true
			continue
		}
		for _, back := range []struct {
			to  Element
			vol Volume
			id  string
		}{{l.From, Volume(l.Volume), in.undoID()}, {l.To, l.arriving(), in.ID}} {
			if known[i] || c.link(back.to) == nil || holds[back.to] != "" {
				continue
			}
			err := c.insert(ctx, back.to, back.vol, back.id)
			if err != nil && unreachable(err) {
				return err
			}
			if err == nil {
				at[i], known[i], holds[back.to] = back.to, true, l.Volume.Barcode
			}
		}
	}
	c.conclude(in, at)
	c.mu.Lock()
	c.open = slices.DeleteFunc(c.open, func(o intent) bool { return o.ID == in.ID })
	c.mu.Unlock()
	for i, l := range in.Legs {
		c.log.Info("settled an interrupted move", "barcode", l.Volume.Barcode, "from", l.From, "to", l.To, "at", at[i])
		if at[i] == l.To {
			c.event(Event{Kind: Moved, Barcode: l.Volume.Barcode, From: l.From, To: l.To, MoveID: in.ID, By: in.By})
		}
	}
	return nil
}

// reconcile compares what a drive says it holds with the inventory, on the
// mover's goroutine and with no move open on the element. The drive is right
// about what it holds. What the inventory has in a drive that says it is empty
// is given to it again: it has lost its state, not its cartridge.
func (c *Changer) reconcile(ctx context.Context, e Element, st DriveState) error {
	d := c.link(e)
	inv, _ := c.snapshot()
	in := inv.volume(e)
	switch {
	case in == nil && st.Barcode == "" || in != nil && in.Barcode == st.Barcode:
		c.holds(d, st)
	case st.Barcode == "":
		if err := c.reinsert(ctx, d, e, *in); err != nil {
			return err
		}
	default:
		if err := c.adopt(ctx, d, e, st); err != nil {
			return err
		}
	}
	c.mu.Lock()
	d.checked = true
	c.mu.Unlock()
	return nil
}

// reinsert gives a drive the volume that the inventory has in it.
func (c *Changer) reinsert(ctx context.Context, d *drive, e Element, v Volume) error {
	err := c.insert(ctx, e, v, rand.Text())
	if err == nil {
		c.event(Event{Kind: Reconciled, Barcode: v.Barcode, From: e, To: e, Drive: d.ID,
			Why: "the drive had lost the volume in it and was given it again"})
		return nil
	}
	if unreachable(err) {
		return err
	}
	c.rehouse(v.Barcode, e, fmt.Sprintf("the drive does not hold it and refuses it: %v", err))
	c.holds(d, DriveState{})
	return nil
}

// rehouse gives a volume that is not in a drive any more another element.
func (c *Changer) rehouse(barcode string, from Element, why string) {
	var to Element
	usable := c.free("")
	c.happened("", func(v *inventory) {
		if p, _, ok := v.take(barcode); ok {
			to = v.shelter(p, usable)
		}
	})
	c.attend(scsi.NotReadyToReadyChange, nil)
	c.event(Event{Kind: Reconciled, Barcode: barcode, From: from, To: to, Why: why})
}

// adopt notes that a drive holds a volume that the inventory has elsewhere, or
// does not know.
func (c *Changer) adopt(ctx context.Context, d *drive, e Element, st DriveState) error {
	inv, _ := c.snapshot()
	if err := checkBarcode(st.Barcode, maxTag); err != nil {
		return fmt.Errorf("drive %d: %w", d.ID, err)
	}
	if from, ok := inv.find(st.Barcode); ok && from.Type == DataTransfer && c.link(from) != nil {
		other, err := c.state(ctx, from)
		if err != nil {
			return err
		}
		if other.Barcode == st.Barcode {
			return fmt.Errorf("drives %d and %d both hold %s", d.ID, c.link(from).ID, st.Barcode)
		}
		c.holds(c.link(from), other)
	}
	if old := inv.volume(e); old != nil {
		c.rehouse(old.Barcode, e, fmt.Sprintf("the drive holds %s instead", st.Barcode))
	}
	var from Element
	c.happened("", func(v *inventory) {
		p, was, ok := v.take(st.Barcode)
		from = was
		if !ok {
			p = place{volume: &Volume{Barcode: st.Barcode}}
			if c.opt.Find != nil {
				if vol, found := c.opt.Find(st.Barcode); found && vol.Barcode == st.Barcode {
					p.volume = &vol
				}
			}
		}
		if was.Type == Storage || was.Type == ImportExport {
			p.source = was
		}
		p.imported = false
		v.put(e, p)
	})
	c.holds(d, st)
	c.attend(scsi.NotReadyToReadyChange, nil)
	c.event(Event{Kind: Reconciled, Barcode: st.Barcode, From: from, To: e, Drive: d.ID, Why: "the drive holds it"})
	return nil
}
