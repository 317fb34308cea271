// Package models checks a configuration against the models that the suite has,
// embedded ones and the operator's own.
package models

import (
	"fmt"
	"strings"

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
		DiscModel: once(func(name string) error {
			_, err := Disc(name, dir)
			return err
		}),
		Library: checkLibrary(dir),
		Medium:  checkMedium(dir),
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

// checkLibrary checks what its model says of a library's serial number and of the
// numbers of its elements.
func checkLibrary(dir string) func(*config.Library) error {
	known := map[string]*personality.Library{}
	return func(l *config.Library) error {
		m := known[l.Model]
		if m == nil {
			var err error
			if m, err = personality.LoadLibrary(l.Model, dirs(dir)...); err != nil {
				return err
			}
			known[l.Model] = m
		}
		if n := m.MaxSerial(); len(l.Serial) > n {
			return &config.KeyError{Key: "serial", Err: fmt.Errorf(
				"serial %q is longer than the %d characters that a library of model %s shows", l.Serial, n, l.Model)}
		}
		switch {
		case len(l.Drives) > 0 && !m.Has(personality.LibraryTapeDrives):
			return &config.KeyError{Key: "drives", Err: fmt.Errorf("a library of model %s has optical drives only", l.Model)}
		case len(l.Optical) > 0 && !m.Has(personality.LibraryOpticalDrives):
			return &config.KeyError{Key: "optical", Err: fmt.Errorf("a library of model %s has no optical drives", l.Model)}
		}
		for i := range l.Media {
			if l.Media[i].Sides > 1 && !m.Has(personality.LibraryRotates) {
				return &config.KeyError{Key: "media", Err: fmt.Errorf("a library of model %s does not turn discs with two sides over", l.Model)}
			}
			if d := l.Media[i].Disc; d != "" && !m.Has(personality.LibraryOpticalDrives) {
				return &config.KeyError{Key: "media", Err: fmt.Errorf("%s: a library of model %s takes no discs", l.Media[i].Barcodes, l.Model)}
			}
			if d := l.Media[i].Disc; d == "" && !m.Has(personality.LibraryTapeDrives) {
				return &config.KeyError{Key: "media", Err: fmt.Errorf("%s: a library of model %s takes discs only (say disc:)", l.Media[i].Barcodes, l.Model)}
			}
		}
		last := 0
		for i := range l.Drives {
			last = max(last, l.DriveElement(i))
		}
		for i := range l.Optical {
			last = max(last, l.OpticalElement(i))
		}
		room := m.Room()
		for _, e := range []struct {
			key       string
			what      string
			has, room int
		}{
			{"pickers", "pickers", max(l.Pickers, 1), room.Transport},
			{"slots", "slots", l.Slots, room.Storage},
			{"mail-slots", "mail slots", l.Mailbox, room.ImportExport},
			{"drives", "drive elements", last, room.DataTransfer},
		} {
			if e.has > e.room {
				return &config.KeyError{Key: e.key, Err: fmt.Errorf(
					"%d %s: the element addresses of a library of model %s have room for %d", e.has, e.what, l.Model, e.room)}
			}
		}
		return nil
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

// Disc finds the model of a disc that can be made: not that of a ROM.
func Disc(name, dir string) (*personality.Disc, error) {
	d, err := personality.LoadDisc(name, dirs(dir)...)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w; discs are %s", err, strings.Join(personality.DiscNames(dirs(dir)...), ", "))
	case d.Recording == "rom":
		return nil, fmt.Errorf("%s comes with its content: there is no blank one", d.Title)
	}
	return d, nil
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
