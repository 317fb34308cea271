// Package mhvtl brings a site over from mhVTL: it reads mhVTL's configuration
// and makes a suite's of it, and reads mhVTL's cartridges, of every version of
// their files, and makes the suite's of them. What it reads it never changes.
// Whatever cannot be carried over is said, in Notes.
//
// Everything here was written from a description of the formats; the package
// shares no code with mhVTL.
package mhvtl

import (
	"errors"
	"fmt"
)

// Errors of reading what mhVTL has written. They are wrapped with file and reason.
var (
	// ErrFormat: the files are not what mhVTL writes, in none of its versions.
	ErrFormat = errors.New("mhvtl: not a cartridge of mhVTL")

	// ErrDamaged: an object is torn or does not pass its checksum.
	ErrDamaged = errors.New("mhvtl: damaged")

	// ErrDirty: the cartridge is loaded in a drive of mhVTL, or was when its
	// host went down.
	ErrDirty = errors.New("mhvtl: in use by mhVTL, or not unloaded properly")

	// ErrMedium: no medium model stands for the cartridge's density.
	ErrMedium = errors.New("mhvtl: no medium model")

	// ErrConfig: a configuration file cannot be understood.
	ErrConfig = errors.New("mhvtl: configuration")
)

// Note is one thing that was not carried over as it was.
type Note struct {
	Where string // such as "device.conf:12" or "partition 0"
	What  string
}

// String is the note as one line.
func (n Note) String() string {
	if n.Where == "" {
		return n.What
	}
	return n.Where + ": " + n.What
}

// notes collects.
type notes []Note

func (n *notes) add(where, format string, args ...any) {
	*n = append(*n, Note{Where: where, What: fmt.Sprintf(format, args...)})
}
