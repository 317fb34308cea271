package smc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"govtl/scsi"
)

// transfer carries out MOVE MEDIUM or EXCHANGE MEDIUM on the mover's goroutine:
// rules, hook, intent in the journal, requests to the drives, inventory. by is who
// asked for it. It returns the legs it took.
func (c *Changer) transfer(ctx context.Context, by string, ways ...way) ([]leg, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*(c.opt.DriveTimeout+c.opt.ProbeTimeout))
	defer cancel()
	legs, err := c.prepare(ctx, ways)
	if err == nil {
		err = c.carry(ctx, intent{ID: rand.Text(), Legs: legs, By: by})
	}
	if err == nil {
		return legs, nil
	}
	e := Event{Kind: MoveFailed, From: ways[0].from, To: ways[0].to, By: by, Why: why(err)}
	inv, _ := c.snapshot()
	if v := inv.volume(e.From); len(legs) > 0 {
		e.Barcode = legs[0].Volume.Barcode
	} else if v != nil {
		e.Barcode = v.Barcode
	}
	c.mu.Lock()
	c.lastError = strings.TrimSpace(fmt.Sprintf("%s %s to %s: %s", e.Barcode, e.From, e.To, e.Why))
	c.mu.Unlock()
	c.event(e)
	return nil, err
}

// why is the reason in an error for people.
func why(err error) string {
	var sense *scsi.Sense
	if errors.As(err, &sense) && sense.Why != "" {
		return sense.Why
	}
	return err.Error()
}

// prepare settles what is open on the elements, checks the rules, asks the
// drives that take part what they hold, and runs the hook. Nothing has changed
// when it returns an error.
func (c *Changer) prepare(ctx context.Context, ways []way) ([]leg, error) {
	for _, w := range ways {
		err := c.patiently(ctx, func() error { return c.settleTouching(ctx, w.from, w.to) })
		if err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	_, err := c.rules(ways)
	c.mu.Unlock()
	if err != nil && !c.askable(ways) {
		return nil, err
	}
	for _, w := range ways {
		for _, e := range []Element{w.from, w.to} {
			if e.Type != DataTransfer {
				continue
			}
			var st DriveState
			perr := c.patiently(ctx, func() (err error) {
				st, err = c.ask(ctx, e)
				return err
			})
			if perr != nil && err != nil {
				return nil, err // what is known of the elements says enough
			}
			if perr != nil {
				return nil, perr
			}
			if err == nil && e == w.from && st.RemovalPrevented && st.Barcode != "" {
				return nil, illegal(scsi.MediumRemovalPrevented).Because("an initiator prevents removal of %s from %s", st.Barcode, e)
			}
		}
	}
	c.mu.Lock()
	legs, err := c.rules(ways)
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if c.opt.Hook != nil {
		for _, l := range legs {
			if err := c.opt.Hook(ctx, HookMove{l.Volume.Barcode, l.From, l.To}); err != nil {
				return legs, fmt.Errorf("%w: %w", errHook, err)
			}
		}
	}
	return legs, c.flush()
}

// askable reports whether a refusal may come from an inventory that does not
// know yet what a drive holds: then the drives are asked before it stands.
func (c *Changer) askable(ways []way) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	stale := func(e Element) bool {
		return e.Type == DataTransfer && c.layout.has(e) && c.drives[e.Number-1] != nil &&
			(!c.drives[e.Number-1].checked || c.drives[e.Number-1].queued)
	}
	return slices.ContainsFunc(ways, func(w way) bool { return stale(w.from) || stale(w.to) })
}

// carry does a move whose rules hold.
func (c *Changer) carry(ctx context.Context, in intent) error {
	c.mu.Lock()
	c.busy = append(c.busy, in)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.busy = slices.DeleteFunc(c.busy, func(b intent) bool { return b.ID == in.ID })
		c.mu.Unlock()
	}()
	drives := slices.ContainsFunc(in.Legs, func(l leg) bool {
		return l.From.Type == DataTransfer || l.To.Type == DataTransfer
	})
	if !drives {
		if err := c.change(func(v *inventory) error { return in.move(v) }); err != nil {
			return err
		}
		c.moved(in)
		return nil
	}
	if err := c.store.begin(in); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	x := &execution{c: c, in: in, legs: make([]legState, len(in.Legs))}
	err := x.run(ctx)
	if x.unknown {
		c.mu.Lock()
		c.open = append(c.open, in)
		c.mu.Unlock()
		return err
	}
	c.conclude(in, x.places())
	if err != nil {
		c.doubt(in)
		return err
	}
	c.moved(in)
	return nil
}

// doubt has the drives of a move that failed asked again what they hold.
func (c *Changer) doubt(in intent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range in.Legs {
		for _, e := range []Element{l.From, l.To} {
			if d := c.linked(e); d != nil {
				d.checked = false
			}
		}
	}
}

