package mhvtl

import (
	"fmt"
	"strings"

	"govtl/internal/provision"
	"govtl/libcart"
	"govtl/scsi/personality"
)

// findMedium finds the medium model of a cartridge: the one with its density's
// name, else the one with its density code, assigned by the same organisation.
// mhVTL's own number of the medium type means something else in each release,
// and one density code stands for several media.
func findMedium(m *Memory, media []*personality.Medium) (*personality.Medium, error) {
	var byCode *personality.Medium
	for _, medium := range media {
		if m.Kind == kindClean {
			if medium.Clean && (m.Assigned == "" || strings.EqualFold(medium.Organization, m.Assigned)) {
				return medium, nil
			}
			continue
		}
		if medium.Clean || m.Assigned != "" && !strings.EqualFold(medium.Organization, m.Assigned) {
			continue
		}
		if m.DensityName != "" && strings.EqualFold(medium.DensityName, m.DensityName) {
			return medium, nil
		}
		if byCode == nil && medium.Density == m.Density && m.Density != 0 {
			byCode = medium
		}
	}
	switch {
	case byCode != nil:
		return byCode, nil
	case m.Kind == kindClean:
		return nil, fmt.Errorf("%w is a cleaning cartridge of %q", ErrMedium, m.Assigned)
	}
	return nil, fmt.Errorf("%w stands for density code %02Xh, %q (%s), of %q", ErrMedium, m.Density, m.DensityName, m.Description, m.Assigned)
}

// kindOf is the kind of cartridge in the words of vtl.yaml; ok is false for
// one that the suite has not.
func kindOf(m *Memory) (kind string, ok bool) {
	switch m.Kind {
	case kindData:
		return personality.KindData, true
	case kindWORM, kindT10:
		return personality.KindWORM, true
	case kindNull:
		return personality.KindNull, true
	case kindClean:
		return personality.KindClean, true
	}
	return personality.KindData, false
}

// spec says what the new cartridge is, and notes what is different.
func (t *Tape) spec(barcode, medium string, notes *notes, dirs ...string) (libcart.Spec, error) {
	m := t.Memory
	var model *personality.Medium
	var err error
	if medium != "" {
		model, err = personality.LoadMedium(medium, dirs...)
	} else {
		var media []*personality.Medium
		if media, err = loadMedia(dirs); err == nil {
			model, err = findMedium(m, media)
		}
	}
	if err != nil {
		return libcart.Spec{}, err
	}
	kind, ok := kindOf(m)
	if !ok {
		notes.add("", "a cartridge of kind %02Xh (diagnostic, firmware) becomes a data cartridge", m.Kind)
	}
	if kind == personality.KindWORM && !model.WORM {
		return libcart.Spec{}, fmt.Errorf("%w: %s does not come as WORM cartridge", ErrMedium, model.Title)
	}
	s, err := provision.Spec(provision.Order{Barcode: barcode, Medium: model, Kind: kind, Made: m.Made, Serial: m.Serial})
	if err != nil {
		return s, err
	}
	if m.Capacity > libcart.MaxCapacity {
		notes.add("", "a capacity of %d bytes is too much and becomes that of %s", m.Capacity, model.Title)
	} else if m.Capacity > 0 {
		s.Capacity = max(m.Capacity, libcart.MinCapacity)
	}
	s.MaxPartitions = min(max(s.MaxPartitions, m.MaxPartitions, len(t.parts)), libcart.MaxPartitions)
	if m.Serial == "" {
		notes.add("", "the medium has no serial number; it gets %s", s.Serial)
	}
	return s, nil
}
