package smc

import (
	"slices"

	"govtl/scsi"
)

// way is one volume's way as it is asked for: where from, where to, and the CDB
// bytes that say so, for field pointers (0: an operator asks).
type way struct {
	from, to     Element
	fromAt, toAt int

	invert    bool // turn it over on the way
	invertBit int  // in byte 10
}

// stays reports whether the volume is turned over where it is.
func (w way) stays() bool { return w.from == w.to && w.invert }

// rules checks a transfer against the inventory, in the order of SMC-3 6.6: the
// elements exist and the model moves media between them, the sources are full,
// the destinations are empty, and nothing holds the media where they are. It
// returns the legs. c.mu is held.
func (c *Changer) rules(ways []way) ([]leg, error) {
	for _, w := range ways {
		if err := c.exists(w.from, w.fromAt); err != nil {
			return nil, err
		}
		if err := c.exists(w.to, w.toAt); err != nil {
			return nil, err
		}
		// Page 1Fh is the model's; what it says of pickers is a rule here.
		// Import/export elements work on every model: operators need them.
		if (w.from.Type == MediumTransport || w.to.Type == MediumTransport) && !c.routes[w.from.Type][w.to.Type] {
			return nil, invalidElement(w.toAt).Because("a library of model %s does not move media from %s to %s",
				c.model.Name, w.from, w.to)
		}
	}
	legs := make([]leg, 0, len(ways))
	for _, w := range ways {
		v := c.inv.volume(w.from)
		if v == nil {
			return nil, illegal(scsi.MediumSourceElementEmpty).Because("%s is empty", w.from)
		}
		if w.invert && v.Sides < 2 {
			return nil, scsi.InvalidFieldInCDBAt(10, w.invertBit).Because("%s has one side", v.Barcode)
		}
		legs = append(legs, leg{Volume: volumeRecord(*v), From: w.from, To: w.to, Invert: w.invert})
	}
	for _, w := range ways {
		leaves := slices.ContainsFunc(ways, func(o way) bool { return o.from == w.to && o != w })
		if v := c.inv.volume(w.to); v != nil && !leaves && !w.stays() {
			return nil, illegal(scsi.MediumDestinationElementFull).Because("%s holds %s", w.to, v.Barcode)
		}
	}
	for _, w := range ways {
		if c.door && (w.from.Type == ImportExport || w.to.Type == ImportExport) {
			return nil, notReady(scsi.MediumNotPresentTrayOpen).Because("the import/export door is open")
		}
	}
	return legs, nil
}

// exists checks an element of a transfer. c.mu is held.
func (c *Changer) exists(e Element, at int) error {
	if !c.layout.has(e) {
		return invalidElement(at).Because("no element %s", e)
	}
	if e.Type == DataTransfer && c.drives[e.Number-1] == nil {
		return invalidElement(at).Because("no drive in %s", e)
	}
	return nil
}

// unsettled returns the move that has begun and not been settled and that
// concerns one of the elements. c.mu is held.
func (c *Changer) unsettled(elements ...Element) (intent, bool) {
	for i := range c.open {
		if slices.ContainsFunc(elements, c.open[i].touches) {
			return c.open[i], true
		}
	}
	return intent{}, false
}

// inUse reports whether a move that runs or is not settled concerns the element.
// c.mu is held.
func (c *Changer) inUse(e Element) bool {
	touches := func(in intent) bool { return in.touches(e) }
	return slices.ContainsFunc(c.open, touches) || slices.ContainsFunc(c.busy, touches)
}

// free reports whether a volume may be put into the element: nothing that runs
// or is not settled wants it. c.mu is not held.
func (c *Changer) free(except string) func(Element) bool {
	return func(e Element) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		wants := func(in intent) bool { return in.ID != except && in.touches(e) }
		return !slices.ContainsFunc(c.open, wants) && !slices.ContainsFunc(c.busy, wants) &&
			!(e.Type == ImportExport && c.door)
	}
}
