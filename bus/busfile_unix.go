//go:build unix

package bus

import (
	"fmt"
	"os"
	"syscall"
)

// checkPrivate refuses a file that somebody else could have written or can read.
func checkPrivate(f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("bus: %s is no regular file", f.Name())
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("bus: %s has mode %04o: others could read the secret (want 0600)", f.Name(), fi.Mode().Perm())
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		return fmt.Errorf("bus: %s belongs to user %d, not to %d", f.Name(), st.Uid, os.Geteuid())
	}
	return nil
}
