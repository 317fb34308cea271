package spc

import (
	"encoding/binary"

	"govtl/scsi"
	"govtl/scsi/page"
)

func unsupported() *scsi.Sense {
	return scsi.NewSense(scsi.IllegalRequest, scsi.InvalidCommandOperationCode)
}

// header is the device's mode parameter header for a nexus.
func (c *Core) header(n *scsi.Nexus, pc page.Control) page.Header {
	if c.cfg.ModeHeader == nil {
		return page.Header{NoDescriptor: true}
	}
	return c.cfg.ModeHeader(n, pc)
}

// modeSense carries out MODE SENSE(6) and (10), SPC-4 6.13 and 6.14.
func (c *Core) modeSense(t *scsi.Task) error {
	if c.cfg.Modes == nil {
		return unsupported()
	}
	r := page.DecodeSense(t.CDB)
	b, err := c.cfg.Modes.Sense(nil, t.Nexus, r, c.header(t.Nexus, r.PC))
	if err != nil {
		return err
	}
	t.Reply(b, r.Allocation)
	return nil
}

// modeSelect carries out MODE SELECT(6) and (10), SPC-4 6.11 and 6.12: either
// everything in the list is right and takes effect, or nothing changes.
func (c *Core) modeSelect(t *scsi.Task) error {
	if c.cfg.Modes == nil {
		return unsupported()
	}
	ten, n := t.CDB[0] == 0x55, int(t.CDB[4])
	if ten {
		n = int(binary.BigEndian.Uint16(t.CDB[7:]))
	}
	save := t.CDB[1]&0x01 != 0
	list, err := t.DataOut(n)
	if err != nil {
		return err
	}
	if n > 0 && t.CDB[1]&0x10 == 0 && c.cfg.CheckPF {
		return scsi.InvalidFieldInCDBAt(1, 4)
	}
	sel, err := c.cfg.Modes.Select(t.Nexus, ten, save, list)
	if err != nil || !sel.HasHeader {
		return err
	}
	var rounded error
	if c.cfg.CheckMode != nil {
		if rounded = c.cfg.CheckMode(sel); !isRecovered(rounded) {
			return rounded
		}
	}
	shared := sel.SharedChanged()
	c.cfg.Modes.Commit(sel)
	if save {
		c.save()
	}
	if c.cfg.ModeChanged != nil {
		c.cfg.ModeChanged(sel)
	}
	if shared {
		c.Attend(scsi.ModeParametersChanged, t.Nexus)
	}
	return rounded
}

// isRecovered reports whether an error lets a command take effect.
func isRecovered(err error) bool {
	if err == nil {
		return true
	}
	s, ok := err.(*scsi.Sense)
	return ok && s.Key == scsi.RecoveredError
}

// logSense carries out LOG SENSE, SPC-4 6.8.
func (c *Core) logSense(t *scsi.Task) error {
	if c.cfg.Logs == nil {
		return unsupported()
	}
	r := page.DecodeLogSense(t.CDB)
	b, err := c.cfg.Logs.Sense(nil, t.Nexus, r)
	if err != nil {
		return err
	}
	t.Reply(b, r.Allocation)
	return nil
}

// logSelect carries out LOG SELECT, SPC-4 6.7.
func (c *Core) logSelect(t *scsi.Task) error {
	if c.cfg.Logs == nil {
		return unsupported()
	}
	list, err := t.DataOut(int(binary.BigEndian.Uint16(t.CDB[7:])))
	if err != nil {
		return err
	}
	changed, err := c.cfg.Logs.Select(t.Nexus, page.DecodeLogSelect(t.CDB), list)
	if err != nil {
		return err
	}
	if changed {
		c.Attend(scsi.LogParametersChanged, t.Nexus)
	}
	return nil
}
