package spc

import (
	"govtl/scsi"
)

// Operation codes whose relation to reservations is a rule of its own.
const (
	opReserve6             = 0x16
	opRelease6             = 0x17
	opReserve10            = 0x56
	opRelease10            = 0x57
	opPersistentReserveIn  = 0x5E
	opPersistentReserveOut = 0x5F
)

// Conflicts implements scsi.Device: whether a reservation of another nexus
// forbids the command (SPC-2 5.5.1, SPC-4 5.13.1).
func (c *Core) Conflicts(n *scsi.Nexus, cmd *scsi.Command) bool {
	switch cmd.Opcode {
	case opRelease6, opRelease10:
		return c.releaseConflicts(n)
	case opReserve6, opReserve10:
		return c.reserveConflicts(n)
	case opPersistentReserveIn, opPersistentReserveOut:
		return c.reserved != nil && c.reserved != n
	}
	if cmd.Access == scsi.Unrestricted {
		return false
	}
	if c.reserved != nil && c.reserved != n {
		return true
	}
	return c.pr.forbids(n, cmd.Access)
}

// compatible reports whether RESERVE and RELEASE of the nexus end with GOOD and
// without effect, as CRH allows beside persistent reservations (SPC-3 5.6.3).
func (c *Core) compatible(n *scsi.Nexus) bool {
	return c.cfg.CompatibleReserve && c.pr.registered(n) && !c.pr.forbids(n, scsi.Exclusive)
}

func (c *Core) reserveConflicts(n *scsi.Nexus) bool {
	if c.pr.active() {
		return !c.compatible(n)
	}
	return c.reserved != nil && c.reserved != n
}

// releaseConflicts: without persistent reservations RELEASE never conflicts; it
// has no effect when another nexus holds the reservation (SPC-2 7.17).
func (c *Core) releaseConflicts(n *scsi.Nexus) bool {
	return c.pr.active() && !c.compatible(n)
}

// reserve carries out RESERVE(6) and (10), SPC-2 7.21 and 7.22. Third party and
// extent reservations are not there.
func (c *Core) reserve(t *scsi.Task) error {
	if err := wholeUnit(t); err != nil {
		return err
	}
	if !c.pr.active() {
		c.reserved, c.state(t.Nexus).reservedAt = t.Nexus, c.milliseconds()
	}
	return nil
}

// release carries out RELEASE(6) and (10), SPC-2 7.16 and 7.17.
func (c *Core) release(t *scsi.Task) error {
	if err := wholeUnit(t); err != nil {
		return err
	}
	if c.reserved == t.Nexus {
		c.reserved = nil
	}
	return nil
}

// ReserveUnit is RESERVE of the logical unit, for a device that also reserves
// elements.
func (c *Core) ReserveUnit(t *scsi.Task) error { return c.reserve(t) }

// ReleaseUnit is RELEASE of the logical unit likewise.
func (c *Core) ReleaseUnit(t *scsi.Task) error { return c.release(t) }

// wholeUnit refuses third party (bit 4) and extent (bit 0) reservations.
func wholeUnit(t *scsi.Task) error {
	for _, bit := range []int{4, 1, 0} {
		if t.CDB[1]&(1<<bit) != 0 {
			return scsi.InvalidFieldInCDBAt(1, bit)
		}
	}
	return nil
}

// ReservedBy is the nexus that holds an SPC-2 reservation, nil without one.
func (c *Core) ReservedBy() *scsi.Nexus { return c.reserved }
