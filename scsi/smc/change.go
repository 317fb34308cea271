package smc

import (
	"errors"
	"fmt"
)

// change replaces the inventory by what f makes of a copy of it. When it returns
// nil the new inventory is durable; after an error the old one stands.
func (c *Changer) change(f func(*inventory) error) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	next, err := c.changed(f)
	if err != nil {
		return err
	}
	if err := c.store.writeInventory(next); err != nil {
		c.mu.Lock()
		c.unsaved = true // the file may have the one that was refused
		c.mu.Unlock()
		return fmt.Errorf("%w: %w", errStore, err)
	}
	c.saved(next)
	return nil
}

// happened is change for what has happened already and must be in the inventory
// even when it cannot be saved: a volume is in a drive. Its intent then stays in
// the journal, so that a restart finds out again; no move begins before the
// inventory could be saved.
func (c *Changer) happened(id string, f func(*inventory)) {
	c.saving.Lock()
	defer c.saving.Unlock()
	next, err := c.changed(func(v *inventory) error {
		f(v)
		if id != "" {
			v.apply(id)
		}
		return nil
	})
	if err != nil {
		return
	}
	c.mu.Lock()
	if id != "" {
		c.unended = append(c.unended, id)
	}
	c.mu.Unlock()
	if err := c.store.writeInventory(next); err != nil {
		c.log.Error("inventory cannot be saved; moves wait until it can", "err", err)
		c.mu.Lock()
		c.inv, c.unsaved, c.lastError = next, true, err.Error()
		c.mu.Unlock()
		return
	}
	c.saved(next)
}

// flush saves an inventory that could not be saved before.
func (c *Changer) flush() error {
	c.mu.Lock()
	unsaved := c.unsaved
	c.mu.Unlock()
	if !unsaved {
		return nil
	}
	return c.change(func(*inventory) error { return nil })
}

// changed is what f makes of a copy of the inventory; c.saving is held.
func (c *Changer) changed(f func(*inventory) error) (*inventory, error) {
	c.mu.Lock()
	now := c.inv
	c.mu.Unlock()
	next := now.clone()
	if err := f(next); err != nil {
		return nil, err
	}
	if err := next.check(); err != nil {
		return nil, errors.Join(errors.New("smc: refused a change that would double a volume"), err)
	}
	return next, nil
}

// saved makes an inventory that has been written the current one, and ends the
// moves it includes; c.saving is held.
func (c *Changer) saved(next *inventory) {
	c.mu.Lock()
	c.inv, c.unsaved = next, false
	done := c.unended
	c.unended = nil
	c.mu.Unlock()
	for _, id := range done {
		c.store.end(id)
	}
}

// snapshot is the inventory and the layout of now. Neither is changed any more.
func (c *Changer) snapshot() (*inventory, layout) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inv, c.layout
}
