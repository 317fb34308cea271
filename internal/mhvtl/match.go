package mhvtl

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"govtl/scsi/personality"
)

// catalogue is all models, loaded once.
type catalogue struct {
	libraries []*personality.Library
	drives    []*personality.Drive
	media     []*personality.Medium

	dirs      []string
	byBarcode map[string]guess // by what of a barcode counts
}

// guess is what a barcode says.
type guess struct {
	medium *personality.Medium
	kind   string
	err    error
}

// loadCatalogue loads all models; dir has the operator's own, or is empty.
func loadCatalogue(dir string) (*catalogue, error) {
	c := &catalogue{byBarcode: map[string]guess{}}
	if dir != "" {
		c.dirs = []string{dir}
	}
	for _, name := range personality.LibraryNames(c.dirs...) {
		m, err := personality.LoadLibrary(name, c.dirs...)
		if err != nil {
			return nil, err
		}
		c.libraries = append(c.libraries, m)
	}
	for _, name := range personality.DriveNames(c.dirs...) {
		m, err := personality.LoadDrive(name, c.dirs...)
		if err != nil {
			return nil, err
		}
		c.drives = append(c.drives, m)
	}
	for _, f := range families {
		if !slices.ContainsFunc(c.libraries, func(m *personality.Library) bool { return m.Name == f.model }) {
			return nil, fmt.Errorf("%w: there is no library model %s", ErrConfig, f.model)
		}
	}
	if !slices.ContainsFunc(c.drives, func(m *personality.Drive) bool { return m.Name == anyDrive }) {
		return nil, fmt.Errorf("%w: there is no drive model %s", ErrConfig, anyDrive)
	}
	var err error
	c.media, err = loadMedia(c.dirs)
	return c, err
}

