// Package libcart stores tape cartridges as directories of plain files and gives
// a tape drive what its heads and buffer would: append, position, read, erase,
// format, cartridge memory. FORMAT.md is the byte-exact specification of the
// files. The package knows no SCSI.
//
// A Cartridge that is open for writing is used by one goroutine at a time (a
// drive's device server); what happens behind its buffer is the package's own
// affair.
package libcart

import (
	"errors"
	"log/slog"
	"time"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
)

// Errors of a cartridge. They are wrapped with detail (file, offset, reason).
var (
	// ErrFilemark: a filemark stands where the command wanted a block. The
	// position is beyond it in the direction of travel.
	ErrFilemark = errors.New("libcart: filemark")

	// ErrEndOfData: nothing is recorded beyond the position. The position is
	// at the end of data.
	ErrEndOfData = errors.New("libcart: end of data")

	// ErrBeginning: spacing back met the beginning of the partition.
	ErrBeginning = errors.New("libcart: beginning of partition")

	// ErrNoRoom: the partition's capacity or the file system has no room for
	// the object. The object is not on the tape.
	ErrNoRoom = errors.New("libcart: no room on the medium")

	// ErrDamaged: what is stored does not pass its checksum or contradicts
	// itself. It is never returned as data. A read error leaves the position
	// before the object.
	ErrDamaged = errors.New("libcart: damaged")

	// ErrWrite: the host could not store or synchronise what was acknowledged
	// before. After it the cartridge takes no more writes until it is opened anew.
	ErrWrite = errors.New("libcart: write failed")

	// ErrPartition: no such partition.
	ErrPartition = errors.New("libcart: no such partition")

	// ErrInUse: another process has the cartridge open for writing; the text
	// names it.
	ErrInUse = errors.New("libcart: in use")

	// ErrExists: Create found something there.
	ErrExists = errors.New("libcart: exists already")

	// ErrReadOnly: the cartridge is open for reading only.
	ErrReadOnly = errors.New("libcart: read-only")

	// ErrVersion: the format is newer than this program.
	ErrVersion = errors.New("libcart: format version not supported")

	// ErrAttribute: a cartridge memory attribute that is not there, or has a
	// wrong length.
	ErrAttribute = errors.New("libcart: attribute")
)

// Kind is the kind of a cartridge, with the values of MAM attribute 0408h where
// T10 has one.
type Kind uint8

// The kinds of cartridges.
const (
	Data     Kind = 0x00
	Cleaning Kind = 0x01
	WORM     Kind = 0x80
	Null     Kind = 0xF0 // takes everything, keeps nothing but the counts
)

// Codec is the compression of one record.
type Codec uint8

// The codecs, as stored in a record header.
const (
	Stored Codec = 0 // as written by the initiator
	LZ4    Codec = 1
	S2     Codec = 2
	Zstd   Codec = 3
)

// Spec says what a new cartridge is.
type Spec struct {
	Barcode  string
	Density  uint8  // density code of the medium, such as 60h for LTO-9
	Medium   string // name of the medium model, such as "LTO9"
	Kind     Kind
	Capacity int64 // native capacity in bytes, all partitions
	Serial   string
	Made     time.Time

	// MaxPartitions is how many partitions the medium may have (1 to 4).
	MaxPartitions int

	// Attributes are the initial cartridge memory attributes of the medium.
	Attributes []Attribute
}

// Attribute is a cartridge memory (MAM) attribute, SPC-4 7.4.
type Attribute struct {
	ID       uint16
	Format   uint8 // 0 binary, 1 ASCII, 2 text
	ReadOnly bool
	Value    []byte
}

// Options of an open cartridge.
type Options struct {
	FS  vfs.FS       // nil: vfs.OS
	Log *slog.Logger // nil: discards

	// ReadOnly takes no lock, repairs nothing and refuses to write.
	ReadOnly bool

	// Holder names who opens it, for whoever finds it in use.
	Holder string

	// BufferSize bounds the drive buffer in bytes; 0 is 64 MiB.
	BufferSize int64

	// Codec compresses what is written; Adaptive lets the cartridge store
	// blocks raw while compression would hold the writer back.
	Codec    Codec
	Adaptive bool

	// MinFree is the room on the file system, in bytes, below which early
	// warning is reported; 0 is a default, negative turns it off.
	MinFree int64

	// EarlyWarning is the room in bytes that is kept between the early warning
	// point and the end of each partition; 0 is a default by capacity.
	EarlyWarning int64
}

// Position is a place on the tape: the next object to be read or written.
type Position struct {
	Partition uint8
	Object    uint64 // logical object number: blocks and filemarks from the beginning
	Filemarks uint64 // filemarks between the beginning of the partition and here
}

// Object is one logical object that was read. Block is nil for a filemark; its
// owner is the caller.
type Object struct {
	Block *buffer.Buffer
	Codec Codec

	// Encrypted says that the block is stored encrypted, External that it was
	// written by WriteSealed.
	Encrypted, External bool
}

// Zone tells how near the end of the partition is.
type Zone uint8

// Zones in the order in which a writer passes them.
const (
	ZoneFree Zone = iota
	ZoneEarlyWarning
	ZoneEnd // no room for another block; a filemark may still fit
)

// Recovery is what Open found and did.
type Recovery struct {
	Clean        bool   // the cartridge had been closed properly
	CutBytes     int64  // torn bytes beyond the last whole record, removed
	IndexRebuilt bool   // the index was missing, damaged or short
	MetaRebuilt  bool   // both copies of the cartridge memory were lost: attributes are defaults
	Note         string // for people; empty when nothing happened
}

// Capacity of a partition in bytes. Used counts stored (compressed) bytes.
// EarlyWarning is the room between the early warning point and the end.
type Capacity struct {
	Max, Used, Remaining, EarlyWarning int64
}

// Info is what does not change while a cartridge is open, but by FORMAT MEDIUM.
type Info struct {
	Spec
	Dir            string
	UUID           [16]byte
	Partitions     int
	Created        time.Time
	WriteProtected bool
	Format         int // version of the files' format
}

// Counters are lifetime and per-load counters that drives report (log pages 02h,
// 03h, 0Ch, 17h; MAM 0003h, 0220h to 0223h).
type Counters struct {
	Loads                                  uint64
	HostBytesWritten, HostBytesRead        uint64 // as seen by initiators
	StoredBytesWritten, StoredBytesRead    uint64 // after compression
	BlocksWritten, BlocksRead              uint64
	FilemarksWritten, SyncPoints           uint64
	LifetimeHostWritten, LifetimeHostRead  uint64
	LifetimeStoredWritten, LifetimeRewinds uint64

	// SyncTime is what the sync points since the cartridge was opened have taken.
	SyncTime time.Duration
}
