package smc

import (
	"fmt"
	"slices"
	"strings"
)

// place is what one element holds.
type place struct {
	volume *Volume // nil: empty

	// source is the storage or import/export element that the volume was last
	// taken from (SVALID and SOURCE STORAGE ELEMENT ADDRESS); zero: not known.
	source Element

	// imported: an operator put the volume here, not the robot (IMPEXP).
	imported bool

	// turned: the volume was turned over since it was in its source (INVERT).
	turned bool
}

// arrive notes the way of a volume to this place from another.
func (p *place) arrive(from Element, invert bool) {
	if from.Type == MediumTransport {
		p.turned = p.turned != invert
	} else {
		p.turned = invert
	}
	if invert {
		v := p.volume.turned()
		p.volume = &v
	}
	p.imported = false
}

// inventory says where each volume is. One that is in use is never changed: a
// change is made to a clone that then takes its place. A Volume is never changed.
type inventory struct {
	places [5][]place // by element type; element n is at n-1

	// shelf has the volumes that are outside: taken out through the MAP, or
	// left over by a slot that is gone. By barcode.
	shelf []*Volume

	// applied has the ids of the last moves that this inventory includes. A
	// move that the journal still shows open and that is here is over.
	applied []string
}

// maxApplied bounds inventory.applied. No move begins while the end of another
// could not be noted in the journal, so that few can be open there and here.
const maxApplied = 64

func (v *inventory) clone() *inventory {
	c := &inventory{shelf: slices.Clone(v.shelf), applied: slices.Clone(v.applied)}
	for t := range v.places {
		c.places[t] = slices.Clone(v.places[t])
	}
	return c
}

// at is the place of an element; nil when there is no such element.
func (v *inventory) at(e Element) *place {
	if e.Type < MediumTransport || e.Type > DataTransfer || e.Number < 1 || e.Number > len(v.places[e.Type]) {
		return nil
	}
	return &v.places[e.Type][e.Number-1]
}

// volume is what an element holds, nil when it is empty or does not exist.
func (v *inventory) volume(e Element) *Volume {
	if p := v.at(e); p != nil {
		return p.volume
	}
	return nil
}

// find returns the element that holds a barcode.
func (v *inventory) find(barcode string) (Element, bool) {
	for t := MediumTransport; t <= DataTransfer; t++ {
		for i := range v.places[t] {
			if b := v.places[t][i].volume; b != nil && b.Barcode == barcode {
				return Element{t, i + 1}, true
			}
		}
	}
	return Element{}, false
}

// onShelf returns the index of a barcode on the shelf; ok is false when it is
// not there, the index then where it belongs.
func (v *inventory) onShelf(barcode string) (int, bool) {
	return slices.BinarySearchFunc(v.shelf, barcode, func(s *Volume, b string) int {
		return strings.Compare(s.Barcode, b)
	})
}

// put fills an empty element. It returns false when the element does not exist
// or is full.
func (v *inventory) put(e Element, p place) bool {
	at := v.at(e)
	if at == nil || at.volume != nil {
		return false
	}
	*at = p
	return true
}

// take removes a volume from wherever it is, the shelf included, and returns
// what its place held, and the place.
func (v *inventory) take(barcode string) (p place, from Element, ok bool) {
	if e, found := v.find(barcode); found {
		at := v.at(e)
		p, *at = *at, place{}
		return p, e, true
	}
	if i, found := v.onShelf(barcode); found {
		vol := *v.shelf[i]
		vol.Elsewhere = ""
		p = place{volume: &vol}
		v.shelf = slices.Delete(v.shelf, i, i+1)
		return p, Element{}, true
	}
	return place{}, Element{}, false
}

// toShelf puts a volume on the shelf.
func (v *inventory) toShelf(vol *Volume) {
	if i, found := v.onShelf(vol.Barcode); !found {
		v.shelf = slices.Insert(v.shelf, i, vol)
	}
}

// firstEmpty is the first empty element of a type.
func (v *inventory) firstEmpty(t ElementType, usable func(Element) bool) (Element, bool) {
	for i := range v.places[t] {
		if e := (Element{t, i + 1}); v.places[t][i].volume == nil && (usable == nil || usable(e)) {
			return e, true
		}
	}
	return Element{}, false
}

// shelter puts a volume that can be neither where it was nor where it should go
// into the first of: the element it came from, a free storage element, a picker,
// the shelf. It returns the element, zero for the shelf.
func (v *inventory) shelter(p place, usable func(Element) bool) Element {
	p.imported = false
	if p.source.Type == Storage && usable(p.source) && v.put(p.source, p) {
		return p.source
	}
	for _, t := range []ElementType{Storage, MediumTransport} {
		if e, ok := v.firstEmpty(t, usable); ok {
			v.put(e, p)
			return e
		}
	}
	v.toShelf(p.volume)
	return Element{}
}

// resize gives the inventory the number of elements of a layout. Volumes in
// elements that are gone go to the shelf; sources that are gone are forgotten.
// It returns the barcodes that went to the shelf.
func (v *inventory) resize(l *layout) (shelved []string) {
	for t := MediumTransport; t <= DataTransfer; t++ {
		for len(v.places[t]) > l.count[t] {
			last := len(v.places[t]) - 1
			if vol := v.places[t][last].volume; vol != nil {
				v.toShelf(vol)
				shelved = append(shelved, vol.Barcode)
			}
			v.places[t] = v.places[t][:last]
		}
		if n := l.count[t] - len(v.places[t]); n > 0 {
			v.places[t] = append(v.places[t], make([]place, n)...)
		}
	}
	for t := range v.places {
		for i := range v.places[t] {
			if p := &v.places[t][i]; p.source != (Element{}) && !l.has(p.source) {
				p.source = Element{}
			}
		}
	}
	return shelved
}

// apply notes that the inventory includes a move.
func (v *inventory) apply(id string) {
	v.applied = append(v.applied, id)
	if n := len(v.applied) - maxApplied; n > 0 {
		v.applied = slices.Delete(v.applied, 0, n)
	}
}

// check reports a volume that is there twice, or one without a name.
func (v *inventory) check() error {
	seen := make(map[string]bool, len(v.places[Storage])+len(v.shelf))
	see := func(vol *Volume, where Element) error {
		if vol == nil {
			return nil
		}
		if err := checkBarcode(vol.Barcode, maxTag); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if seen[vol.Barcode] {
			return fmt.Errorf("%s: volume %s is there twice", where, vol.Barcode)
		}
		seen[vol.Barcode] = true
		return nil
	}
	for t := MediumTransport; t <= DataTransfer; t++ {
		for i := range v.places[t] {
			if err := see(v.places[t][i].volume, Element{t, i + 1}); err != nil {
				return err
			}
		}
	}
	for _, vol := range v.shelf {
		if err := see(vol, Element{}); err != nil {
			return err
		}
	}
	return nil
}

// maxTag is the length of a volume identification field, SMC-3 6.10.
const maxTag = 32

// checkBarcode reports what is wrong with a barcode: it is printable ASCII
// without blanks and path separators, at most max characters.
func checkBarcode(b string, max int) error {
	switch {
	case b == "":
		return fmt.Errorf("no barcode")
	case len(b) > max:
		return fmt.Errorf("barcode %.40q is longer than %d characters", b, max)
	}
	for _, c := range []byte(b) {
		if c <= ' ' || c > '~' || c == '/' || c == '\\' {
			return fmt.Errorf("barcode %q has a character that no barcode has", b)
		}
	}
	return nil
}
