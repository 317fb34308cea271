// Package config reads vtl.yaml, the one configuration file of a suite, checks
// it as a whole, and refuses it with line and reason. An unknown key is an error.
package config

// Version is the version of the configuration format that this suite writes.
const Version = 1

// Suite is the content of vtl.yaml.
type Suite struct {
	Version int `yaml:"version"`

	// Listen is the iSCSI address of the suite; empty is 127.0.0.1:3260.
	Listen string `yaml:"listen,omitempty"`

	// AlsoListen are further iSCSI addresses: of other networks, or of IPv6 beside
	// IPv4. Not used when a program is given an address by --listen.
	AlsoListen []string `yaml:"also-listen,omitempty"`

	// Announce is HOST:PORT under which initiators reach that address, when it is
	// another one for them, as behind the published port of a container; empty:
	// each is told the address that it is connected to.
	Announce string `yaml:"announce,omitempty"`

	// IQNPrefix begins every target name: prefix + ":library10".
	IQNPrefix string `yaml:"iqn-prefix,omitempty"`

	Bus       Bus       `yaml:"bus,omitempty"`
	ISCSI     ISCSI     `yaml:"iscsi,omitempty"`
	Metrics   Metrics   `yaml:"metrics,omitempty"`
	Libraries []Library `yaml:"libraries"`
	Drives    []Drive   `yaml:"drives,omitempty"`  // stand-alone drives
	Optical   []Optical `yaml:"optical,omitempty"` // optical drives

	// File is where it was read from.
	File string `yaml:"-"`
}

// The kinds of devices, as they show in target names.
const (
	KindLibrary = "library"
	KindDrive   = "drive"
	KindOptical = "optical"
)

// Defaults of the suite.
const (
	DefaultListen    = "127.0.0.1:3260"
	DefaultIQNPrefix = "iqn.2026-11.local.vtl"
	DefaultPickers   = 1
	DefaultBufferMiB = 64
)

// Bus says where the message bus is. Without a URL the suite's portal runs it.
type Bus struct {
	URL         string `yaml:"url,omitempty"`
	Credentials string `yaml:"credentials,omitempty"`
	CA          string `yaml:"ca,omitempty"`
}

// Metrics says where the portal serves the metrics of the whole suite.
type Metrics struct {
	// Listen is HOST:PORT for HTTP; empty: nowhere.
	Listen string `yaml:"listen,omitempty"`
}

// ISCSI holds access control and limits of the target side.
type ISCSI struct {
	// AllowPublic repeats that the address may be public without CHAP or ACL.
	AllowPublic bool `yaml:"allow-public-without-authentication,omitempty"`

	// Secrets is the file with the CHAP secrets, mode 0600.
	Secrets string `yaml:"secrets,omitempty"`

	// CHAP requires authentication; MutualCHAP refuses initiators that do not ask
	// the target to prove itself too.
	CHAP       bool `yaml:"chap,omitempty"`
	MutualCHAP bool `yaml:"mutual-chap,omitempty"`

	// Initiators and Addresses are who may log in; empty: everybody.
	Initiators []string `yaml:"initiators,omitempty"`
	Addresses  []string `yaml:"addresses,omitempty"`

	// RefuseColdReset refuses TARGET COLD RESET, which ends the sessions of all
	// initiators of a target.
	RefuseColdReset bool `yaml:"refuse-cold-reset,omitempty"`

	MaxSessions             int `yaml:"max-sessions,omitempty"`
	MaxSessionsPerInitiator int `yaml:"max-sessions-per-initiator,omitempty"`

	// MemoryMiB bounds the data that all sessions of a target may have waiting
	// together, in MiB; 0: 256, or what so many sessions need at the least.
	MemoryMiB int `yaml:"memory-mib,omitempty"`
}

// Access limits who may use one library or drive; empty lists inherit ISCSI's.
type Access struct {
	Initiators []string `yaml:"initiators,omitempty"`
	Addresses  []string `yaml:"addresses,omitempty"`
}

// Library is one media changer.
type Library struct {
	ID      int     `yaml:"id"`
	Model   string  `yaml:"model"` // name of a library model, such as ibm-03584
	Serial  string  `yaml:"serial"`
	Name    string  `yaml:"name,omitempty"`
	NAA     string  `yaml:"naa,omitempty"`
	Slots   int     `yaml:"slots"`
	Mailbox int     `yaml:"mail-slots"`
	Pickers int     `yaml:"pickers,omitempty"` // 0: 1
	Drives  []Drive `yaml:"drives"`

	// Optical are the optical drives of a jukebox.
	Optical []Optical `yaml:"optical,omitempty"`

	Media    []Media `yaml:"media,omitempty"`
	Home     string  `yaml:"home,omitempty"` // cartridges; empty: STATE/cartridges/LIBRARY
	Access   Access  `yaml:"access,omitempty"`
	MoveHook string  `yaml:"move-hook,omitempty"`
}

// Drive is one sequential-access device. In a library, its element is its place
// in the list unless Element (from 1) says otherwise.
type Drive struct {
	ID          int     `yaml:"id"`
	Model       string  `yaml:"model"` // name of a drive model, such as ibm-ult3580-td9
	Serial      string  `yaml:"serial"`
	NAA         string  `yaml:"naa,omitempty"`
	Element     int     `yaml:"element,omitempty"`
	Compression string  `yaml:"compression,omitempty"` // adaptive (default), lz4, s2, zstd, off
	BufferMiB   int     `yaml:"buffer-mib,omitempty"`  // 0: 64
	MinFreeMiB  *int    `yaml:"min-free-mib,omitempty"`
	Home        string  `yaml:"home,omitempty"` // stand-alone drives: where `load BARCODE` looks
	Access      Access  `yaml:"access,omitempty"`
	Timing      *Timing `yaml:"timing,omitempty"`
}

// Timing overrides a drive model's delays, in seconds.
type Timing struct {
	Model    bool    `yaml:"model,omitempty"` // use the model's real times
	Load     float64 `yaml:"load,omitempty"`
	Unload   float64 `yaml:"unload,omitempty"`
	Rewind   float64 `yaml:"rewind,omitempty"`
	Position float64 `yaml:"position,omitempty"`
	Thread   float64 `yaml:"thread,omitempty"`
}

// Media is a range of cartridges that a new library is given: `barcodes:
// VTL001L9-VTL020L9`. Slot is the first storage slot (from 1).
type Media struct {
	Barcodes string `yaml:"barcodes"`
	Density  string `yaml:"density,omitempty"` // medium model; empty: by barcode suffix
	Kind     string `yaml:"kind,omitempty"`    // data (default), clean, WORM, NULL
	SizeMiB  int64  `yaml:"size-mib,omitempty"`
	Slot     int    `yaml:"slot,omitempty"`

	// Disc makes them optical discs of that disc model, such as dvd-rw; Sides is
	// 2 for discs with two sides.
	Disc  string `yaml:"disc,omitempty"`
	Sides int    `yaml:"sides,omitempty"`
}
