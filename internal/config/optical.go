package config

import (
	"path/filepath"
	"slices"
)

// Optical is one optical drive.
type Optical struct {
	ID     int            `yaml:"id"`
	Model  string         `yaml:"model"` // name of a recorder model, such as bd-recorder
	Serial string         `yaml:"serial"`
	NAA    string         `yaml:"naa,omitempty"`
	Home   string         `yaml:"home,omitempty"` // where `load FILE` looks; empty: STATE/discs
	Access Access         `yaml:"access,omitempty"`
	Timing *OpticalTiming `yaml:"timing,omitempty"`
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

// OpticalDrive finds an optical drive by its id.
func (s *Suite) OpticalDrive(id int) (*Optical, bool) {
	i := slices.IndexFunc(s.Optical, func(o Optical) bool { return o.ID == id })
	if i < 0 {
		return nil, false
	}
	return &s.Optical[i], true
}

// OpticalHome is where an optical drive looks for the files of discs.
func (p Paths) OpticalHome(o *Optical) string {
	if o.Home != "" {
		return o.Home
	}
	return filepath.Join(p.State, "discs")
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