// loadMedia loads all medium models.
func loadMedia(dirs []string) (all []*personality.Medium, err error) {
	for _, name := range personality.MediumNames(dirs...) {
		m, err := personality.LoadMedium(name, dirs...)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// barcode tells the medium and kind of a cartridge by its barcode.
func (c *catalogue) barcode(barcode string) guess {
	k := barcode[:min(3, len(barcode))] + barcode[max(len(barcode)-2, 0):]
	g, ok := c.byBarcode[k]
	if !ok || g.err != nil {
		g.medium, g.kind, g.err = personality.MediumByBarcode(barcode, c.dirs...)
		c.byBarcode[k] = g
	}
	return g
}

// family is a kind of library as mhVTL tells them apart, and where its elements
// begin.
type family struct {
	vendor, product string // how they begin
	model           string // that behaves alike
	elements        personality.LibraryElements
}

// families are mhVTL's kinds of libraries. The first that fits is meant; letter
// case does not count.
var families = []family{
	{"STK", "SL500", "stk-sl500", personality.LibraryElements{Transport: 0x001, ImportExport: 0x00A, DataTransfer: 0x1F4, Storage: 0x3E8}},
	{"STK", "L20", "stk-l20", personality.LibraryElements{Transport: 0x001, ImportExport: 0x00A, DataTransfer: 0x1F4, Storage: 0x3E8}},
	{"STK", "L40", "stk-l40", personality.LibraryElements{Transport: 0x001, ImportExport: 0x00A, DataTransfer: 0x1F4, Storage: 0x3E8}},
	{"STK", "L80", "stk-l80", personality.LibraryElements{Transport: 0x001, ImportExport: 0x00A, DataTransfer: 0x1F4, Storage: 0x3E8}},
	{"STK", "", "stk-l700", personality.LibraryElements{Transport: 0x001, ImportExport: 0x00A, DataTransfer: 0x1F4, Storage: 0x3E8}},
	{"IBM", "3573-TL", "ibm-3573-tl", personality.LibraryElements{Transport: 0x001, ImportExport: 0x010, DataTransfer: 0x100, Storage: 0x1000}},
	{"IBM", "03584", "ibm-03584", personality.LibraryElements{Transport: 0x001, ImportExport: 0x300, DataTransfer: 0x101, Storage: 0x400}},
	{"HP", "MSL", "hp-msl", personality.LibraryElements{Transport: 0x001, ImportExport: 0x1C0, DataTransfer: 0x1E0, Storage: 0x020}},
	{"HP", "", "hp-eml", personality.LibraryElements{Transport: 0x001, ImportExport: 0x00A, DataTransfer: 0x1F4, Storage: 0x3E8}},
	{"", "OVERLAND", "overland-neo", personality.LibraryElements{Transport: 0x001, ImportExport: 0x000, DataTransfer: 0x0FF, Storage: 0x002}},
	{"", "ADIC", "quantum-scalar-i500", personality.LibraryElements{Transport: 0x001, ImportExport: 0x010, DataTransfer: 0x100, Storage: 0x1000}},
	{"", "QUANTUM", "quantum-scalar-i500", personality.LibraryElements{Transport: 0x001, ImportExport: 0x010, DataTransfer: 0x100, Storage: 0x1000}},
	{"SPECTRA", "GATOR", "spectra-gator", personality.LibraryElements{Transport: 0x2C3, ImportExport: 0x001, DataTransfer: 0x2A3, Storage: 0x01E}},
	{"SPECTRA", "215", "spectra-215", personality.LibraryElements{Transport: 0x056, ImportExport: 0x063, DataTransfer: 0x01F, Storage: 0x001}},
	{"SPECTRA", "", "spectra-python", personality.LibraryElements{Transport: 0x001, ImportExport: 0x010, DataTransfer: 0x100, Storage: 0x1000}},
	{"", "", "vtl", personality.LibraryElements{Transport: 0x2F0, ImportExport: 0x300, DataTransfer: 0x001, Storage: 0x400}},
}

// library finds the family for a vendor and product, and the library model: one
// that shows the same names, else the family's.
func (c *catalogue) library(vendor, product string) (*personality.Library, family) {
	var f family
	for _, f = range families {
		if hasPrefix(vendor, f.vendor) && hasPrefix(product, f.product) {
			break
		}
	}
	var like *personality.Library
	for _, m := range c.libraries {
		if strings.EqualFold(m.Inquiry.Vendor, vendor) && m.Inquiry.Product == product {
			return m, f
		}
		if m.Name == f.model {
			like = m
		}
	}
	return like, f
}

// hasPrefix is strings.HasPrefix but for letter case.
func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// room is how many elements of a type there are before those of the next begin.
func (f family) room(of func(personality.LibraryElements) uint16) int {
	first, next := int(of(f.elements)), 0x10000
	for _, begin := range []uint16{f.elements.Transport, f.elements.ImportExport, f.elements.DataTransfer, f.elements.Storage} {
		if int(begin) > first {
			next = min(next, int(begin))
		}
	}
	return next - first
}

// generation finds the number of an LTO generation in the products that mhVTL
// knows drives by.
var generation = regexp.MustCompile(`^(?:ULT3580-|ULTRIUM-)(TD|HH)([0-9])$|^Ultrium ([0-9])-SCSI$`)

// drive finds the drive model for a vendor and product: one that shows the same,
// else one with the same product, else one of the same LTO generation, of the
// same vendor and size where there is one, else the one that is like nothing.
func (c *catalogue) drive(vendor, product string) *personality.Drive {
	var best *personality.Drive
	most := -1
	found := generation.FindStringSubmatch(product)
	for _, m := range c.drives {
		score := 0
		switch {
		case m.Inquiry.Product == product:
			score = 8 // mhVTL looks at nothing else
		case found != nil && m.Native == "LTO"+found[2]+found[3]:
			score = 1
			if found[1] == "" || strings.Contains(m.Inquiry.Product, found[1]) {
				score++
			}
		case m.Name == anyDrive:
			if most < 0 {
				best, most = m, 0
			}
			continue
		default:
			continue
		}
		if strings.EqualFold(m.Inquiry.Vendor, vendor) {
			score += 4
		}
		if score > most {
			best, most = m, score
		}
	}
	return best
}

// anyDrive is the model of a drive that is like no other, as mhVTL has one.
const anyDrive = "generic"
