package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// findKernel finds the User Mode Linux kernel.
func findKernel() (string, error) {
	for _, name := range []string{"linux.uml", "linux"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("guest: no User Mode Linux kernel: apt-get install user-mode-linux")
}

// moduleTree is the content of modules.dep.
type moduleTree struct {
	file map[string]string   // module name to its file
	deps map[string][]string // module name to the names it needs, nearest first
}

// findModules reads the dependencies of the kernel's modules.
func findModules() (*moduleTree, error) {
	all, err := filepath.Glob("/usr/lib/uml/modules/*/modules.dep")
	if err != nil || len(all) == 0 {
		return nil, errors.New("guest: no modules below /usr/lib/uml/modules: apt-get install user-mode-linux")
	}
	text, err := os.ReadFile(all[0])
	if err != nil {
		return nil, err
	}
	return parseModules(filepath.Dir(all[0]), string(text)), nil
}

// parseModules reads the text of a modules.dep that lies in dir.
func parseModules(dir, text string) *moduleTree {
	t := &moduleTree{file: map[string]string{}, deps: map[string][]string{}}
	for line := range strings.Lines(text) {
		path, needs, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name := moduleName(path)
		t.file[name] = filepath.Join(dir, path)
		for _, n := range strings.Fields(needs) {
			t.deps[name] = append(t.deps[name], moduleName(n))
		}
	}
	return t
}

// moduleName is the name of a module as modprobe(8) takes it, from a path or a name.
func moduleName(s string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(s), ".ko"), "-", "_")
}

// resolve returns the files of the named modules and all that they need, in load order.
func (t *moduleTree) resolve(names ...string) ([]string, error) {
	var files []string
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		file, ok := t.file[name]
		if !ok {
			return fmt.Errorf("guest: the kernel has no module %q", name)
		}
		for _, d := range slices.Backward(t.deps[name]) {
			if err := add(d); err != nil {
				return err
			}
		}
		files = append(files, file)
		return nil
	}
	for _, n := range names {
		if err := add(moduleName(n)); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// memoryDirectory chooses where the kernel keeps the file that is the guest's
// memory: a tmpfs when it has the room (containers often have 64 MiB of
// /dev/shm), else the temporary directory.
func memoryDirectory(memory int64) string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &fs); err == nil && int64(fs.Bavail)*fs.Bsize > memory+memory/8 {
		return "/dev/shm"
	}
	return os.TempDir()
}

// raiseFileLimit makes room for the files that the guest's kernel keeps open: one
// for every inode in its cache, which is tens of thousands after a look through
// /usr. Children inherit the limit.
func raiseFileLimit() error {
	for _, n := range []uint64{1 << 20, 0} {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return err
		}
		limit.Max = max(limit.Max, n) // more than before only for root
		limit.Cur = limit.Max
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
			return nil
		}
	}
	return errors.New("guest: cannot raise the limit of open files")
}

// drain makes a pipe whose other end is copied to w until all its writers are
// gone. Done is closed then. It is wide, for a serial line of the guest drops
// into it without waiting.
func drain(w io.Writer) (end *os.File, done <-chan struct{}, err error) {
	r, end, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	const setPipeSize = 1031 // F_SETPIPE_SZ; refused beyond the user's limit, then the default stays
	syscall.Syscall(syscall.SYS_FCNTL, end.Fd(), setPipeSize, 1<<20)
	if w == nil {
		w = io.Discard
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer r.Close()
		if _, err := io.Copy(w, r); err != nil {
			io.Copy(io.Discard, r) // the guest must not block on a full pipe
		}
	}()
	return end, ended, nil
}

// without returns the environment without some variables.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

// parseSize reads a size such as 512M or 2G; empty is def.
func parseSize(s string, def int64) (int64, error) {
	if s == "" {
		return def, nil
	}
	shift := map[byte]uint{'K': 10, 'M': 20, 'G': 30}[s[len(s)-1]&^0x20]
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 32)
	if err != nil || shift == 0 || n <= 0 {
		return 0, fmt.Errorf("guest: memory size %q: want a number with K, M or G", s)
	}
	return n << shift, nil
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error() + "\n"
	}
	all := bytes.SplitAfter(bytes.ReplaceAll(text, []byte("\r"), nil), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], nil))
}

// workDirectory makes the directory that a guest shares with its host. It lies in
// /tmp and not in TMPDIR: the kernel binds a Unix socket below it, whose path must
// be short. The lock, held until the file is closed, says that somebody attends
// to the guest.
func workDirectory() (dir string, lock *os.File, err error) {
	sweep()
	// It gets the name that others sweep when it is locked, not before.
	hidden, err := os.MkdirTemp("/tmp", ".guest-")
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join("/tmp", filepath.Base(hidden)[1:])
	if lock, err = os.Create(filepath.Join(hidden, "lock")); err == nil {
		if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			err = os.Rename(hidden, dir)
		}
	}
	if err != nil {
		os.RemoveAll(hidden)
		return "", nil, fmt.Errorf("guest: work directory: %w", err)
	}
	return dir, lock, nil
}

// sweep ends the guests of programs that were killed and could not do so.
func sweep() {
	locks, _ := filepath.Glob("/tmp/guest-*/lock")
	for _, path := range locks {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			killMember("umid=" + filepath.Base(filepath.Dir(path)))
			os.RemoveAll(filepath.Dir(path))
		}
		f.Close()
	}
}

// killMember kills the processes that have an argument.
func killMember(argument string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !slices.Contains(strings.Split(string(line), "\x00"), argument) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
