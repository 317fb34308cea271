package ssc

import (
	"govtl/libcart"
	"govtl/scsi"
)

// senseUsedUp is the refusal while a cleaning cartridge is in that cleans no more.
var senseUsedUp = scsi.NewSense(scsi.NotReady, scsi.CleaningFailure)

// clean is what a cleaning cartridge does when it is put in: it cleans the drive
// as often as it may, which lowers the flags that ask for it.
func (d *Drive) clean(c *libcart.Cartridge) {
	d.raise(alertCleaningMedium)
	if d.in.usedUp = c.Counters().Loads > cleaningUses; d.in.usedUp {
		d.raise(alertCleanerUsedUp)
		return
	}
	d.alerts.Clear(alertCleanNow, alertCleanPeriodic, alertCleanerUsedUp, alertInvalidCleaner)
	d.stats.cleanings++
	d.cleanedAt = d.processed()
}
