package spc

import "govtl/scsi"

// Reserves reports whether the nexus holds the logical unit reserved: by RESERVE,
// or as holder or registrant of a persistent reservation. Drives whose mode page
// says that only a reserved unit may be written ask it (OIR of SSC-4 8.3.3).
func (c *Core) Reserves(n *scsi.Nexus) bool {
	if c.reserved != nil {
		return c.reserved == n
	}
	return c.pr.kind != 0 && !c.pr.forbids(n, scsi.Exclusive)
}
