package libcart

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

// Limits of a Spec.
const (
	MaxPartitions = format.MaxPartitions
	MinCapacity   = 1 << 20 // of each partition, bytes
	MaxCapacity   = 1 << 50
)

// check refuses what cannot be stored.
func (s *Spec) check() error {
	for _, t := range []struct{ name, value string }{{"barcode", s.Barcode}, {"medium", s.Medium}, {"serial", s.Serial}} {
		if len(t.value) > format.MaxText || !utf8.ValidString(t.value) {
			return fmt.Errorf("libcart: %s: longer than %d bytes, or not UTF-8", t.name, format.MaxText)
		}
	}
	switch {
	case s.Barcode == "":
		return errors.New("libcart: a cartridge needs a barcode")
	case s.Capacity < MinCapacity || s.Capacity > MaxCapacity:
		return fmt.Errorf("libcart: capacity of %d bytes: not in %d to %d", s.Capacity, MinCapacity, int64(MaxCapacity))
	case s.MaxPartitions < 0 || s.MaxPartitions > MaxPartitions:
		return fmt.Errorf("libcart: %d partitions: more than %d", s.MaxPartitions, MaxPartitions)
	}
	switch s.Kind {
	case Data, Cleaning, WORM, Null:
	default:
		return fmt.Errorf("libcart: unknown kind %02Xh", uint8(s.Kind))
	}
	_, err := mergeAttributes(nil, s.Attributes)
	return err
}

// Create makes a cartridge in the directory dir, which it creates too. It
// returns ErrExists when there is something already, and leaves nothing behind
// when it fails. A crash leaves nothing, or the whole cartridge.
func Create(dir string, spec Spec, o Options) error {
	if err := spec.check(); err != nil {
		return err
	}
	fsys := o.FS
	if fsys == nil {
		fsys = vfs.OS{}
	}
	if _, err := fsys.Stat(dir); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := fsys.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	m := format.Meta{
		State: format.Closed, Kind: uint8(spec.Kind), Density: spec.Density, FirstEpoch: 1, NextEpoch: 1,
		Created: time.Now().Unix(), Made: spec.Made.Unix(), Capacity: spec.Capacity,
		MaxPartitions: uint8(max(spec.MaxPartitions, 1)),
		Barcode:       spec.Barcode, Medium: spec.Medium, Serial: spec.Serial,
		Partitions: []format.Partition{{Size: spec.Capacity, End: format.DataHeaderSize}},
	}
	if spec.Made.IsZero() {
		m.Made = m.Created
	}
	rand.Read(m.UUID[:])
	m.Partitions[0].Attributes, _ = mergeAttributes(nil, spec.Attributes)

	tmp := filepath.Join(parent, ".new-"+filepath.Base(dir))
	if err := fsys.RemoveAll(tmp); err != nil {
		return err
	}
	err := fsys.Mkdir(tmp, 0o777)
	if err == nil {
		err = writeNew(fsys, tmp, &m)
	}
	if err == nil {
		err = fsys.Rename(tmp, dir)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: %s", ErrExists, dir)
		}
	}
	if err != nil {
		_ = fsys.RemoveAll(tmp)
		return err
	}
	return fsys.SyncDir(parent)
}

// writeNew fills the directory of a new cartridge, durably but for the entry of
// the directory itself.
func writeNew(fsys vfs.FS, dir string, m *format.Meta) error {
	for i := range m.Partitions {
		if err := writeEmpty(fsys, dir, m, uint8(i)); err != nil {
			return err
		}
	}
	// So that the first opening needs no room for a name.
	lock, err := fsys.OpenFile(lockName(dir), os.O_RDWR|os.O_CREATE, 0o666)
	if err == nil {
		err = lock.Close()
	}
	if err != nil {
		return err
	}
	return vfs.ReplaceFiles(fsys, m.Append(nil), 0o666, metaName(dir), copyName(dir))
}

// writeEmpty writes the two files of an empty partition over whatever they were,
// durably.
func writeEmpty(fsys vfs.FS, dir string, m *format.Meta, p uint8) error {
	data := dataHeader(m, p)
	index := format.IndexHeader{UUID: m.UUID, Partition: p, FirstEpoch: m.FirstEpoch}
	for _, f := range []struct {
		name    string
		content []byte
	}{{indexName(dir, p), index.Append(nil)}, {dataName(dir, p), data.Append(nil)}} {
		if err := writeOnly(fsys, f.name, f.content); err != nil {
			return err
		}
	}
	return nil
}

// writeOnly makes b the content of a file, durably, but in place: after a crash
// it may be anything.
func writeOnly(fsys vfs.FS, name string, b []byte) error {
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// dataHeader is the header of a partition's data file.
func dataHeader(m *format.Meta, p uint8) *format.DataHeader {
	return &format.DataHeader{
		UUID: m.UUID, Partition: p, Partitions: uint8(len(m.Partitions)), Kind: m.Kind, Density: m.Density,
		FirstEpoch: m.FirstEpoch, Created: m.Created, Made: m.Made, Capacity: m.Capacity, Sizes: m.Sizes(),
		MaxPartitions: m.MaxPartitions, Barcode: m.Barcode, Medium: m.Medium, Serial: m.Serial,
	}
}
