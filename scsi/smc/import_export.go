package smc

import (
	"govtl/scsi"
)

// openCloseImportExport carries out OPEN/CLOSE IMPORT/EXPORT ELEMENT, SMC-3 6.7.
// There is one door for all import/export elements.
func (c *Changer) openCloseImportExport(t *scsi.Task) error {
	e, err := c.elementAt(t.CDB, 2)
	if err != nil {
		return err
	}
	if e.Type != ImportExport {
		return invalidElement(2).Because("%s is no import/export element", e)
	}
	if c.elementConflict(t.Nexus, e) {
		return scsi.ReservationConflict
	}
	switch t.CDB[4] & 0x1F {
	case 0:
		return c.openDoor()
	case 1:
		c.closeDoor()
		return nil
	}
	return scsi.InvalidFieldInCDBAt(4, 4)
}

// openDoor opens the import/export door. It is refused while an initiator
// prevents removal, and while a volume is on its way to or from there.
func (c *Changer) openDoor() error {
	c.mu.Lock()
	if c.door {
		c.mu.Unlock()
		return nil
	}
	if c.prevented {
		c.mu.Unlock()
		return illegal(scsi.MediumRemovalPrevented).Because("an initiator prevents medium removal")
	}
	for n := 1; n <= c.layout.count[ImportExport]; n++ {
		if e := (Element{ImportExport, n}); c.inUse(e) {
			c.mu.Unlock()
			return notReady(scsi.OperationInProgressNotReady).Because("a volume is on its way to or from %s", e)
		}
	}
	c.door = true
	c.mu.Unlock()
	c.keepSwitches()
	c.event(Event{Kind: DoorOpened})
	return nil
}

// closeDoor closes the import/export door. Initiators are told that import or
// export elements were accessed.
func (c *Changer) closeDoor() {
	c.mu.Lock()
	was := c.door
	c.door = false
	c.mu.Unlock()
	if !was {
		return
	}
	c.keepSwitches()
	c.attend(scsi.ImportExportElementAccessed, nil)
	c.event(Event{Kind: DoorClosed})
}
