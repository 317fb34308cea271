// Package models checks a configuration against the models that the suite has,
// embedded ones and the operator's own.
package models

import (
	"fmt"
	"time"

	"govtl/internal/config"
	"govtl/libcart"
	"govtl/scsi/personality"
)

// Checks are the checks of a configuration that need the models. dir has the
// operator's own models; listen is the address that --listen gave, or empty.
func Checks(dir, listen string) config.Checks {
	return config.Checks{
		Listen: listen,
		LibraryModel: func(name string) error {
			_, err := personality.LoadLibrary(name, dir)
			return err
		},
		DriveModel: func(name string) error {
			_, err := personality.LoadDrive(name, dir)
			return err
		},
		Medium: func(m config.Media, barcode string) error {
			_, _, err := Medium(m, barcode, dir)
			return err
		},
	}
}

// Medium finds the medium model and the kind of a cartridge of a media entry: as
// the entry says, else by the barcode.
func Medium(m config.Media, barcode, dir string) (model *personality.Medium, kind string, err error) {
	kind = m.Kind
	if m.Density != "" {
		model, err = personality.LoadMedium(m.Density, dir)
		if err != nil {
			return nil, "", err
		}
		if kind == "" {
			kind = personality.KindData
		}
		return model, kind, nil
	}
	model, byCode, err := personality.MediumByBarcode(barcode, dir)
	if err != nil {
		return nil, "", fmt.Errorf("%w (say density: and kind:)", err)
	}
	if kind == "" {
		kind = byCode
	}
	return model, kind, nil
}

// kinds are the kinds of cartridges by their word in vtl.yaml and mktape -t.
var kinds = map[string]libcart.Kind{
	personality.KindData:  libcart.Data,
	personality.KindWORM:  libcart.WORM,
	personality.KindClean: libcart.Cleaning,
	personality.KindNull:  libcart.Null,
}

// Spec is what a new cartridge of a medium model is. sizeMiB 0 is the native
// capacity.
func Spec(m *personality.Medium, kind, barcode string, sizeMiB int64, made time.Time) (libcart.Spec, error) {
	k, ok := kinds[kind]
	if !ok {
		return libcart.Spec{}, fmt.Errorf("kind %q is not data, clean, WORM or NULL", kind)
	}
	if k == libcart.WORM && !m.WORM {
		return libcart.Spec{}, fmt.Errorf("there is no WORM cartridge of %s", m.Name)
	}
	s := libcart.Spec{
		Barcode: barcode, Density: m.Density, Medium: m.Name, Kind: k, Capacity: sizeMiB << 20,
		Serial: fmt.Sprintf("%s_%d", barcode, made.Unix()), Made: made, MaxPartitions: m.MaxPartitions(),
	}
	if sizeMiB == 0 {
		s.Capacity = m.CapacityBytes()
	}
	if k == libcart.WORM {
		s.MaxPartitions = 1
	}
	return s, nil
}
