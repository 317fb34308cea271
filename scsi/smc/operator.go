package smc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"govtl/scsi"
)

// Refusals of operators' requests, in the words that operators of virtual
// libraries know.
var (
	ErrMapNotOpened   = errors.New("MAP not opened")
	ErrMapClosed      = errors.New("Can't empty map while MAP is closed")
	ErrBadBarcode     = errors.New("Bad barcode")
	ErrBarcodePresent = errors.New("barcode already in library")
	ErrBarcodeTooLong = errors.New("barcode length too long")
	ErrMapFull        = errors.New("MAP Full")
)

// checkNew checks a barcode that an operator gives.
func (c *Changer) checkNew(barcode string) error {
	if len(barcode) > c.model.Barcode.Max {
		return ErrBarcodeTooLong
	}
	if err := checkBarcode(barcode, c.model.Barcode.Max); err != nil {
		return ErrBadBarcode
	}
	return nil
}

// AddVolume notes a volume that is to be in the library: in the storage element
// slot (from 1), when that is 0 or full in the first free one, and on the shelf
// when there is none. A volume that is in the inventory already is left where it
// is; only what is known of its directory, kind and medium is refreshed. It
// returns the element, zero for the shelf.
func (c *Changer) AddVolume(vol Volume, slot int) (Element, error) {
	at, err := c.AddVolumes([]Volume{vol}, slot)
	if err != nil {
		return Element{}, err
	}
	return at[0], nil
}

// AddVolumes is AddVolume for many, in slots one after another, with one commit.
func (c *Changer) AddVolumes(vols []Volume, slot int) ([]Element, error) {
	var at []Element
	added := 0
	for _, vol := range vols {
		if err := c.checkNew(vol.Barcode); err != nil {
			return nil, fmt.Errorf("%w: %q", err, vol.Barcode)
		}
	}
	usable := c.free("")
	err := c.change(func(v *inventory) error {
		at, added = at[:0], 0
		where := v.index()
		next := 1
		for i := range vols {
			vol := vols[i]
			if e := where[vol.Barcode]; e != (Element{}) {
				p := v.at(e)
				p.volume = refreshed(p.volume, vol)
				at = append(at, e)
				continue
			}
			if j, ok := v.onShelf(vol.Barcode); ok {
				v.shelf[j] = refreshed(v.shelf[j], vol)
				at = append(at, Element{})
				continue
			}
			p := place{volume: &vol}
			e := Element{Storage, slot + i}
			if slot < 1 || !usable(e) || !v.put(e, p) {
				for e = (Element{Storage, next}); v.at(e) != nil && (v.at(e).volume != nil || !usable(e)); next++ {
					e.Number = next + 1
				}
				if !v.put(e, p) {
					e = Element{}
					v.toShelf(&vol)
				}
			}
			where[vol.Barcode] = e
			at = append(at, e)
			added++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if added > 0 {
		c.attend(scsi.NotReadyToReadyChange, nil)
	}
	return at, nil
}

// index is the element of each barcode.
func (v *inventory) index() map[string]Element {
	m := map[string]Element{}
	for t := MediumTransport; t <= DataTransfer; t++ {
		for i := range v.places[t] {
			if vol := v.places[t][i].volume; vol != nil {
				m[vol.Barcode] = Element{t, i + 1}
			}
		}
	}
	return m
}

// SetOnline makes the library available or not. Offline, commands that need it
// end with NOT READY 04h/12h; a move that has begun is finished.
func (c *Changer) SetOnline(on bool) {
	c.mu.Lock()
	was := !c.offline
	c.offline = !on
	c.mu.Unlock()
	if was == on {
		return
	}
	c.keepSwitches()
	if on {
		c.attend(scsi.NotReadyToReadyChange, nil)
		c.event(Event{Kind: WentOnline})
	} else {
		c.event(Event{Kind: WentOffline})
	}
	c.alert(alertLibraryOffline, !on)
}

// SetAlerts sets the TapeAlert flags of a mask in which bit 0 is flag 1, and
// clears the others.
func (c *Changer) SetAlerts(ctx context.Context, mask uint64) error {
	err := c.do(ctx, func() error {
		c.Alerts().ClearMask(^mask)
		c.Alerts().SetMask(mask)
		return nil
	})
	if err == nil && mask != 0 {
		c.event(Event{Kind: Alert, Flags: mask, Why: "set by an operator"})
	}
	return err
}

// Move moves a volume as MOVE MEDIUM does, and returns its barcode when it is
// where it should be. Reservations of initiators do not bind the operator;
// everything else does. Initiators get 28h/00h.
func (c *Changer) Move(ctx context.Context, from, to Element) (barcode string, err error) {
	return c.operatorMove(ctx, way{from: from, to: to})
}

// MoveInverted is Move with the INVERT bit: the volume, which has two sides, is
// turned over on its way.
func (c *Changer) MoveInverted(ctx context.Context, from, to Element) (barcode string, err error) {
	if !c.rotates() {
		return "", illegal(scsi.InvalidFieldInCDB).Because("a library of model %s does not turn media over", c.model.Name)
	}
	return c.operatorMove(ctx, way{from: from, to: to, invert: true})
}

func (c *Changer) operatorMove(ctx context.Context, w way) (barcode string, err error) {
	err = c.await(ctx, func(ctx context.Context) error {
		if inv, _ := c.snapshot(); inv.volume(w.from) != nil {
			barcode = inv.volume(w.from).Barcode
		}
		return c.moveOne(ctx, Operator, w)
	})
	if err == nil {
		c.attend(scsi.NotReadyToReadyChange, nil)
	}
	return barcode, err
}

// ParseElement finds the element that people mean: "slot 5", "map 1", "drive 2",
// "picker 1", a barcode in the library, or an element address, decimal or with 0x.
func (c *Changer) ParseElement(s string) (Element, error) {
	inv, l := c.snapshot()
	s = strings.TrimSpace(s)
	if e, ok := inv.find(s); ok {
		return e, nil
	}
	if n, err := strconv.ParseUint(s, 0, 16); err == nil {
		e, ok := l.element(ElementAddress(n))
		if !ok {
			return e, fmt.Errorf("no element has the address %s", s)
		}
		return e, nil
	}
	e, err := parseElement(s)
	if err != nil {
		return e, fmt.Errorf("%q is no element (slot N, map N, drive N, picker N, an address) and no barcode in the library", s)
	}
	if !l.has(e) {
		return e, fmt.Errorf("there is no %s (there are %d)", e, l.count[e.Type])
	}
	return e, nil
}

// Address is the element's address.
func (c *Changer) Address(e Element) ElementAddress {
	_, l := c.snapshot()
	return l.address(e)
}

// Audit asks all drives what they hold, as INITIALIZE ELEMENT STATUS does.
func (c *Changer) Audit(ctx context.Context) error { return c.await(ctx, c.auditAll) }