// move is the move between elements that are no drives.
func (in *intent) move(v *inventory) error {
	var taken []place
	for _, l := range in.Legs {
		at := v.at(l.From)
		if at == nil || at.volume == nil || at.volume.Barcode != l.Volume.Barcode {
			return illegal(scsi.MediumSourceElementEmpty).Because("%s is not in %s any more", l.Volume.Barcode, l.From)
		}
		p := *at
		if l.From.Type != MediumTransport {
			p.source = l.From
		}
		p.arrive(l.From, l.Invert)
		taken = append(taken, p)
		*at = place{}
	}
	for i, l := range in.Legs {
		if !v.put(l.To, taken[i]) {
			return illegal(scsi.MediumDestinationElementFull).Because("%s is full", l.To)
		}
	}
	return nil
}

// moved tells of a move that is done.
func (c *Changer) moved(in intent) {
	c.mu.Lock()
	c.moves++
	c.mu.Unlock()
	for _, l := range in.Legs {
		c.event(Event{Kind: Moved, Barcode: l.Volume.Barcode, From: l.From, To: l.To, MoveID: in.ID, By: in.By})
	}
}

// legState is how far one leg is.
type legState struct {
	removed  bool // out of the drive it was in
	inserted bool // in the drive it goes to
	nowhere  bool // out of one drive and refused by the others
}

// execution is a move on its way through the drives.
type execution struct {
	c       *Changer
	in      intent
	legs    []legState
	unknown bool // a drive did not answer: only it knows where the volume is
}

// run takes the volumes out of the drives they are in, then puts them into those
// they go to. A refusal undoes what has been done.
func (x *execution) run(ctx context.Context) error {
	for i, l := range x.in.Legs {
		if l.From.Type != DataTransfer {
			continue
		}
		if err := x.c.remove(ctx, l.From, l.Volume.Barcode, x.in.ID); err != nil {
			return x.failed(ctx, err)
		}
		x.legs[i].removed = true
	}
	for i, l := range x.in.Legs {
		if l.To.Type != DataTransfer {
			continue
		}
		if err := x.c.insert(ctx, l.To, l.arriving(), x.in.ID); err != nil {
			return x.failed(ctx, err)
		}
		x.legs[i].inserted = true
	}
	return nil
}

// failed undoes what has been done, unless the drive did not answer.
func (x *execution) failed(ctx context.Context, err error) error {
	if unreachable(err) {
		x.unknown = true
		return err
	}
	id := x.in.undoID()
	for i, l := range x.in.Legs {
		if !x.legs[i].inserted {
			continue
		}
		switch uerr := x.c.remove(ctx, l.To, l.Volume.Barcode, id); {
		case uerr == nil:
			x.legs[i].inserted = false
		case unreachable(uerr):
			x.unknown = true
			return err
		}
	}
	for i, l := range x.in.Legs {
		if !x.legs[i].removed || x.legs[i].inserted {
			continue
		}
		switch uerr := x.c.insert(ctx, l.From, Volume(l.Volume), id); {
		case uerr == nil: // back where it was
		case unreachable(uerr):
			x.unknown = true
			return err
		default:
			x.legs[i].nowhere = true
			err = errors.Join(err, fmt.Errorf("and %s does not take it back: %w", l.From, uerr))
		}
	}
	return err
}

// undoID is the move id of requests that undo the move.
func (in *intent) undoID() string { return in.ID + "/undo" }

// places is where the volumes are after run; the zero Element stands for nowhere.
func (x *execution) places() []Element {
	failed := false
	for i, l := range x.in.Legs {
		if l.To.Type == DataTransfer && !x.legs[i].inserted || l.From.Type == DataTransfer && !x.legs[i].removed {
			failed = true
		}
	}
	at := make([]Element, len(x.legs))
	for i, l := range x.in.Legs {
		s := x.legs[i]
		switch {
		case s.inserted || !failed:
			at[i] = l.To
		case s.nowhere:
		default:
			at[i] = l.From
		}
	}
	return at
}

// conclude makes the inventory say where the volumes of a move are, and ends it.
// The zero Element means: in no drive and in no element; the volume gets one.
func (c *Changer) conclude(in intent, at []Element) {
	usable := c.free(in.ID)
	var sheltered []Event
	c.happened(in.ID, func(v *inventory) {
		sheltered = sheltered[:0]
		type held struct {
			place
			from Element
			ok   bool
		}
		var taken []held
		for _, l := range in.Legs {
			p, from, ok := v.take(l.Volume.Barcode)
			taken = append(taken, held{p, from, ok})
		}
		for i, l := range in.Legs {
			p, from := taken[i].place, taken[i].from
			if !taken[i].ok { // an inventory that was lost: the journal knows it
				vol := Volume(l.Volume)
				p, from = place{volume: &vol}, l.From
			}
			if at[i] != from {
				if from.Type == Storage || from.Type == ImportExport {
					p.source = from
				}
				p.arrive(from, l.Invert && at[i] == l.To)
			}
			if at[i] == (Element{}) || !v.put(at[i], p) {
				to := v.shelter(p, usable)
				sheltered = append(sheltered, Event{Kind: Reconciled, Barcode: l.Volume.Barcode, From: l.From, To: to,
					MoveID: in.ID, Why: "no drive holds it and the element it was to be in is not free"})
			}
		}
	})
	for _, e := range sheltered {
		c.attend(scsi.NotReadyToReadyChange, nil)
		c.event(e)
	}
}
