package personality

import (
	"fmt"
	"strings"
)

// LibraryCapability names a feature of a library model.
type LibraryCapability string

// The capabilities of libraries.
const (
	// LibraryValidateReserved: reserved CDB bits are refused.
	LibraryValidateReserved LibraryCapability = "validate-reserved"

	// LibraryIgnorePF: MODE SELECT does not check PF.
	LibraryIgnorePF LibraryCapability = "ignore-pf"

	// WholeDescriptors: READ ELEMENT STATUS cuts its data at the last element
	// descriptor that fits the allocation length, not in the middle of one.
	WholeDescriptors LibraryCapability = "whole-descriptors"

	// LibraryRotates: the transport turns media with two sides over (INVERT).
	LibraryRotates LibraryCapability = "rotates"

	// LibraryTapeDrives and LibraryOpticalDrives say what drives the library has.
	// A model that says neither has tape drives.
	LibraryTapeDrives    LibraryCapability = "tape-drives"
	LibraryOpticalDrives LibraryCapability = "optical-drives"
)

var libraryCapabilities = []LibraryCapability{LibraryValidateReserved, LibraryIgnorePF, WholeDescriptors, LibraryRotates, LibraryTapeDrives,
	LibraryOpticalDrives}

// Library is a library model: what a media changer says of itself and how its
// elements are numbered.
type Library struct {
	// Name is the file's name, such as "ibm-03584".
	Name string `yaml:"-"`

	Base     string `yaml:"base,omitempty"`
	Abstract bool   `yaml:"abstract,omitempty"`
	Device   string `yaml:"device"` // "changer"

	Title    string `yaml:"title"`    // for people: "IBM TS3500 (3584)"
	Source   string `yaml:"source"`   // documents the values are from
	Captured string `yaml:"captured"` // whether bytes were captured from a real library

	Inquiry Inquiry `yaml:"inquiry"`

	// InquiryParts are put into the INQUIRY data behind byte 36.
	InquiryParts []Part `yaml:"inquiry-parts"`

	// Elements are the element addresses at which each type of element begins.
	Elements LibraryElements `yaml:"elements"`

	DVCID DVCID `yaml:"dvcid"`

	// Barcode says what volume tags the library takes.
	Barcode Barcode `yaml:"barcode"`

	// VPDPages are the pages beside 00h, by code in hex.
	VPDPages map[string]*LibraryVPD `yaml:"vpd-pages"`

	// ModePages are the mode pages beside the element pages 1Dh, 1Eh and 1Fh,
	// which every changer has, by page or page/subpage code in hex, with the
	// fields whose value differs from the page's own.
	ModePages map[string]map[string]uint64 `yaml:"mode-pages"`

	Capabilities map[LibraryCapability]bool `yaml:"capabilities"`

	// WithoutCommands names the commands of the table that the library has not.
	WithoutCommands []string `yaml:"without-commands"`

	// Timeouts are recommended command timeouts in seconds by command name;
	// "*" is the default.
	Timeouts map[string]uint32 `yaml:"timeouts"`
}

// LibraryElements are the first addresses of the four types of element.
type LibraryElements struct {
	Transport    uint16 `yaml:"transport"`
	ImportExport uint16 `yaml:"import-export"`
	DataTransfer uint16 `yaml:"data-transfer"`
	Storage      uint16 `yaml:"storage"`
}

// DVCID is how READ ELEMENT STATUS names a drive (SMC-3 6.10).
type DVCID struct {
	// Form is full (T10 vendor identification: vendor, product, serial number)
	// or serial (the serial number alone).
	Form string `yaml:"form"`

	// Length is the identifier's length in bytes, padded with blanks; a longer
	// serial number makes it longer.
	Length int `yaml:"length"`

	// Always sends it although DVCID is 0.
	Always bool `yaml:"always"`
}

// The forms of DVCID.
const (
	DVCIDFull   = "full"
	DVCIDSerial = "serial"
)

// Barcode says what volume tags a library takes.
type Barcode struct {
	// Max is the longest barcode in characters; 0 is 16.
	Max int `yaml:"max"`
}

// LibraryVPD is a VPD page: a length, what it is filled with, and its parts.
type LibraryVPD struct {
	Length int    `yaml:"length"` // PAGE LENGTH
	Fill   uint8  `yaml:"fill"`
	Parts  []Part `yaml:"parts"`
}

