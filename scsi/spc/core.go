package spc

import (
	"errors"
	"log/slog"
	"time"

	"govtl/scsi"
	"govtl/scsi/page"
)

// Config is what a device supplies to its Core. Fields that are nil or zero
// leave out what they stand for.
type Config struct {
	// Log gets what no initiator is told, such as a save that fails. Required.
	Log *slog.Logger

	// Now is the clock of timestamps; nil is time.Now.
	Now func() time.Time

	Inquiry InquiryData
	VPD     *page.VPDs
	Modes   *page.Modes
	Logs    *page.Logs
	Alerts  *page.TapeAlerts

	// ModeHeader is the mode parameter header and block descriptor for a nexus.
	// For page.ChangeableValues it is the mask.
	ModeHeader func(n *scsi.Nexus, pc page.Control) page.Header

	// CheckMode checks what only the device knows of a MODE SELECT and takes
	// over its header. It runs when all that follows from the pages' definitions
	// is right and nothing has changed. It may round values (Change.Set) and
	// then returns ROUNDED PARAMETER: sense data with the key RECOVERED ERROR
	// does not stop the change, any other error does.
	CheckMode func(sel *page.Selection) error

	// ModeChanged runs when the pages have their new values.
	ModeChanged func(sel *page.Selection)

	// CurrentSense is what REQUEST SENSE reports to a nexus without a unit
	// attention condition: a deferred error, progress, or nil for no sense.
	CurrentSense func(n *scsi.Nexus) *scsi.Sense

	// DescriptorSense allows REQUEST SENSE with DESC=1; else it is refused.
	DescriptorSense bool

	// AdditionalSense supplies the additional sense bytes of REQUEST SENSE; nil:
	// none. See scsi.Options.Additional.
	AdditionalSense func(t *scsi.Task, s *scsi.Sense) []byte

	// PreventChanged runs when RemovalPrevented may have changed.
	PreventChanged func()

	// CheckPF has MODE SELECT with PF=0 and pages refused.
	CheckPF bool

	// PersistentTypes are the persistent reservation types that the model has;
	// nil: all six. CompatibleReserve is CRH, PersistThroughPowerLoss PTPL_C.
	PersistentTypes         []uint8
	CompatibleReserve       bool
	PersistThroughPowerLoss bool

	// Timeout is the recommended command timeout in seconds of commands that
	// have none of their own.
	Timeout uint32

	// SelfTest carries out SEND DIAGNOSTIC with SELFTEST=1; nil: it is good.
	SelfTest func(t *scsi.Task) error

	// Diagnostics takes a SEND DIAGNOSTIC parameter list, one page; nil refuses
	// them all. DiagnosticPages append the pages of RECEIVE DIAGNOSTIC RESULTS
	// by code, without their header; page 00h lists the others.
	Diagnostics     func(t *scsi.Task, list []byte) error
	DiagnosticPages map[uint8]func(dst []byte) []byte

	// Buffers are the buffers of READ BUFFER by id, with their content now.
	Buffers map[uint8]func() []byte

	// Firmware takes a downloaded image (WRITE BUFFER modes 04h to 07h); nil
	// refuses it.
	Firmware func(t *scsi.Task, image []byte) error

	// State is what Save was last given, nil at first. Save keeps a document
	// (saved mode pages, reservations with APTPL, identifying information)
	// durably; nil keeps nothing.
	State []byte
	Save  func(doc []byte) error
}

// Core is the state behind the commands of this package.
type Core struct {
	cfg      Config
	commands []*scsi.Command
	nexuses  map[*scsi.Nexus]*nexusState

	reserved *scsi.Nexus // holder of an SPC-2 reservation
	pr       persistent
	purge    func(*scsi.Nexus) // ends the tasks of a nexus
	ident    identifying
	clock    clock
	echo     map[*scsi.Nexus][]byte
	serial   uint64      // logins so far
	latest   *scsi.Nexus // the last that used the medium
}

// nexusState is what is kept for each I_T nexus.
type nexusState struct {
	prevents bool // PREVENT ALLOW MEDIUM REMOVAL

	// What dynamic runtime attributes tell. Times are milliseconds of the device
	// clock. serial counts the logins, index is the least that is free.
	index                                      uint16
	serial, hostsTold                          uint64
	since, accessed, preventsSince, reservedAt uint64
	told                                       [len(initiatorAttributes)][]byte
}

