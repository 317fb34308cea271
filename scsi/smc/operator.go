package smc

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// ListMap lists the barcodes in the import/export elements, by element.
func (c *Changer) ListMap() []string {
	inv, _ := c.snapshot()
	l := []string{}
	for i := range inv.places[ImportExport] {
		if v := inv.places[ImportExport][i].volume; v != nil {
			l = append(l, v.Barcode)
		}
	}
	return l
}

// OpenMap opens the import/export door. It is refused (5/53/02, 2/04/07) while an
// initiator prevents removal or a volume is on its way to or from the MAP.
func (c *Changer) OpenMap() error { return c.openDoor() }

// CloseMap closes the import/export door. Initiators get 28h/01h.
func (c *Changer) CloseMap() { c.closeDoor() }

// EmptyMap takes everything out of the import/export elements, which are open.
// The volumes are on the shelf then; it returns their barcodes.
func (c *Changer) EmptyMap() (taken []string, err error) {
	var events []Event
	err = c.change(func(v *inventory) error {
		taken, events = nil, nil
		if !c.doorOpen() {
			return ErrMapClosed
		}
		for i := range v.places[ImportExport] {
			p := &v.places[ImportExport][i]
			if p.volume == nil {
				continue
			}
			taken = append(taken, p.volume.Barcode)
			events = append(events, Event{Kind: Exported, Barcode: p.volume.Barcode, From: Element{ImportExport, i + 1}})
			v.toShelf(p.volume)
			*p = place{}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		c.event(e)
	}
	return taken, nil
}

func (c *Changer) doorOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.door
}

// LoadMap puts a volume into the first free import/export element, which are
// open. A volume of the shelf needs no more than its barcode; what else is given
// of it is used when it is not on the shelf. It returns the element.
func (c *Changer) LoadMap(vol Volume) (Element, error) {
	if !c.doorOpen() {
		return Element{}, ErrMapNotOpened
	}
	if err := c.checkNew(vol.Barcode); err != nil {
		return Element{}, err
	}
	var to Element
	err := c.change(func(v *inventory) error {
		if !c.doorOpen() {
			return ErrMapNotOpened
		}
		if _, ok := v.find(vol.Barcode); ok {
			return ErrBarcodePresent
		}
		var ok bool
		if to, ok = v.firstEmpty(ImportExport, nil); !ok {
			return ErrMapFull
		}
		p := place{volume: &vol}
		if was, _, ok := v.take(vol.Barcode); ok {
			p.volume = refreshed(was.volume, vol)
		}
		p.imported = true
		v.put(to, p)
		return nil
	})
	if err != nil {
		return Element{}, err
	}
	c.event(Event{Kind: Imported, Barcode: vol.Barcode, To: to})
	return to, nil
}

// refreshed is what is known of a volume, with what is said of it now.
func refreshed(known *Volume, now Volume) *Volume {
	v := *known
	if now.Dir != "" {
		v.Dir = now.Dir
	}
	if now.Kind != "" {
		v.Kind = now.Kind
	}
	if now.Medium != "" {
		v.Medium = now.Medium
	}
	if now.Sides != 0 {
		v.Sides = now.Sides
	}
	return &v
}

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

// ForgetVolume takes a volume off the shelf, as when its cartridge was deleted
// or went to another library.
func (c *Changer) ForgetVolume(barcode string) error {
	return c.change(func(v *inventory) error {
		i, ok := v.onShelf(barcode)
		if !ok {
			return fmt.Errorf("smc: %s is not on the shelf", barcode)
		}
		v.shelf = slices.Delete(v.shelf, i, i+1)
		return nil
	})
}

// GiveUp notes that another library takes a volume of the shelf in. It refuses,
// with ErrBarcodePresent and where it is, when the volume is inside. A volume
// that is not known here is nothing to give up.
func (c *Changer) GiveUp(barcode, to string) error {
	inv, _ := c.snapshot()
	if e, ok := inv.find(barcode); ok {
		return fmt.Errorf("%w: %s", ErrBarcodePresent, e)
	}
	if i, ok := inv.onShelf(barcode); !ok || inv.shelf[i].Elsewhere == to {
		return nil
	}
	return c.change(func(v *inventory) error {
		if e, ok := v.find(barcode); ok {
			return fmt.Errorf("%w: %s", ErrBarcodePresent, e)
		}
		if i, ok := v.onShelf(barcode); ok {
			vol := *v.shelf[i]
			vol.Elsewhere = to
			v.shelf[i] = &vol
		}
		return nil
	})
}

// Shelf lists the volumes that are outside, by barcode, and those that another
// library has taken in from there.
func (c *Changer) Shelf() []Volume {
	inv, _ := c.snapshot()
	l := make([]Volume, 0, len(inv.shelf))
	for _, v := range inv.shelf {
		l = append(l, *v)
	}
	return l
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
	return c.do(ctx, func() error {
		c.Alerts().ClearMask(^mask)
		c.Alerts().SetMask(mask)
		return nil
	})
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
		return c.moveOne(ctx, w)
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
			return e, fmt.Errorf("smc: no element has the address %s", s)
		}
		return e, nil
	}
	e, err := parseElement(s)
	if err != nil {
		return e, fmt.Errorf("smc: %q is no element (slot N, map N, drive N, picker N, an address) and no barcode in the library", s)
	}
	if !l.has(e) {
		return e, fmt.Errorf("smc: there is no %s (%d of them)", e, l.count[e.Type])
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
