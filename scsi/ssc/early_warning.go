package ssc

import "govtl/libcart"

// programmableWarning reports, once for each entry into the zone that PEWS counts
// back from early warning, that the position has entered it (SSC-4 4.2.5.1).
func (d *Drive) programmableWarning() bool {
	if d.pews == 0 || d.in.warned || !d.beyondProgrammableWarning() {
		return false
	}
	d.in.warned = true
	return true
}

// beyondProgrammableWarning reports whether the position is in that zone or past it.
func (d *Drive) beyondProgrammableWarning() bool {
	if d.pews == 0 {
		return false
	}
	c := d.in.cart.Capacity(d.in.cart.Position().Partition)
	return c.Max-d.in.cart.Before()-c.EarlyWarning < d.pews || d.in.cart.Zone() >= libcart.ZoneEarlyWarning
}
