// Package models checks a configuration against the models that the suite has,
// embedded ones and the operator's own.
package models

import (
	"fmt"

	"govtl/internal/config"
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
