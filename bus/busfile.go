package bus

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// FileName is the name of the file in the run directory that holds address and
// secret of the embedded server.
const FileName = "bus"

// maxFile bounds what is read of it, in bytes.
const maxFile = 4096

// accessUser is the user name that the secret belongs to.
const accessUser = "vtl"

// Access is how to reach the embedded server: the content of the bus file.
type Access struct {
	Version int    `json:"version"`
	URL     string `json:"url"` // nats://127.0.0.1:PORT
	User    string `json:"user"`
	Secret  string `json:"secret"`
}

// address is host:port of the URL.
func (a Access) address() (string, error) {
	const scheme = "nats://"
	if len(a.URL) <= len(scheme) || a.URL[:len(scheme)] != scheme {
		return "", fmt.Errorf("bus: %q is no nats:// address", a.URL)
	}
	host, port, err := net.SplitHostPort(a.URL[len(scheme):])
	if err != nil {
		return "", fmt.Errorf("bus: address %q: %w", a.URL, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("bus: address %q has no port", a.URL)
	}
	return net.JoinHostPort(host, port), nil
}

// ReadAccess reads the bus file of a run directory. The error is fs.ErrNotExist
// while no portal has run there. A file that others can read or write, or that
// belongs to somebody else, is refused.
func ReadAccess(dir string) (Access, error) {
	name := filepath.Join(dir, FileName)
	f, err := os.Open(name)
	if err != nil {
		return Access{}, fmt.Errorf("bus: %w", err)
	}
	defer f.Close()
	if err := checkPrivate(f); err != nil {
		return Access{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Access{}, fmt.Errorf("bus: %w", err)
	}
	a, err := parseAccess(b)
	if err != nil {
		return Access{}, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// parseAccess decodes the content of a bus file.
func parseAccess(b []byte) (Access, error) {
	var a Access
	if len(b) > maxFile {
		return a, errors.New("bus: file is too long")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&a); err != nil {
		return Access{}, fmt.Errorf("bus: file is damaged: %w", err)
	}
	if a.Version != Version {
		return Access{}, fmt.Errorf("bus: file has version %d, this program knows %d", a.Version, Version)
	}
	if _, err := a.address(); err != nil {
		return Access{}, err
	}
	if a.User == "" || a.Secret == "" {
		return Access{}, errors.New("bus: file has no secret")
	}
	return a, nil
}

// writeAccess replaces the bus file: whoever reads it sees the old or the new.
func writeAccess(dir string, a Access) error {
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	f, err := os.CreateTemp(dir, "."+FileName+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	if _, err := f.Write(append(b, '\n')); err != nil {
		return errors.Join(fmt.Errorf("bus: %w", err), f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, FileName)); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

// newAccess makes an access with a fresh secret and no address yet. The secret
// is of 256 bits.
func newAccess() Access {
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	return Access{Version: Version, User: accessUser, Secret: hex.EncodeToString(secret[:])}
}

// previousAccess is what the last server of the directory used, so that its
// clients find the new one where the old was; ok is false when there was none or
// its file is of no use.
func previousAccess(dir string) (a Access, ok bool, err error) {
	a, err = ReadAccess(dir)
	switch {
	case err == nil:
		return a, true, nil
	case errors.Is(err, fs.ErrNotExist):
		return Access{}, false, nil
	}
	return Access{}, false, err
}
