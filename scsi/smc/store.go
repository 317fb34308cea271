package smc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"govtl/internal/vfs"
)

// The files in a changer's state directory.
const (
	inventoryName = "inventory"
	journalName   = "moves"
	lockName      = "lock"
	spcName       = "device"
	switchesName  = "switches"
)

// store keeps a changer's state directory: the lock that makes its user the only
// one, the inventory, and the journal of moves.
type store struct {
	fs   vfs.FS
	dir  string
	lock vfs.File

	mu      sync.Mutex // guards journal
	journal *journal
}

// maxTorn is how many lines of the journal a crash can tear: the end of a move is
// not synced, and may leave two pieces. More is damage.
const maxTorn = 2

// maxDevice bounds the file of what package spc saves, in bytes.
const maxDevice = 1 << 20

// openStore opens a state directory, making it when it is not there. inv is nil
// when there is no inventory yet. An inventory that is damaged is set aside
// under another name and reported as damaged: the changer begins with an empty
// one, and finds its volumes by asking the drives and being told of the others.
func openStore(f vfs.FS, dir string) (s *store, inv *inventory, damaged, err error) {
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("smc: %w", err)
	}
	if err := f.SyncDir(filepath.Dir(dir)); err != nil {
		return nil, nil, nil, fmt.Errorf("smc: %w", err)
	}
	s = &store{fs: f, dir: dir}
	if inv, damaged, err = s.open(); err != nil {
		s.close()
		return nil, nil, nil, err
	}
	return s, inv, damaged, nil
}

// open locks and reads the directory.
func (s *store) open() (inv *inventory, damaged, err error) {
	if s.lock, err = s.fs.OpenFile(s.path(lockName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, nil, fmt.Errorf("smc: %w", err)
	}
	if err = s.lock.TryLock(); err != nil {
		return nil, nil, fmt.Errorf("smc: %s is in use by another changer: %w", s.dir, err)
	}
	inv, damaged, err = s.readInventory()
	if err != nil {
		return nil, nil, err
	}
	var bad int
	if s.journal, bad, err = openJournal(s.fs, s.path(journalName)); err != nil {
		return nil, nil, err
	}
	if bad > maxTorn && damaged == nil {
		damaged = fmt.Errorf("%w: %d records of the journal of moves do not verify", ErrDamaged, bad)
	}
	return inv, damaged, nil
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

func (s *store) readInventory() (inv *inventory, damaged, err error) {
	file, err := s.fs.ReadFile(s.path(inventoryName), maxInventory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("smc: inventory: %w", err)
	}
	inv, damaged = decodeInventory(file)
	if damaged == nil {
		return inv, nil, nil
	}
	if errors.Is(damaged, ErrVersion) {
		return nil, nil, fmt.Errorf("%s: %w", s.path(inventoryName), damaged)
	}
	aside := fmt.Sprintf("%s.damaged-%s", s.path(inventoryName), time.Now().UTC().Format("20060102T150405.000"))
	if err := s.fs.Rename(s.path(inventoryName), aside); err != nil {
		return nil, nil, fmt.Errorf("smc: inventory: %w", errors.Join(damaged, err))
	}
	return nil, fmt.Errorf("%w; kept as %s", damaged, aside), nil
}

// writeInventory replaces the inventory file. Durable when it returns nil; after
// an error the file has the old or the new inventory.
func (s *store) writeInventory(v *inventory) error {
	file, err := v.encode()
	if err != nil {
		return err
	}
	if err := vfs.ReplaceFile(s.fs, s.path(inventoryName), file, 0o600); err != nil {
		return fmt.Errorf("smc: inventory: %w", err)
	}
	return nil
}

// readDevice reads what writeDevice wrote, nil when there is nothing.
func (s *store) readDevice() ([]byte, error) {
	b, err := s.fs.ReadFile(s.path(spcName), maxDevice)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (s *store) writeDevice(doc []byte) error {
	return vfs.ReplaceFile(s.fs, s.path(spcName), doc, 0o600)
}

// begin notes a move in the journal, durably.
func (s *store) begin(in intent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.begin(in)
}

// end notes that a move is over.
func (s *store) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal.end(id)
}

func (s *store) close() {
	if s.journal != nil {
		s.journal.close() // every record that counts has been synced
	}
	if s.lock != nil {
		s.lock.Close()
	}
}
