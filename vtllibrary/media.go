package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"govtl/internal/config"
	"govtl/internal/provision"
	"govtl/libcart"
	"govtl/scsi/smc"
)

// kindWords are the kinds of cartridges as the changer has them.
var kindWords = map[libcart.Kind]string{
	libcart.Data: "data", libcart.WORM: "WORM", libcart.Cleaning: "clean", libcart.Null: "NULL",
}

// addMedia puts the cartridges of the configuration into the library, and makes
// those that were never made. What the inventory knows stays where it is; one
// that it knows and the disk has not is missing, and said when it is loaded.
func (l *library) addMedia(c *config.Library) error {
	made, err := provision.Library(l.Paths, c)
	if err != nil {
		return err
	}
	if len(made) > 0 {
		l.Log.Info("cartridges made", "barcodes", made)
	}
	placed, err := c.Place()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, e := range l.changer.Inventory() {
		if e.Volume != nil {
			known[e.Volume.Barcode] = true
		}
	}
	for _, v := range l.changer.Shelf() {
		known[v.Barcode] = true
	}
	var run []smc.Volume // volumes for slots one after another, noted with one commit
	first := 0
	note := func() error {
		if len(run) == 0 {
			return nil
		}
		_, err := l.changer.AddVolumes(run, first)
		run = nil
		return err
	}
	for _, m := range placed {
		if known[m.Barcode] {
			continue
		}
		v, ok := l.find(m.Barcode)
		if !ok {
			l.Log.Warn("a cartridge of the configuration is missing", "barcode", m.Barcode, "home", l.home)
			continue
		}
		if m.Slot != first+len(run) {
			if err := note(); err != nil {
				return err
			}
			first = m.Slot
		}
		run = append(run, v)
	}
	return note()
}

// find looks for a cartridge by its barcode in the library's home, then in those
// of the other libraries: what is on the shelf may come back anywhere.
func (l *library) find(barcode string) (smc.Volume, bool) {
	if barcode == "" || barcode != filepath.Base(barcode) || barcode == "." || barcode == ".." {
		return smc.Volume{}, false
	}
	homes := []string{l.home}
	for i := range l.Suite.Libraries {
		homes = append(homes, l.Paths.LibraryHome(&l.Suite.Libraries[i]))
	}
	for _, home := range homes {
		v, err := readVolume(filepath.Join(home, barcode))
		if err == nil {
			return v, true
		}
		if !errors.Is(err, fs.ErrNotExist) {
			l.Log.Warn("cartridge cannot be read", "barcode", barcode, "err", err)
		}
	}
	return smc.Volume{}, false
}

// readVolume reads what the cartridge in a directory is.
func readVolume(dir string) (smc.Volume, error) {
	if _, err := os.Stat(dir); err != nil {
		return smc.Volume{}, err
	}
	c, err := libcart.Open(dir, libcart.Options{ReadOnly: true})
	if err != nil {
		return smc.Volume{}, fmt.Errorf("%s: %w", dir, err)
	}
	defer c.Close()
	i := c.Info()
	return smc.Volume{Barcode: i.Barcode, Dir: dir, Kind: kindWords[i.Kind], Medium: i.Medium}, nil
}