// Part is a piece of a page or of INQUIRY data. At counts from the page's byte 0;
// one of the other keys says what is there. A number is a length in bytes: text
// is cut to it or padded with blanks.
type Part struct {
	At   int    `yaml:"at"`
	Text string `yaml:"text"`
	Hex  string `yaml:"hex"`

	Serial  int  `yaml:"serial"`  // unit serial number
	Tail    int  `yaml:"tail"`    // its last characters
	Vendor  int  `yaml:"vendor"`  // vendor identification
	Product int  `yaml:"product"` // product identification
	NAA     bool `yaml:"naa"`     // the eight bytes of the NAA identifier
	Storage int  `yaml:"storage"` // first storage element address in hex digits
}

// Identity is what differs between two libraries of a model.
type Identity struct {
	Serial string
	NAA    [8]byte
}

// MaxSerial is the longest unit serial number that every page of the model shows
// whole, in characters.
func (l *Library) MaxSerial() int {
	shortest := 255
	see := func(parts []Part) {
		for _, p := range parts {
			if p.Serial > 0 {
				shortest = min(shortest, p.Serial)
			}
		}
	}
	see(l.InquiryParts)
	for _, v := range l.VPDPages {
		if v != nil {
			see(v.Parts)
		}
	}
	return shortest
}

// Has reports whether the model has a capability.
func (l *Library) Has(c LibraryCapability) bool {
	if c == LibraryTapeDrives && !l.Capabilities[LibraryOpticalDrives] {
		on, said := l.Capabilities[c]
		return on || !said
	}
	return l.Capabilities[c]
}

// Put writes the part into p. What does not fit is left out.
func (l *Library) Put(p []byte, part Part, id Identity) {
	if part.At < 0 || part.At > len(p) {
		return
	}
	copy(p[part.At:], l.part(part, id))
}

func (l *Library) part(part Part, id Identity) []byte {
	pad := func(s string, n int) []byte { return fmt.Appendf(nil, "%-*.*s", n, n, s) }
	switch {
	case part.Text != "":
		return []byte(part.Text)
	case part.Hex != "":
		b, _ := decodeHex(part.Hex)
		return b
	case part.Serial > 0:
		return pad(id.Serial, part.Serial)
	case part.Tail > 0:
		return pad(id.Serial[max(0, len(id.Serial)-part.Tail):], part.Tail)
	case part.Vendor > 0:
		return pad(l.Inquiry.Vendor, part.Vendor)
	case part.Product > 0:
		return pad(l.Inquiry.Product, part.Product)
	case part.NAA:
		return id.NAA[:]
	case part.Storage > 0:
		return fmt.Appendf(nil, "%0*X", part.Storage, l.Elements.Storage)
	}
	return nil
}

// VPD renders a VPD page of the model without its first two bytes' device type:
// byte 0 is left 0. ok is false when the model has no such page.
func (l *Library) VPD(code uint8, id Identity) (p []byte, ok bool) {
	v := l.VPDPages[fmt.Sprintf("%02X", code)]
	if v == nil {
		return nil, false
	}
	p = make([]byte, 4+v.Length)
	p[1], p[2], p[3] = code, byte(v.Length>>8), byte(v.Length)
	for i := range p[4:] {
		p[4+i] = v.Fill
	}
	for _, part := range v.Parts {
		l.Put(p, part, id)
	}
	return p, true
}

// LoadLibrary loads a library model by name. dirs are searched before the
// embedded models.
func LoadLibrary(name string, dirs ...string) (*Library, error) {
	l := &Library{}
	file, err := load("libraries", name, dirs, l, func() { l.Abstract = false })
	if isUnknown(err) {
		return nil, fmt.Errorf("%w; library models are %s", err, strings.Join(LibraryNames(dirs...), ", "))
	}
	if err != nil {
		return nil, err
	}
	l.Name = name
	if err := l.finish(); err != nil {
		return nil, fmt.Errorf("personality: %s: %w", file, err)
	}
	return l, nil
}

// LibraryNames lists the library models.
func LibraryNames(dirs ...string) []string { return names("libraries", dirs, "changer") }
