package mmc

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"govtl/internal/vfs"
	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/spc"
)

// maxTransfer is the most data that one command carries, in bytes.
const maxTransfer = 16 << 20

// Durations say how long what takes a real drive minutes takes here.
type Durations struct {
	Blank, Format, Close time.Duration
}

// Options of a drive.
type Options struct {
	Personality *personality.Recorder // required
	Serial      string                // required
	NAA         uint64                // logical unit name
	TargetName  string                // iSCSI name, for VPD 83h

	Log *slog.Logger // nil: discards
	FS  vfs.FS       // nil: vfs.OS

	// Memory keeps which disc is in the drive; nil keeps nothing.
	Memory Memory

	// Events is told of each change of state, with the device in use: it must
	// not call the drive. nil: nobody.
	Events func(Event)

	Trace     func(scsi.Trace)
	Durations Durations

	// Timer is how the drive waits for a duration; nil: with the wall clock.
	Timer func(time.Duration) <-chan time.Time
}

// Memory is the drive's non-volatile memory: one small document.
type Memory interface {
	// Load returns the document, or nil when there is none yet.
	Load() ([]byte, error)

	// Save replaces it, durably.
	Save(doc []byte) error
}

// Event is a change of state that an operator may want to see.
type Event struct {
	Kind    string // loaded, ejected, unloaded, refused
	File    string
	Barcode string // of a disc that a changer put there
	Text    string
}

// memoryDocument is what survives a restart.
type memoryDocument struct {
	Core    json.RawMessage `json:"core,omitempty"`
	File    string          `json:"file,omitempty"`
	Offline bool            `json:"offline,omitempty"`
	Ejected bool            `json:"ejected,omitempty"`
	Barcode string          `json:"barcode,omitempty"`
	MoveID  string          `json:"moveId,omitempty"`
}

// nexusState is what the drive keeps for each I_T nexus.
type nexusState struct {
	event byte // media event that is not reported yet
}

// Drive is one optical drive. Its exported methods may be called by any goroutine.
type Drive struct {
	*spc.Core

	opt     Options
	model   *personality.Recorder
	log     *slog.Logger
	server  *scsi.DeviceServer[*Drive]
	closing chan struct{}
	ending  sync.Once

	// What follows belongs to the turn.

	file    string        // what the tray holds; empty: nothing
	barcode string        // of the disc that a changer put there
	moveID  string        // of the last move of a changer
	offline bool          // the operator has taken the disc away from initiators
	ejected bool          // the tray is open
	disc    *libdisc.Disc // the disc in use; nil: none
	kind    *personality.Disc
	cue     *cueSheet // of a CD written at once
	busy    *operation
	failed  error // of an operation that nobody waited for
	nexuses map[*scsi.Nexus]*nexusState
	saved   json.RawMessage // the document of package spc

	totals totals

	mu   sync.Mutex // guards seen, which is read without the turn
	seen Status
}

// New makes a drive and starts its device server. Close ends it.
func New(o Options) (*Drive, error) {
	if o.Personality == nil || o.Serial == "" {
		return nil, errors.New("mmc: no personality or no serial number")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timer == nil {
		o.Timer = time.After
	}
	d := &Drive{
		opt: o, model: o.Personality, log: o.Log, closing: make(chan struct{}),
		nexuses: map[*scsi.Nexus]*nexusState{},
	}
	d.recall()
	if err := d.newCore(); err != nil {
		return nil, fmt.Errorf("mmc: model %s: %w", d.model.Name, err)
	}
	table, err := commands.Finish()
	if err != nil {
		return nil, err
	}
	d.SetCommands(table.Commands())
	d.server = scsi.NewDeviceServer(d, table, scsi.Options{Log: o.Log, Trace: o.Trace})
	return d, nil
}

// recall takes over what the memory has.
func (d *Drive) recall() {
	if d.opt.Memory == nil {
		return
	}
	var m memoryDocument
	doc, err := d.opt.Memory.Load()
	if err == nil && doc != nil {
		err = json.Unmarshal(doc, &m)
	}
	if err != nil {
		d.log.Error("the drive's memory is lost", "err", err)
		return
	}
	d.saved, d.file, d.offline, d.ejected = m.Core, m.File, m.Offline, m.Ejected
	d.barcode, d.moveID = m.Barcode, m.MoveID
}

// remember keeps what survives a restart. A failure is logged: the disc is there.
func (d *Drive) remember() error {
	if d.opt.Memory == nil {
		return nil
	}
	doc, err := json.Marshal(d.document())
	if err == nil {
		err = d.opt.Memory.Save(doc)
	}
	if err != nil {
		d.log.Error("the drive's memory is not saved", "err", err)
	}
	return err
}

// document is what survives a restart.
func (d *Drive) document() *memoryDocument {
	return &memoryDocument{Core: d.saved, File: d.file, Offline: d.offline, Ejected: d.ejected, Barcode: d.barcode, MoveID: d.moveID}
}

// Unit is the logical unit that a transport serves.
func (d *Drive) Unit() *scsi.DeviceServer[*Drive] { return d.server }

// Model is the personality of the drive.
func (d *Drive) Model() *personality.Recorder { return d.model }

// Close makes everything durable and ends the device server. An operation that
// still runs is given up, as in a power cut. The disc stays in the drive.
func (d *Drive) Close() error {
	d.ending.Do(func() { close(d.closing) })
	d.server.Close()
	if d.disc == nil {
		return nil
	}
	err := d.disc.Close()
	d.disc = nil
	return err
}

// MaxTransfer implements scsi.Device.
func (d *Drive) MaxTransfer() int { return maxTransfer }

// NexusAttached implements scsi.Device.
func (d *Drive) NexusAttached(n *scsi.Nexus) {
	d.Core.NexusAttached(n)
	d.state(n)
}

// NexusDetached implements scsi.Device.
func (d *Drive) NexusDetached(n *scsi.Nexus, e scsi.NexusEvent) {
	d.Core.NexusDetached(n, e)
	if e != scsi.NexusReinstated {
		delete(d.nexuses, n)
	}
}

// state is the state of a nexus, made when it is not there.
func (d *Drive) state(n *scsi.Nexus) *nexusState {
	s := d.nexuses[n]
	if s == nil {
		s = &nexusState{}
		d.nexuses[n] = s
	}
	return s
}

// mediaEvent tells every nexus, once, what happened to the medium.
func (d *Drive) mediaEvent(code byte) {
	for _, s := range d.nexuses {
		s.event = code
	}
}

func (d *Drive) event(kind, format string, args ...any) {
	d.tell(Event{Kind: kind, File: d.file, Barcode: d.barcode, Text: fmt.Sprintf(format, args...)})
}

func (d *Drive) tell(e Event) {
	switch e.Kind {
	case "loaded":
		d.totals.loads.Add(1)
	case "refused":
		d.totals.refused.Add(1)
	}
	d.log.Info(e.Kind, "file", e.File, "text", e.Text)
	if d.opt.Events != nil {
		d.opt.Events(e)
	}
}
