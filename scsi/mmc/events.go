package mmc

import (
	"errors"
	"math/bits"

	"govtl/scsi"
)

// Media events, MMC-6 6.7.2.5.
const (
	eventNone     = 0
	eventNewMedia = 2
	eventRemoval  = 3
)

// getEvent is GET EVENT STATUS NOTIFICATION, MMC-6 6.7, polled.
func (d *Drive) getEvent(t *scsi.Task) error {
	// Operational change, power management, external request, media, device busy.
	const supported, media = 0x5E, 0x10
	if t.CDB[1]&0x01 == 0 {
		return scsi.InvalidFieldInCDBAt(1, 0)
	}
	b := []byte{0, 2, 0x80, supported} // NEA: none of the classes is one of the drive's
	switch asked := t.CDB[4] & supported; {
	case asked&media != 0: // the only one in which something happens
		s := d.state(t.Nexus)
		status := byte(0)
		if d.disc != nil {
			status |= 0x02
		}
		if d.ejected {
			status |= 0x01
		}
		b = []byte{0, 6, 4, supported, s.event, status, 0, 0}
		if be16(t.CDB[7:]) >= len(b) {
			s.event = eventNone
		}
	case asked != 0:
		b = []byte{0, 6, byte(bits.TrailingZeros8(asked)), supported, 0, 0, 0, 0}
	}
	t.Reply(b, be16(t.CDB[7:]))
	return nil
}

// mechanismStatus is MECHANISM STATUS, MMC-6 6.11: no changer inside.
func (d *Drive) mechanismStatus(t *scsi.Task) error {
	t.Reply(make([]byte, 8), be16(t.CDB[8:]))
	return nil
}

// startStop is START STOP UNIT, MMC-6 6.42. A stopped drive stays ready: it
// starts by itself.
func (d *Drive) startStop(t *scsi.Task) error {
	if t.CDB[4]&0xF0 != 0 || t.CDB[4]&0x02 == 0 {
		return nil
	}
	if d.busy != nil {
		return d.busy.sense()
	}
	if t.CDB[4]&0x01 == 0 {
		return ejectSense(d.eject())
	}
	if !d.ejected {
		return nil
	}
	d.ejected = false
	d.remember()
	if err := d.mount(); err != nil {
		d.event("refused", "%v", err)
	}
	return nil
}

// ejectSense tells why the tray stays shut.
func ejectSense(err error) error {
	if errors.Is(err, ErrPrevented) {
		return illegal(scsi.MediumRemovalPrevented)
	}
	return senseFor(err)
}
