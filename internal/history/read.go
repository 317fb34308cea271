package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"govtl/bus"
	"govtl/internal/vfs"
)

// Kept is what a history holds.
type Kept struct {
	// Events in the order in which they happened.
	Events []bus.Event

	// Newer is how many lines a newer suite has written, which are left out.
	Newer int

	// Damaged is how many lines do not read back: torn by a crash, as a rule.
	Damaged int
}

// Read reads what all programs of a suite have kept. Nothing is changed, and
// the suite may run. A suite that has kept nothing has an empty history; the
// error says which files could not be read, beside those that could.
func Read(files vfs.FS, state string) (k Kept, err error) {
	dir := filepath.Join(state, Directory)
	list, err := files.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	var all error
	for _, entry := range list {
		if !strings.HasSuffix(entry.Name(), suffix) || !entry.Type().IsRegular() {
			continue
		}
		b, err := files.ReadFile(filepath.Join(dir, entry.Name()), maxFile+maxLine)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just taken its predecessor's place
		}
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		k.decode(b)
	}
	slices.SortStableFunc(k.Events, func(a, b bus.Event) int { return a.Time.Compare(b.Time) })
	return k, all
}

// decode adds the lines of one file.
func (k *Kept) decode(b []byte) {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var e bus.Event
		err := json.Unmarshal(line, &e)
		switch {
		case errors.Is(err, bus.ErrVersion):
			k.Newer++
		case err != nil || e.What == nil || e.Time.IsZero() || e.Source.Kind == "":
			k.Damaged++
		default:
			k.Events = append(k.Events, e)
		}
	}
}

// Barcodes are the volumes that an event is about.
func Barcodes(e bus.Event) []string {
	switch w := e.What.(type) {
	case bus.Loaded:
		return []string{w.Barcode}
	case bus.Unloaded:
		return []string{w.Barcode}
	case bus.LoadFailed:
		return []string{w.Barcode}
	case bus.Moved:
		return []string{w.Barcode}
	case bus.MoveFailed:
		return []string{w.Barcode}
	case bus.Shelved:
		return w.Barcodes
	case bus.Recovered:
		return []string{w.Barcode}
	}
	return nil
}
