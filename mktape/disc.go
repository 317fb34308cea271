package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"govtl/internal/config"
	"govtl/internal/models"
	"govtl/internal/provision"
	"govtl/libdisc"
)

// makeDiscs makes discs for optical drives. Everything is checked before the
// first is made.
func (o *options) makeDiscs(out io.Writer, barcodes []string) error {
	switch {
	case o.density == "":
		return usagef("which disc? -d MEDIUM is needed, such as -d dvd-rw")
	case o.size != 0:
		return usagef("-s: a disc has the size of its kind")
	case o.sides != 1 && o.sides != 2:
		return usagef("--sides %d: a disc has 1 or 2", o.sides)
	}
	if o.configDir != "" && o.flags.Config == "" {
		o.flags.Config = filepath.Join(o.configDir, config.FileName)
	}
	paths, err := o.flags.OperatorPaths()
	if err != nil {
		return err
	}
	model, err := models.Disc(o.density, paths.Models)
	if err != nil {
		return &usageError{err}
	}
	home := o.dir
	if home == "" && o.library == 0 {
		home = paths.OpticalHome(&config.Optical{}, nil)
	} else if home, err = o.home(paths); err != nil {
		return err
	}
	for _, b := range barcodes {
		images, err := provision.Disc(home, b, model, o.sides)
		if errors.Is(err, fs.ErrExist) {
			fmt.Fprintf(out, "%s exists already, unchanged: %s\n", b, config.DiscImage(home, b))
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", b, err)
		}
		for _, image := range images {
			for _, name := range []string{image, image + libdisc.Suffix} {
				if err := provision.Own(paths, name); err != nil {
					return fmt.Errorf("%s: %w", b, err)
				}
			}
			fmt.Fprintf(out, "made %s: %s, %d MB: %s\n", b, model.Title, model.Blocks*libdisc.BlockSize/1_000_000, image)
		}
	}
	return nil
}
