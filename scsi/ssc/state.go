package ssc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"govtl/libcart"
)

// State is what a drive holds.
type State struct {
	// Barcode is the medium in the drive, loaded or ejected; empty: none.
	Barcode string

	// Loaded says that it is threaded.
	Loaded bool

	// MoveID is the id of the last Insert or Remove.
	MoveID string

	// RemovalPrevented: an initiator prevents medium removal.
	RemovalPrevented bool
}

// State tells what the drive holds, at once, also while a command runs.
func (d *Drive) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hold
}

// Holds is State for whoever settles a move: while an Insert or a Remove stands in
// the drive's queue or is under way, it waits for its end, so that a drive that is
// about to get a volume does not say that it is empty. Otherwise it answers at once.
func (d *Drive) Holds(ctx context.Context) (State, error) {
	if d.moves.Load() > 0 {
		if err := d.server.Do(ctx, func(*Drive) error { return nil }); err != nil {
			return State{}, err
		}
	}
	return d.State(), nil
}

// publish brings State up to date.
func (d *Drive) publish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold.Barcode, d.hold.Loaded = "", false
	if d.in != nil {
		d.hold.Barcode, d.hold.Loaded = d.in.barcode, d.in.loaded()
	}
	d.hold.RemovalPrevented = d.RemovalPrevented()
}

// Status is the state of a drive for people.
type Status struct {
	State

	Word           string // empty, ready, loading, unloaded, cleaning, busy
	Medium, Kind   string
	Position       libcart.Position
	Lost           bool // the position is not known
	Capacity       []libcart.Capacity
	WriteProtected bool
	BlockLength    uint32 // of the last nexus that set one; 0: variable
	Compression    string
	AppendOnly     bool
	Delays         Delays
	TapeAlert      uint64
	Counters       libcart.Counters
	Recovery       libcart.Recovery
}

// statusPatience is how long Status waits for the command that runs.
const statusPatience = time.Second

// Status tells the state of the drive. While a command takes its time it tells
// what was last known, and that the drive is busy.
func (d *Drive) Status(ctx context.Context) (s Status, err error) {
	short, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	if s, err = d.status(short); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		s = d.seen
		s.State, s.Word = d.hold, "busy"
		return s, nil
	}
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.seen = s
	}
	return s, err
}

func (d *Drive) status(ctx context.Context) (s Status, err error) {
	err = d.server.Do(ctx, func(*Drive) error {
		s = Status{
			State: d.State(), Word: "empty", Compression: d.codec.name, AppendOnly: d.append,
			Delays: d.delays, TapeAlert: d.alerts.Active(),
		}
		for _, n := range d.nexuses {
			s.BlockLength = max(s.BlockLength, n.blockLength)
		}
		if d.in == nil {
			return nil
		}
		s.Medium, s.Kind = d.in.info.Medium, d.in.kind
		s.WriteProtected = d.in.info.WriteProtected || d.in.readOnly
		s.Lost = d.in.lost
		switch {
		case d.in.info.Kind == libcart.Cleaning:
			s.Word = "cleaning"
		case d.motion.refuses(d.opt.Now()) != nil:
			s.Word = "loading"
		case d.in.loaded():
			s.Word = "ready"
		default:
			s.Word = "unloaded"
		}
		if c := d.in.cart; c != nil {
			s.Position, s.Counters, s.Recovery = c.Position(), c.Counters(), c.Recovery()
			for p := range c.Partitions() {
				s.Capacity = append(s.Capacity, c.Capacity(uint8(p)))
			}
		}
		return nil
	})
	return s, err
}

// memoryDocument is the drive's non-volatile memory.
type memoryDocument struct {
	Version int    `json:"version"`
	Dir     string `json:"dir,omitempty"`
	Barcode string `json:"barcode,omitempty"`
	Loaded  bool   `json:"loaded,omitempty"`
	MoveID  string `json:"moveId,omitempty"`

	// Counters of the drive's life.
	Loads     uint64 `json:"loads,omitempty"`
	Cleanings uint64 `json:"cleanings,omitempty"`
	PoweredOn uint64 `json:"poweredOn,omitempty"` // seconds
	Starts    uint64 `json:"starts,omitempty"`

	// Core is the document of package spc: saved mode pages, reservations.
	Core json.RawMessage `json:"core,omitempty"`
}

// memoryVersion is the version of the document that is written.
const memoryVersion = 1

// remember saves what must survive a restart.
func (d *Drive) remember() error {
	if d.opt.Memory == nil {
		return nil
	}
	s := d.State()
	m := memoryDocument{Version: memoryVersion, Barcode: s.Barcode, Loaded: s.Loaded || d.motion.work != nil, MoveID: s.MoveID, Core: d.saved}
	m.Loads, m.Cleanings, m.PoweredOn, m.Starts = d.stats.loads, d.stats.cleanings, d.poweredOn(), d.stats.starts
	if d.in != nil {
		m.Dir = d.in.dir
	}
	doc, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return d.opt.Memory.Save(doc)
}

// save is remember where nothing can be done about a failure.
func (d *Drive) save() {
	if err := d.remember(); err != nil {
		d.log.Error("the drive's memory was not saved", "err", err)
	}
}

// poweredOn is how long the drive has been on in its life, in seconds.
func (d *Drive) poweredOn() uint64 {
	return d.stats.poweredOn + uint64(max(0, d.opt.Now().Sub(d.started).Seconds()))
}

// recall loads what survived a restart; nil when there is nothing.
func (d *Drive) recall() (*memoryDocument, error) {
	if d.opt.Memory == nil {
		return nil, nil
	}
	doc, err := d.opt.Memory.Load()
	if err != nil || len(doc) == 0 {
		return nil, err
	}
	var m memoryDocument
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, fmt.Errorf("ssc: the drive's memory is damaged: %w", err)
	}
	if m.Version != memoryVersion {
		return nil, fmt.Errorf("ssc: the drive's memory has version %d, not %d", m.Version, memoryVersion)
	}
	return &m, nil
}
