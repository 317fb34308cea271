package smc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"govtl/scsi"
)

// Reconfigure changes the number of slots and mail slots, and the drives, while
// the changer runs. When it takes something away it waits for the moves that
// were asked for before. Volumes in elements that go are on the shelf then; a
// drive that holds a volume, or that an unsettled move concerns, is only taken
// away when it does not answer. Initiators get 2Ah/01h and 28h/00h. When it returns an error
// nothing has changed.
func (c *Changer) Reconfigure(ctx context.Context, cfg Configuration) error {
	if c.configured(cfg) {
		return nil
	}
	if c.onlyGrows(cfg) {
		return c.reconfigure(ctx, cfg)
	}
	return c.await(ctx, func(ctx context.Context) error { return c.reconfigure(ctx, cfg) })
}

// configured reports whether a configuration is what there is.
func (c *Changer) configured(cfg Configuration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opt.Configuration
	return now.Slots == cfg.Slots && now.Mail == cfg.Mail && max(now.Pickers, 1) == max(cfg.Pickers, 1) &&
		slices.Equal(now.DriveElements, cfg.DriveElements)
}

// onlyGrows reports whether a configuration takes nothing away, so that it can
// take effect while a move is on its way.
func (c *Changer) onlyGrows(cfg Configuration) bool {
	l, drives, err := c.configure(cfg)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range l.count {
		if l.count[t] < c.layout.count[t] {
			return false
		}
	}
	for i, d := range c.drives {
		if d != nil && (drives[i] == nil || drives[i].ID != d.ID) {
			return false
		}
	}
	return true
}

func (c *Changer) reconfigure(ctx context.Context, cfg Configuration) error {
	l, drives, err := c.configure(cfg)
	if err != nil {
		return err
	}
	c.mu.Lock()
	before := c.layout
	c.mu.Unlock()
	if l.count[MediumTransport] != before.count[MediumTransport] {
		return errors.New("smc: the number of pickers changes only with a restart")
	}
	if err := c.mayGo(&l, drives); err != nil {
		return err
	}
	gone := c.leaving(drives)
	var shelved []string
	c.saving.Lock()
	next, err := c.changed(func(v *inventory) error {
		shelved = v.resize(&l)
		for _, e := range gone {
			if vol := v.volume(e); vol != nil { // its drive is dead
				v.take(vol.Barcode)
				v.toShelf(vol)
				shelved = append(shelved, vol.Barcode)
			}
		}
		return nil
	})
	if err == nil {
		if err = c.store.writeInventory(next); err != nil {
			c.mu.Lock()
			c.unsaved = true
			c.mu.Unlock()
			err = fmt.Errorf("%w: %w", errStore, err)
		}
	}
	if err != nil {
		c.saving.Unlock()
		return err
	}
	c.mu.Lock()
	for i, d := range drives {
		if old := c.linked(Element{DataTransfer, i + 1}); d != nil && old != nil && old.ID == d.ID {
			old.DriveElement = d.DriveElement
			drives[i] = old
		}
	}
	c.layout, c.drives, c.inv = l, drives, next
	c.opt.Configuration = cfg
	c.mu.Unlock()
	c.saved(next)
	c.saving.Unlock()
	for _, b := range shelved {
		c.event(Event{Kind: Exported, Barcode: b, Why: "its element is gone"})
	}
	if len(gone) > 0 {
		if err := c.settleTouching(ctx, gone...); err != nil {
			c.log.Warn("a move of a drive that was taken away is not settled", "err", err)
		}
	}
	c.attend(scsi.ModeParametersChanged, nil)
	c.attend(scsi.NotReadyToReadyChange, nil)
	c.event(Event{Kind: Reconfigured})
	c.log.Info("reconfigured", "slots", l.count[Storage], "mail", l.count[ImportExport], "drives", l.count[DataTransfer])
	return nil
}

// leaving lists the elements whose drive goes or is another one from now on.
func (c *Changer) leaving(drives []*drive) []Element {
	c.mu.Lock()
	defer c.mu.Unlock()
	var gone []Element
	for i, d := range c.drives {
		if d != nil && (i >= len(drives) || drives[i] == nil || drives[i].ID != d.ID) {
			gone = append(gone, Element{DataTransfer, i + 1})
		}
	}
	return gone
}

// mayGo refuses to take away elements that a move is not settled on, and drives
// that hold a volume, unless the drive is dead: then it is the operator who
// knows that it holds nothing any more.
func (c *Changer) mayGo(l *layout, drives []*drive) error {
	gone := c.leaving(drives)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range gone {
		d := c.linked(e)
		if d.lost != "" {
			continue
		}
		if v := c.inv.volume(e); v != nil {
			return fmt.Errorf("smc: drive %d holds %s: move it out first", d.ID, v.Barcode)
		}
		if in, ok := c.unsettled(e); ok {
			return becomingReady(in)
		}
	}
	for i := range c.open {
		for _, leg := range c.open[i].Legs {
			for _, e := range []Element{leg.From, leg.To} {
				if !l.has(e) && e.Type != DataTransfer {
					return becomingReady(c.open[i])
				}
			}
		}
	}
	return nil
}

// AddSlot adds storage elements behind the last, at once, and returns how many
// there are.
func (c *Changer) AddSlot(ctx context.Context, n int) (int, error) {
	if n < 1 || n > maxElements {
		return 0, fmt.Errorf("smc: %d slots cannot be added", n)
	}
	c.mu.Lock()
	cfg := c.opt.Configuration
	c.mu.Unlock()
	cfg.Slots += n
	if err := c.Reconfigure(ctx, cfg); err != nil {
		return 0, err
	}
	return cfg.Slots, nil
}
