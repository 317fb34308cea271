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
// Each model is loaded once, however many devices and cartridges are of it.
func Checks(dir, listen string) config.Checks {
	return config.Checks{
		Listen: listen,
		LibraryModel: once(func(name string) error {
			_, err := personality.LoadLibrary(name, dirs(dir)...)
			return err
		}),
		DriveModel: once(func(name string) error {
			_, err := personality.LoadDrive(name, dirs(dir)...)
			return err
		}),
		RecorderModel: once(func(name string) error {
			_, err := personality.LoadRecorder(name, dirs(dir)...)
			return err
		}),
		Medium: checkMedium(dir),
	}
}

// dirs is the operator's directory; none when it is not given, which must not
// become the working directory.
func dirs(dir string) []string {
	if dir == "" {
		return nil
	}
	return []string{dir}
}

// once remembers the answers of a check.
func once(check func(name string) error) func(string) error {
	known := map[string]error{}
	return func(name string) error {
		err, ok := known[name]
		if !ok {
			err = check(name)
			known[name] = err
		}
		return err
	}
}

// checkMedium checks cartridges. Barcodes that end alike, and begin alike as far
// as it counts, are of the same medium; one that is refused is looked at again,
// for its own reason.
func checkMedium(dir string) func(config.Media, string) error {
	type looks struct{ density, kind, first, last string }
	good := map[looks]bool{}
	return func(m config.Media, barcode string) error {
		k := looks{m.Density, m.Kind, barcode[:min(3, len(barcode))], barcode[max(len(barcode)-2, 0):]}
		if good[k] {
			return nil
		}
		_, _, err := Medium(m, barcode, dir)
		good[k] = err == nil
		return err
	}
}

// Medium finds the medium model and the kind of a cartridge of a media entry: as
// the entry says, else by the barcode.
func Medium(m config.Media, barcode, dir string) (model *personality.Medium, kind string, err error) {
	kind = m.Kind
	if m.Density != "" {
		model, err = personality.LoadMedium(m.Density, dirs(dir)...)
		if err != nil {
			return nil, "", err
		}
		if kind == "" {
			kind = personality.KindData
		}
		return model, kind, nil
	}
	model, byCode, err := personality.MediumByBarcode(barcode, dirs(dir)...)
	if err != nil {
		return nil, "", fmt.Errorf("%w (say density: and kind:)", err)
	}
	if kind == "" {
		kind = byCode
	}
	return model, kind, nil
}
