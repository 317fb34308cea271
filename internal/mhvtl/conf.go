package mhvtl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Bounds of configuration files.
const (
	maxConf   = 4 << 20 // bytes
	maxNumber = 100_000 // of an element
)

// readConf reads a configuration file.
func readConf(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConf+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxConf {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrConfig, name, maxConf)
	}
	return b, nil
}

// lines calls fn for each line that is no comment, with its number from 1. The
// line has no blanks at its end.
func lines(b []byte, fn func(n int, line string)) {
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if s := strings.TrimRight(string(line), " \t\r\n"); !strings.HasPrefix(s, "#") {
			fn(n, s)
		}
	}
}

// parseMain parses mhvtl.conf: KEY=value, as a shell would read it.
func parseMain(b []byte) map[string]string {
	values := map[string]string{}
	lines(b, func(_ int, line string) {
		if k, v, ok := strings.Cut(line, "="); ok {
			values[strings.TrimSpace(k)] = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	})
	return values
}

// record is a library or drive of device.conf.
type record struct {
	library bool
	id      int
	line    int
	keys    []setting
}

// setting is a line of a record.
type setting struct {
	key, value string
	line       int
}

// get returns the last value of a key.
func (r *record) get(key string) (setting, bool) {
	for i := len(r.keys) - 1; i >= 0; i-- {
		if r.keys[i].key == key {
			return r.keys[i], true
		}
	}
	return setting{}, false
}

// value returns the last value of a key, or nothing.
func (r *record) value(key string) string {
	s, _ := r.get(key)
	return s.value
}

// String is the record as people name it.
func (r *record) String() string {
	if r.library {
		return "library " + strconv.Itoa(r.id)
	}
	return "drive " + strconv.Itoa(r.id)
}

// knownKeys are the keys of device.conf, the longest of those that begin alike
// first.
var knownKeys = []string{
	"Vendor identification", "Product identification", "Product revision level", "Unit serial number", "NAA",
	"Home directory", "PERSIST", "Backoff", "fifo", "movecommand", "commandtimeout",
	"Library ID", "Compression type", "Compression", "LBP RSCRC BE", "VPD",
}

// parseDevices parses device.conf. A record begins at column 1 and ends at an
// empty line.
func parseDevices(b []byte, notes *notes) ([]*record, error) {
	var all []*record
	var r *record
	lines(b, func(n int, line string) {
		where := "device.conf:" + strconv.Itoa(n)
		if strings.TrimSpace(line) == "" {
			r = nil
			return
		}
		if id, library, ok := recordStart(line); ok {
			r = &record{library: library, id: id, line: n}
			all = append(all, r)
			return
		}
		if strings.HasPrefix(line, "VERSION:") {
			return
		}
		for _, k := range knownKeys {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), k+":"); ok {
				if r == nil {
					notes.add(where, "%q belongs to no library or drive", k)
					return
				}
				r.keys = append(r.keys, setting{k, strings.TrimSpace(v), n})
				return
			}
		}
		notes.add(where, "%q is not known", clip(strings.TrimSpace(line)))
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: device.conf has neither a library nor a drive", ErrConfig)
	}
	return all, nil
}

// clip shortens a text for a note.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

// recordStart parses the first line of a record, such as
// "Drive: 41 CHANNEL: 00 TARGET: 01 LUN: 00".
func recordStart(line string) (id int, library, ok bool) {
	rest, library := strings.CutPrefix(line, "Library:")
	if !library {
		if rest, ok = strings.CutPrefix(line, "Drive:"); !ok {
			return 0, false, false
		}
	}
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0, false, false
	}
	id, err := strconv.Atoi(words[0])
	return id, library, err == nil && id >= 0
}

// contents is the content of a library_contents file. Numbers count from 1.
type contents struct {
	drives, pickers, mail, slots map[int]string // barcode or nothing by number
}

func newContents() *contents {
	return &contents{drives: map[int]string{}, pickers: map[int]string{}, mail: map[int]string{}, slots: map[int]string{}}
}

// parseContents parses a library_contents file.
func parseContents(b []byte, file string, notes *notes) *contents {
	c := newContents()
	kinds := map[string]map[int]string{"Drive": c.drives, "Picker": c.pickers, "MAP": c.mail, "Slot": c.slots}
	lines(b, func(n int, line string) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "VERSION:") {
			return
		}
		where := file + ":" + strconv.Itoa(n)
		head, content, ok := strings.Cut(line, ":")
		kind, number, found := strings.Cut(strings.TrimSpace(head), " ")
		m := kinds[kind]
		i, err := strconv.Atoi(strings.TrimSpace(number))
		if !ok || !found || m == nil || err != nil || i < 1 || i > maxNumber {
			notes.add(where, "%q is not an element", clip(line))
			return
		}
		if other := m[i]; other != "" {
			notes.add(where, "%s %d is there twice: first with %s", kind, i, clip(other))
			return
		}
		m[i] = strings.TrimSpace(content)
	})
	return c
}

// most is the highest number.
func most(m map[int]string) (n int) {
	for i := range m {
		n = max(n, i)
	}
	return n
}

// isMissing says that a file is not there.
func isMissing(err error) bool { return errors.Is(err, os.ErrNotExist) }
