package bus

// LibraryStatusReply is the state of a library without its inventory.
type LibraryStatusReply struct {
	ID       int    `json:"id"`
	Name     string `json:"name,omitempty"`
	Model    string `json:"model"`
	Vendor   string `json:"vendor"`
	Product  string `json:"product"`
	Revision string `json:"revision"`
	Serial   string `json:"serial"`
	Target   string `json:"target"` // iSCSI name
	PID      int    `json:"pid"`
	Started  string `json:"started"` // RFC 3339
	Version  string `json:"version"`

	Online    bool           `json:"online"`
	DoorOpen  bool           `json:"mapOpen"`
	Prevented bool           `json:"removalPrevented,omitempty"`
	Slots     int            `json:"slots"`
	SlotsFull int            `json:"slotsFull"`
	Mail      int            `json:"mailSlots"`
	MailFull  int            `json:"mailSlotsFull"`
	Pickers   int            `json:"pickers"`
	Shelf     int            `json:"shelf"` // volumes outside
	Drives    []LibraryDrive `json:"drives"`
	TapeAlert uint64         `json:"tapeAlert"`
	Sessions  []Session      `json:"sessions,omitempty"`
	Moves     uint64         `json:"moves"`
	LastError string         `json:"lastError,omitempty"`
}

// LibraryDrive is a drive as its library sees it.
type LibraryDrive struct {
	ID        int    `json:"id"`
	Element   int    `json:"element"` // from 1
	Address   int    `json:"address"` // element address
	Serial    string `json:"serial"`
	Barcode   string `json:"barcode,omitempty"`
	Loaded    bool   `json:"loaded"`
	Reachable bool   `json:"reachable"`
}

// LibraryStatus asks a library for its state.
func LibraryStatus(id int) Endpoint[Empty, LibraryStatusReply] {
	return endpoint[Empty, LibraryStatusReply](LibraryDevice(id), "status")
}

// InventoryRequest asks for elements, a page at a time: those after the first
// Skip, at most Max (0: as many as fit).
type InventoryRequest struct {
	Skip int `json:"skip,omitempty"`
	Max  int `json:"max,omitempty"`
}

// InventoryReply is one page of the inventory. The shelf is on the last page.
type InventoryReply struct {
	Elements []Element `json:"elements"`
	Shelf    []Volume  `json:"shelf,omitempty"`
	Total    int       `json:"total"` // elements in all
	More     bool      `json:"more,omitempty"`
}

// Element is one element of a library.
type Element struct {
	Type    string `json:"type"`    // picker, slot, map, drive
	Number  int    `json:"number"`  // from 1, within its type
	Address int    `json:"address"` // element address
	Full    bool   `json:"full"`
	Barcode string `json:"barcode,omitempty"`
	Source  int    `json:"source,omitempty"` // address it was last moved from
	Access  bool   `json:"access"`
	Drive   int    `json:"drive,omitempty"` // id, for drives
	Medium  string `json:"medium,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Side    string `json:"side,omitempty"`  // that is up, A or B, of volumes with two
	Fault   string `json:"fault,omitempty"` // the reason of an exception
}

// LibraryInventory asks a library what is where.
func LibraryInventory(id int) Endpoint[InventoryRequest, InventoryReply] {
	return endpoint[InventoryRequest, InventoryReply](LibraryDevice(id), "inventory")
}

// MoveRequest moves a volume. From and To are an element as people write it:
// slot 5, map 1, drive 2, picker 1, an element address in decimal or 0x form, or
// for From a barcode.
type MoveRequest struct {
	From string `json:"from"`
	To   string `json:"to"`

	// Invert turns a disc with two sides over on the way.
	Invert bool `json:"invert,omitempty"`
}

// MoveReply names what was moved, and the element addresses.
type MoveReply struct {
	Barcode string `json:"barcode"`
	From    int    `json:"from"`
	To      int    `json:"to"`
	Text    string `json:"text"` // for people: "VTL001L9: slot 1 to drive 2"
}

// LibraryMove moves a volume as MOVE MEDIUM does.
func LibraryMove(id int) Endpoint[MoveRequest, MoveReply] {
	return endpoint[MoveRequest, MoveReply](LibraryDevice(id), "move")
}

// LibraryOnline sets a library online or offline.
func LibraryOnline(id int) Endpoint[SwitchRequest, Empty] {
	return endpoint[SwitchRequest, Empty](LibraryDevice(id), "online")
}

// TextReply is a reply for people.
type TextReply struct {
	Text string `json:"text"`
}

// LibraryMapOpen opens the import/export door. It fails with CodeRefused while
// removal is prevented.
func LibraryMapOpen(id int) Endpoint[Empty, Empty] {
	return endpoint[Empty, Empty](LibraryDevice(id), "map-open")
}

// LibraryMapClose closes the import/export door.
func LibraryMapClose(id int) Endpoint[Empty, Empty] {
	return endpoint[Empty, Empty](LibraryDevice(id), "map-close")
}

// BarcodesReply lists volumes by barcode.
type BarcodesReply struct {
	Barcodes []string `json:"barcodes"`
}

// LibraryMapList lists what is in the import/export elements.
func LibraryMapList(id int) Endpoint[Empty, BarcodesReply] {
	return endpoint[Empty, BarcodesReply](LibraryDevice(id), "map-list")
}

// LibraryMapEmpty takes everything out of the import/export elements; the
// volumes are on the shelf afterwards. It fails with CodeRefused while the door
// is closed.
func LibraryMapEmpty(id int) Endpoint[Empty, BarcodesReply] {
	return endpoint[Empty, BarcodesReply](LibraryDevice(id), "map-empty")
}

// MapLoadRequest puts one volume into the import/export elements.
type MapLoadRequest struct {
	Barcode string `json:"barcode"`
}

// LibraryMapLoad puts a volume of the shelf into a free import/export element.
// It fails with CodeRefused (door closed, map full, in the library already),
// CodeBadRequest (no barcode), CodeNotFound (no such cartridge).
func LibraryMapLoad(id int) Endpoint[MapLoadRequest, Element] {
	return endpoint[MapLoadRequest, Element](LibraryDevice(id), "map-load")
}

// GiveUpRequest tells a library that another one takes a volume in.
type GiveUpRequest struct {
	Barcode string `json:"barcode"`
	Library int    `json:"library"`       // the one that takes it
	Ask     bool   `json:"ask,omitempty"` // only say whether it could
}

// LibraryGiveUp takes a volume off the shelf of a library, because another one
// takes it in. It fails with CodeRefused when the volume is inside; a library
// that does not know the volume has nothing to give up.
func LibraryGiveUp(id int) Endpoint[GiveUpRequest, Empty] {
	return endpoint[GiveUpRequest, Empty](LibraryDevice(id), "give-up")
}

// AddSlotRequest adds storage elements; 0 means one.
type AddSlotRequest struct {
	Count int `json:"count,omitempty"`
}

// AddSlotReply says how many slots there are now.
type AddSlotReply struct {
	Slots int `json:"slots"`
}

// LibraryAddSlot adds storage elements behind the last. Operators' tools write
// the new number into the configuration.
func LibraryAddSlot(id int) Endpoint[AddSlotRequest, AddSlotReply] {
	return endpoint[AddSlotRequest, AddSlotReply](LibraryDevice(id), "add-slot")
}
