package ssc

import (
	"encoding/binary"
	"slices"

	"govtl/libcart"
	"govtl/scsi"
)

// The service actions of READ ATTRIBUTE, SPC-4 table 231.
const (
	attributeValues     = 0x00
	attributeList       = 0x01
	logicalVolumeList   = 0x02
	partitionList       = 0x03
	supportedAttributes = 0x05
)

// memoryKey names a stored attribute: of a partition, or of the medium as a whole
// (kept with partition 0).
type memoryKey struct {
	part uint8
	id   uint16
}

// partitionOf is where an attribute of a partition is kept.
func (a *attribute) partitionOf(part uint8) uint8 {
	if a.perPartition {
		return part
	}
	return 0
}

// withMemory gives f the cartridge to read or change its memory, also while it is
// not loaded.
func (d *Drive) withMemory(change bool, f func(c *libcart.Cartridge) error) error {
	if d.in.cart != nil {
		return f(d.in.cart)
	}
	o := d.cartridgeOptions()
	o.ReadOnly = !change
	c, err := libcart.Open(d.in.dir, o)
	if err != nil {
		d.raise(alertCartridgeMemory)
		return scsi.NewSense(scsi.MediumError, scsi.AuxiliaryMemoryReadError).Because("%v", err)
	}
	err = f(c)
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}

// readAttribute is READ ATTRIBUTE, SPC-4 6.17.
func (d *Drive) readAttribute(t *scsi.Task) error {
	cdb := t.CDB
	if cdb[5] != 0 { // LOGICAL VOLUME NUMBER
		return scsi.InvalidFieldInCDBAt(5, -1)
	}
	part, first := cdb[7], binary.BigEndian.Uint16(cdb[8:])
	allocation := int(min(binary.BigEndian.Uint32(cdb[10:]), 1<<24))
	return d.withMemory(false, func(c *libcart.Cartridge) error {
		if int(part) >= c.Partitions() {
			return scsi.InvalidFieldInCDBAt(7, -1)
		}
		b := make([]byte, 4)
		switch cdb[1] & 0x1F {
		case attributeValues:
			list := d.memory(c, part)
			if first != 0 && !slices.ContainsFunc(list, func(a libcart.Attribute) bool { return a.ID == first }) {
				return scsi.InvalidFieldInCDBAt(8, -1)
			}
			for _, a := range list {
				if a.ID < first {
					continue
				}
				b = appendAttribute(b, a)
				d.in.changed = d.in.changed && a.ID != attrVolumeChangeReference
			}
		case attributeList:
			for _, a := range d.memory(c, part) {
				b = binary.BigEndian.AppendUint16(b, a.ID)
			}
		case logicalVolumeList:
			t.Reply([]byte{0, 2, 0, 1}, allocation)
			return nil
		case partitionList:
			t.Reply([]byte{0, 2, 0, byte(c.Partitions())}, allocation)
			return nil
		case supportedAttributes:
			for _, a := range attributes {
				if d.hasAttribute(&a) {
					b = binary.BigEndian.AppendUint16(b, a.id)
				}
			}
		default:
			return scsi.InvalidFieldInCDBAt(1, 4)
		}
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
		t.Reply(b, allocation)
		return nil
	})
}

// appendAttribute appends an attribute, SPC-4 7.4.1.
func appendAttribute(b []byte, a libcart.Attribute) []byte {
	b = binary.BigEndian.AppendUint16(b, a.ID)
	b = append(b, flag(a.ReadOnly, 0x80)|a.Format)
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.Value)))
	return append(b, a.Value...)
}

// memory lists the attributes that are there, in order: computed ones, and stored
// ones, which take the place of a computed one.
func (d *Drive) memory(c *libcart.Cartridge, part uint8) []libcart.Attribute {
	v := &memoryView{d: d, m: d.in, c: c, part: part}
	var l []libcart.Attribute
	for i := range attributes {
		a := &attributes[i]
		if !d.hasAttribute(a) {
			continue
		}
		if s, err := c.Attribute(a.partitionOf(part), a.id); err == nil {
			s.ReadOnly = !a.host || a.once
			l = append(l, s)
		} else if a.value != nil {
			l = append(l, libcart.Attribute{ID: a.id, Format: a.format, ReadOnly: !a.host, Value: a.value(v)})
		}
	}
	for _, s := range c.Attributes(0) {
		if s.ID >= attrVendorFirst && s.ID <= attrVendorLast {
			l = append(l, s)
		}
	}
	slices.SortStableFunc(l, func(a, b libcart.Attribute) int { return int(a.ID) - int(b.ID) })
	return l
}

// storedHost are the host attributes of all partitions.
func (d *Drive) storedHost(c *libcart.Cartridge) map[memoryKey]libcart.Attribute {
	l := map[memoryKey]libcart.Attribute{}
	for p := range c.Partitions() {
		for _, s := range c.Attributes(uint8(p)) {
			if isHost(s.ID) {
				l[memoryKey{uint8(p), s.ID}] = s
			}
		}
	}
	return l
}

