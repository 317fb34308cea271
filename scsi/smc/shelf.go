package smc

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"govtl/internal/vfs"
	"govtl/scsi"
)

// TakeOut puts volumes from slots, import/export elements and pickers onto the
// shelf, as an operator does who opens the library. All of them, or with an error
// none: those in drives and on their way cannot be taken. Volumes that are not
// inside are not mentioned in what it returns. Initiators get 28h/00h.
func (c *Changer) TakeOut(barcodes []string) (taken []string, err error) {
	var events []Event
	err = c.change(func(v *inventory) error {
		taken, events = nil, nil
		for _, b := range barcodes {
			e, ok := v.find(b)
			if !ok {
				continue
			}
			if e.Type == DataTransfer {
				return fmt.Errorf("smc: %s is in %s: move it out first", b, e)
			}
			c.mu.Lock()
			onTheWay := c.inUse(e)
			c.mu.Unlock()
			if onTheWay {
				return notReady(scsi.OperationInProgressNotReady).Because("%s is on its way", b)
			}
			p, _, _ := v.take(b)
			v.toShelf(p.volume)
			taken = append(taken, b)
			events = append(events, Event{Kind: Exported, Barcode: b, From: e, Why: "it is not in the configuration any more"})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		c.event(e)
	}
	if len(taken) > 0 {
		c.attend(scsi.NotReadyToReadyChange, nil)
	}
	return taken, nil
}

// ForgetVolume takes a volume off the shelf, as when its cartridge was deleted
// or went to another library.
func (c *Changer) ForgetVolume(barcode string) error {
	return c.change(func(v *inventory) error {
		i, ok := v.onShelf(barcode)
		if !ok {
			return fmt.Errorf("smc: %s is not on the shelf", barcode)
		}
		v.shelf = slices.Delete(v.shelf, i, i+1)
		return nil
	})
}

// MayGiveUp says why GiveUp would refuse a barcode now, with ErrBarcodePresent.
func (c *Changer) MayGiveUp(barcode string) error {
	inv, _ := c.snapshot()
	if e, ok := inv.find(barcode); ok {
		return fmt.Errorf("%w: %s", ErrBarcodePresent, e)
	}
	return nil
}

// GiveUp notes that another library takes a volume of the shelf in. It refuses,
// with ErrBarcodePresent and where it is, when the volume is inside. A volume
// that is not known here is nothing to give up.
func (c *Changer) GiveUp(barcode, to string) error {
	if err := c.MayGiveUp(barcode); err != nil {
		return err
	}
	inv, _ := c.snapshot()
	if i, ok := inv.onShelf(barcode); !ok || inv.shelf[i].Elsewhere == to {
		return nil
	}
	return c.change(func(v *inventory) error {
		if e, ok := v.find(barcode); ok {
			return fmt.Errorf("%w: %s", ErrBarcodePresent, e)
		}
		if i, ok := v.onShelf(barcode); ok {
			vol := *v.shelf[i]
			vol.Elsewhere = to
			v.shelf[i] = &vol
		}
		return nil
	})
}

// Shelf lists the volumes that are outside, by barcode, and those that another
// library has taken in from there.
func (c *Changer) Shelf() []Volume {
	inv, _ := c.snapshot()
	l := make([]Volume, 0, len(inv.shelf))
	for _, v := range inv.shelf {
		l = append(l, *v)
	}
	return l
}

// Held reads from the state directory of a changer which volumes it has inside,
// and in which element each is. It is as true of one that runs and can write its
// file: that is replaced before anything is shown. A directory without an
// inventory, or none, holds nothing.
func Held(f vfs.FS, dir string) (map[string]Element, error) {
	file, err := f.ReadFile(filepath.Join(dir, inventoryName), maxInventory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("smc: inventory: %w", err)
	}
	inv, err := decodeInventory(file)
	if err != nil {
		return nil, err
	}
	return inv.index(), nil
}
