// Package libdisc is an optical disc as files: the image, block n at byte n·2048,
// and beside it NAME.disc, a small checksummed description of medium, sessions,
// tracks and format, and NAME.sums, the checksums of its blocks (FORMAT.md). An
// image without a description is a disc of the simple model: with data a ROM, and
// of size 0 a blank recordable one.
//
// A disc survives a power cut at any instant: what Sync, CloseTrack,
// CloseSession, Blank and Format have acknowledged is there afterwards, and
// nothing of what was not can be taken for recorded. The package knows no SCSI.
package libdisc

import (
	"errors"
	"path/filepath"
	"strings"
)

// BlockSize is the size of a block in bytes.
const BlockSize = 2048

// Suffix is what the description's name has behind the image's.
const Suffix = ".disc"

// SecondSide is the image of a disc's second side: that of DISC001.iso is
// DISC001-B.iso.
func SecondSide(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-B" + ext
}

// What a disc refuses, and why. Nothing has changed when one is returned.
var (
	// ErrRange: blocks that the medium does not have, or beyond a reservation.
	ErrRange = errors.New("libdisc: beyond the end of the medium or of the reservation")

	// ErrAddress: on sequential media only the next writable address is written.
	ErrAddress = errors.New("libdisc: not the next writable address")

	// ErrUnwritten: nothing was ever recorded there.
	ErrUnwritten = errors.New("libdisc: not recorded")

	// ErrFinal: the disc is closed for good.
	ErrFinal = errors.New("libdisc: the disc is closed")

	// ErrReadOnly: a ROM, or an image that may not be written.
	ErrReadOnly = errors.New("libdisc: the disc cannot be written")

	// ErrUnformatted: this medium has to be formatted first.
	ErrUnformatted = errors.New("libdisc: the disc is not formatted")

	// ErrAlign: this format is written in whole ECC blocks.
	ErrAlign = errors.New("libdisc: not on the borders of ECC blocks")

	// ErrTrack: no such track, or it is closed already.
	ErrTrack = errors.New("libdisc: no such open track")

	// ErrSequence: the disc's state does not allow it now.
	ErrSequence = errors.New("libdisc: not in this state of the disc")

	// ErrMedium: this kind of medium cannot do it at all.
	ErrMedium = errors.New("libdisc: not with this medium")

	// ErrFailed: a write or a sync failed; the disc takes nothing more until it is
	// opened again, with what was durable.
	ErrFailed = errors.New("libdisc: the disc's files could not be written")

	// ErrDescription: NAME.disc is damaged; the text says how.
	ErrDescription = errors.New("libdisc: the description is damaged")

	// ErrVersion: NAME.disc was written by a newer program.
	ErrVersion = errors.New("libdisc: the description is of a newer version")
)
