package libcart

import (
	"context"
	"errors"

	"govtl/internal/buffer"
)

// Cartridge is an open cartridge with a position, as in a drive. Its methods are
// for one goroutine at a time.
type Cartridge struct {
	info     Info
	recovery Recovery
	counters Counters
	pos      Position
}

// Create makes a cartridge in the directory dir, which it creates too. It
// returns ErrExists when there is one already, and leaves nothing behind when
// it fails.
func Create(dir string, spec Spec, o Options) error { return errors.ErrUnsupported }

// Open opens the cartridge in dir, recovers what a crash has left, and stands at
// the beginning of partition 0. It returns ErrInUse, ErrVersion or ErrDamaged.
func Open(dir string, o Options) (*Cartridge, error) { return nil, errors.ErrUnsupported }

// Info returns what does not change while the cartridge is open, but by Format
// and SetWriteProtect.
func (c *Cartridge) Info() Info { return c.info }

// Recovery returns what Open found and did.
func (c *Cartridge) Recovery() Recovery { return c.recovery }

// Counters returns the lifetime and per-load counters.
func (c *Cartridge) Counters() Counters { return c.counters }

// Write appends a block at the position, over whatever lay there and beyond. It
// takes b, also when it fails, and returns when b is in the drive buffer, which
// may mean to wait for room in it. It returns ErrNoRoom (the block is not on the
// tape), ErrWrite or ErrReadOnly.
func (c *Cartridge) Write(b *buffer.Buffer) (Zone, error) {
	b.Release()
	return 0, errors.ErrUnsupported
}

// WriteWouldWait says that the drive buffer has no room for n bytes now.
func (c *Cartridge) WriteWouldWait(n int) bool { return false }

// WriteFilemarks appends n filemarks at the position, over whatever lay there
// and beyond; all of them or none. They are durable after Sync. With n = 0
// nothing happens.
func (c *Cartridge) WriteFilemarks(n uint32) (Zone, error) { return 0, errors.ErrUnsupported }

// Sync returns nil when everything that was written before is durable. It costs
// one data synchronisation, or none when nothing was written since the last.
// After an error nothing will be durable before the cartridge is opened anew.
// When ctx ends first the outcome is unknown and the synchronisation goes on.
func (c *Cartridge) Sync(ctx context.Context) error { return errors.ErrUnsupported }

// Read reads the object at the position and moves beyond it. A block longer than
// max is returned whole all the same; max only bounds what is read ahead.
// ErrFilemark: the object was a filemark, the position is beyond it.
// ErrEndOfData: nothing is there. ErrDamaged: the object cannot be read, the
// position is before it; SpaceBlocks(1) goes beyond.
func (c *Cartridge) Read(max int) (Object, error) { return Object{}, errors.ErrUnsupported }

// ReadReady says that Read would not wait for the disk.
func (c *Cartridge) ReadReady() bool { return false }

// Position returns the position.
func (c *Cartridge) Position() Position { return c.pos }

// LocateObject moves to a logical object of a partition, or with ErrEndOfData to
// the end of data when there are not so many. ErrPartition leaves the position.
func (c *Cartridge) LocateObject(part uint8, object uint64) error { return errors.ErrUnsupported }

// LocateFile moves to the place just behind the filemarks-th filemark of a
// partition (0: its beginning), or with ErrEndOfData to the end of data.
func (c *Cartridge) LocateFile(part uint8, filemarks uint64) error { return errors.ErrUnsupported }

// LocateEnd moves to the end of data of a partition.
func (c *Cartridge) LocateEnd(part uint8) error { return errors.ErrUnsupported }

// SpaceBlocks moves over n blocks, back when n is negative, and returns how many
// it passed (never negative). ErrFilemark: it met a filemark and stands beyond
// it in the direction of travel. ErrEndOfData and ErrBeginning: it stands there.
// A damaged object counts as a block. (SSC-4 SPACE)
func (c *Cartridge) SpaceBlocks(n int64) (done int64, err error) { return 0, errors.ErrUnsupported }

// SpaceFilemarks moves over n filemarks, back when n is negative, and returns
// how many it passed. Forward it ends behind the last, backward before it (on
// the side of the beginning). ErrEndOfData and ErrBeginning: it stands there.
func (c *Cartridge) SpaceFilemarks(n int64) (done int64, err error) {
	return 0, errors.ErrUnsupported
}

// Erase makes the position the end of data, durably.
func (c *Cartridge) Erase() error { return errors.ErrUnsupported }

// Format erases everything and makes partitions of these sizes in bytes (none:
// one of the whole capacity), durably, and stands at the beginning of partition
// 0. A crash leaves either the old cartridge or the new one.
func (c *Cartridge) Format(sizes []int64) error { return errors.ErrUnsupported }

// Partitions returns how many partitions there are.
func (c *Cartridge) Partitions() int { return 1 }

// Capacity returns the room of a partition; zeros when there is no such one.
func (c *Cartridge) Capacity(part uint8) Capacity { return Capacity{} }

// Zone tells how near the position is to the end of its partition, or the file
// system to being full.
func (c *Cartridge) Zone() Zone { return ZoneFree }

// Attribute returns a cartridge memory attribute of a partition as it is stored,
// or ErrAttribute. The value belongs to the cartridge.
func (c *Cartridge) Attribute(part uint8, id uint16) (Attribute, error) {
	return Attribute{}, ErrAttribute
}

// Attributes returns the stored attributes of a partition in order of ID.
func (c *Cartridge) Attributes(part uint8) []Attribute { return nil }

// SetAttributes stores attributes of a partition, all or none, durably. One
// with an empty Value is deleted; deleting one that is not there is no error.
// ErrAttribute: one is too long, or all together are.
func (c *Cartridge) SetAttributes(part uint8, list []Attribute) error {
	return errors.ErrUnsupported
}

// SetCodec chooses how blocks written from now on are compressed.
func (c *Cartridge) SetCodec(codec Codec, adaptive bool) {}

// SetWriteProtect sets the write-protect tab, durably. A protected cartridge
// returns ErrReadOnly to whatever would change its recording.
func (c *Cartridge) SetWriteProtect(on bool) error { return errors.ErrUnsupported }

// BytesInBuffer returns how many objects, and bytes of them, are in the drive
// buffer and not yet in the file.
func (c *Cartridge) BytesInBuffer() (objects, bytes uint64) { return 0, 0 }

// Deferred returns a failure behind the buffer that no command has reported yet,
// once.
func (c *Cartridge) Deferred() error { return nil }

// Close makes everything durable, marks the cartridge as properly closed, and
// releases it. After an error it has released it too, but the next Open will
// have to recover.
func (c *Cartridge) Close() error { return nil }
