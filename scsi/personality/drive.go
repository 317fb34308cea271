package personality

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"govtl/scsi/page"
)

// Access says what a drive does with a medium of one generation.
type Access string

// What a drive does with a medium.
const (
	ReadWrite Access = "rw"
	ReadOnly  Access = "ro"
)

// Capability names a feature that a drive model has. Each stands for a bit, a
// page or a rule of the standard.
type Capability string

// The capabilities.
const (
	Compression      Capability = "compression"       // data compression, page 0Fh
	WORM             Capability = "worm"              // VPD B0h WORM; WORM media load
	EarlyWarning     Capability = "early-warning"     // reports 0/00/02 before the end
	ProgrammableEW   Capability = "programmable-ew"   // PEWS of mode page 10h/01h
	AppendOnly       Capability = "append-only"       // write mode of page 10h/01h, ALLOW OVERWRITE
	LBPReedSolomon   Capability = "lbp-rs"            // logical block protection, method 1
	LBPCRC32C        Capability = "lbp-crc32c"        // logical block protection, method 2
	Partitions       Capability = "partitions"        // FORMAT MEDIUM, mode page 11h
	Encryption       Capability = "encryption"        // SECURITY PROTOCOL 20h
	ValidateReserved Capability = "validate-reserved" // reserved CDB bits are refused
	OpenModeSense    Capability = "open-mode-sense"   // MODE SENSE passes another's reservation
	IgnorePF         Capability = "ignore-pf"         // MODE SELECT does not check PF
	MediumTypeReport Capability = "medium-type-report"

	// READ and WRITE DYNAMIC RUNTIME ATTRIBUTE, and what A3h/1Fh tells of wraps and hosts.
	DynamicAttributes Capability = "dynamic-attributes"
	WrapPositions     Capability = "wrap-positions"

	// GENERATE and RECEIVE RECOMMENDED ACCESS ORDER.
	AccessOrder Capability = "access-order"
)

var capabilities = []Capability{Compression, WORM, EarlyWarning, ProgrammableEW, AppendOnly, LBPReedSolomon,
	LBPCRC32C, Partitions, Encryption, ValidateReserved, OpenModeSense, IgnorePF, MediumTypeReport, DynamicAttributes, WrapPositions, AccessOrder}

// Drive is a drive model.
type Drive struct {
	// Name is the file's name, such as "ibm-ult3580-td9".
	Name string `yaml:"-"`

	Base     string `yaml:"base,omitempty"`
	Abstract bool   `yaml:"abstract,omitempty"`
	Device   string `yaml:"device"` // "tape"

	Title    string `yaml:"title"`    // for people: "IBM LTO-9 full height"
	Source   string `yaml:"source"`   // documents the values are from
	Captured string `yaml:"captured"` // whether bytes were captured from a real drive

	Inquiry     Inquiry     `yaml:"inquiry"`
	BlockLimits BlockLimits `yaml:"block-limits"`

	// Native is the medium model that the drive is made for; Media says what it
	// does with each generation. What is not listed is refused.
	Native string            `yaml:"native"`
	Media  map[string]Access `yaml:"media"`

	// Initializes names what a new medium becomes with its first write when its
	// barcode has the suffix of that one: LTO-8 drives make type M of LTO-7 media.
	Initializes map[string]string `yaml:"initializes"`

	// MediumTypes is the MEDIUM TYPE of the mode parameter header by medium
	// model; "*" stands for those not listed.
	MediumTypes map[string]MediumType `yaml:"medium-types"`

	// DensityNotes replaces single values of a medium's density support
	// descriptor where the drive reports others.
	Densities map[string]Density `yaml:"densities"`

	Capabilities map[Capability]bool `yaml:"capabilities"`

	// ModePages are the mode pages, by page or page/subpage code in hex, with
	// the fields that differ from the page's own. WithoutModePages takes pages
	// out of what the base has.
	ModePages        map[string]map[string]PageChange `yaml:"mode-pages"`
	WithoutModePages []string                         `yaml:"without-mode-pages"`

	// VPDPages are the VPD pages by code, and form where vendors differ, in hex,
	// with texts for their fields; LogPages the log pages.
	VPDPages        map[string]map[string]string `yaml:"vpd-pages"`
	WithoutVPDPages []string                     `yaml:"without-vpd-pages"`
	LogPages        map[string]LogChange         `yaml:"log-pages"`
	WithoutLogPages []string                     `yaml:"without-log-pages"`

	// WithoutAttributes are the cartridge memory attributes that the drive does
	// not have of those that package ssc knows.
	WithoutAttributes []uint16 `yaml:"without-attributes"`

	// ReservationTypes are the persistent reservation types; empty: all.
	ReservationTypes []uint8 `yaml:"reservation-types"`

	// WithoutCommands names the commands of the table that the drive has not.
	WithoutCommands []string `yaml:"without-commands"`

	// Encryptor is what the drive says of encryption, when it has the capability.
	Encryptor Encryptor `yaml:"encryption"`

	// SenseForm is the form of the vendor specific additional sense bytes: one of
	// SenseForms; empty: 18 bytes of sense data without them.
	SenseForm string `yaml:"sense-form"`

	// LeastCapacity is the least proportion that SET CAPACITY takes.
	LeastCapacity uint16 `yaml:"least-capacity"`

	// Timeouts are recommended command timeouts in seconds by command name;
	// "*" is the default.
	Timeouts map[string]uint32 `yaml:"timeouts"`

	Timing Timing `yaml:"timing"`

	media     map[string]*Medium
	modePages []page.Mode
	logPages  []page.Log
	vpdPages  []page.VPD
	builtVPD  []string
}

