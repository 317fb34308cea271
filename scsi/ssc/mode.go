package ssc

import (
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/page"
)

// modeHeader is the mode parameter header and block descriptor, SSC-4 8.3.1.
func (d *Drive) modeHeader(n *scsi.Nexus, pc page.Control) page.Header {
	switch pc {
	case page.ChangeableValues:
		return page.Header{DeviceSpecific: 0x70, BlockLength: 0xFFFFFF}
	case page.DefaultValues, page.SavedValues:
		h := d.mediumHeader()
		h.DeviceSpecific |= 0x10
		return h
	}
	h := d.mediumHeader()
	h.DeviceSpecific |= d.buffer << 4
	if s := d.nexuses[n]; s != nil {
		h.BlockLength = s.blockLength
	}
	return h
}

// mediumHeader is what the header says of the medium: nothing without one.
func (d *Drive) mediumHeader() page.Header {
	m := d.in
	if m == nil || m.cart == nil && m.info.Kind != libcart.Cleaning {
		return page.Header{}
	}
	h := page.Header{MediumType: d.model.MediumTypeOf(m.info.Medium, m.kind)}
	if m.cart != nil {
		h.Density = m.info.Density
		if m.becomes != nil {
			h.Density = m.becomes.Density
		}
		if m.model != nil && m.model.EncryptedDensity != 0 && d.holdsEncrypted() {
			h.Density = m.model.EncryptedDensity
		}
		h.DeviceSpecific = flag(m.info.WriteProtected || m.readOnly, 0x80)
	}
	return h
}

// liveModePage fills in the dynamic fields of a mode page.
func (d *Drive) liveModePage(n *scsi.Nexus, m *page.Mode, b page.Image) {
	put := func(field string, v uint64) {
		if f := m.Fields.Find(field); f != nil {
			b.Put(f, v)
		}
	}
	switch {
	case m.Code == 0x10 && m.Subpage == 0:
		if d.in.loaded() {
			put("ACTIVE PARTITION", uint64(d.in.cart.Position().Partition))
		}
	case m.Code == 0x11:
		d.liveMediumPartition(put)
	case m.Code == 0x23:
		if d.in.loaded() && (d.in.info.WriteProtected || d.in.readOnly) {
			put("WRITE PROTECT", 0x80)
		}
	case m.Code == 0x24:
		if p := d.crypt.effective(n); p != nil {
			put("ENCR_E", uint64(flag(p.encrypt != encryptOff, 1)))
		}
	case m.Code == 0x25 && d.encrypts():
		put("ENCRYPTION METHOD", encryptionByApplication)
		if p := d.crypt.effective(n); p != nil && p.encrypt != encryptOff {
			put("ENCRYPTION STATE", 2) // on
		}
		put("MEDIUM ENCRYPTED", uint64(flag(d.holdsEncrypted(), 1)))
	case m.Code == 0x1D:
		if d.in.loaded() && d.in.info.Kind == libcart.WORM {
			put("WORMM", 1)
		}
	}
}

// encryptionByApplication is the ENCRYPTION METHOD of mode page 25h: applications
// hand the keys over.
const encryptionByApplication = 0x50

// checkMode checks what only the drive knows of a MODE SELECT.
func (d *Drive) checkMode(sel *page.Selection) error {
	if mode := sel.Header.DeviceSpecific >> 4 & 0x07; mode > 1 {
		return sel.RefuseDeviceSpecific(6)
	}
	if sel.HasDescriptor {
		l := &d.model.BlockLimits
		n := sel.Header.BlockLength
		if n != 0 && (n < uint32(l.Min) || n > max(l.Max, l.Accept)) {
			return sel.RefuseBlockLength()
		}
	}
	var rounded error
	for _, c := range sel.Pages {
		var err error
		switch {
		case c.Page.Code == 0x0A && c.Page.Subpage == 0xF0:
			err = checkProtection(c)
		case c.Page.Code == 0x10 && c.Page.Subpage == 0x01:
			err = d.checkWriteMode(c)
		case c.Page.Code == 0x11:
			err = d.checkMediumPartition(c)
		case c.Page.Code == 0x1C:
			err = d.checkExceptions(c)
		}
		if s, ok := err.(*scsi.Sense); ok && s.Key == scsi.RecoveredError {
			rounded = err
		} else if err != nil {
			return err
		}
	}
	return rounded
}

