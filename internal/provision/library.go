package provision

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"govtl/internal/config"
	"govtl/internal/models"
	"govtl/internal/vfs"
	"govtl/libcart"
)

// Library makes the cartridges of a library's media entries that were never made
// before, and returns their barcodes. What has been made is noted in the state
// directory: a cartridge that an operator took away is not made again.
func Library(p config.Paths, l *config.Library) (made []string, err error) {
	placed, err := l.Place()
	if err != nil {
		return nil, err
	}
	note := filepath.Join(p.State, "library"+strconv.Itoa(l.ID)+".media")
	known, err := readNote(note)
	if err != nil {
		return nil, err
	}
	home := p.LibraryHome(l)
	now := time.Now()
	var noted []string
	for _, c := range placed {
		if known[c.Barcode] {
			continue
		}
		noted = append(noted, c.Barcode)
		var err error
		if c.Media.Disc != "" {
			err = createDisc(p, c, home)
		} else {
			err = create(p, c, filepath.Join(home, c.Barcode), now)
		}
		switch {
		case errors.Is(err, libcart.ErrExists), errors.Is(err, fs.ErrExist):
			continue // made by hand, or before a crash
		case err != nil:
			return made, fmt.Errorf("cartridge %s: %w", c.Barcode, err)
		}
		made = append(made, c.Barcode)
	}
	if len(noted) == 0 {
		return nil, nil
	}
	return made, appendNote(note, noted)
}

// create makes one cartridge.
func create(p config.Paths, c config.Placed, dir string, now time.Time) error {
	medium, kind, err := models.Medium(c.Media, c.Barcode, p.Models)
	if err != nil {
		return err
	}
	spec, err := Spec(Order{Barcode: c.Barcode, Medium: medium, Kind: kind, SizeMiB: c.Media.SizeMiB, Made: now})
	if err != nil {
		return err
	}
	return libcart.Create(dir, spec, libcart.Options{})
}

// readNote reads which barcodes have been made: one a line.
func readNote(name string) (map[string]bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("provision: %w", err)
	}
	defer f.Close()
	known := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		known[strings.TrimSpace(lines.Text())] = true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("provision: %s: %w", name, err)
	}
	return known, nil
}

// appendNote adds barcodes to the note, durably.
func appendNote(name string, barcodes []string) error {
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("provision: %w", err)
	}
	text := append(old, strings.Join(barcodes, "\n")+"\n"...)
	if err := vfs.ReplaceFile(vfs.OS{}, name, text, 0o644); err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	return nil
}