// Inquiry is the standard INQUIRY data, SPC-4 6.6.2.
type Inquiry struct {
	Vendor   string         `yaml:"vendor"`   // at most 8 characters
	Product  string         `yaml:"product"`  // at most 16
	Revision string         `yaml:"revision"` // at most 4
	Version  uint8          `yaml:"version"`  // byte 2
	Format   uint8          `yaml:"format"`   // byte 3: HISUP and RESPONSE DATA FORMAT
	Length   int            `yaml:"length"`   // total length in bytes; 0 is 96
	Bytes    map[int]uint8  `yaml:"bytes"`    // further bytes, ORed in
	Text     map[int]string `yaml:"text"`     // vendor specific ASCII by offset
	Versions []uint16       `yaml:"versions"` // version descriptors, bytes 58 on
}

// BlockLimits is READ BLOCK LIMITS, SSC-4 7.6.
type BlockLimits struct {
	Min         uint16 `yaml:"min"`
	Max         uint32 `yaml:"max"`
	Granularity uint8  `yaml:"granularity"`

	// Accept is the longest block that is taken, when that is more than Max.
	Accept uint32 `yaml:"accept"`
}

// MediumType is the MEDIUM TYPE of data and WORM cartridges.
type MediumType struct {
	Data  uint8 `yaml:"data"`
	WORM  uint8 `yaml:"worm"`
	Clean uint8 `yaml:"clean"`
}

