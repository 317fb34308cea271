package smc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"govtl/internal/vfs"
	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/spc"
)

// DriveElement is a data transfer element with a drive in it.
type DriveElement struct {
	// ID is the drive's number in the suite: what Drives and DriveChanged take.
	ID int

	// Element is the number of the element, from 1; 0 is the first that is free.
	Element int

	Identity DriveIdentity
}

// DriveIdentity is what a drive says of itself, so that READ ELEMENT STATUS with
// DVCID names it as its own VPD pages 80h and 83h do.
type DriveIdentity struct {
	Vendor, Product, Serial string
}

// Default times of Options.
const (
	DefaultDriveTimeout = 120 * time.Second
	DefaultProbeTimeout = 5 * time.Second
	DefaultRetry        = time.Second
	DefaultPatience     = 3 * time.Second
	DefaultPulse        = 2 * time.Second
)

// patienceStep is how often a move asks for a drive that it waits for.
const patienceStep = 100 * time.Millisecond

// Options of a changer.
type Options struct {
	Personality *personality.Library
	Serial      string
	NAA         [8]byte // logical unit name, for the models that have one

	// Revision replaces the model's product revision level when it is not empty.
	Revision string

	Configuration

	// FS and Dir are where the state is: inventory, journal of moves, saved pages.
	FS  vfs.FS
	Dir string

	// Drives is how the drives are reached.
	Drives Drives

	// Alive, when not nil, asks the process of a drive at once, past what the drive
	// is busy with, which it is: a name that differs for each start. It is asked
	// every Pulse while a drive loads or unloads, so that one that was stopped or
	// started again is not waited for until DriveTimeout. Zero: the default.
	Alive func(ctx context.Context, drive int) (instance string, err error)
	Pulse time.Duration

	// Log is required. Events, when not nil, is told what happens, and logs it;
	// it must not wait and must not call the changer.
	Log    *slog.Logger
	Events func(Event)

	// Hook, when not nil, runs before a volume is moved; its error refuses the
	// move.
	Hook func(ctx context.Context, m HookMove) error

	// Find, when not nil, finds a volume that the inventory does not know: one
	// that a drive holds after the inventory was lost.
	Find func(barcode string) (Volume, bool)

	// Trace is scsi.Options.Trace.
	Trace func(scsi.Trace)

	// DriveTimeout bounds each request that loads or unloads a drive,
	// ProbeTimeout each question; Retry is how often a drive that does not
	// answer is asked again. Zero: the defaults.
	DriveTimeout, ProbeTimeout, Retry time.Duration

	// Patience is how long a move waits for a drive that does not answer, as one
	// whose daemon is started again. Zero: the default; negative: not at all.
	Patience time.Duration

	// Appearance is how long drives that start together with the changer may
	// take to answer before anybody is told that they do not.
	Appearance time.Duration
}

// Configuration is the part of the options that Reconfigure changes while the
// changer runs.
type Configuration struct {
	DriveElements []DriveElement
	Slots         int
	Mail          int
	Pickers       int // 0: 1
}

// HookMove is a move as an operator's hook sees it.
type HookMove struct {
	Barcode  string
	From, To Element
}

// Changer is the device server's device: a media changer. What is written here
// about locks: mu guards the state below it; saving is held by whoever replaces
// the inventory, around mu; what package spc keeps belongs to the turn of the
// device server.
type Changer struct {
	*spc.Core

	opt    Options
	log    *slog.Logger
	model  *personality.Library
	server *scsi.DeviceServer[*Changer]
	began  time.Time
	store  *store
	mover  *mover
	tasks  sync.WaitGroup // goroutines that finish detached tasks, and the prober
	stop   context.CancelFunc
	ctx    context.Context
	routes [5][5]bool // the moves that page 1Fh has, from, to

	saving    sync.Mutex
	switching sync.Mutex // held while the switches are saved

	mu        sync.Mutex
	layout    layout
	inv       *inventory
	unsaved   bool     // inv is not what the file has
	unended   []string // moves that end in the journal once inv is saved
	open      []intent // begun and not settled
	busy      []intent // the one that the mover works on
	drives    []*drive // by element number - 1; nil: no drive there
	door      bool     // the import/export door is open
	offline   bool
	prevented bool // as package spc says, for operators
	moves     uint64
	lastError string
	display   string

	// These belong to the turn of the device server.
	searches map[*scsi.Nexus]search
	reserved []elementReservation
}

// drive is what the changer knows of a drive.
type drive struct {
	DriveElement
	checked  bool       // what it holds has been compared with the inventory
	queued   bool       // a job that does so waits
	lost     string     // why it does not answer; empty: it does
	seen     bool       // it has answered since the changer began
	toldLost bool       // somebody was told that it does not answer
	state    DriveState // of the volume that the inventory has in it
}

