package spc

import "govtl/scsi"

// preventAllow carries out PREVENT ALLOW MEDIUM REMOVAL, SPC-3 6.13. Each nexus
// prevents for itself; the medium may be removed when none does.
func (c *Core) preventAllow(t *scsi.Task) error {
	if t.CDB[4]&0x02 != 0 {
		return scsi.InvalidFieldInCDBAt(4, 1)
	}
	was := c.RemovalPrevented()
	s := c.state(t.Nexus)
	if prevents := t.CDB[4]&0x01 != 0; prevents != s.prevents {
		s.prevents, s.preventsSince = prevents, c.milliseconds()
	}
	c.preventMayHaveChanged(was)
	return nil
}

// RemovalPrevented reports whether a nexus prevents medium removal.
func (c *Core) RemovalPrevented() bool {
	for _, s := range c.nexuses {
		if s.prevents {
			return true
		}
	}
	return false
}

// AllowRemoval ends all prevention, for an operator who insists.
func (c *Core) AllowRemoval() {
	was := c.RemovalPrevented()
	for _, s := range c.nexuses {
		s.prevents = false
	}
	c.preventMayHaveChanged(was)
}

func (c *Core) preventMayHaveChanged(was bool) {
	if c.cfg.PreventChanged != nil && was != c.RemovalPrevented() {
		c.cfg.PreventChanged()
	}
}