// Density replaces values of a density support descriptor, SSC-4 7.9.2.
type Density struct {
	BitsPerMM   uint32 `yaml:"bits-per-mm"`
	Tracks      uint16 `yaml:"tracks"`
	Capacity    uint32 `yaml:"capacity"`
	Code        uint8  `yaml:"code"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
}

// Timing is how long a real drive takes. Times are in seconds.
type Timing struct {
	Load     float64 `yaml:"load"`
	Thread   float64 `yaml:"thread"`
	Unload   float64 `yaml:"unload"`
	Rewind   float64 `yaml:"rewind"`   // from the far end of the tape
	Position float64 `yaml:"position"` // average locate
	MBps     float64 `yaml:"mbps"`     // native streaming rate, 10^6 bytes per second
}

// The forms of additional sense bytes.
const (
	SenseFormIBM = "ibm" // 96 bytes: volume label, partition, operation code, object, serial number
	SenseFormSTK = "stk" // 26 bytes: kind of the cartridge, in a library or not
)

// SenseForms are all of them.
var SenseForms = []string{SenseFormIBM, SenseFormSTK}

// Seconds makes a duration of a time in seconds.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Has reports whether the model has a capability.
func (d *Drive) Has(c Capability) bool { return d.Capabilities[c] }

// HasAttribute reports whether the drive has a cartridge memory attribute.
func (d *Drive) HasAttribute(id uint16) bool { return !slices.Contains(d.WithoutAttributes, id) }

// Medium returns the model of a medium that the drive lists, by name.
func (d *Drive) Medium(name string) (*Medium, bool) {
	m, ok := d.media[name]
	return m, ok
}

// MediaByDensity lists the media that the drive reads, in order of density code.
func (d *Drive) MediaByDensity() []*Medium {
	var all []*Medium
	for _, m := range d.media {
		if !m.Clean {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *Medium) int {
		if a.Density != b.Density {
			return int(a.Density) - int(b.Density)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// MediumTypeOf is the MEDIUM TYPE byte for a cartridge of a medium model and kind.
func (d *Drive) MediumTypeOf(medium, kind string) uint8 {
	t, ok := d.MediumTypes[medium]
	if !ok {
		t = d.MediumTypes["*"]
	}
	switch kind {
	case KindWORM:
		return t.WORM
	case KindClean:
		return t.Clean
	}
	return t.Data
}

// LoadDrive loads a drive model by name.
func LoadDrive(name string, dirs ...string) (*Drive, error) {
	d := &Drive{}
	file, err := load("models", name, dirs, d, func() { d.Abstract = false })
	if isUnknown(err) {
		return nil, fmt.Errorf("%w; drive models are %s", err, strings.Join(DriveNames(dirs...), ", "))
	}
	if err != nil {
		return nil, err
	}
	d.Name = name
	if err := d.finish(dirs); err != nil {
		return nil, fmt.Errorf("personality: %s: %w", file, err)
	}
	return d, nil
}

// DriveNames lists the drive models.
func DriveNames(dirs ...string) []string { return names("models", dirs, "tape") }

func isUnknown(err error) bool { return errors.Is(err, ErrUnknown) }

// finish checks the model as a whole and resolves its media.
func (d *Drive) finish(dirs []string) error {
	switch {
	case d.Device != "tape":
		return fmt.Errorf("device is %q, not tape", d.Device)
	case d.Abstract:
		return fmt.Errorf("is only a base of other models")
	case d.Inquiry.Vendor == "" || d.Inquiry.Product == "":
		return fmt.Errorf("inquiry: vendor and product are needed")
	case len(d.Inquiry.Vendor) > 8 || len(d.Inquiry.Product) > 16 || len(d.Inquiry.Revision) > 4:
		return fmt.Errorf("inquiry: vendor, product or revision is longer than its field")
	case len(d.Inquiry.Versions) > 8:
		return fmt.Errorf("inquiry: more than 8 version descriptors")
	case d.BlockLimits.Max == 0 || d.BlockLimits.Max > 0xFFFFFF || d.BlockLimits.Accept > 0xFFFFFF:
		return fmt.Errorf("block-limits: max or accept is not 1 to FFFFFFh")
	case d.Source == "":
		return fmt.Errorf("names no source")
	}
	if n := d.Inquiry.Length; n != 0 && (n < 36 || n > 260) {
		return fmt.Errorf("inquiry: length %d, not 36 to 260", n)
	}
	for at := range d.Inquiry.Bytes {
		if at < 0 || at >= 260 {
			return fmt.Errorf("inquiry: byte %d does not exist", at)
		}
	}
	for at, s := range d.Inquiry.Text {
		if at < 36 || at+len(s) > 260 {
			return fmt.Errorf("inquiry: text at byte %d does not fit", at)
		}
	}
	if d.SenseForm != "" && !slices.Contains(SenseForms, d.SenseForm) {
		return fmt.Errorf("sense-form: %q is not one of %s", d.SenseForm, strings.Join(SenseForms, ", "))
	}
	for c := range d.Capabilities {
		if !slices.Contains(capabilities, c) {
			return fmt.Errorf("capabilities: unknown %q", c)
		}
	}
	d.media = map[string]*Medium{}
	for name, a := range d.Media {
		if a == "no" {
			continue // taken out of what the base has
		}
		if a != ReadWrite && a != ReadOnly {
			return fmt.Errorf("media: %s: %q is neither rw, ro nor no", name, a)
		}
		m, err := loadMedium(name, dirs)
		if err != nil {
			return fmt.Errorf("media: %w", err)
		}
		d.media[name] = m
	}
	if _, ok := d.media[d.Native]; !ok {
		return fmt.Errorf("native: %q is not among the media", d.Native)
	}
	for from, to := range d.Initializes {
		if d.media[from] == nil || d.media[to] == nil || d.Media[to] != ReadWrite {
			return fmt.Errorf("initializes: %s to %s: not both are among the media that it writes", from, to)
		}
	}
	return errors.Join(d.Encryptor.check(d.Has(Encryption)), d.resolveModePages(), d.resolveLogPages(), d.resolveVPDPages())
}

// DriveByProduct finds the model with a product identification, as configurations
// of other libraries name their drives. Of several vendors' the named one's is
// taken; an empty vendor takes the first in order of model names.
func DriveByProduct(vendor, product string, dirs ...string) (*Drive, error) {
	for _, n := range DriveNames(dirs...) {
		d, err := LoadDrive(n, dirs...)
		if err != nil {
			return nil, err
		}
		if d.Inquiry.Product == product && (vendor == "" || d.Inquiry.Vendor == vendor) {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w: no drive has the product identification %q of vendor %q", ErrUnknown, product, vendor)
}
