package personality

import (
	"fmt"
	"strings"
)

// The kinds of cartridges, in the words of mktape -t and vtl.yaml.
const (
	KindData = "data"
	KindWORM = "WORM"

	// KindDisc is an optical disc; no medium model of tapes has it.
	KindDisc  = "disc"
	KindClean = "clean"
	KindNull  = "NULL"
)

// Medium is a medium model: what a cartridge is by its generation.
type Medium struct {
	// Name is the file's name, such as "LTO9".
	Name string `yaml:"-"`

	Base     string `yaml:"base,omitempty"`
	Abstract bool   `yaml:"abstract,omitempty"`
	Device   string `yaml:"device"` // "medium"
	Title    string `yaml:"title"`  // for people: "LTO-9"
	Source   string `yaml:"source"`

	// Cartridge is the form of the cartridge, such as "LTO" or "3592": robots and
	// drives of one form take no other. Empty: it fits everywhere.
	Cartridge string `yaml:"cartridge"`

	Density      uint8  `yaml:"density"`      // density code, SSC-4 table of codes
	Capacity     uint32 `yaml:"capacity"`     // native capacity in units of 10^6 bytes
	Length       uint32 `yaml:"length"`       // metres (MAM 0402h)
	Width        uint16 `yaml:"width"`        // 0.1 mm (MAM 0403h)
	BitsPerMM    uint32 `yaml:"bits-per-mm"`  // REPORT DENSITY SUPPORT
	Tracks       uint16 `yaml:"tracks"`       // REPORT DENSITY SUPPORT
	DensityName  string `yaml:"density-name"` // at most 8 characters
	Description  string `yaml:"description"`  // at most 20 characters
	Organization string `yaml:"organization"` // at most 8 characters
	Partitions   int    `yaml:"partitions"`   // the most it may have; 0 is 1
	WORM         bool   `yaml:"worm"`         // comes as WORM cartridge too
	Clean        bool   `yaml:"clean"`        // is a cleaning cartridge only
	Encryption   bool   `yaml:"encryption"`   // can hold encrypted blocks

	// EncryptedDensity is the density code that is reported while the medium holds
	// encrypted blocks; 0: the same.
	EncryptedDensity uint8 `yaml:"encrypted-density"`

	MAM uint32 `yaml:"mam"` // bytes for attributes (MAM 0407h)

	// Personality is the VOLUME PERSONALITY of log page 17h, such as "Ultrium-6".
	Personality string `yaml:"personality"`

	// Generation is the number of an LTO medium's generation, for vendor specific
	// sense data; Wraps how many wraps its tape has. 0: not an LTO medium.
	Generation uint8  `yaml:"generation"`
	Wraps      uint16 `yaml:"wraps"`

	// Step is the granularity of partition sizes in units of 10^6 bytes at
	// native capacity; 0 when the medium has one partition.
	Step uint32 `yaml:"step"`

	// Aliases are further names that mktape -d takes.
	Aliases []string `yaml:"aliases"`

	// Suffixes are the barcode endings that tell the medium and its kind.
	Suffixes map[string][]string `yaml:"suffixes"`
}

// CapacityBytes is the native capacity in bytes.
func (m *Medium) CapacityBytes() int64 { return int64(m.Capacity) * 1_000_000 }

// MaxPartitions is the most partitions that the medium may have, at least 1.
func (m *Medium) MaxPartitions() int { return max(m.Partitions, 1) }

// LoadMedium loads a medium model by its name or alias, letter case ignored.
func LoadMedium(name string, dirs ...string) (*Medium, error) {
	if m, err := loadMedium(name, dirs); err == nil || !isUnknown(err) {
		return m, err
	}
	for _, n := range MediumNames(dirs...) {
		m, err := loadMedium(n, dirs)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(n, name) {
			return m, nil
		}
		for _, a := range m.Aliases {
			if strings.EqualFold(a, name) {
				return m, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: medium %q; there are %s", ErrUnknown, name, strings.Join(MediumNames(dirs...), ", "))
}

func loadMedium(name string, dirs []string) (*Medium, error) {
	m := &Medium{}
	file, err := load("media", name, dirs, m, func() { m.Abstract, m.Aliases, m.Suffixes = false, nil, nil })
	if err != nil {
		return nil, err
	}
	m.Name = name
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("personality: %s: %w", file, err)
	}
	return m, nil
}

func (m *Medium) check() error {
	switch {
	case m.Device != "medium":
		return fmt.Errorf("device is %q, not medium", m.Device)
	case m.Abstract:
		return fmt.Errorf("is only a base of other models")
	case len(m.DensityName) > 8 || len(m.Description) > 20 || len(m.Organization) > 8:
		return fmt.Errorf("density-name, description or organization is longer than its field")
	case m.BitsPerMM > 0xFFFFFF:
		return fmt.Errorf("bits-per-mm %d does not fit 24 bits", m.BitsPerMM)
	case m.Partitions < 0 || m.Partitions > 4:
		return fmt.Errorf("partitions %d, not 1 to 4", m.Partitions)
	case m.Generation > 16:
		return fmt.Errorf("generation %d does not fit 4 bits of sense data", m.Generation)
	case m.Capacity == 0 && !m.Clean:
		return fmt.Errorf("no capacity")
	case m.Source == "":
		return fmt.Errorf("names no source")
	}
	for kind := range m.Suffixes {
		switch kind {
		case KindData, KindWORM, KindClean:
		default:
			return fmt.Errorf("suffixes: unknown kind %q", kind)
		}
	}
	return nil
}

// MediumNames lists the medium models.
func MediumNames(dirs ...string) []string { return names("media", dirs, "medium") }

// MediumByBarcode tells the medium model and the kind of a cartridge from its
// barcode: the last two characters name the generation, CLN in front a cleaning
// cartridge, W in front of an eight character label nothing (it is part of the
// label unless the suffix says WORM).
func MediumByBarcode(barcode string, dirs ...string) (m *Medium, kind string, err error) {
	if len(barcode) >= 3 {
		suffix := strings.ToUpper(barcode[len(barcode)-2:])
		for _, n := range MediumNames(dirs...) {
			m, err := loadMedium(n, dirs)
			if err != nil {
				return nil, "", err
			}
			for kind, list := range m.Suffixes {
				for _, s := range list {
					if s != suffix {
						continue
					}
					if strings.HasPrefix(strings.ToUpper(barcode), "CLN") {
						kind = KindClean
					}
					return m, kind, nil
				}
			}
		}
	}
	return nil, "", fmt.Errorf("%w: barcode %q ends in no known medium suffix", ErrUnknown, barcode)
}
