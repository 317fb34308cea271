package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/provision"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi/personality"
	"govtl/scsi/smc"
)

// kindWords are the kinds of cartridges as the changer has them.
var kindWords = map[libcart.Kind]string{
	libcart.Data: "data", libcart.WORM: "WORM", libcart.Cleaning: "clean", libcart.Null: "NULL",
}

// patience is how long a library waits at its start for others that take
// cartridges in.
const patience = 20 * time.Second

// listName is the file in the library's state directory that has the barcodes of
// the configuration as they were applied last, one a line.
const listName = "configured"

// startMedia brings cartridges into line with the configuration at the start. One
// that was taken out of the file and is in a drive goes the next time.
func (l *library) startMedia() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l.tidyShelf()
	gone, err := l.unlisted(l.config())
	if err != nil {
		return err
	}
	if _, err := l.changer.TakeOut(gone); err != nil {
		l.Log.Warn("cartridges that are not in the configuration any more stay in the library", "barcodes", gone, "err", err)
		return l.fill(ctx, l.config(), gone)
	}
	return l.addMedia(ctx, l.config())
}

// tidyShelf takes off the shelf what another library has taken in while nobody
// could be told here.
func (l *library) tidyShelf() {
	shelf := l.shelf()
	if len(shelf) == 0 {
		return
	}
	for barcode, other := range l.elsewhere() {
		if !shelf[barcode] {
			continue
		}
		if err := l.changer.GiveUp(barcode, bus.LibraryDevice(other).String()); err != nil {
			l.Log.Warn("the shelf lists what another library has", "barcode", barcode, "library", other, "err", err)
		}
	}
}

// unlisted are the cartridges that the configuration had when it was applied last
// and has not any more. What came in through the MAP was never in it.
func (l *library) unlisted(c *config.Library) (gone []string, err error) {
	text, err := os.ReadFile(filepath.Join(l.stateDirectory(l.id), listName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	placed, err := c.Place()
	if err != nil {
		return nil, err
	}
	now := make(map[string]bool, len(placed))
	for _, m := range placed {
		now[m.Barcode] = true
	}
	for b := range strings.FieldsSeq(string(text)) {
		if !now[b] {
			gone = append(gone, b)
		}
	}
	return gone, nil
}

// mayGo refuses to take cartridges out that are in drives.
func (l *library) mayGo(barcodes []string) error {
	if len(barcodes) == 0 {
		return nil
	}
	for _, e := range l.changer.Inventory() {
		if e.Element.Type == smc.DataTransfer && e.Volume != nil && slices.Contains(barcodes, e.Volume.Barcode) {
			return fmt.Errorf("%s is in %s: move it out first", e.Volume.Barcode, e.Element)
		}
	}
	return nil
}

// list notes the barcodes of the configuration, and others.
func (l *library) list(placed []config.Placed, more []string) error {
	var b strings.Builder
	for _, m := range placed {
		b.WriteString(m.Barcode + "\n")
	}
	for _, code := range more {
		b.WriteString(code + "\n")
	}
	name := filepath.Join(l.stateDirectory(l.id), listName)
	if old, err := os.ReadFile(name); err == nil && string(old) == b.String() {
		return nil
	}
	return vfs.ReplaceFile(vfs.OS{}, name, []byte(b.String()), 0o600)
}

// addMedia puts the cartridges of the configuration into the library, and makes
// those that were never made. What the inventory knows stays where it is; one
// that it knows and the disk has not is missing, and said when it is loaded.
func (l *library) addMedia(ctx context.Context, c *config.Library) error { return l.fill(ctx, c, nil) }

// provide makes the cartridges of the configuration that were never made.
func (l *library) provide(c *config.Library) error {
	made, err := provision.Library(l.Paths, c)
	if len(made) > 0 {
		l.Log.Info("cartridges made", "barcodes", made)
	}
	return err
}

// fill is addMedia; more are cartridges to be remembered as if they were in the
// configuration.
func (l *library) fill(ctx context.Context, c *config.Library, more []string) error {
	if err := l.provide(c); err != nil {
		return err
	}
	placed, err := c.Place()
	if err != nil {
		return err
	}
	if err := l.list(placed, more); err != nil {
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
	placed = slices.DeleteFunc(placed, func(m config.Placed) bool { return known[m.Barcode] })
	if len(placed) == 0 {
		return nil
	}
	open, err := l.gate(ctx)
	if err != nil {
		return err
	}
	defer open()
	elsewhere := l.elsewhere()
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
		if other, ok := elsewhere[m.Barcode]; ok {
			l.Log.Warn("a cartridge of the configuration is in another library", "barcode", m.Barcode, "library", other)
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
	for i := range l.suite().Libraries {
		homes = append(homes, l.Paths.LibraryHome(&l.suite().Libraries[i]))
	}
	for _, home := range homes {
		v, err := readVolume(filepath.Join(home, barcode))
		if errors.Is(err, fs.ErrNotExist) && l.model.Has(personality.LibraryOpticalDrives) {
			v, err = readDisc(home, barcode)
		}
		if err == nil {
			return v, true
		}
		if !errors.Is(err, fs.ErrNotExist) {
			l.Log.Warn("cartridge cannot be read", "barcode", barcode, "err", err)
		}
	}
	return smc.Volume{}, false
}

// readDisc reads what the disc of a barcode is.
func readDisc(home, barcode string) (smc.Volume, error) {
	d, err := provision.LookAt(home, barcode)
	if err != nil {
		return smc.Volume{}, err
	}
	return smc.Volume{Barcode: barcode, Dir: d.Image, Kind: personality.KindDisc, Medium: d.Medium, Sides: d.Sides}, nil
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