// checkProtection: a method needs the length of its field.
func checkProtection(c *page.Change) error {
	const field = "LOGICAL BLOCK PROTECTION INFORMATION LENGTH"
	if c.Get("LOGICAL BLOCK PROTECTION METHOD") != 0 && c.Get(field) != guardLength {
		return c.Refuse(field)
	}
	return nil
}

// checkWriteMode: append-only mode can be entered at any time and left only
// without a medium.
func (d *Drive) checkWriteMode(c *page.Change) error {
	if c.Was("WRITE MODE") == 1 && c.Get("WRITE MODE") == 0 && d.in.loaded() {
		return c.Refuse("WRITE MODE")
	}
	return nil
}

// checkExceptions carries out TEST of the informational exceptions page: it sets
// a TapeAlert flag, or lowers it with a negative number.
func (d *Drive) checkExceptions(c *page.Change) error {
	if c.Get("TEST") == 0 {
		return nil
	}
	if c.Get("DEXCPT") == 1 {
		return c.Refuse("TEST")
	}
	n := int32(c.Get("REPORT COUNT/TEST FLAG NUMBER"))
	if n > 64 || n < -64 {
		return c.Refuse("REPORT COUNT/TEST FLAG NUMBER")
	}
	return nil
}

// modeChanged takes the new values over.
func (d *Drive) modeChanged(sel *page.Selection) {
	if b := sel.Header.DeviceSpecific >> 4 & 0x07; b != d.buffer {
		d.buffer = b
		d.Attend(scsi.ModeParametersChanged, sel.Nexus)
	}
	s := d.state(sel.Nexus)
	if sel.HasDescriptor {
		s.blockLength = sel.Header.BlockLength
	}
	modes := d.Modes()
	if c := sel.Find(0x0F, 0); c != nil && c.Changed("DCE") {
		modes.Set(0x10, 0, "SELECT DATA COMPRESSION ALGORITHM", c.Get("DCE"))
	} else if c := sel.Find(0x10, 0); c != nil && c.Changed("SELECT DATA COMPRESSION ALGORITHM") {
		modes.Set(0x0F, 0, "DCE", c.Get("SELECT DATA COMPRESSION ALGORITHM"))
	}
	if c := sel.Find(0x1C, 0); c != nil && c.Get("TEST") == 1 {
		if n := int32(c.Get("REPORT COUNT/TEST FLAG NUMBER")); n > 0 {
			d.alerts.Set(int(n))
		} else if n < 0 {
			d.alerts.Clear(int(-n))
		}
		modes.Set(0x1C, 0, "TEST", 0)
	}
	if c := sel.Find(0x11, 0); c != nil {
		d.selectMediumPartition(c)
	}
	d.takeModes()
	s.lbp = d.protectionOf(sel.Nexus)
}

// takeModes reads the mode parameters that the data path needs.
func (d *Drive) takeModes() {
	modes := d.Modes()
	d.pews = int64(modes.Get(nil, 0x10, 0x01, "PEWS")) * 1_000_000
	if on := modes.Get(nil, 0x10, 0x01, "WRITE MODE") == 1; on != d.append {
		d.append = on
		if d.in != nil {
			d.in.appendKnown = false // by the rules that were
		}
	}
	d.onlyReserved = modes.Get(nil, 0x10, 0, "OIR") == 1
	d.compress = !modes.Has(0x0F, 0) || modes.Get(nil, 0x0F, 0, "DCE") == 1
	if d.in.loaded() {
		d.in.cart.SetCodec(d.effectiveCodec())
	}
}

// protectionOf is logical block protection as a nexus has set it.
func (d *Drive) protectionOf(n *scsi.Nexus) protection {
	modes := d.Modes()
	return protection{
		method: protectionMethod(modes.Get(n, 0x0A, 0xF0, "LOGICAL BLOCK PROTECTION METHOD")),
		write:  modes.Get(n, 0x0A, 0xF0, "LBP_W") == 1,
		read:   modes.Get(n, 0x0A, 0xF0, "LBP_R") == 1,
	}
}
