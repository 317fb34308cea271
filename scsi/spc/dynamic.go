package spc

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"govtl/scsi"
)

// Dynamic runtime attributes (IBM GA32-0928 6.2): what a drive knows of the nexuses
// that use it, and what their programs tell it of themselves. They end with the
// nexus, and with the drive's power.

// Identifiers of dynamic runtime attributes.
const (
	dynamicNexuses       = 0x0000
	dynamicTimestamp     = 0x0001
	dynamicReservation   = 0x0010
	dynamicRegistrations = 0x0011
	dynamicPrevention    = 0x0012

	dynamicTransportID = 0x1000
	dynamicTargetPort  = 0x1001
	dynamicLastAccess  = 0x1002

	dynamicInitiatorFirst = 0x1800
)

// initiatorAttributes are the longest values of the attributes that initiators
// write, from 1800h on: special file, path, host, system, its version, driver, its
// version, process.
var initiatorAttributes = [8]int{32, 4, 32, 16, 32, 16, 16, 8}

// spc2Reservation is RESERVATION TYPE of a reservation by RESERVE.
const spc2Reservation = 0x10

// The formats of a value.
const (
	dynamicBinary = 0
	dynamicASCII  = 1
)

// maxDynamicList bounds the parameter list of WRITE DYNAMIC RUNTIME ATTRIBUTE.
const maxDynamicList = 4096

// ReadDynamicAttribute is READ DYNAMIC RUNTIME ATTRIBUTE, A3h/1Eh.
func ReadDynamicAttribute[D Host]() scsi.Row[D] {
	return keeps(action[D](0x1E, "READ DYNAMIC RUNTIME ATTRIBUTE", "IBM GA32-0928 5.2.19", scsi.DataIn, scsi.Unrestricted,
		(*Core).readDynamicAttribute, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, control))
}

// ReadDynamicAttributeLegacy is the same with operation code D1h.
func ReadDynamicAttributeLegacy[D Host]() scsi.Row[D] {
	return keeps(row[D]("READ DYNAMIC RUNTIME ATTRIBUTE, legacy", "IBM GA32-0928 5.2.19", scsi.DataIn, scsi.Unrestricted,
		(*Core).readDynamicAttribute, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, control))
}

// WriteDynamicAttribute is WRITE DYNAMIC RUNTIME ATTRIBUTE, A4h/1Eh.
func WriteDynamicAttribute[D Host]() scsi.Row[D] {
	return keeps(action[D](0x1E, "WRITE DYNAMIC RUNTIME ATTRIBUTE", "IBM GA32-0928 5.2.45", scsi.DataOut, scsi.Unrestricted,
		(*Core).writeDynamicAttribute, 0x1F, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, control))
}

// WriteDynamicAttributeLegacy is the same with operation code D2h.
func WriteDynamicAttributeLegacy[D Host]() scsi.Row[D] {
	return keeps(row[D]("WRITE DYNAMIC RUNTIME ATTRIBUTE, legacy", "IBM GA32-0928 5.2.45", scsi.DataOut, scsi.Unrestricted,
		(*Core).writeDynamicAttribute, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, control))
}

// Accessed notes that a nexus has used the medium, with the time.
func (c *Core) Accessed(n *scsi.Nexus) {
	s := c.state(n)
	s.accessed = c.milliseconds()
	c.latest = n
}

