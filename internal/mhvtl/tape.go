package mhvtl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Version is a version of mhVTL's cartridge files.
type Version string

// The versions, oldest first.
const (
	VersionS1 Version = "single file of 0.12 to 0.15"
	VersionS2 Version = "single file of 0.16"
	Version3  Version = "3" // three files, 0.18-1 to 1.7-3
	Version4  Version = "4" // the memory in a file of its own; a step of upgrading
	Version5  Version = "5" // the memory as attributes; a step of upgrading
	Version6  Version = "6" // files of each partition, 1.8-0 and later
)

// Tape is a cartridge of mhVTL, open for reading.
type Tape struct {
	Path    string
	Version Version
	Memory  *Memory

	notes notes
	files []*os.File
	parts []part
}

// part is one partition.
type part struct {
	data io.ReaderAt
	size int64 // bytes stored, for progress
	scan func() scanner
}

// maxTapePartitions is how many partitions a cartridge may have.
const maxTapePartitions = 4

// Open opens a cartridge of mhVTL: a directory, or in old versions a file. The
// error is ErrFormat when it is none, and fs.ErrNotExist when nothing is there.
func Open(path string) (_ *Tape, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	t := &Tape{Path: path}
	defer func() {
		if err != nil {
			_ = t.Close()
		}
	}()
	switch {
	case info.Mode().IsRegular():
		err = t.openSingle(info.Size())
	case info.IsDir():
		err = t.openDirectory()
	default:
		err = fmt.Errorf("%w: %s is neither a file nor a directory", ErrFormat, path)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Close closes the files.
func (t *Tape) Close() error {
	var all []error
	for _, f := range t.files {
		all = append(all, f.Close())
	}
	t.files = nil
	return errors.Join(all...)
}

// Partitions returns how many partitions there are.
func (t *Tape) Partitions() int { return len(t.parts) }

// Notes returns what was strange about the files.
func (t *Tape) Notes() []Note { return t.notes }

// open opens one of the cartridge's files.
func (t *Tape) open(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	t.files = append(t.files, f)
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%w: %s is not a file", ErrFormat, name)
	}
	return f, info.Size(), nil
}

// read reads a small file, or its beginning.
func (t *Tape) read(name string, limit int64) ([]byte, error) {
	f, err := os.Open(filepath.Join(t.Path, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// openDirectory opens a cartridge of several files.
func (t *Tape) openDirectory() error {
	head, err := t.read("mam", maxMemory)
	if errors.Is(err, fs.ErrNotExist) {
		if head, err = t.read("meta", memoryStruct); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s has neither a file mam nor a file meta", ErrFormat, t.Path)
		}
	}
	if err != nil {
		return err
	}
	if len(head) < 8 {
		return fmt.Errorf("%w: the memory of %s has %d bytes", ErrFormat, t.Path, len(head))
	}
	suffixes := []string{""}
	switch version := le.Uint32(head); version {
	case 3:
		t.Version = Version3
		t.Memory = threeFilesMemory(head)
	case 4:
		t.Version = Version4
		t.Memory = newMemory(threeFiles(1).fields(head))
	case 5, 6:
		t.Version = Version5
		if version == 6 {
			t.Version, suffixes = Version6, []string{".0", ".1", ".2", ".3"}
		}
		if err := t.readAttributes(head); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: %s: format version %d; 3 to 6 are known", ErrFormat, t.Path, version)
	}
	for _, s := range suffixes {
		if err := t.openPartition(s); err != nil {
			if errors.Is(err, fs.ErrNotExist) && s != "" && s != ".0" {
				break
			}
			return err
		}
	}
	return nil
}

// threeFilesMemory decodes the structure of version 3, which in its first
// release was not packed: there the length of the tape in 4 bytes and its width
// stand where a packed one has text, so the density shows which it is.
func threeFilesMemory(b []byte) *Memory {
	packed, aligned := newMemory(threeFiles(1).fields(b)), newMemory(threeFiles(8).fields(b))
	if score(aligned) > score(packed) {
		return aligned
	}
	return packed
}

// score tells how much sense a memory makes.
func score(m *Memory) (n int) {
	for _, is := range []bool{
		m.Serial != "", m.DensityName != "", m.Description != "", !m.Made.IsZero(), m.Density != 0,
		m.Kind <= kindClean || m.Kind == kindT10, m.MaxPartitions <= maxTapePartitions,
	} {
		if is {
			n++
		}
	}
	return n
}

// readAttributes makes the memory of the files mam and mhvtl_data.
func (t *Tape) readAttributes(mam []byte) error {
	fields := map[key][]byte{}
	if err := decodeAttributes(mam[firstAttribute:], 0, fields); err != nil {
		t.notes.add("mam", "%v", err)
	}
	own, err := t.read("mhvtl_data", maxMemory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.notes.add("mhvtl_data", "is missing: write protection and the sizes of partitions are not known")
	case err != nil:
		return err
	}
	if err := decodeAttributes(own, private, fields); err != nil {
		t.notes.add("mhvtl_data", "%v", err)
	}
	t.Memory = newMemory(fields)
	return nil
}

// openPartition opens the data and index files of a partition.
func (t *Tape) openPartition(suffix string) error {
	data, size, err := t.open(filepath.Join(t.Path, "data"+suffix))
	if err != nil {
		return err
	}
	index, indexSize, err := t.open(filepath.Join(t.Path, "indx"+suffix))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	null := t.Memory.Kind == kindNull
	t.parts = append(t.parts, part{data: data, size: max(size, indexSize),
		scan: func() scanner { return newIndexScanner(index, indexSize, size, null) }})
	return nil
}

// openSingle opens a cartridge that is one file.
func (t *Tape) openSingle(size int64) error {
	file, _, err := t.open(t.Path)
	if err != nil {
		return err
	}
	return t.single(file, size)
}

// single reads the beginning of a cartridge that is one file.
func (t *Tape) single(file io.ReaderAt, size int64) error {
	form, first, err := findForm(file, size)
	if err != nil {
		return err
	}
	memory := make([]byte, first.next-form.header) // findForm has checked it
	if n, err := file.ReadAt(memory, form.header); n < len(memory) {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	t.Version = form.version
	t.Memory = newMemory(singleLayout(form, len(memory)).fields(memory))
	if t.Memory.Capacity == 0 {
		t.Memory.Capacity = int64(first.size) << 20
	}
	if form == formS1w4 {
		t.notes.add("", "written on a 32-bit host: the cartridge memory is read on the assumption that its compiler aligned to 4 bytes")
	}
	t.parts = []part{{data: file, size: size,
		scan: func() scanner { return &chainScanner{form: form, file: file, size: size, off: first.next} }}}
	return nil
}

// singleLayout is the layout of the memory of a single file, which its length
// tells.
func singleLayout(form chainForm, length int) layout {
	align := 8
	if form == formS1w4 {
		align = 4
	}
	switch {
	case form.version == VersionS2 && length != memoryOld12 && length != memoryOld15:
		return threeFiles(align)
	case length < memoryOld15-16:
		return oldSingleFile(false, align)
	}
	return oldSingleFile(true, align)
}
