package libdisc

import "fmt"

// Recording is how a medium is written.
type Recording string

// The ways of recording.
const (
	// ROM is never written.
	ROM Recording = "rom"

	// Sequential media are written in tracks, each block once until they are blanked.
	Sequential Recording = "sequential"

	// Overwrite media are formatted and then written anywhere.
	Overwrite Recording = "overwrite"
)

// Medium is what a blank disc is by its kind: the numbers that its layout
// follows. Addresses and sizes are in blocks.
type Medium struct {
	Name       string    `json:"name"` // such as "dvd+r"
	Recording  Recording `json:"recording"`
	Rewritable bool      `json:"rewritable,omitempty"` // can be blanked
	Blocks     int64     `json:"blocks"`               // capacity

	// Align is the ECC block, to whose border a closed track is padded.
	Align int64 `json:"align"`

	// RunOut are the blocks that a drive adds behind each track.
	RunOut int64 `json:"runOut,omitempty"`

	// TrackGap, FirstGap and LaterGap lie before the next writable address:
	// behind a track of the same session, the first session, a later one.
	TrackGap int64 `json:"trackGap,omitempty"`
	FirstGap int64 `json:"firstGap,omitempty"`
	LaterGap int64 `json:"laterGap,omitempty"`

	// Bordered is the capacity once a session is closed; 0: as before.
	Bordered int64 `json:"bordered,omitempty"`
}

// maxBlocks bounds every address of a disc: BDXL has not half of it.
const maxBlocks = 1 << 28

// Check reports what is wrong with the numbers.
func (m *Medium) Check() error {
	switch m.Recording {
	case ROM, Sequential, Overwrite:
	default:
		return fmt.Errorf("medium %q: recording %q is none of rom, sequential, overwrite", m.Name, m.Recording)
	}
	for _, n := range []int64{m.Blocks, m.RunOut, m.TrackGap, m.FirstGap, m.LaterGap, m.Bordered} {
		if n < 0 || n > maxBlocks {
			return fmt.Errorf("medium %q: %d blocks", m.Name, n)
		}
	}
	if m.Name == "" || len(m.Name) > 64 || m.Align < 1 || m.Align > 4096 {
		return fmt.Errorf("medium %q: no name, or an ECC block of %d blocks", m.Name, m.Align)
	}
	return nil
}

// Form is the format of a disc that is formatted.
type Form string

// The formats.
const (
	// Plain is a medium as it comes: sequential, or not formatted yet.
	Plain Form = ""

	// Random: every block can be written.
	Random Form = "random"

	// Restricted is DVD-RW restricted overwrite: whole ECC blocks are written.
	Restricted Form = "restricted"

	// Intermediate is Restricted in a session that may grow.
	Intermediate Form = "intermediate"

	// Spare is a sequential medium with spare areas (BD-R).
	Spare Form = "spare"

	// Pseudo is Spare, and what is recorded may be overwritten (BD-R SRM+POW).
	Pseudo Form = "pseudo-overwrite"
)

// random reports whether blocks are written in any order.
func (f Form) random() bool { return f == Random || f == Restricted || f == Intermediate }

// Track is one track of a sequential disc.
type Track struct {
	Session int   `json:"session"` // from 1
	Start   int64 `json:"start"`
	Next    int64 `json:"next"` // behind the last recorded block

	// Size is that of a closed track, padding and run-out included.
	Size int64 `json:"size,omitempty"`

	// Reserved is the size that RESERVE TRACK asked for; 0: none.
	Reserved int64 `json:"reserved,omitempty"`

	// Whole tracks are written at once (DAO): the disc is complete with them.
	Whole bool `json:"whole,omitempty"`

	// Incremental tracks are written in packets (DVD-R).
	Incremental bool `json:"incremental,omitempty"`

	Closed bool `json:"closed,omitempty"`

	// Sum is the checksum of what is recorded, and of the whole track once it is
	// closed; not known for tracks with blocks that were overwritten (BD-R POW).
	Sum Sum `json:"sum,omitempty"`
}

// End is behind the track's last block: padded, reserved or just recorded.
func (t *Track) End() int64 {
	if t.Closed {
		return t.Start + t.Size
	}
	return max(t.Next, t.Start+t.Reserved)
}
