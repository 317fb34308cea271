package provision

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"govtl/internal/config"
)

// Own gives a cartridge directory that root has made or changed to the user that
// the suite runs as: whom the state directory belongs to. Without it a daemon
// could not write to what an administrator made. It does nothing for other users,
// and nothing when the state directory is root's or not there.
func Own(p config.Paths, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := ownerOf(p.State)
	if uid == 0 || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Directories that were made on the way, within the state directory.
	for up := filepath.Dir(dir); strings.HasPrefix(up, p.State+string(filepath.Separator)); up = filepath.Dir(up) {
		if was, _, err := ownerOf(up); err == nil && was == 0 {
			if err := os.Lchown(up, uid, gid); err != nil {
				return err
			}
		}
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// ownerOf tells whom a file belongs to.
func ownerOf(name string) (uid, gid int, err error) {
	fi, err := os.Lstat(name)
	if err != nil {
		return 0, 0, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, errors.ErrUnsupported
	}
	return int(st.Uid), int(st.Gid), nil
}
