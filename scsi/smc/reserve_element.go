package smc

import (
	"encoding/binary"
	"slices"

	"govtl/scsi"
)

// elementReservation is one reservation of elements, SMC-2 6.13: by a nexus,
// under an identification of its choice. The list is kept as it was sent, with
// addresses, so that it also covers elements that come later.
type elementReservation struct {
	nexus  *scsi.Nexus
	id     uint8
	ranges []addressRange
}

// addressRange is an inclusive range of element addresses.
type addressRange struct{ from, to ElementAddress }

// maxElementReservations bounds how many a nexus can have.
const maxElementReservations = 256

// elementConflict reports whether another nexus has reserved one of the elements.
func (c *Changer) elementConflict(n *scsi.Nexus, elements ...Element) bool {
	_, l := c.snapshot()
	for _, r := range c.reserved {
		if r.nexus == n {
			continue
		}
		for _, e := range elements {
			a := l.address(e)
			if slices.ContainsFunc(r.ranges, func(x addressRange) bool { return x.from <= a && a <= x.to }) {
				return true
			}
		}
	}
	return false
}

// reserve6 carries out RESERVE(6) of the logical unit or, with ELEMENT, of
// elements (SMC-2 6.14).
func (c *Changer) reserve6(t *scsi.Task) error {
	return c.reserve(t, int(binary.BigEndian.Uint16(t.CDB[3:])))
}

// reserve10 carries out RESERVE(10) likewise (SMC-2 6.13).
func (c *Changer) reserve10(t *scsi.Task) error {
	return c.reserve(t, int(binary.BigEndian.Uint16(t.CDB[7:])))
}

func (c *Changer) reserve(t *scsi.Task, length int) error {
	if t.CDB[1]&0x01 == 0 {
		if slices.ContainsFunc(c.reserved, func(r elementReservation) bool { return r.nexus != t.Nexus }) {
			return scsi.ReservationConflict
		}
		return c.ReserveUnit(t)
	}
	if t.CDB[1]&0x10 != 0 { // third party
		return scsi.InvalidFieldInCDBAt(1, 4)
	}
	list, err := t.DataOut(length)
	if err != nil {
		return err
	}
	ranges, err := c.decodeElementList(list)
	if err != nil {
		return err
	}
	for _, r := range c.reserved {
		if r.nexus != t.Nexus && overlap(r.ranges, ranges) {
			return scsi.ReservationConflict
		}
	}
	c.releaseElements(t.Nexus, &t.CDB[2]) // the same identification supersedes
	own := 0
	for _, r := range c.reserved {
		if r.nexus == t.Nexus {
			own++
		}
	}
	if own >= maxElementReservations {
		return illegal(scsi.InsufficientResources)
	}
	c.reserved = append(c.reserved, elementReservation{t.Nexus, t.CDB[2], ranges})
	return nil
}

// decodeElementList decodes an element list: descriptors of six bytes, each with
// a number of elements and a first address. No list, or number 0 at address 0,
// is all elements; number 0 is all from the address on.
func (c *Changer) decodeElementList(list []byte) ([]addressRange, error) {
	if len(list)%6 != 0 {
		return nil, scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	if len(list) == 0 {
		return []addressRange{{0, maxElements - 1}}, nil
	}
	_, l := c.snapshot()
	var ranges []addressRange
	for at := 0; at < len(list); at += 6 {
		n := int(binary.BigEndian.Uint16(list[at+2:]))
		first := ElementAddress(binary.BigEndian.Uint16(list[at+4:]))
		if n == 0 {
			ranges = append(ranges, addressRange{first, maxElements - 1})
			continue
		}
		last := int(first) + n - 1
		if _, ok := l.element(first); !ok || last >= maxElements {
			s := scsi.InvalidParameterAt(at+4, -1)
			s.ASC = scsi.InvalidElementAddress
			return nil, s
		}
		ranges = append(ranges, addressRange{first, ElementAddress(last)})
	}
	return ranges, nil
}

// overlap reports whether two lists have an address in common.
func overlap(a, b []addressRange) bool {
	for _, x := range a {
		for _, y := range b {
			if x.from <= y.to && y.from <= x.to {
				return true
			}
		}
	}
	return false
}

// release6 and release10 carry out RELEASE(6) and (10), SMC-2 6.9 and 6.10.
func (c *Changer) release6(t *scsi.Task) error  { return c.release(t) }
func (c *Changer) release10(t *scsi.Task) error { return c.release(t) }

func (c *Changer) release(t *scsi.Task) error {
	if t.CDB[1]&0x01 == 0 {
		return c.ReleaseUnit(t)
	}
	if t.CDB[1]&0x10 != 0 {
		return scsi.InvalidFieldInCDBAt(1, 4)
	}
	c.releaseElements(t.Nexus, &t.CDB[2])
	return nil
}

// releaseElements drops the element reservations of a nexus: those of an
// identification, or all.
func (c *Changer) releaseElements(n *scsi.Nexus, id *byte) {
	c.reserved = slices.DeleteFunc(c.reserved, func(r elementReservation) bool {
		return r.nexus == n && (id == nil || r.id == *id)
	})
}
