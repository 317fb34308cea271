package smc

import (
	"encoding/binary"

	"govtl/scsi"
)

// The element information pages, SMC-3 REPORT ELEMENT INFORMATION.
const (
	supportedElementInformation = 0x00
	elementStaticInformation    = 0x02
	elementStateInformation     = 0x03
	allElementInformation       = 0x7F
)

// elementInformationPages are the pages that every type of element has.
var elementInformationPages = []byte{supportedElementInformation, elementStaticInformation, elementStateInformation}

// The lengths of the descriptors of pages 02h and 03h, multiples of four bytes.
const (
	staticDescriptorLength = 12
	stateDescriptorLength  = 12
)

// reportElementInformation carries out REPORT ELEMENT INFORMATION, SMC-3: what
// READ ELEMENT STATUS tells without volume tags, in 32 bit addresses.
func (c *Changer) reportElementInformation(t *scsi.Task) error {
	code, kind, nev := t.CDB[2], ElementType(t.CDB[3]&0x0F), t.CDB[3]&0x20 != 0
	start, allocation := binary.BigEndian.Uint32(t.CDB[6:]), binary.BigEndian.Uint32(t.CDB[10:])
	if kind > DataTransfer {
		return scsi.InvalidFieldInCDBAt(3, 3)
	}
	q := statusQuery{kind: kind, allocation: int(min(allocation, 1<<24))}
	switch {
	case code == supportedElementInformation:
	case start >= maxElements:
		return invalidElement(6)
	default:
		q.start = ElementAddress(start)
	}
	r := c.newStatusReport(q)
	if nev && code != supportedElementInformation {
		r.limit(int(t.CDB[14]))
	}
	var b []byte
	for _, p := range elementInformationPages {
		if code != p && code != allElementInformation {
			continue
		}
		switch p {
		case supportedElementInformation:
			b = r.appendSupported(b)
		case elementStaticInformation:
			b = r.appendStatic(b, &c.routes)
		case elementStateInformation:
			b = r.appendStates(b)
		}
	}
	if b == nil {
		return scsi.InvalidFieldInCDBAt(2, 7)
	}
	t.Reply(b, q.allocation)
	return nil
}

// limit leaves the first n elements.
func (r *statusReport) limit(n int) {
	for i := range r.pages {
		p := &r.pages[i]
		p.numbers = p.numbers[:min(n, len(p.numbers))]
		n -= len(p.numbers)
	}
}

// appendSupported appends page 00h: one descriptor for each type of element.
func (r *statusReport) appendSupported(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, supportedElementInformation, 0, 0, 0, 0, 0, 0, 0)
	for t := MediumTransport; t <= DataTransfer; t++ {
		if r.query.kind == AllElements && r.layout.count[t] > 0 || r.query.kind == t {
			dst = append(dst, byte(t), 0, 0, byte(len(elementInformationPages)))
			dst = append(dst, elementInformationPages...)
		}
	}
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-8))
	return dst
}

// appendStatic appends page 02h: one descriptor for each run of elements of a
// type with contiguous addresses.
func (r *statusReport) appendStatic(dst []byte, routes *[5][5]bool) []byte {
	start := len(dst)
	dst = append(dst, elementStaticInformation, 0, 0, staticDescriptorLength, 0, 0, 0, 0)
	for i := range r.pages {
		p := &r.pages[i]
		if len(p.numbers) == 0 {
			continue
		}
		flags := byte(0)
		if p.kind == MediumTransport {
			flags |= 0x04 // MDO: it moves
			if !routes[Storage][MediumTransport] {
				flags |= 0x20 // SO: it is no destination
			}
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.layout.address(Element{p.kind, p.numbers[0]})))
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(p.numbers)))
		dst = append(dst, byte(p.kind), flags, 0, 0)
	}
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-8))
	return dst
}

// appendStates appends page 03h: one descriptor for each element.
func (r *statusReport) appendStates(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, elementStateInformation, 0, 0, stateDescriptorLength, 0, 0, 0, 0)
	for i := range r.pages {
		for _, n := range r.pages[i].numbers {
			e := Element{r.pages[i].kind, n}
			at := r.inv.at(e)
			flags, asc := r.status(e, at)
			state := byte(0x80) // no volume
			if at.volume != nil {
				state = 0x40
				switch {
				case at.imported:
					state |= 0x20
				case at.source != (Element{}):
					state |= 0x10
				}
			}
			except := flags&statusExcept != 0
			if except || e.Type == ImportExport && r.door {
				state |= 0x08 // OIR: an operator has to close the door or see to the drive
			}
			if e.Type != MediumTransport && flags&statusAccess == 0 {
				state |= 0x02 // MTAP
			}
			if except {
				state |= 0x01 // SDV
			}
			dst = binary.BigEndian.AppendUint32(dst, uint32(r.layout.address(e)))
			dst = append(dst, byte(e.Type), state, byte(asc>>8), byte(asc), 0, 0, 0, 0)
		}
	}
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-8))
	return dst
}