// readDynamicAttribute carries out READ DYNAMIC RUNTIME ATTRIBUTE: which
// attributes there are, or their values for this nexus or for all.
func (c *Core) readDynamicAttribute(t *scsi.Task) error {
	report, first, last := t.CDB[1]>>5, binary.BigEndian.Uint16(t.CDB[2:]), binary.BigEndian.Uint16(t.CDB[4:])
	head := t.CDB[1] & 0xE0
	if t.CDB[0] == 0xD1 {
		head = t.CDB[1]
		legacy := map[byte]byte{0x00: 0, 0x10: 1, 0x11: 2}
		var ok bool
		if report, ok = legacy[head]; !ok {
			return scsi.InvalidFieldInCDBAt(1, 4)
		}
	}
	switch {
	case report > 2:
		return scsi.InvalidFieldInCDBAt(1, 7)
	case last < first:
		return scsi.InvalidFieldInCDBAt(4, -1)
	}
	b := []byte{head, 0, 0, 0, 0, 0, 0, 0}
	if report == 0 {
		for _, id := range supportedDynamic() {
			if id >= first && id <= last {
				b = binary.BigEndian.AppendUint16(b, id)
			}
		}
	} else {
		w := dynamicWriter{b: b, first: first, last: last}
		c.unitDynamic(&w)
		for _, n := range c.inOrder() {
			if report == 2 || n == t.Nexus {
				w.index = c.nexuses[n].index
				c.nexusDynamic(&w, n)
			}
		}
		b = w.b
	}
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-8))
	return reply32(t, b)
}

// supportedDynamic are all identifiers in order.
func supportedDynamic() []uint16 {
	l := []uint16{dynamicNexuses, dynamicTimestamp, dynamicReservation, dynamicRegistrations, dynamicPrevention,
		dynamicTransportID, dynamicTargetPort, dynamicLastAccess}
	for i := range initiatorAttributes {
		l = append(l, dynamicInitiatorFirst+uint16(i))
	}
	return l
}

// inOrder are the nexuses by index.
func (c *Core) inOrder() []*scsi.Nexus {
	return slices.SortedFunc(maps.Keys(c.nexuses), func(a, b *scsi.Nexus) int {
		return cmp.Compare(c.nexuses[a].index, c.nexuses[b].index)
	})
}

// dynamicWriter appends the attributes of a range.
type dynamicWriter struct {
	b           []byte
	first, last uint16
	index       uint16 // I_T NEXUS INDEX; 0: of the logical unit
}

func (w *dynamicWriter) add(id uint16, readOnly bool, format byte, value []byte) {
	if id < w.first || id > w.last {
		return
	}
	w.b = binary.BigEndian.AppendUint16(w.b, w.index)
	w.b = binary.BigEndian.AppendUint16(w.b, id)
	if readOnly {
		format |= 0x80
	}
	w.b = append(w.b, format)
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(value)))
	w.b = append(w.b, value...)
}

// unitDynamic appends the logical unit's attributes.
func (c *Core) unitDynamic(w *dynamicWriter) {
	w.add(dynamicNexuses, true, dynamicBinary, binary.BigEndian.AppendUint16(nil, maxRegistrants))
	w.add(dynamicTimestamp, true, dynamicBinary, c.timestamp(c.milliseconds()))
	var holders, registered, preventing []byte
	kind := c.pr.kind
	for _, r := range c.pr.regs {
		d := c.identify(r.nexus, r.port, r.since)
		registered = append(registered, d...)
		if c.pr.holds(r) {
			holders = append(holders, d...)
		}
	}
	if n := c.reserved; n != nil {
		kind, holders = spc2Reservation, c.identify(n, n.InitiatorPort(), c.state(n).reservedAt)
	}
	for _, n := range c.inOrder() {
		if s := c.nexuses[n]; s.prevents {
			preventing = append(preventing, c.identify(n, n.InitiatorPort(), s.preventsSince)...)
		}
	}
	if len(holders) > 0 {
		w.add(dynamicReservation, true, dynamicBinary, append([]byte{kind, 0}, holders...))
	}
	if len(registered) > 0 {
		w.add(dynamicRegistrations, true, dynamicBinary, registered)
	}
	if len(preventing) > 0 {
		w.add(dynamicPrevention, true, dynamicBinary, preventing)
	}
}

