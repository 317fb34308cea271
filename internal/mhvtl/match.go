package mhvtl

import (
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

// library finds the library model for a vendor and product: one that shows
// the same, else one of the same vendor whose product begins alike, else the one
// that mhVTL's own rules lead to. exact says that initiators see the same names.
func (c *catalogue) library(vendor, product string) (model string, exact bool) {
	best, length := "", 0
	for _, m := range c.libraries {
		if !strings.EqualFold(m.Inquiry.Vendor, vendor) {
			continue
		}
		if m.Inquiry.Product == product {
			return m.Name, true
		}
		if n := common(m.Inquiry.Product, product); n > length && n >= 3 {
			best, length = m.Name, n
		}
	}
	if best == "" {
		best = anyLibrary
	}
	return best, false
}

// anyLibrary is what a library becomes that no model stands for: what backup
// software expects of an unknown changer.
const anyLibrary = "stk-l700"

// common is how many characters two texts have in common at their beginnings.
func common(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// generation finds the number of an LTO generation in the products that mhVTL
// knows drives by.
var generation = regexp.MustCompile(`^(?:ULT3580-|ULTRIUM-)(TD|HH)([0-9])$|^Ultrium ([0-9])-SCSI$`)

// drive finds the drive model for a vendor and product: one that shows the
// same, else one with the same product, else one of the same LTO generation, of
// the same vendor and size where there is one. model is empty when no drive of the suite is like it.
func (c *catalogue) drive(vendor, product string) (model string, exact bool) {
	type candidate struct {
		name  string
		score int
	}
	var all []candidate
	found := generation.FindStringSubmatch(product)
	for _, m := range c.drives {
		if m.Inquiry.Product == product && strings.EqualFold(m.Inquiry.Vendor, vendor) {
			return m.Name, true
		}
		c := candidate{name: m.Name}
		if m.Inquiry.Product == product {
			c.score += 8 // mhVTL looks at nothing else
		} else if found == nil || m.Native != "LTO"+found[2]+found[3] {
			continue
		}
		if strings.EqualFold(m.Inquiry.Vendor, vendor) {
			c.score += 2
		}
		if found[1] == "" || strings.Contains(m.Inquiry.Product, found[1]) {
			c.score++
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return "", false
	}
	return slices.MaxFunc(all, func(a, b candidate) int { return a.score - b.score }).name, false
}
