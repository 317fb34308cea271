package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"govtl/internal/config"
	"govtl/internal/models"
	"govtl/libdisc"
	"govtl/scsi/mmc"
	"govtl/scsi/personality"
)

// Disc makes a blank disc of a model and returns its images, one for each side.
// The error is fs.ErrExist when one of them, or a description, is there already:
// then nothing has been made.
func Disc(home, barcode string, model *personality.Disc, sides int) (images []string, err error) {
	image := config.DiscImage(home, barcode)
	images = []string{image}
	if sides == 2 {
		images = append(images, libdisc.SecondSide(image))
	}
	for _, i := range images {
		for _, name := range []string{i, i + libdisc.Suffix} {
			if _, err := os.Lstat(name); err == nil {
				return nil, fmt.Errorf("%s: %w", name, fs.ErrExist)
			}
		}
	}
	if err := os.MkdirAll(home, 0o750); err != nil {
		return nil, err
	}
	for _, i := range images {
		if err := libdisc.Create(i, mmc.Medium(model), libdisc.Options{}); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// createDisc makes one disc of a media entry.
func createDisc(p config.Paths, c config.Placed, home string) error {
	model, err := models.Disc(c.Media.Disc, p.Models)
	if err != nil {
		return err
	}
	_, err = Disc(home, c.Barcode, model, max(c.Media.Sides, 1))
	return err
}

// Look is what a disc's files are.
type Look struct {
	Image  string // of the first side
	Medium string // disc model; empty: an image without a description
	Sides  int
}

// LookAt finds a disc by its barcode. The error is fs.ErrNotExist when there is
// none. A drive may have it.
func LookAt(home, barcode string) (Look, error) {
	l := Look{Image: config.DiscImage(home, barcode), Sides: 1}
	d, err := OpenDisc(l.Image)
	if err != nil {
		return l, err
	}
	l.Medium = d.Kind().Name
	if d.Kind().Name == unknownDisc {
		l.Medium = ""
	}
	if _, err := os.Stat(libdisc.SecondSide(l.Image)); err == nil {
		l.Sides = 2
	}
	return l, d.Close()
}

// unknownDisc is what the medium of an image without a description is called.
const unknownDisc = "image"

// OpenDisc opens a disc to look at it.
func OpenDisc(image string) (*libdisc.Disc, error) {
	d, err := libdisc.Open(image, libdisc.Options{ReadOnly: true, Simple: func(int64) libdisc.Medium {
		return libdisc.Medium{Name: unknownDisc, Recording: libdisc.ROM, Align: 1}
	}})
	if errors.Is(err, fs.ErrNotExist) && err != nil {
		return nil, fmt.Errorf("no disc %s: %w", filepath.Base(image), err)
	}
	return d, err
}