// nexusDynamic appends the attributes of the target and of the initiator for a nexus.
func (c *Core) nexusDynamic(w *dynamicWriter, n *scsi.Nexus) {
	c.targetDynamic(w, n)
	c.initiatorDynamic(w, n)
}

func (c *Core) targetDynamic(w *dynamicWriter, n *scsi.Nexus) {
	w.add(dynamicTransportID, true, dynamicBinary, transportID(n.InitiatorPort()))
	w.add(dynamicTargetPort, true, dynamicBinary, binary.BigEndian.AppendUint16(nil, n.RelativePort))
	if at := c.nexuses[n].accessed; at > 0 {
		w.add(dynamicLastAccess, true, dynamicBinary, c.timestamp(at))
	}
}

func (c *Core) initiatorDynamic(w *dynamicWriter, n *scsi.Nexus) {
	for i, v := range c.nexuses[n].told {
		if len(v) > 0 {
			w.add(dynamicInitiatorFirst+uint16(i), false, dynamicASCII, v)
		}
	}
}

// identify is the I_T_L nexus identifying information of a nexus, which may be gone
// (nil), since some time.
func (c *Core) identify(n *scsi.Nexus, port string, since uint64) []byte {
	target, initiator := dynamicWriter{last: 0xFFFF}, dynamicWriter{last: 0xFFFF}
	if s := c.nexuses[n]; s != nil {
		target.index, initiator.index = s.index, s.index
		c.targetDynamic(&target, n)
		c.initiatorDynamic(&initiator, n)
	} else {
		target.add(dynamicTransportID, true, dynamicBinary, transportID(port))
	}
	b := append(make([]byte, 4), c.timestamp(since)...)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(target.b))), target.b...)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(initiator.b))), initiator.b...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// writeDynamicAttribute carries out WRITE DYNAMIC RUNTIME ATTRIBUTE: attributes in
// ascending order, of which those are kept that initiators may write.
func (c *Core) writeDynamicAttribute(t *scsi.Task) error {
	n := binary.BigEndian.Uint32(t.CDB[6:])
	if n > maxDynamicList {
		return scsi.InvalidFieldInCDBAt(6, -1)
	}
	list, err := t.DataOut(int(n))
	if err != nil || n == 0 {
		return err
	}
	told := c.state(t.Nexus).told
	last := -1
	for at := 8; at+9 <= len(list); {
		id, length := binary.BigEndian.Uint16(list[at+2:]), int64(binary.BigEndian.Uint32(list[at+5:]))
		if int(id) <= last {
			return scsi.InvalidParameterAt(at+2, -1)
		}
		last = int(id)
		if length > int64(len(list)-at-9) {
			break // cut off by the list's length: ignored
		}
		value, format := list[at+9:at+9+int(length)], list[at+4]&0x03
		at += 9 + int(length)
		i := int(id) - dynamicInitiatorFirst
		switch {
		case i < 0 || i >= len(initiatorAttributes):
		case length == 0:
			told[i] = nil
		case format == dynamicASCII:
			told[i] = slices.Clone(value[:min(len(value), initiatorAttributes[i])])
		}
	}
	c.state(t.Nexus).told = told
	return nil
}

// LoggedIn is a nexus for READ LOGGED-IN HOST TABLE.
type LoggedIn struct {
	Nexus *scsi.Nexus
	Index uint16
	Since uint64 // milliseconds of the device clock

	// New: logged in since the nexus that asks was last told. Active: the last
	// to have used the medium.
	New, Active bool
}

// Hosts are the nexuses that are logged in, for one that is thereby told of them.
func (c *Core) Hosts(asks *scsi.Nexus) []LoggedIn {
	var l []LoggedIn
	told := c.state(asks).hostsTold
	for _, n := range c.inOrder() {
		s := c.nexuses[n]
		l = append(l, LoggedIn{Nexus: n, Index: s.index, Since: s.since, New: s.serial > told, Active: n == c.latest})
	}
	c.state(asks).hostsTold = c.serial
	return l
}
