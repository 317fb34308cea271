package smc

import (
	"context"
	"encoding/binary"

	"govtl/scsi"
	"govtl/scsi/personality"
)

// address is an element address of a CDB.
func address(cdb []byte, at int) ElementAddress {
	return ElementAddress(binary.BigEndian.Uint16(cdb[at:]))
}

// transport checks the MEDIUM TRANSPORT ADDRESS of a CDB: 0 is the default one.
// Which picker is named makes no difference.
func (c *Changer) transport(cdb []byte) error {
	a := address(cdb, 2)
	if a == 0 {
		return nil
	}
	_, l := c.snapshot()
	if e, ok := l.element(a); !ok || e.Type != MediumTransport {
		return invalidElement(2).Because("%#04x is no medium transport element", uint16(a))
	}
	return nil
}

// elementAt is the element whose address is in a CDB.
func (c *Changer) elementAt(cdb []byte, at int) (Element, error) {
	_, l := c.snapshot()
	e, ok := l.element(address(cdb, at))
	if !ok {
		return e, invalidElement(at).Because("%#04x is no element address", uint16(address(cdb, at)))
	}
	return e, nil
}

// moveMedium carries out MOVE MEDIUM, SMC-3 6.6. The mover does it; the changer
// answers other commands meanwhile.
func (c *Changer) moveMedium(t *scsi.Task) error {
	invert := t.CDB[10]&0x01 != 0
	if invert && !c.rotates() {
		return scsi.InvalidFieldInCDBAt(10, 0)
	}
	if err := c.transport(t.CDB); err != nil {
		return err
	}
	from, err := c.elementAt(t.CDB, 4)
	if err != nil {
		return err
	}
	to, err := c.elementAt(t.CDB, 6)
	if err != nil {
		return err
	}
	if c.elementConflict(t.Nexus, from, to) {
		return scsi.ReservationConflict
	}
	return c.detach(t, func(ctx context.Context) error {
		return c.moveOne(ctx, initiator(t), way{from: from, to: to, fromAt: 4, toAt: 6, invert: invert})
	})
}

// rotates reports whether the transport turns media over (ROTATE of page 1Eh).
func (c *Changer) rotates() bool { return c.model.Has(personality.LibraryRotates) }

// initiator is who has sent a task.
func initiator(t *scsi.Task) string {
	if t.Nexus == nil {
		return ""
	}
	return t.Nexus.InitiatorName
}

// moveOne moves one volume for somebody. A drive's volume that is to go to the same drive
// stays there.
func (c *Changer) moveOne(ctx context.Context, by string, w way) error {
	if w.stays() && w.from.Type == DataTransfer {
		return scsi.InvalidFieldInCDBAt(10, 0).Because("a medium in a drive is not turned over there")
	}
	if w.from == w.to && w.from.Type == DataTransfer {
		inv, _ := c.snapshot()
		if inv.volume(w.from) != nil {
			return nil
		}
	}
	_, err := c.transfer(ctx, by, w)
	return err
}

// exchangeMedium carries out EXCHANGE MEDIUM, SMC-3 6.3: the volume of the first
// destination goes to the second, that of the source to the first. The second
// destination may be the source.
func (c *Changer) exchangeMedium(t *scsi.Task) error {
	var invert [2]bool // INV1 for the first destination, INV2 for the second
	for bit := 1; bit >= 0; bit-- {
		invert[1-bit] = t.CDB[10]&(1<<bit) != 0
		if invert[1-bit] && !c.rotates() {
			return scsi.InvalidFieldInCDBAt(10, bit)
		}
	}
	if err := c.transport(t.CDB); err != nil {
		return err
	}
	var e [3]Element
	for i, at := range []int{4, 6, 8} {
		var err error
		if e[i], err = c.elementAt(t.CDB, at); err != nil {
			return err
		}
	}
	source, first, second := e[0], e[1], e[2]
	if c.elementConflict(t.Nexus, source, first, second) {
		return scsi.ReservationConflict
	}
	if source == first || first == second {
		return invalidElement(6).Because("source, first and second destination are not different")
	}
	return c.detach(t, func(ctx context.Context) error { return c.exchange(ctx, initiator(t), source, first, second, invert) })
}

func (c *Changer) exchange(ctx context.Context, by string, source, first, second Element, invert [2]bool) error {
	_, err := c.transfer(ctx, by,
		way{from: source, to: first, fromAt: 4, toAt: 6, invert: invert[0], invertBit: 1},
		way{from: first, to: second, fromAt: 6, toAt: 8, invert: invert[1]},
	)
	return err
}

// positionToElement carries out POSITION TO ELEMENT, SMC-3 6.8.
func (c *Changer) positionToElement(t *scsi.Task) error {
	if t.CDB[8]&0x01 != 0 && !c.rotates() { // INVERT
		return scsi.InvalidFieldInCDBAt(8, 0)
	}
	if err := c.transport(t.CDB); err != nil {
		return err
	}
	e, err := c.elementAt(t.CDB, 4)
	if err != nil {
		return err
	}
	if c.elementConflict(t.Nexus, e) {
		return scsi.ReservationConflict
	}
	return nil
}

// rezeroUnit carries out REZERO UNIT, SCSI-2 17.2.4: the transport goes home.
func (c *Changer) rezeroUnit(*scsi.Task) error { return nil }

// initializeElementStatus carries out INITIALIZE ELEMENT STATUS, SMC-3 6.4: an
// audit. The drives are asked what they hold; those that do not answer stay as
// they are noted.
func (c *Changer) initializeElementStatus(t *scsi.Task) error {
	return c.detach(t, func(ctx context.Context) error {
		if err := c.auditAll(ctx); err != nil {
			c.log.Warn("audit of the drives", "err", err)
		}
		return nil
	})
}

// initializeWithRange carries out INITIALIZE ELEMENT STATUS WITH RANGE, SMC-3
// 6.5, and the vendor specific operation code of older changers.
func (c *Changer) initializeWithRange(t *scsi.Task) error {
	if t.CDB[1]&0x01 == 0 { // RANGE=0: all elements
		return c.initializeElementStatus(t)
	}
	if _, err := c.elementAt(t.CDB, 2); err != nil {
		return err
	}
	return c.initializeElementStatus(t)
}

// displayLength is the parameter list of LOAD DISPLAY.
const displayLength = 17

// loadDisplay takes a message for the library's display: a control byte and two
// messages of eight characters.
func (c *Changer) loadDisplay(t *scsi.Task) error {
	n := int(t.CDB[4])
	if n != displayLength && n != 0 {
		return scsi.InvalidFieldInCDBAt(4, 7)
	}
	b, err := t.DataOut(n)
	if err != nil || n == 0 {
		return err
	}
	text := make([]byte, 0, displayLength)
	for _, ch := range b[1:] {
		if ch < ' ' || ch > '~' {
			ch = ' '
		}
		text = append(text, ch)
	}
	c.mu.Lock()
	c.display = string(text)
	c.mu.Unlock()
	return nil
}
