package spc

import (
	"bytes"
	"encoding/binary"
	"slices"

	"govtl/scsi"
)

// reply16 sends parameter data within the allocation length in CDB bytes 7 and 8.
func reply16(t *scsi.Task, b []byte) error {
	t.Reply(b, int(binary.BigEndian.Uint16(t.CDB[7:])))
	return nil
}

// reply32 sends parameter data within the allocation length in CDB bytes 6 to 9.
func reply32(t *scsi.Task, b []byte) error {
	t.Reply(b, int(min(binary.BigEndian.Uint32(t.CDB[6:]), uint32(len(b)))))
	return nil
}

// inHeader is PRGENERATION and the length of what follows, which endList fills in.
func (c *Core) inHeader() []byte {
	b := binary.BigEndian.AppendUint32(nil, c.pr.generation)
	return append(b, 0, 0, 0, 0)
}

func endList(b []byte) []byte {
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// readKeys carries out READ KEYS, SPC-4 6.15.2.
func (c *Core) readKeys(t *scsi.Task) error {
	b := c.inHeader()
	for _, r := range c.pr.regs {
		b = binary.BigEndian.AppendUint64(b, r.key)
	}
	return reply16(t, endList(b))
}

// readReservation carries out READ RESERVATION, SPC-4 6.15.3.
func (c *Core) readReservation(t *scsi.Task) error {
	b := c.inHeader()
	if c.pr.kind != 0 {
		var key uint64 // zero for the all registrants types
		if c.pr.holder != nil {
			key = c.pr.holder.key
		}
		b = binary.BigEndian.AppendUint64(b, key)
		b = append(b, 0, 0, 0, 0, 0, c.pr.kind, 0, 0)
	}
	return reply16(t, endList(b))
}

// reportCapabilities carries out REPORT CAPABILITIES, SPC-4 6.15.4.
func (c *Core) reportCapabilities(t *scsi.Task) error {
	b := []byte{0, 8, 0, 0x80, 0, 0, 0, 0} // TMV: the type mask is valid
	if c.cfg.CompatibleReserve {
		b[2] |= 0x10 // CRH
	}
	if c.cfg.PersistThroughPowerLoss {
		b[2] |= 0x01 // PTPL_C
	}
	if c.pr.aptpl {
		b[3] |= 0x01 // PTPL_A
	}
	for _, k := range c.types() {
		if k == ExclusiveAccessAllRegistrants {
			b[5] |= 0x01
		} else {
			b[4] |= 1 << k
		}
	}
	return reply16(t, b)
}

// readFullStatus carries out READ FULL STATUS, SPC-4 6.15.5.
func (c *Core) readFullStatus(t *scsi.Task) error {
	b := c.inHeader()
	for _, r := range c.pr.regs {
		b = binary.BigEndian.AppendUint64(b, r.key)
		var flags, kind byte
		if c.pr.holds(r) {
			flags, kind = 0x01, c.pr.kind // R_HOLDER
		}
		id := transportID(r.port)
		b = append(b, 0, 0, 0, 0, flags, kind, 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, t.Nexus.RelativePort)
		b = binary.BigEndian.AppendUint32(b, uint32(len(id)))
		b = append(b, id...)
	}
	return reply16(t, endList(b))
}

// transportID is the iSCSI TransportID of an initiator port, format 01b, SPC-4 7.6.4.6.
func transportID(port string) []byte {
	id := append([]byte{0x45, 0, 0, 0}, port...)
	id = append(id, 0)
	for len(id)%4 != 0 || len(id) < 24 {
		id = append(id, 0)
	}
	binary.BigEndian.PutUint16(id[2:], uint16(len(id)-4))
	return id
}

// decodeTransportID is the initiator port name in an iSCSI TransportID of format
// 01b; ok is false for anything else.
func decodeTransportID(b []byte) (port string, ok bool) {
	if len(b) < 24 || b[0] != 0x45 || int(binary.BigEndian.Uint16(b[2:])) != len(b)-4 || len(b)%4 != 0 {
		return "", false
	}
	name, rest, found := bytes.Cut(b[4:], []byte{0})
	if !found || len(name) == 0 || len(name) > maxPortName || slices.ContainsFunc(rest, func(c byte) bool { return c != 0 }) {
		return "", false
	}
	return string(name), bytes.Contains(name, []byte(",i,0x"))
}
