package ssc

import "govtl/scsi"

// Conflicts implements scsi.Device.
func (d *Drive) Conflicts(n *scsi.Nexus, c *scsi.Command) bool { return false }

// BadLUN implements scsi.Device.
func (d *Drive) BadLUN(t *scsi.Task) error {
	return scsi.NewSense(scsi.IllegalRequest, scsi.LogicalUnitNotSupported)
}
