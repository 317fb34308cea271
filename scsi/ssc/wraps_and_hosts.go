package ssc

import (
	"encoding/binary"
	"hash/fnv"

	"govtl/scsi"
)

// wrapsAndHosts names service action 1Fh of MAINTENANCE IN, which has a qualifier.
const wrapsAndHosts = "READ END OF WRAP POSITION, READ LOGGED-IN HOST TABLE"

// The service action qualifiers, IBM GA32-0928 5.2.20 and 5.2.21.
const (
	qualifierHosts = 0x01
	qualifierWraps = 0x45
)

// readWrapsOrHosts is A3h/1Fh.
func (d *Drive) readWrapsOrHosts(t *scsi.Task) error {
	switch t.CDB[2] {
	case qualifierHosts:
		return d.readLoggedInHostTable(t)
	case qualifierWraps:
		return d.readEndOfWrapPosition(t)
	}
	return scsi.InvalidFieldInCDBAt(2, -1)
}

// wrap is the end of a wrap: the object there, or the end of data.
type wrap struct {
	number    uint16
	partition uint8
	object    uint64
}

// readEndOfWrapPosition is READ END OF WRAP POSITION. A partition has its share of
// the tape's wraps, and its recording fills one after the other.
func (d *Drive) readEndOfWrapPosition(t *scsi.Task) error {
	all, valid, number := t.CDB[3]&0x02 != 0, t.CDB[3]&0x01 != 0, binary.BigEndian.Uint16(t.CDB[4:])
	switch {
	case t.CDB[3]&0x04 != 0:
		return scsi.InvalidFieldInCDBAt(3, 2)
	case all && valid:
		return scsi.InvalidFieldInCDBAt(3, 0)
	case valid == (number == 0):
		return scsi.InvalidFieldInCDBAt(4, -1)
	case d.in == nil:
		return senseNoMedium
	case d.motion.refuses(d.opt.Now()) != nil:
		return d.motion.refuses(d.opt.Now())
	case !d.in.loaded():
		return d.notLoaded()
	}
	if err := d.flush(t); err != nil {
		return err
	}
	l, err := d.wraps()
	if err != nil {
		return senseFor(err)
	}
	allocation := int(min(binary.BigEndian.Uint32(t.CDB[6:]), 1<<20))
	if all {
		b := make([]byte, 4)
		for _, w := range l {
			b = binary.BigEndian.AppendUint16(b, w.number)
			b = append(b, 0, w.partition, 0, 0)
			b = append(b, byte(w.object>>40), byte(w.object>>32))
			b = binary.BigEndian.AppendUint32(b, uint32(w.object))
		}
		binary.BigEndian.PutUint16(b, uint16(len(b)-2))
		t.Reply(b, allocation)
		return nil
	}
	here := d.in.cart.Position().Partition
	for _, w := range l {
		if valid && w.number != number || !valid && w.partition != here {
			continue
		}
		b := []byte{0, 8, 0, 0, byte(w.object >> 40), byte(w.object >> 32)}
		t.Reply(binary.BigEndian.AppendUint32(b, uint32(w.object)), allocation)
		return nil
	}
	return scsi.InvalidFieldInCDBAt(4, -1)
}

// wraps are the wraps that hold something, in order; the first of a partition also
// when that is empty.
func (d *Drive) wraps() (l []wrap, err error) {
	c, tape := d.in.cart, d.layout()
	for p, share := range tape.share {
		k := c.Capacity(uint8(p))
		for i := range share {
			end := int64(i+1) * tape.size
			w := wrap{number: tape.first[p] + i, partition: uint8(p)}
			if end >= k.Used || i == share-1 {
				end = k.Used
			}
			if w.object, err = c.ObjectAt(uint8(p), end); err != nil {
				return nil, err
			}
			l = append(l, w)
			if end == k.Used {
				break
			}
		}
	}
	return l, nil
}

// readLoggedInHostTable is READ LOGGED-IN HOST TABLE. iSCSI initiator ports have no
// world wide names: they get one made of their name, so that each is itself.
func (d *Drive) readLoggedInHostTable(t *scsi.Task) error {
	report := t.CDB[3] & 0x07
	if report > 2 {
		return scsi.InvalidFieldInCDBAt(3, 2)
	}
	b := make([]byte, 4)
	for _, h := range d.Hosts(t.Nexus) {
		if report == 1 && !h.New || report == 2 && !h.Active {
			continue
		}
		b = append(b, worldWideName(h.Nexus.InitiatorName)...)
		b = append(b, worldWideName(h.Nexus.InitiatorPort())...)
		b = append(b, 0, 0, 0, 0)
		b = append(b, byte(h.Since>>40), byte(h.Since>>32))
		b = binary.BigEndian.AppendUint32(b, uint32(h.Since))
		b = append(b, byte((h.Nexus.RelativePort-1)&0x03), byte(h.Index>>8), byte(h.Index), byte(h.Nexus.RelativePort), 0, 0)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	t.Reply(b, int(min(binary.BigEndian.Uint32(t.CDB[6:]), 1<<20)))
	return nil
}

// worldWideName is a locally assigned NAA name (format 3) made of a text.
func worldWideName(name string) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return binary.BigEndian.AppendUint64(nil, h.Sum64()&(1<<60-1)|3<<60)
}
