package smc

// ListMap lists the barcodes in the import/export elements, by element.
func (c *Changer) ListMap() []string {
	inv, _ := c.snapshot()
	l := []string{}
	for i := range inv.places[ImportExport] {
		if v := inv.places[ImportExport][i].volume; v != nil {
			l = append(l, v.Barcode)
		}
	}
	return l
}

// OpenMap opens the import/export door. It is refused (5/53/02, 2/04/07) while an
// initiator prevents removal or a volume is on its way to or from the MAP.
func (c *Changer) OpenMap() error { return c.openDoor() }

// CloseMap closes the import/export door. Initiators get 28h/01h.
func (c *Changer) CloseMap() { c.closeDoor() }

// EmptyMap takes everything out of the import/export elements, which are open.
// The volumes are on the shelf then; it returns their barcodes.
func (c *Changer) EmptyMap() (taken []string, err error) {
	var events []Event
	err = c.change(func(v *inventory) error {
		taken, events = nil, nil
		if !c.doorOpen() {
			return ErrMapClosed
		}
		for i := range v.places[ImportExport] {
			p := &v.places[ImportExport][i]
			if p.volume == nil {
				continue
			}
			taken = append(taken, p.volume.Barcode)
			events = append(events, Event{Kind: Exported, Barcode: p.volume.Barcode, From: Element{ImportExport, i + 1}})
			v.toShelf(p.volume)
			*p = place{}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		c.event(e)
	}
	return taken, nil
}

func (c *Changer) doorOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.door
}

// LoadMap puts a volume into the first free import/export element, which are
// open. A volume of the shelf needs no more than its barcode; what else is given
// of it is used when it is not on the shelf. It returns the element.
func (c *Changer) LoadMap(vol Volume) (Element, error) {
	if !c.doorOpen() {
		return Element{}, ErrMapNotOpened
	}
	if err := c.checkNew(vol.Barcode); err != nil {
		return Element{}, err
	}
	var to Element
	err := c.change(func(v *inventory) error {
		if !c.doorOpen() {
			return ErrMapNotOpened
		}
		if _, ok := v.find(vol.Barcode); ok {
			return ErrBarcodePresent
		}
		var ok bool
		if to, ok = v.firstEmpty(ImportExport, nil); !ok {
			return ErrMapFull
		}
		p := place{volume: &vol}
		if was, _, ok := v.take(vol.Barcode); ok {
			p.volume = refreshed(was.volume, vol)
		}
		p.imported = true
		v.put(to, p)
		return nil
	})
	if err != nil {
		return Element{}, err
	}
	c.event(Event{Kind: Imported, Barcode: vol.Barcode, To: to})
	return to, nil
}

// MayLoadMap says why LoadMap would refuse a barcode now.
func (c *Changer) MayLoadMap(barcode string) error {
	if !c.doorOpen() {
		return ErrMapNotOpened
	}
	if err := c.checkNew(barcode); err != nil {
		return err
	}
	inv, _ := c.snapshot()
	if _, ok := inv.find(barcode); ok {
		return ErrBarcodePresent
	}
	if _, ok := inv.firstEmpty(ImportExport, nil); !ok {
		return ErrMapFull
	}
	return nil
}

// refreshed is what is known of a volume, with what is said of it now.
func refreshed(known *Volume, now Volume) *Volume {
	v := *known
	if now.Dir != "" {
		v.Dir = now.Dir
	}
	if now.Kind != "" {
		v.Kind = now.Kind
	}
	if now.Medium != "" {
		v.Medium = now.Medium
	}
	if now.Sides != 0 {
		v.Sides = now.Sides
	}
	return &v
}