// isHost reports whether an attribute is the host's, SPC-4 table 405: standard
// (0800h to 0BFFh) or vendor specific (1400h to 17FFh).
func isHost(id uint16) bool {
	return id >= 0x0800 && id <= 0x0BFF || id == attrUserIdentity || id >= attrVendorFirst && id <= attrVendorLast
}

// writeAttribute is WRITE ATTRIBUTE, SPC-4 6.48: everything is checked, then
// everything is stored. The length that the list itself gives is ignored, as LTO
// drives do; the attributes must be in ascending order.
func (d *Drive) writeAttribute(t *scsi.Task) error {
	cdb := t.CDB
	if cdb[5] != 0 {
		return scsi.InvalidFieldInCDBAt(5, -1)
	}
	part := cdb[7]
	length := binary.BigEndian.Uint32(cdb[10:])
	if length > maxAttributeList {
		return scsi.InvalidFieldInCDBAt(10, -1)
	}
	list, err := t.DataOut(int(length))
	if err != nil || length == 0 {
		return err
	}
	if length < 4 {
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	if err := d.mayWrite(); err != nil { // a write-type command, IBM GA32-0928 table 30
		return err
	}
	byPartition, err := d.decodeAttributes(list, part)
	if err != nil {
		return err
	}
	return d.withMemory(true, func(c *libcart.Cartridge) error {
		if int(part) >= c.Partitions() {
			return scsi.InvalidFieldInCDBAt(7, -1)
		}
		after := d.storedHost(c)
		for p, l := range byPartition {
			for _, a := range l {
				if err := d.mayStore(c, a); err != nil {
					return err
				}
				if delete(after, memoryKey{p, a.ID}); len(a.Value) > 0 {
					after[memoryKey{p, a.ID}] = a
				}
			}
		}
		v := &memoryView{d: d, m: d.in, c: c}
		if hostBytes(after) > v.room() {
			return scsi.NewSense(scsi.IllegalRequest, scsi.AuxiliaryMemoryOutOfSpace)
		}
		for p, l := range byPartition {
			if err := c.SetAttributes(p, l); err != nil {
				return senseFor(err)
			}
		}
		return nil
	})
}

// mayStore refuses what depends on what is on the medium already.
func (d *Drive) mayStore(c *libcart.Cartridge, a libcart.Attribute) error {
	switch a.ID {
	case attrUserIdentity:
		if _, err := c.Attribute(0, a.ID); err == nil {
			return scsi.InvalidParameterAt(4, -1).Because("attribute %04Xh is written once", a.ID)
		}
	case attrOptimizationNeeded:
		if !d.mayOptimize(c, a.Value) {
			return scsi.InvalidParameterAt(9, -1).Because("only an empty medium with one partition can be optimized")
		}
	}
	return nil
}

// maxAttributeList bounds a WRITE ATTRIBUTE parameter list in bytes.
const maxAttributeList = 1 << 17

// decodeAttributes checks a parameter list and sorts it by where it is kept.
func (d *Drive) decodeAttributes(list []byte, part uint8) (map[uint8][]libcart.Attribute, error) {
	byPartition := map[uint8][]libcart.Attribute{}
	last := -1
	for at := 4; at < len(list); {
		if len(list)-at < 5 {
			return nil, scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
		}
		id := binary.BigEndian.Uint16(list[at:])
		n := int(binary.BigEndian.Uint16(list[at+3:]))
		if len(list)-at-5 < n {
			return nil, scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
		}
		a, ok := d.findAttribute(id)
		switch {
		case !ok || !a.host || int(id) <= last:
			return nil, scsi.InvalidParameterAt(at, -1)
		case n == 0: // deletes it
		case a.length > 0 && n != a.length, a.length == 0 && (n < a.minimum || n > a.most):
			return nil, scsi.InvalidParameterAt(at+3, -1)
		}
		format := a.format
		if id >= attrVendorFirst {
			format = list[at+2] & 0x03
		}
		p := a.partitionOf(part)
		byPartition[p] = append(byPartition[p], libcart.Attribute{ID: id, Format: format, Value: list[at+5 : at+5+n]})
		last = int(id)
		at += 5 + n
	}
	return byPartition, nil
}

// readMediaSerialNumber is READ MEDIA SERIAL NUMBER, SPC-4 6.22.
func (d *Drive) readMediaSerialNumber(t *scsi.Task) error {
	serial := []byte(d.in.info.Serial)
	for len(serial)%4 != 0 {
		serial = append(serial, ' ')
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(serial)))
	t.Reply(append(b, serial...), int(min(binary.BigEndian.Uint32(t.CDB[6:]), 1<<24)))
	return nil
}
