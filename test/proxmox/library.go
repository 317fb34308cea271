package proxmox

import (
	"fmt"
	"slices"

	"govtl/test/ltfs"
)

// LibraryStory takes stock of a library and moves the cartridge with a volume tag:
// into the drive that has a serial number, back to its slot, to an import/export
// element when there is one, and back. eject has the drive unload the cartridge,
// before the library takes it out. The library is left as it was.
func LibraryStory(u ltfs.Unit, tag, serial string, eject func() error) error {
	c := OpenChanger(u)
	before, err := c.Inventory()
	if err != nil {
		return err
	}
	from := slices.IndexFunc(before.Slots, func(s Slot) bool { return s.Tag == tag })
	to := slices.IndexFunc(before.Bays, func(b Bay) bool { return b.Serial == serial })
	if from < 0 || to < 0 {
		return fmt.Errorf("no cartridge %s, or no drive with the serial number %s, in %+v", tag, serial, before)
	}
	slot, bay := before.Slots[from].Address, before.Bays[to].Address
	if err := c.Move(before, slot, bay); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	v, err := c.Inventory()
	if err != nil {
		return err
	}
	if b := v.Bays[to]; !b.Full || b.Tag != tag || b.Source != slot || v.Slots[from].Full {
		return fmt.Errorf("after the load from %d: %+v, %+v", slot, b, v.Slots[from])
	}
	if err := firstError(eject(), c.Move(v, bay, slot)); err != nil {
		return fmt.Errorf("unload: %w", err)
	}
	if portal := slices.IndexFunc(v.Slots, func(s Slot) bool { return s.Portal && !s.Full }); portal >= 0 {
		at := v.Slots[portal].Address
		if err := c.Move(v, slot, at); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if v, err = c.Inventory(); err != nil {
			return err
		}
		if s := v.Slots[portal]; s.Tag != tag || v.Slots[from].Full {
			return fmt.Errorf("after the export: %+v, %+v", s, v.Slots[from])
		}
		if err := c.Move(v, at, slot); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	if err := c.Settle(); err != nil {
		return err
	}
	after, err := c.Inventory()
	if err == nil && !slices.Equal(after.Slots, before.Slots) {
		err = fmt.Errorf("the slots were %+v and are %+v", before.Slots, after.Slots)
	}
	return err
}
