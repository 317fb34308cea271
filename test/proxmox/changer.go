package proxmox

import (
	"encoding/binary"
	"errors"
	"fmt"

	"govtl/test/ltfs"
)

// Slot is a storage or import/export element.
type Slot struct {
	Address uint16
	Full    bool
	Tag     string // primary volume tag; empty: none, or the element is empty
	Portal  bool   // an import/export element
}

// Bay is a data transfer element.
type Bay struct {
	Slot
	Source                uint16 // where the medium was taken from; 0: not known
	Vendor, Model, Serial string
}

// Inventory is what a changer says of all its elements.
type Inventory struct {
	Transports []uint16
	Slots      []Slot // storage elements, then import/export elements: mtx numbers them so
	Bays       []Bay
}

// Changer is a changer that the program has opened.
type Changer struct{ device }

// OpenChanger opens a changer.
func OpenChanger(u ltfs.Unit) Changer { return Changer{device{u}} }

// Types of element, SMC-3 table 7.
const (
	transportElement = 1
	storageElement   = 2
	portalElement    = 3
	driveElement     = 4
)

// most is how many elements the program asks for at once.
const most = 1000

// allocation is the room for their status in bytes; some changers read two bytes
// of it only.
const allocation = 0xFFFF

// Inventory takes stock: as many elements as the mode page says, type by type, the
// identifiers of drives apart from their volume tags.
func (c Changer) Inventory() (v Inventory, err error) {
	if _, err := c.inquiry(8); err != nil {
		return v, err
	}
	page, err := c.again("MODE SENSE 1Dh", []byte{0x1A, 8, 0x1D, 0, 0xFF, 0}, 0xFF)
	if err != nil {
		return v, err
	}
	if len(page) < 24 || page[0] != 23 {
		return v, fmt.Errorf("MODE SENSE 1Dh: % X", page)
	}
	var all [driveElement + 1][]descriptor
	for _, kind := range []byte{storageElement, portalElement, driveElement} {
		if all[kind], err = c.elements(kind, true, false); err != nil {
			return v, err
		}
	}
	named, err := c.elements(driveElement, false, true)
	if err != nil {
		return v, err
	}
	if all[transportElement], err = c.elements(transportElement, true, false); err != nil {
		return v, err
	}
	for kind, at := range map[byte]int{transportElement: 6, storageElement: 10, portalElement: 14, driveElement: 18} {
		if n := int(binary.BigEndian.Uint16(page[at+2:])); n != len(all[kind]) {
			return v, fmt.Errorf("%d elements of type %d, and page 1Dh says %d", len(all[kind]), kind, n)
		}
	}
	for _, e := range all[transportElement] {
		v.Transports = append(v.Transports, e.slot().Address)
	}
	for _, e := range append(all[storageElement], all[portalElement]...) {
		v.Slots = append(v.Slots, e.slot())
	}
	for i, e := range all[driveElement] {
		b := Bay{Slot: e.slot()}
		if e.b[9]&0x80 != 0 {
			b.Source = binary.BigEndian.Uint16(e.b[10:])
		}
		if named[i].slot().Address != b.Address {
			return v, fmt.Errorf("drives come in another order with their identifiers")
		}
		if b.Vendor, b.Model, b.Serial, err = named[i].identifier(); err != nil {
			return v, err
		}
		v.Bays = append(v.Bays, b)
	}
	return v, nil
}

// again sends a command that the program sends again when it fails: the first ones,
// which meet the unit attention conditions.
func (c Changer) again(what string, cdb []byte, in int) (data []byte, err error) {
	for range 5 {
		var code string
		data, code, err = c.try(cdb, nil, in)
		if err != nil || code == good {
			return data, err
		}
		err = fmt.Errorf("%s: % X: %s", what, cdb, code)
	}
	return nil, err
}

// elements reads the status of all elements of a type, a thousand at a time.
func (c Changer) elements(kind byte, tags, identifiers bool) (all []descriptor, err error) {
	for start := 0; start <= 0xFFFF; {
		cdb := []byte{0xB8, kind, byte(start >> 8), byte(start), most >> 8, most & 0xFF, 0, 0, allocation >> 8, allocation & 0xFF, 0, 0}
		if tags {
			cdb[1] |= 0x10
		}
		if identifiers {
			cdb[6] = 1
		}
		b, err := c.do("READ ELEMENT STATUS", cdb, nil, allocation)
		if err != nil {
			return nil, err
		}
		some, err := decode(b, kind, uint16(start))
		if err != nil {
			return nil, fmt.Errorf("% X: %w", cdb, err)
		}
		all = append(all, some...)
		if len(some) < most {
			return all, nil
		}
		start = int(some[len(some)-1].slot().Address) + 1
	}
	return all, nil
}

