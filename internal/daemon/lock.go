package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked: another process serves the device already.
var ErrLocked = errors.New("daemon: served by another process already")

// Lock keeps a device from being served by two processes. The operating system
// gives it up when the process ends, however it ends.
type Lock struct{ f *os.File }

// LockFile takes the lock NAME.lock in the run directory, such as "drive11". The
// error is ErrLocked with the process id of the holder when it is taken.
func LockFile(runDir, name string) (*Lock, error) {
	f, err := os.OpenFile(filepath.Join(runDir, name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w (%s)", name, ErrLocked, holder(f))
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock: %w", err), f.Close())
	}
	return &Lock{f}, nil
}

// holder reads who has the lock.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	pid := strings.TrimSpace(string(b))
	if _, convErr := strconv.Atoi(pid); err != nil || convErr != nil {
		return "its process id is not known"
	}
	return "process " + pid
}

// Release gives the lock up. The file stays, so that nobody locks a name that is
// about to vanish.
func (l *Lock) Release() error {
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}
