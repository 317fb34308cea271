package libcart

import (
	"context"
	"errors"
)

// Record is what is known of one stored object, for people and tools.
type Record struct {
	Partition uint8
	Object    uint64
	Filemarks uint64 // filemarks before it
	Filemark  bool
	Damaged   bool // its header cannot be read; the lengths are not known
	Codec     Codec
	Cipher    uint8
	Length    int    // as written by the initiator
	Stored    int    // in the file
	Offset    int64  // of the record in the data file
	Epoch     uint32 // write epoch
}

// Walk calls fn for each record of a partition from object first on. An error of
// fn ends it and is returned.
func (c *Cartridge) Walk(part uint8, first uint64, fn func(Record) error) error {
	return errors.ErrUnsupported
}

// Damage is one thing that Verify found.
type Damage struct {
	Partition uint8
	Object    uint64
	Count     uint64 // objects, from Object on
	File      string // which file
	Reason    string
}

// Report is what Verify found.
type Report struct {
	Objects, Filemarks uint64
	Bytes              int64 // of the data files
	Damages            []Damage
	More               uint64 // damages beyond those listed
}

// Verify reads everything and checks every checksum. progress, which may be nil,
// is told bytes done and in all from time to time.
func (c *Cartridge) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	return Report{}, errors.ErrUnsupported
}
