package ssc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
	"govtl/scsi/spc"
)

// Options of a drive.
type Options struct {
	Personality *personality.Drive // required

	Serial     string // product serial number (VPD 80h, 83h; DVCID of the library)
	NAA        uint64 // logical unit name, NAA format; 0: it has none
	TargetName string // iSCSI name of the target, for VPD 83h

	// LibrarySerial and Element are what VPD B3h and B4h say of the library
	// that holds the drive; empty and 0 when it stands alone.
	LibrarySerial string
	Element       uint16

	Log *slog.Logger // nil: discards
	FS  vfs.FS       // nil: vfs.OS

	// Memory keeps what survives a restart; nil keeps nothing.
	Memory Memory

	// Events is told of each change of state, with the device in use: it must
	// not call the drive. nil: nobody.
	Events func(Event)

	// Trace is told of each finished command; see scsi.Options.
	Trace func(scsi.Trace)

	// BufferSize bounds the drive buffer in bytes; 0 is 64 MiB.
	BufferSize int64

	// Codec and Adaptive choose how blocks are compressed while the initiator
	// has compression on.
	Codec    libcart.Codec
	Adaptive bool

	// MinFree is libcart.Options.MinFree.
	MinFree int64

	// Delays are how long motions take; zero is instantaneous.
	Delays Delays

	// Media are further directories with medium models.
	Media []string

	// Now is the clock; nil is time.Now.
	Now func() time.Time
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
	Kind    string // loaded, unloaded, refused, removed, tapealert, write-error ...
	Barcode string
	Text    string
}

// Drive is one sequential-access device. Its exported methods may be called by
// any goroutine.
type Drive struct {
	*spc.Core

	opt    Options
	model  *personality.Drive
	log    *slog.Logger
	server *scsi.DeviceServer[*Drive]

	// What follows belongs to the turn.

	in        *medium // what is in the drive; nil: nothing
	nexuses   map[*scsi.Nexus]*nexusState
	motion    motion
	delays    Delays
	codec     codecChoice
	alerts    page.TapeAlerts
	overwrite overwrite
	order     accessOrder // of RECEIVE RECOMMENDED ACCESS ORDER
	crypt     encryption
	proposed  *partitioning    // checked, before MODE SELECT commits it
	last      libcart.Counters // of the last medium
	past      libcart.Counters // of all media that are not in the drive any more
	zero      map[uint8]tally  // what resettable log pages count from, by page code
	mounted   tally            // when the medium was loaded
	mountedAt time.Time
	volume    map[uint16]page.Value         // log page 17h of the loaded volume, by parameter code
	volumes   [mountsKept]map[uint16][]byte // the same of those that were unloaded, the last first
	cleanedAt uint64                        // processed() when a cleaning cartridge was used
	stats     stats
	started   time.Time
	streamed  time.Time // until when the tape is busy with what was moved, see pace

	// Mode parameters that the data path needs, see takeModes.
	buffer   byte  // BUFFERED MODE of the mode parameter header: 0 or 1
	pews     int64 // programmable early warning zone in bytes; 0: none
	append   bool  // append-only mode
	compress bool

	onlyReserved bool // OIR: only a reserved unit is used

	saved    json.RawMessage // the document of package spc
	recalled *memoryDocument // what the memory had at the start
	damaged  error           // why the memory could not be read

	patience     time.Duration // statusPatience
	loadPatience time.Duration // loadPatience

	life    context.Context // ends with Close
	end     context.CancelFunc
	waiting sync.WaitGroup // goroutines that end commands that wait for a load

	moves atomic.Int32 // Insert and Remove requests that have not ended

	mu   sync.Mutex // guards what follows, which is read without the turn
	hold State
	seen Status // the last one
}

// codecChoice is what SetCompression chose.
type codecChoice struct {
	codec    libcart.Codec
	adaptive bool
	name     string
}

// stats count over the drive's life; errors since it was made.
type stats struct {
	loads, cleanings        uint64
	poweredOn               uint64 // seconds, before this start
	starts                  uint64
	writeErrors, readErrors uint64
}

// tally is a state of what log pages count.
type tally struct {
	libcart.Counters
	loads                   uint64
	writeErrors, readErrors uint64
}

// nexusState is what the drive keeps for each I_T nexus.
type nexusState struct {
	blockLength uint32 // of the mode parameter block descriptor; 0: variable
	lbp         protection
	exceptions  uint64 // TapeAlert flags reported as informational exceptions
}

