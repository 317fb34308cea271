package config

import (
	"path/filepath"
	"slices"
)

// Optical is one optical drive. In a library its element is its place in the
// list, behind the tape drives, unless Element (from 1) says otherwise.
type Optical struct {
	ID      int            `yaml:"id"`
	Model   string         `yaml:"model"` // name of a recorder model, such as bd-recorder
	Serial  string         `yaml:"serial"`
	NAA     string         `yaml:"naa,omitempty"`
	Home    string         `yaml:"home,omitempty"` // where `load FILE` looks; empty: STATE/discs
	Element int            `yaml:"element,omitempty"`
	Access  Access         `yaml:"access,omitempty"`
	Timing  *OpticalTiming `yaml:"timing,omitempty"`
}

// OpticalTiming says how long operations take, in seconds. Without it each takes
// DefaultOpticalSeconds.
type OpticalTiming struct {
	Blank  float64 `yaml:"blank,omitempty"`
	Format float64 `yaml:"format,omitempty"`
	Close  float64 `yaml:"close,omitempty"`
}

// DefaultOpticalSeconds is how long a blank, format or close takes: long enough
// for programs to see progress.
const DefaultOpticalSeconds = 1.0

// Identifier is the drive's NAA identifier: the configured one, or one made of
// its serial number.
func (o *Optical) Identifier() (NAA, error) { return naaFor(o.NAA, KindOptical, o.Serial) }

// OpticalDrive finds an optical drive by its id, in a library or alone.
func (s *Suite) OpticalDrive(id int) (*Optical, bool) {
	o, _, ok := s.OpticalIn(id)
	return o, ok
}

// OpticalIn finds an optical drive by its id. The library is nil for one that
// stands alone.
func (s *Suite) OpticalIn(id int) (o *Optical, in *Library, ok bool) {
	same := func(o Optical) bool { return o.ID == id }
	for n := range s.Libraries {
		l := &s.Libraries[n]
		if i := slices.IndexFunc(l.Optical, same); i >= 0 {
			return &l.Optical[i], l, true
		}
	}
	if i := slices.IndexFunc(s.Optical, same); i >= 0 {
		return &s.Optical[i], nil, true
	}
	return nil, nil, false
}

// OpticalElement is the element number (from 1) of the optical drive at place i
// (from 0) of the library's list.
func (l *Library) OpticalElement(i int) int {
	if e := l.Optical[i].Element; e != 0 {
		return e
	}
	return len(l.Drives) + i + 1
}

// ElementOf is the element number (from 1) of a drive of the library, of either
// kind; 0: it has no such drive.
func (l *Library) ElementOf(id int) int {
	for i := range l.Drives {
		if l.Drives[i].ID == id {
			return l.DriveElement(i)
		}
	}
	for i := range l.Optical {
		if l.Optical[i].ID == id {
			return l.OpticalElement(i)
		}
	}
	return 0
}

// OpticalHome is where an optical drive looks for the files of discs; in is the
// library of a drive that has one.
func (p Paths) OpticalHome(o *Optical, in *Library) string {
	switch {
	case in != nil:
		return p.LibraryHome(in)
	case o.Home != "":
		return o.Home
	}
	return filepath.Join(p.State, "discs")
}

// DiscImage is the image of a disc's first side, by its barcode.
func DiscImage(home, barcode string) string { return filepath.Join(home, barcode+".iso") }

// libraryOptical checks the optical drives of a library.
func (c *checker) libraryOptical(p path, l *Library, elements map[int]int, u uniques) {
	if n := len(l.Drives) + len(l.Optical); n > MaxDrives && len(l.Drives) <= MaxDrives {
		c.report(p.in("optical"), "%d drives: a library has at most %d", n, MaxDrives)
	}
	for i := range l.Optical {
		o := &l.Optical[i]
		op := p.in("optical", i)
		c.optical(op, o, u)
		e := l.OpticalElement(i)
		if e < 1 || e > MaxDrives {
			c.report(op.in("element"), "element %d is not from 1 to %d", e, MaxDrives)
		}
		// A tape drive that comes later must not push it into another element.
		if o.Element == 0 && len(l.Drives) > 0 {
			c.report(op, "an optical drive beside tape drives needs its element")
		}
		if other, ok := elements[e]; ok {
			c.report(op.in("element"), "drives %d and %d are both in element %d", other, o.ID, e)
		}
		elements[e] = o.ID
		if o.Home != "" {
			c.report(op.in("home"), "a drive in a library uses the library's home")
		}
	}
}

// disc checks a media entry of discs.
func (c *checker) disc(p path, m *Media) {
	switch {
	case m.Disc == "" && m.Sides != 0:
		c.report(p.in("sides"), "only discs have sides")
	case m.Sides < 0 || m.Sides > 2:
		c.report(p.in("sides"), "%d sides: a disc has 1 or 2", m.Sides)
	}
	if m.Disc == "" {
		return
	}
	for _, other := range []struct {
		key  string
		said bool
	}{{"kind", m.Kind != ""}, {"density", m.Density != ""}, {"size-mib", m.SizeMiB != 0}} {
		if other.said {
			c.report(p.in(other.key), "a disc has no %s: its model says what it is", other.key)
		}
	}
	c.model(p, m.Disc, "a disc", c.checks.DiscModel, "disc")
}

// optical checks one optical drive.
func (c *checker) optical(p path, o *Optical, u uniques) {
	c.identity(p, KindOptical, o.ID, o.Serial, o.NAA, u)
	c.model(p, o.Model, "an optical drive", c.checks.RecorderModel)
	if t := o.Timing; t != nil {
		for _, f := range []struct {
			key     string
			seconds float64
		}{{"blank", t.Blank}, {"format", t.Format}, {"close", t.Close}} {
			if !(f.seconds >= 0 && f.seconds <= MaxDelay) { // NaN too
				c.report(p.in("timing", f.key), "%s takes from 0 to %d seconds", f.key, MaxDelay)
			}
		}
	}
	c.access(p.in("access"), o.Access.Initiators, o.Access.Addresses)
}
