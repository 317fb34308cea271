package spc

import (
	"encoding/binary"

	"govtl/scsi"
)

// identifying is what SET IDENTIFYING INFORMATION keeps, SPC-4 5.6.
type identifying struct {
	Device []byte `json:"device,omitempty"` // peripheral device identifying information
	Text   []byte `json:"text,omitempty"`   // peripheral device text identifying information
}

// The information types, SPC-4 table 293, and the most that is kept, in bytes.
const (
	infoDevice    = 0x00
	infoText      = 0x02
	infoSupported = 0x7F

	maxDeviceInfo = 512
	maxTextInfo   = 256
)

// reportIdentifyingInformation carries out A3h/05h, SPC-4 6.32.
func (c *Core) reportIdentifyingInformation(t *scsi.Task) error {
	b := make([]byte, 4)
	switch t.CDB[10] >> 1 {
	case infoDevice:
		b = append(b, c.ident.Device...)
	case infoText:
		b = append(b, c.ident.Text...)
	case infoSupported:
		b = append(b, infoDevice<<1, 0, maxDeviceInfo>>8, maxDeviceInfo&0xFF)
		b = append(b, infoText<<1, 0, maxTextInfo>>8, maxTextInfo&0xFF)
	default:
		return scsi.InvalidFieldInCDBAt(10, 7)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	return reply32(t, b)
}

// setIdentifyingInformation carries out A4h/06h, SPC-4 6.43.
func (c *Core) setIdentifyingInformation(t *scsi.Task) error {
	n := binary.BigEndian.Uint32(t.CDB[6:])
	keep, most := &c.ident.Device, uint32(maxDeviceInfo)
	switch t.CDB[10] >> 1 {
	case infoDevice:
	case infoText:
		keep, most = &c.ident.Text, maxTextInfo
	default:
		return scsi.InvalidFieldInCDBAt(10, 7)
	}
	if n > most {
		return scsi.InvalidFieldInCDBAt(6, 7)
	}
	b, err := t.DataOut(int(n))
	if err != nil {
		return err
	}
	if keep == &c.ident.Text && n > 0 && b[n-1] != 0 {
		return scsi.InvalidParameterAt(int(n-1), -1) // text ends with a NUL
	}
	*keep = append([]byte(nil), b...)
	c.save()
	c.Attend(scsi.DeviceIdentifierChanged, t.Nexus)
	return nil
}
