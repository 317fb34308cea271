package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"govtl/internal/config"
	"govtl/internal/models"
	"govtl/libcart"
	"govtl/scsi/smc"
)

// kindWords are the kinds of cartridges as the changer has them.
var kindWords = map[libcart.Kind]string{
	libcart.Data: "data", libcart.WORM: "WORM", libcart.Cleaning: "clean", libcart.Null: "NULL",
}

// addMedia puts the cartridges of the configuration into the library: those that
// the inventory knows stay where they are. One that neither the inventory knows
// nor the disk has is made; one that the inventory knows and the disk has not is
// missing, and said when it is loaded.
func (l *library) addMedia(c *config.Library) error {
	known := map[string]bool{}
	for _, e := range l.changer.Inventory() {
		if e.Volume != nil {
			known[e.Volume.Barcode] = true
		}
	}
	for _, v := range l.changer.Shelf() {
		known[v.Barcode] = true
	}
	for _, m := range c.Media {
		barcodes, err := config.ExpandBarcodes(m.Barcodes)
		if err != nil {
			return err
		}
		var vols []smc.Volume
		for _, b := range barcodes {
			if known[b] {
				continue
			}
			v, err := l.volume(m, b)
			if err != nil {
				return err
			}
			vols = append(vols, v)
		}
		if len(vols) == 0 {
			continue
		}
		slot := m.Slot
		if len(vols) != len(barcodes) {
			slot = 0 // the others have taken their places already
		}
		if _, err := l.changer.AddVolumes(vols, slot); err != nil {
			return err
		}
	}
	return nil
}

// volume is a cartridge of a media entry, made if it is not there.
func (l *library) volume(m config.Media, barcode string) (smc.Volume, error) {
	model, kind, err := models.Medium(m, barcode, l.Paths.Models)
	if err != nil {
		return smc.Volume{}, err
	}
	dir := filepath.Join(l.home, barcode)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		spec, err := models.Spec(model, kind, barcode, m.SizeMiB, time.Now())
		if err != nil {
			return smc.Volume{}, err
		}
		if err := libcart.Create(dir, spec, libcart.Options{Log: l.Log}); err != nil {
			return smc.Volume{}, err
		}
		l.Log.Info("cartridge made", "barcode", barcode, "medium", model.Name, "kind", kind)
	} else if err != nil {
		return smc.Volume{}, err
	} else if v, ok := l.find(barcode); ok {
		return v, nil // what is on the disk knows better what it is
	}
	return smc.Volume{Barcode: barcode, Dir: dir, Kind: kind, Medium: model.Name}, nil
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
