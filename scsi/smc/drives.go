// Package smc is the device server of a media changer, SMC-3: its command table,
// its elements, the rules of moving, the inventory and the journal that make a
// move a transaction.
package smc

import (
	"context"
	"errors"
)

// ElementAddress is the address of an element, SMC-3 3.1.14.
type ElementAddress uint16

// Volume is a cartridge as the library knows it.
type Volume struct {
	Barcode string // primary volume tag
	Dir     string // the cartridge's directory; the image of a disc's first side
	Kind    string // data, clean, WORM, NULL; disc
	Medium  string // medium model, such as "LTO9"

	// Alternate is the alternate volume tag that an initiator gave it with SEND
	// VOLUME TAG; most volumes have none.
	Alternate string

	// Sides is how many sides can be used; 0 is one. Inverted: the second is up,
	// so that a drive that gets the volume uses that.
	Sides    int
	Inverted bool

	// Elsewhere names the library that has taken a volume of this one's shelf in.
	// It stays known here, so that nobody takes it for one that is missing.
	Elsewhere string
}

// turned is the volume with its other side up.
func (v Volume) turned() Volume {
	v.Inverted = !v.Inverted
	return v
}

// DriveState is what a drive says of itself.
type DriveState struct {
	// Barcode is the volume in the drive, loaded or ejected; empty when there is none.
	Barcode string

	// Loaded says that the volume is threaded (between LOAD and UNLOAD).
	Loaded bool

	// MoveID is the id of the last move that put a volume into the drive or
	// took one out; a library that restarts finds with it which side of an
	// interrupted move happened.
	MoveID string

	// RemovalPrevented: an initiator holds the medium with PREVENT ALLOW MEDIUM REMOVAL.
	RemovalPrevented bool
}

// Refusals of a drive; the wrapped text is the reason for people.
var (
	// ErrIncompatible: the drive cannot use the volume's kind or generation.
	ErrIncompatible = errors.New("smc: medium does not fit the drive")

	// ErrDriveFull: the drive holds another volume.
	ErrDriveFull = errors.New("smc: drive is full")

	// ErrDriveEmpty: the drive holds nothing, or another volume.
	ErrDriveEmpty = errors.New("smc: drive does not hold that volume")

	// ErrUnreachable: the drive's daemon does not answer within the deadline.
	// Whether the request was carried out is not known.
	ErrUnreachable = errors.New("smc: drive does not answer")

	// ErrRemovalPrevented: an initiator holds the medium in the drive.
	ErrRemovalPrevented = errors.New("smc: drive prevents medium removal")

	// ErrVolume: the volume's files are missing, damaged or in use.
	ErrVolume = errors.New("smc: volume cannot be loaded")
)

// Drives is how a changer reaches its drives. The daemon satisfies it with the
// message bus; a drive answers on the same queue as its SCSI tasks, so that a
// move cannot race a WRITE. Each call has a deadline through ctx. moveID makes a
// request idempotent: repeated with the same id it changes nothing and answers
// the same.
type Drives interface {
	// Insert puts a volume into the drive and loads it.
	Insert(ctx context.Context, drive int, v Volume, moveID string) error

	// Remove takes the volume out, unloading it first when it is loaded: all
	// that was acknowledged is durable when it returns nil.
	Remove(ctx context.Context, drive int, barcode, moveID string) error

	// State asks the drive what it holds.
	State(ctx context.Context, drive int) (DriveState, error)
}
