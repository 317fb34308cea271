package station

import (
	"errors"
	"io/fs"
	"path/filepath"

	"govtl/internal/vfs"
)

// maxMemory bounds the document of a device's memory, in bytes.
const maxMemory = 64 << 10

// Memory is the file that keeps what of a device survives a restart.
type Memory string

// Memory is that of the station's device, in the state directory.
func (s *Station) Memory() Memory { return Memory(s.StateFile("json")) }

// Load returns the document, or nil when there is none yet. What it returns a
// power cut leaves: a daemon that was killed while it saved may not have made the
// file's name durable.
func (m Memory) Load() ([]byte, error) {
	b, err := vfs.OS{}.ReadFile(string(m), maxMemory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return b, vfs.OS{}.SyncDir(filepath.Dir(string(m)))
}

// Save replaces the document, durably.
func (m Memory) Save(doc []byte) error { return vfs.ReplaceFile(vfs.OS{}, string(m), doc, 0o600) }
