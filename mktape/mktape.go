package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/models"
	"govtl/internal/provision"
	"govtl/libcart"
	"govtl/scsi/personality"
)

// options are what the command line asks for.
type options struct {
	library   int
	barcodes  string
	count     int
	size      int64
	kind      string
	density   string
	sides     int
	dir       string
	configDir string
	flags     daemon.Flags
}

// usageError is one of the command line's making.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// make makes all that is asked for. Everything is checked before the first is made.
func (o *options) make(out io.Writer) error {
	barcodes, err := o.expand()
	if err != nil {
		return &usageError{err}
	}
	kind, err := kindOf(o.kind)
	if err != nil {
		return &usageError{err}
	}
	if kind == personality.KindDisc {
		return o.makeDiscs(out, barcodes)
	}
	if o.sides != 1 {
		return usagef("--sides is for discs (-t disc)")
	}
	if o.size < 0 || o.size > libcart.MaxCapacity>>20 {
		return usagef("-s %d: not a size in MiB", o.size)
	}
	if o.configDir != "" && o.flags.Config == "" {
		o.flags.Config = filepath.Join(o.configDir, config.FileName)
	}
	paths, err := o.flags.OperatorPaths()
	if err != nil {
		return err
	}
	home, err := o.home(paths)
	if err != nil {
		return err
	}
	made, reproducible, err := madeAt()
	if err != nil {
		return &usageError{err}
	}
	var specs []libcart.Spec
	find := mediumFinder(config.Media{Density: o.density, Kind: kind}, paths.Models)
	for _, b := range barcodes {
		found, err := find(b)
		if err != nil {
			return &usageError{err}
		}
		order := provision.Order{Barcode: b, Medium: found.medium, Kind: found.kind, SizeMiB: o.size, Made: made}
		if reproducible {
			order.Serial = fmt.Sprintf("%X", sha256.Sum256(fmt.Append(nil, b, made.Unix())))[:10]
		}
		s, err := provision.Spec(order)
		if err != nil {
			return &usageError{err}
		}
		specs = append(specs, s)
	}
	for _, s := range specs {
		dir := filepath.Join(home, s.Barcode)
		switch err := libcart.Create(dir, s, libcart.Options{}); {
		case errors.Is(err, libcart.ErrExists) && isCartridge(dir):
			fmt.Fprintf(out, "%s exists already, unchanged: %s\n", s.Barcode, dir)
		case err != nil:
			return fmt.Errorf("%s: %w", s.Barcode, err)
		default:
			if err := provision.Own(paths, dir); err != nil {
				return fmt.Errorf("%s: %w", s.Barcode, err)
			}
			fmt.Fprintf(out, "made %s: %s, %s, %d MiB, density %02Xh, serial %s: %s\n",
				s.Barcode, s.Medium, kindName(s.Kind), s.Capacity>>20, s.Density, s.Serial, dir)
		}
	}
	return nil
}

// found is what a barcode stands for.
type found struct {
	medium *personality.Medium
	kind   string
}

// mediumFinder finds media as models.Medium does, and those of barcodes that
// begin and end alike once.
func mediumFinder(m config.Media, dir string) func(barcode string) (found, error) {
	known := map[string]found{}
	return func(b string) (found, error) {
		looks := b[:min(3, len(b))] + " " + b[max(len(b)-2, 0):]
		if f, ok := known[looks]; ok {
			return f, nil
		}
		medium, kind, err := models.Medium(m, b, dir)
		if err == nil {
			known[looks] = found{medium, kind}
		}
		return known[looks], err
	}
}

// expand lists the barcodes.
func (o *options) expand() ([]string, error) {
	if o.barcodes == "" {
		return nil, errors.New("which cartridge? -m BARCODE is needed")
	}
	if o.count < 1 || o.count > config.MaxRange {
		return nil, fmt.Errorf("--count %d: not in 1 to %d", o.count, config.MaxRange)
	}
	if o.count > 1 {
		if strings.ContainsAny(o.barcodes, "-,") {
			return nil, errors.New("--count counts from a single barcode, not from a range or a list")
		}
		last, err := countUp(o.barcodes, o.count-1)
		if err != nil {
			return nil, err
		}
		return config.ExpandBarcodes(o.barcodes + "-" + last)
	}
	return config.ExpandBarcodes(o.barcodes)
}

// countUp adds n to the number in a barcode: its last digits, those of a medium
// suffix such as L9 left out.
func countUp(barcode string, n int) (string, error) {
	end := len(barcode)
	if end > 6 {
		end -= 2
	}
	digit := func(i int) bool { return barcode[i] >= '0' && barcode[i] <= '9' }
	for end > 0 && !digit(end-1) {
		end--
	}
	start := end
	for start > 0 && digit(start-1) {
		start--
	}
	if start == end {
		return "", fmt.Errorf("barcode %q has no number to count", barcode)
	}
	v, err := strconv.ParseUint(barcode[start:end], 10, 63)
	if err != nil {
		return "", fmt.Errorf("barcode %q: %w", barcode, err)
	}
	next := fmt.Sprintf("%0*d", end-start, v+uint64(n))
	if len(next) > end-start {
		return "", fmt.Errorf("counting %d from %q needs more digits than it has", n+1, barcode)
	}
	return barcode[:start] + next + barcode[end:], nil
}

// kindOf is the kind that a word means: its beginning is enough, in any case.
func kindOf(word string) (string, error) {
	if word == "" {
		return "", nil
	}
	for _, k := range []string{personality.KindData, personality.KindClean, personality.KindWORM, personality.KindNull, personality.KindDisc} {
		if w := strings.ToLower(word); strings.HasPrefix(strings.ToLower(k), w) || strings.HasPrefix(w, strings.ToLower(k)) {
			return k, nil
		}
	}
	return "", fmt.Errorf("-t %s is none of data, clean, WORM, NULL, disc", word)
}

func kindName(k libcart.Kind) string {
	switch k {
	case libcart.Cleaning:
		return personality.KindClean
	case libcart.WORM:
		return personality.KindWORM
	case libcart.Null:
		return personality.KindNull
	}
	return personality.KindData
}

// isCartridge says that a directory has the files of a cartridge.
func isCartridge(dir string) bool {
	_, err1 := os.Stat(filepath.Join(dir, "meta"))
	_, err2 := os.Stat(filepath.Join(dir, "data"))
	return err1 == nil || err2 == nil
}

// home is the directory that the cartridges belong in.
func (o *options) home(p config.Paths) (string, error) {
	if o.dir != "" {
		return o.dir, nil
	}
	if o.library <= 0 {
		return "", usagef("which library? -l LIBRARY is needed, or --dir DIR")
	}
	l := config.Library{ID: o.library}
	suite, err := config.Load(p.Config, config.Checks{})
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	default:
		for i := range suite.Libraries {
			if suite.Libraries[i].ID == o.library {
				l = suite.Libraries[i]
			}
		}
	}
	return p.LibraryHome(&l), nil
}

// madeAt is the time of manufacture: now, or SOURCE_DATE_EPOCH, which makes the
// serial number the same each time, too.
func madeAt() (t time.Time, reproducible bool, err error) {
	s := os.Getenv("SOURCE_DATE_EPOCH")
	if s == "" {
		return time.Now(), false, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return t, false, fmt.Errorf("SOURCE_DATE_EPOCH=%q is no number of seconds", s)
	}
	return time.Unix(n, 0), true, nil
}