// New opens a changer. Its state directory is locked until Close. Moves that a
// crash interrupted are settled as soon as the drives answer.
func New(opt Options) (*Changer, error) {
	if opt.Personality == nil || opt.FS == nil || opt.Drives == nil || opt.Log == nil {
		return nil, errors.New("smc: options: Personality, FS, Drives and Log are needed")
	}
	if n := opt.Personality.MaxSerial(); len(opt.Serial) > n {
		return nil, fmt.Errorf("smc: serial number %q is longer than the %d characters that a library of model %s shows",
			opt.Serial, n, opt.Personality.Name)
	}
	setDefault(&opt.DriveTimeout, DefaultDriveTimeout)
	setDefault(&opt.ProbeTimeout, DefaultProbeTimeout)
	setDefault(&opt.Retry, DefaultRetry)
	setDefault(&opt.Pulse, DefaultPulse)
	if opt.Patience == 0 {
		opt.Patience = DefaultPatience
	}
	c := &Changer{opt: opt, log: opt.Log, model: opt.Personality, mover: newMover(), began: time.Now()}
	layout, drives, err := c.configure(opt.Configuration)
	if err != nil {
		return nil, err
	}
	c.layout, c.drives = layout, drives
	var damaged error
	if c.store, c.inv, damaged, err = openStore(opt.FS, opt.Dir); err != nil {
		return nil, err
	}
	c.setSwitches(c.store.readSwitches())
	if damaged != nil {
		c.log.Error("state does not read back; going on without it", "err", damaged)
		c.event(Event{Kind: Damaged, Why: damaged.Error()})
	}
	if err := c.start(); err != nil {
		c.store.close()
		return nil, err
	}
	if damaged != nil {
		c.alert(alertInventory, true)
	}
	if !c.Status().Online {
		c.alert(alertLibraryOffline, true)
	}
	return c, nil
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

// start brings the inventory into line with the configuration and begins to serve.
func (c *Changer) start() error {
	if c.inv == nil {
		c.inv = &inventory{}
	}
	for _, b := range c.inv.resize(&c.layout) {
		c.log.Warn("volume is on the shelf: its element is gone", "barcode", b)
	}
	for _, in := range slices.Clone(c.store.journal.open) { // end takes them out
		if c.inv.has(in.ID) {
			c.store.end(in.ID)
			continue
		}
		c.open = append(c.open, in)
	}
	if err := c.store.writeInventory(c.inv); err != nil {
		return err
	}
	if err := c.setUp(); err != nil {
		return err
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	go c.mover.run(c.ctx)
	c.mover.add(c.greet, nil)
	c.tasks.Add(1)
	go c.probe()
	return nil
}

// has reports whether a move is noted as included.
func (v *inventory) has(id string) bool {
	for _, a := range v.applied {
		if a == id {
			return true
		}
	}
	return false
}

// Unit is the logical unit that a transport serves.
func (c *Changer) Unit() scsi.LogicalUnit { return c.server }

// Server is the changer's device server.
func (c *Changer) Server() *scsi.DeviceServer[*Changer] { return c.server }

// Close ends the changer: a move that is on its way to a drive ends with NOT
// READY and is settled at the next start. Nothing runs when it returns.
func (c *Changer) Close() {
	c.stop()
	c.mover.close()
	c.server.Close()
	c.tasks.Wait()
	c.saving.Lock()
	defer c.saving.Unlock()
	c.store.close()
}

// MaxTransfer implements scsi.Device: no parameter list of a changer is longer.
func (c *Changer) MaxTransfer() int { return 1 << 20 }

// event tells what happened.
func (c *Changer) event(e Event) {
	e.Time = time.Now()
	if c.opt.Events != nil {
		c.opt.Events(e)
	}
}

// configure makes layout and drive elements of a configuration.
func (c *Changer) configure(cfg Configuration) (layout, []*drive, error) {
	if cfg.Pickers == 0 {
		cfg.Pickers = 1
	}
	var drives []*drive
	put := func(d DriveElement) error {
		if d.Element < 1 || d.Element >= maxElements {
			return fmt.Errorf("smc: drive %d: no element %d", d.ID, d.Element)
		}
		for len(drives) < d.Element {
			drives = append(drives, nil)
		}
		if other := drives[d.Element-1]; other != nil {
			return fmt.Errorf("smc: drives %d and %d are both in element %d", other.ID, d.ID, d.Element)
		}
		drives[d.Element-1] = &drive{DriveElement: d}
		return nil
	}
	ids := map[int]bool{}
	for _, d := range cfg.DriveElements {
		if ids[d.ID] {
			return layout{}, nil, fmt.Errorf("smc: drive %d is there twice", d.ID)
		}
		ids[d.ID] = true
		if d.Element != 0 {
			if err := put(d); err != nil {
				return layout{}, nil, err
			}
		}
	}
	for _, d := range cfg.DriveElements {
		if d.Element != 0 {
			continue
		}
		for d.Element = 1; d.Element <= len(drives) && drives[d.Element-1] != nil; {
			d.Element++
		}
		if err := put(d); err != nil {
			return layout{}, nil, err
		}
	}
	l, err := newLayout(c.model, [5]int{
		MediumTransport: cfg.Pickers, Storage: cfg.Slots, ImportExport: cfg.Mail, DataTransfer: len(drives),
	})
	return l, drives, err
}
