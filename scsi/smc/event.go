package smc

import "time"

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	Moved        EventKind = "moved"         // a volume is elsewhere
	MoveFailed   EventKind = "move-failed"   // Why says the reason
	DoorOpened   EventKind = "door-opened"   // the import/export door
	DoorClosed   EventKind = "door-closed"   //
	Imported     EventKind = "imported"      // a volume was put into the library
	Exported     EventKind = "exported"      // a volume was taken out: it is on the shelf
	WentOnline   EventKind = "online"        //
	WentOffline  EventKind = "offline"       //
	Alert        EventKind = "alert"         // a TapeAlert flag was set; Why names it
	Reconciled   EventKind = "reconciled"    // a volume was found elsewhere than noted
	DriveLost    EventKind = "drive-lost"    // a drive does not answer
	DriveBack    EventKind = "drive-back"    // it answers again
	Reconfigured EventKind = "reconfigured"  // slots, mail slots or drives changed
	Damaged      EventKind = "state-damaged" // a state file does not read back
)

// Operator is Event.By of what an operator asked for.
const Operator = "operator"

// Event is something that happened to a library, for logs, hooks and watchers.
type Event struct {
	Time    time.Time
	Kind    EventKind
	Barcode string
	From    Element // zero: none, or the shelf
	To      Element // zero: none, or the shelf
	Drive   int     // id, for events of a drive
	MoveID  string
	By      string // who asked for a move: an initiator's name, Operator
	Why     string // for people
	Flags   uint64 // of Alert: the TapeAlert flags; bit 0 is flag 1
}
