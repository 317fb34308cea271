package smc

// ElementState is an element for people and programs.
type ElementState struct {
	Element Element
	Address ElementAddress
	Volume  *Volume // nil: empty

	// Source is where the volume was last taken from; zero: not known.
	Source   Element
	Imported bool // an operator put it here
	Access   bool

	Drive int    // id, for data transfer elements with a drive
	Fault string // why the element is in exception
}

// Status is the state of the changer without its inventory.
type Status struct {
	Online    bool
	DoorOpen  bool
	Prevented bool // an initiator prevents medium removal
	Slots     int
	SlotsFull int
	Mail      int
	MailFull  int
	Pickers   int
	Shelf     int
	Unsettled int // moves that are not settled yet
	Moves     uint64
	LastError string
	Display   string // what an initiator put there
	Drives    []DriveStatus
}

// DriveStatus is a drive as the changer sees it.
type DriveStatus struct {
	ID       int
	Element  int
	Address  ElementAddress
	Identity DriveIdentity
	Barcode  string
	Loaded   bool

	// Reachable: it has answered the last request. Checked: what it holds has
	// been compared with the inventory.
	Reachable, Checked bool
	Fault              string
}

// Inventory lists the elements, in the order of READ ELEMENT STATUS.
func (c *Changer) Inventory() []ElementState {
	r := c.newStatusReport(statusQuery{})
	c.mu.Lock()
	drives := make([]DriveStatus, len(c.drives))
	for i, d := range c.drives {
		if d != nil {
			drives[i] = DriveStatus{ID: d.ID, Fault: d.lost}
		}
	}
	c.mu.Unlock()
	var l []ElementState
	for i := range r.pages {
		for _, n := range r.pages[i].numbers {
			e := Element{r.pages[i].kind, n}
			at := r.inv.at(e)
			flags, asc := r.status(e, at)
			s := ElementState{Element: e, Address: r.layout.address(e), Volume: at.volume,
				Source: at.source, Imported: at.imported, Access: flags&statusAccess != 0}
			if e.Type == DataTransfer && n <= len(drives) {
				s.Drive, s.Fault = drives[n-1].ID, drives[n-1].Fault
			}
			if flags&statusExcept != 0 && s.Fault == "" {
				s.Fault = asc.String()
			}
			l = append(l, s)
		}
	}
	return l
}

// Status is the state of the changer.
func (c *Changer) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Online: !c.offline, DoorOpen: c.door, Prevented: c.prevented,
		Slots: c.layout.count[Storage], Mail: c.layout.count[ImportExport], Pickers: c.layout.count[MediumTransport],
		SlotsFull: full(c.inv.places[Storage]), MailFull: full(c.inv.places[ImportExport]),
		Shelf: onShelf(c.inv.shelf), Unsettled: len(c.open), Moves: c.moves, LastError: c.lastError, Display: c.display,
	}
	for i, d := range c.drives {
		if d == nil {
			continue
		}
		e := Element{DataTransfer, i + 1}
		ds := DriveStatus{ID: d.ID, Element: i + 1, Address: c.layout.address(e), Identity: d.Identity,
			Reachable: d.lost == "", Checked: d.checked, Fault: d.lost}
		if v := c.inv.volume(e); v != nil {
			ds.Barcode, ds.Loaded = v.Barcode, d.state.Loaded
		}
		s.Drives = append(s.Drives, ds)
	}
	return s
}

func full(places []place) int {
	n := 0
	for i := range places {
		if places[i].volume != nil {
			n++
		}
	}
	return n
}

// onShelf counts the volumes that are really there.
func onShelf(shelf []*Volume) int {
	n := 0
	for _, v := range shelf {
		if v.Elsewhere == "" {
			n++
		}
	}
	return n
}