// Host is a device that embeds *Core.
type Host interface {
	scsi.Device
	SPC() *Core
}

// New makes the core of a device. It returns an error when the INQUIRY data are
// wrong, and one that is ErrState when Config.State is not what Save was given.
func New(cfg Config) (*Core, error) {
	if cfg.Log == nil {
		return nil, errors.New("spc: no log")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Inquiry.Check(); err != nil {
		return nil, err
	}
	c := &Core{cfg: cfg, nexuses: map[*scsi.Nexus]*nexusState{}, echo: map[*scsi.Nexus][]byte{}}
	c.clock.start = cfg.Now()
	if err := c.restore(cfg.State); err != nil {
		return nil, err
	}
	return c, nil
}

// SPC is the core itself, for the rows of this package.
func (c *Core) SPC() *Core { return c }

// SetCommands tells what REPORT SUPPORTED OPERATION CODES reports: the rows of
// the device's finished table.
func (c *Core) SetCommands(l []*scsi.Command) { c.commands = l }

// SetPurge is told by scsi.NewDeviceServer how to end the tasks of a nexus
// without waiting for them.
func (c *Core) SetPurge(purge func(n *scsi.Nexus)) { c.purge = purge }

// Commands are the rows that SetCommands was told.
func (c *Core) Commands() []*scsi.Command { return c.commands }

// VPD are the vital product data pages; nil when the device has none.
func (c *Core) VPD() *page.VPDs { return c.cfg.VPD }

// Modes are the mode pages; nil when the device has none.
func (c *Core) Modes() *page.Modes { return c.cfg.Modes }

// Logs are the log pages; nil when the device has none.
func (c *Core) Logs() *page.Logs { return c.cfg.Logs }

// Alerts are the TapeAlert flags; nil when the device has none.
func (c *Core) Alerts() *page.TapeAlerts { return c.cfg.Alerts }

// Attend establishes a unit attention condition for every nexus but except.
func (c *Core) Attend(a scsi.ASC, except *scsi.Nexus) {
	for n := range c.nexuses {
		if n != except {
			n.Attend(a)
		}
	}
}

// NexusAttached implements scsi.Device.
func (c *Core) NexusAttached(n *scsi.Nexus) {
	c.state(n)
	c.pr.attach(n)
}

// NexusDetached implements scsi.Device. A nexus that was lost no longer prevents
// medium removal, even if its initiator port comes back (SPC-3 6.13); a closed
// one loses its reservation and its mode parameters too. A persistent reservation
// stays.
func (c *Core) NexusDetached(n *scsi.Nexus, e scsi.NexusEvent) {
	delete(c.echo, n)
	was := c.RemovalPrevented()
	if e == scsi.NexusReinstated {
		if s := c.nexuses[n]; s != nil {
			s.prevents = false
		}
		c.preventMayHaveChanged(was)
		return
	}
	if c.reserved == n {
		c.reserved = nil
	}
	delete(c.nexuses, n)
	if c.latest == n {
		c.latest = nil
	}
	c.preventMayHaveChanged(was)
	c.pr.detach(n)
	if c.cfg.Modes != nil {
		c.cfg.Modes.Forget(n)
	}
	if c.cfg.Alerts != nil {
		c.cfg.Alerts.Forget(n)
	}
}

// Reset implements scsi.Device: a logical unit reset, SAM-5 6.3.3. Persistent
// reservations stay.
func (c *Core) Reset() {
	c.reserved = nil
	clear(c.echo)
	was := c.RemovalPrevented()
	for _, s := range c.nexuses {
		s.prevents = false
	}
	c.preventMayHaveChanged(was)
	if c.cfg.Modes != nil {
		c.cfg.Modes.Reset()
	}
}

// state is the state of a nexus, made when it is not there.
func (c *Core) state(n *scsi.Nexus) *nexusState {
	s := c.nexuses[n]
	if s == nil {
		c.serial++
		s = &nexusState{index: 1, serial: c.serial, since: c.milliseconds()}
		for c.indexTaken(s.index) {
			s.index++
		}
		c.nexuses[n] = s
	}
	return s
}

// indexTaken reports whether a nexus has that index.
func (c *Core) indexTaken(index uint16) bool {
	for _, s := range c.nexuses {
		if s.index == index {
			return true
		}
	}
	return false
}