// New makes a drive and starts its device server. Close ends it.
func New(o Options) (*Drive, error) {
	if o.Personality == nil {
		return nil, errors.New("ssc: no personality")
	}
	if o.Serial == "" {
		return nil, errors.New("ssc: no serial number")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Drive{
		opt: o, model: o.Personality, log: o.Log, delays: o.Delays,
		nexuses: map[*scsi.Nexus]*nexusState{}, zero: map[uint8]tally{},
		codec:  codecChoice{codec: o.Codec, adaptive: o.Adaptive},
		buffer: 1, started: o.Now(), patience: statusPatience, loadPatience: loadPatience,
	}
	d.life, d.end = context.WithCancel(context.Background())
	d.recalled, d.damaged = d.recall()
	if m := d.recalled; m != nil {
		d.saved = m.Core
		d.stats = stats{loads: m.Loads, cleanings: m.Cleanings, poweredOn: m.PoweredOn, starts: m.Starts}
	}
	d.stats.starts++
	if err := d.newCore(d.saved); err != nil {
		return nil, fmt.Errorf("ssc: model %s: %w", o.Personality.Name, err)
	}
	table, err := commands.Finish(d.withoutCommands()...)
	if err != nil {
		return nil, fmt.Errorf("ssc: model %s: %w", o.Personality.Name, err)
	}
	if o.Personality.Has(personality.OpenModeSense) {
		table.SetAccess(scsi.Unrestricted, "MODE SENSE(6)", "MODE SENSE(10)")
	}
	if err := applyTimeouts(table, o.Personality.Timeouts); err != nil {
		return nil, fmt.Errorf("ssc: model %s: %w", o.Personality.Name, err)
	}
	reportExceptions(table)
	watchReservations(table)
	d.SetCommands(table.Commands())
	d.server = scsi.NewDeviceServer(d, table, scsi.Options{
		Log: o.Log, Trace: o.Trace, ValidateReserved: o.Personality.Has(personality.ValidateReserved),
		Additional: d.additionalSense, DescriptorSense: d.descriptorSense,
	})
	return d, nil
}

// applyTimeouts gives the rows the recommended timeouts of the model.
func applyTimeouts(table *scsi.Table[*Drive], seconds map[string]uint32) error {
	used := map[string]bool{"*": true}
	for op := range table {
		for i := range table[op] {
			r := &table[op][i]
			if t, ok := seconds[r.Name]; ok {
				r.Timeout = t
				used[r.Name] = true
			}
		}
	}
	for name := range seconds {
		if !used[name] {
			return fmt.Errorf("timeouts: no command named %q", name)
		}
	}
	return nil
}

// Unit is the logical unit that a transport serves.
func (d *Drive) Unit() *scsi.DeviceServer[*Drive] { return d.server }

// Model is the personality of the drive.
func (d *Drive) Model() *personality.Drive { return d.model }

// Close unloads nothing but makes everything durable, and ends the device
// server. The cartridge stays in the drive for the next start.
func (d *Drive) Close() error {
	d.end()
	d.server.Close()
	d.waiting.Wait()
	if b := d.motion.work; b != nil {
		b.release()
		d.motion = motion{}
	}
	d.forgetKeys()
	if d.in == nil || d.in.cart == nil {
		return nil
	}
	err := d.in.cart.Close()
	d.in.cart = nil
	return err
}

// MaxTransfer implements scsi.Device.
func (d *Drive) MaxTransfer() int { return buffer.MaxSize }

// NexusAttached implements scsi.Device.
func (d *Drive) NexusAttached(n *scsi.Nexus) {
	d.Core.NexusAttached(n)
	if d.nexuses[n] == nil {
		d.nexuses[n] = &nexusState{}
	}
}

// NexusDetached implements scsi.Device.
func (d *Drive) NexusDetached(n *scsi.Nexus, e scsi.NexusEvent) {
	d.Core.NexusDetached(n, e)
	if e == scsi.NexusReinstated {
		return
	}
	d.forgetNexus(n)
	delete(d.nexuses, n)
}

// Reset implements scsi.Device: a logical unit reset gives mode parameters and
// PREVENT back, and leaves the medium where it is.
func (d *Drive) Reset() {
	d.Core.Reset()
	for _, s := range d.nexuses {
		*s = nexusState{}
	}
	d.buffer = 1
	d.forgetKeys()
	d.takeModes()
}

// nexus is the state of the task's nexus.
func (d *Drive) nexus(t *scsi.Task) *nexusState { return d.state(t.Nexus) }

// state is the state of a nexus, made when it is not there.
func (d *Drive) state(n *scsi.Nexus) *nexusState {
	s := d.nexuses[n]
	if s == nil {
		s = &nexusState{}
		d.nexuses[n] = s
	}
	return s
}

func (d *Drive) event(kind, barcode, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.log.Info(kind, "barcode", barcode, "text", text)
	if d.opt.Events != nil {
		d.opt.Events(Event{Kind: kind, Barcode: barcode, Text: text})
	}
}
