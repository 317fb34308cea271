package personality

import (
	"fmt"
	"slices"
)

// The classes of optical media.
const (
	ClassCD  = "cd"
	ClassDVD = "dvd"
	ClassBD  = "bd"
)

// Disc is a model of an optical medium: what a blank one of its kind is.
// Addresses and sizes are in blocks of 2048 bytes.
type Disc struct {
	// Name is the file's name, such as "dvd+r".
	Name string `yaml:"-"`

	Base     string `yaml:"base,omitempty"`
	Abstract bool   `yaml:"abstract,omitempty"`
	Device   string `yaml:"device"` // "disc"
	Title    string `yaml:"title"`  // for people: "DVD+R"
	Source   string `yaml:"source"`

	Profile    uint16 `yaml:"profile"`    // MMC-6 table of profiles
	Restricted uint16 `yaml:"restricted"` // profile in restricted overwrite; 0: has none
	Class      string `yaml:"class"`      // cd, dvd, bd
	Recording  string `yaml:"recording"`  // rom, sequential, overwrite
	Rewritable bool   `yaml:"rewritable"` // BLANK works
	Preformat  bool   `yaml:"preformat"`  // comes formatted (DVD-RAM)

	Blocks   int64 `yaml:"blocks"`   // capacity
	Align    int64 `yaml:"align"`    // ECC block
	RunOut   int64 `yaml:"run-out"`  // behind each track
	Bordered int64 `yaml:"bordered"` // capacity once a session is closed
	Gaps     struct {
		Track int64 `yaml:"track"` // behind a track of the same session
		First int64 `yaml:"first"` // behind the first session
		Later int64 `yaml:"later"` // behind later ones
	} `yaml:"gaps"`

	Book     uint8        `yaml:"book"` // BOOK TYPE and PART VERSION of DVD
	Identity string       `yaml:"identity"`
	Formats  []DiscFormat `yaml:"formats"`
}

// DiscFormat is a format that READ FORMAT CAPACITIES offers.
type DiscFormat struct {
	Type      uint8  `yaml:"type"`
	Blocks    int64  `yaml:"blocks"`
	Parameter uint32 `yaml:"parameter"`
}

// Recorder is a model of an optical drive.
type Recorder struct {
	// Name is the file's name, such as "bd-re".
	Name string `yaml:"-"`

	Base     string `yaml:"base,omitempty"`
	Abstract bool   `yaml:"abstract,omitempty"`
	Device   string `yaml:"device"` // "recorder"
	Title    string `yaml:"title"`
	Source   string `yaml:"source"`

	Vendor   string `yaml:"vendor"`
	Product  string `yaml:"product"`
	Revision string `yaml:"revision"`

	Discs  []string            `yaml:"discs"`  // disc models that it takes
	Speeds map[string][]uint16 `yaml:"speeds"` // kB/s by class, descending
	Buffer uint16              `yaml:"buffer"` // KiB

	// Media are the models of Discs.
	Media []*Disc `yaml:"-"`
}

// LoadDisc loads the model of an optical medium.
func LoadDisc(name string, dirs ...string) (*Disc, error) {
	d := &Disc{}
	file, err := load("discs", name, dirs, d, func() { d.Abstract = false })
	if err != nil {
		return nil, err
	}
	d.Name = name
	switch {
	case d.Abstract || d.Device != "disc":
		err = fmt.Errorf("is no disc")
	case d.Title == "" || d.Profile == 0:
		err = fmt.Errorf("title or profile is missing")
	case !slices.Contains([]string{ClassCD, ClassDVD, ClassBD}, d.Class):
		err = fmt.Errorf("class %q is none of cd, dvd, bd", d.Class)
	case !slices.Contains([]string{"rom", "sequential", "overwrite"}, d.Recording):
		err = fmt.Errorf("recording %q is none of rom, sequential, overwrite", d.Recording)
	case d.Blocks < 0 || d.Blocks > 1<<28 || d.Align < 1 || d.Align > 4096 || len(d.Formats) > 30:
		err = fmt.Errorf("blocks, align or formats make no sense")
	}
	if err != nil {
		return nil, fmt.Errorf("personality: %s: %w", file, err)
	}
	return d, nil
}

// LoadRecorder loads the model of an optical drive, with the media that it takes.
func LoadRecorder(name string, dirs ...string) (*Recorder, error) {
	r := &Recorder{}
	file, err := load("recorders", name, dirs, r, func() { r.Abstract = false })
	if err != nil {
		return nil, err
	}
	r.Name = name
	if r.Abstract || r.Device != "recorder" || r.Title == "" || len(r.Discs) == 0 || len(r.Discs) > 40 || r.Buffer == 0 {
		return nil, fmt.Errorf("personality: %s: is no recorder, or has no title, discs or buffer", file)
	}
	for _, n := range r.Discs {
		d, err := LoadDisc(n, dirs...)
		if err != nil {
			return nil, fmt.Errorf("personality: %s: %w", file, err)
		}
		// Burning programs divide by a speed: none may be 0.
		if l := r.Speeds[d.Class]; len(l) == 0 || len(l) > 8 || slices.Min(l) < 176 {
			return nil, fmt.Errorf("personality: %s: speeds of class %s", file, d.Class)
		}
		r.Media = append(r.Media, d)
	}
	return r, nil
}

// Find is the medium of a name that the recorder takes; nil: none.
func (r *Recorder) Find(name string) *Disc {
	for _, d := range r.Media {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// Has reports whether the recorder takes a medium of a class.
func (r *Recorder) Has(class string) bool {
	return slices.ContainsFunc(r.Media, func(d *Disc) bool { return d.Class == class })
}

// DiscNames lists the models of optical media in alphabetical order.
func DiscNames(dirs ...string) []string { return names("discs", dirs, "disc") }

// RecorderNames lists the models of optical drives in alphabetical order.
func RecorderNames(dirs ...string) []string { return names("recorders", dirs, "recorder") }