// descriptor is an element's, with the flags of the page that it stands in.
type descriptor struct {
	kind  byte
	flags byte
	b     []byte
}

// decode takes the data of READ ELEMENT STATUS apart.
func decode(b []byte, kind byte, start uint16) (all []descriptor, err error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("%d bytes", len(b))
	}
	count := int(binary.BigEndian.Uint16(b[2:]))
	if count == 0 {
		return nil, nil
	}
	if first := binary.BigEndian.Uint16(b); first < start {
		return nil, fmt.Errorf("begins with element %d, asked for from %d on", first, start)
	}
	n := int(binary.BigEndian.Uint32(b[4:]) & 0xFFFFFF)
	if n > len(b)-8 {
		return nil, fmt.Errorf("%d bytes are available, and %d came", n, len(b)-8)
	}
	for b = b[8 : 8+n]; len(b) > 0; {
		if len(b) < 8 {
			return nil, errors.New("the header of a page is cut short")
		}
		length, n := int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint32(b[4:])&0xFFFFFF)
		if b[0] != kind || length < 12 || n > len(b)-8 || n%length != 0 {
			return nil, fmt.Errorf("the header of a page: % X", b[:8])
		}
		for at := 8; at < 8+n; at += length {
			all = append(all, descriptor{b[0], b[1], b[at : at+length]})
		}
		b = b[8+n:]
	}
	if len(all) != count {
		return nil, fmt.Errorf("%d elements, and the header says %d", len(all), count)
	}
	return all, nil
}

// tags is how many bytes of volume tags stand in the descriptor.
func (e descriptor) tags() (n int) {
	for flag := byte(0x80); flag >= 0x40; flag >>= 1 {
		if e.flags&flag != 0 {
			n += 36
		}
	}
	return n
}

// slot is what all descriptors have.
func (e descriptor) slot() Slot {
	s := Slot{Address: binary.BigEndian.Uint16(e.b), Full: e.b[2]&1 != 0, Portal: e.kind == portalElement}
	if e.flags&0x80 != 0 && s.Full && len(e.b) >= 12+36 {
		s.Tag = text(e.b[12 : 12+32])
	}
	return s
}

// identifier is what DVCID says of a drive: a serial number, or vendor, product and
// serial number of 8, 16 and 10 characters.
func (e descriptor) identifier() (vendor, model, serial string, err error) {
	b := e.b[min(12+e.tags(), len(e.b)):]
	if len(b) < 4 || len(b) < 4+int(b[3]) {
		return "", "", "", fmt.Errorf("no identifier: % X", e.b)
	}
	id := b[4 : 4+b[3]]
	switch {
	case b[0]&0xF == 2 && b[1]&0xF == 0:
		return "", "", text(id), nil
	case b[0]&0xF == 2 && b[1]&0xF == 1 && len(id) == 34:
		return text(id[:8]), text(id[8:24]), text(id[24:]), nil
	}
	return "", "", "", fmt.Errorf("an identifier of code set %d, type %d and %d bytes", b[0], b[1], len(id))
}

// Move takes the medium at one address to another with the first transport.
func (c Changer) Move(v Inventory, from, to uint16) error {
	if len(v.Transports) == 0 {
		return errors.New("no transport")
	}
	cdb := []byte{0xA5, 0}
	for _, a := range []uint16{v.Transports[0], from, to} {
		cdb = binary.BigEndian.AppendUint16(cdb, a)
	}
	_, err := c.do("MOVE MEDIUM", append(cdb, 0, 0, 0, 0), nil, 0)
	return err
}

// Settle sends INITIALIZE ELEMENT STATUS.
func (c Changer) Settle() error {
	_, err := c.do("INITIALIZE ELEMENT STATUS", []byte{7, 0, 0, 0, 0, 0}, nil, 0)
	return err
}
