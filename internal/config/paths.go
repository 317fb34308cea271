package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// FileName is the name of the configuration file.
const FileName = "vtl.yaml"

// Directories of a suite that runs as a system service.
const (
	systemConfig = "/etc/vtl"
	systemState  = "/var/lib/vtl"
	systemRun    = "/run/vtl"
)

// maxRunDir is the longest run directory: a Unix socket's path has at most 107
// bytes (unix(7)) and the longest name in it is "/library32767.sock".
const maxRunDir = 107 - len("/library32767.sock")

// Paths are the places of one suite. All are absolute.
type Paths struct {
	Config string // the file vtl.yaml
	Models string // directory of the operator's own models, beside it
	State  string // cartridges, inventory and other state
	Run    string // sockets, bus secret, locks
}

// PathOptions are what decides about the places.
type PathOptions struct {
	Config string // --config FILE, or empty
	State  string // --state DIR, or empty

	// FallBack takes the system's suite when a plain user has none of his own:
	// what operator commands do, and `vtlcmd up` does not.
	FallBack bool

	Getenv func(string) string // nil: os.Getenv
	Getuid func() int          // nil: os.Geteuid
}

// ResolvePaths finds the places of a suite. systemd's own variables win over
// everything but the options, root has the system's places, and a plain user
// those of the XDG specification. The sockets of a suite with --state lie under
// that directory, so that suites live side by side.
func ResolvePaths(o PathOptions) (Paths, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Getuid == nil {
		o.Getuid = os.Geteuid
	}
	p, err := o.defaults()
	if err != nil {
		return Paths{}, err
	}
	if o.Config != "" {
		if p.Config, err = filepath.Abs(o.Config); err != nil {
			return Paths{}, fmt.Errorf("configuration path: %w", err)
		}
	}
	if o.State != "" {
		if p.State, err = filepath.Abs(o.State); err != nil {
			return Paths{}, fmt.Errorf("state path: %w", err)
		}
		p.Run = shortRunDir(p.State, o.Getuid())
	}
	p.Models = filepath.Join(filepath.Dir(p.Config), "models")
	return p, nil
}

// defaults are the places without options.
func (o PathOptions) defaults() (Paths, error) {
	system := Paths{Config: filepath.Join(systemConfig, FileName), State: systemState, Run: systemRun}
	if dir := first(o.Getenv("STATE_DIRECTORY")); dir != "" { // systemd.exec(5)
		system.State = dir
		if dir := first(o.Getenv("CONFIGURATION_DIRECTORY")); dir != "" {
			system.Config = filepath.Join(dir, FileName)
		}
		if dir := first(o.Getenv("RUNTIME_DIRECTORY")); dir != "" {
			system.Run = dir
		}
		return system, nil
	}
	if o.Getuid() == 0 {
		return system, nil
	}
	user, err := o.userDefaults()
	if err != nil {
		if o.Config != "" && o.State != "" {
			return system, nil // none of the defaults is used
		}
		return Paths{}, err
	}
	if o.FallBack && o.Config == "" && o.State == "" && !exists(user.Config) && exists(system.Config) {
		return system, nil
	}
	return user, nil
}

// userDefaults are the places of a plain user, by the XDG Base Directory
// Specification.
func (o PathOptions) userDefaults() (Paths, error) {
	home := o.Getenv("HOME")
	base := func(variable, below string) (string, error) {
		if dir := o.Getenv(variable); filepath.IsAbs(dir) {
			return filepath.Join(dir, "vtl"), nil
		}
		if !filepath.IsAbs(home) {
			return "", fmt.Errorf("neither HOME nor %s is set: say --config FILE and --state DIR", variable)
		}
		return filepath.Join(home, below, "vtl"), nil
	}
	dir, err1 := base("XDG_CONFIG_HOME", ".config")
	state, err2 := base("XDG_STATE_HOME", ".local/state")
	if err := errors.Join(err1, err2); err != nil {
		return Paths{}, err
	}
	p := Paths{Config: filepath.Join(dir, FileName), State: state}
	switch runtime := o.Getenv("XDG_RUNTIME_DIR"); {
	case filepath.IsAbs(runtime) && len(runtime)+len("/vtl") <= maxRunDir:
		p.Run = filepath.Join(runtime, "vtl")
	case ownedBy("/run/user/"+strconv.Itoa(o.Getuid()), o.Getuid()):
		p.Run = filepath.Join("/run/user", strconv.Itoa(o.Getuid()), "vtl")
	default:
		p.Run = shortRunDir(state, o.Getuid())
	}
	return p, nil
}

// shortRunDir is STATE/run, or where that is too long for a socket a directory
// in /tmp that only depends on the state directory and the user: every program
// of the suite comes to the same.
func shortRunDir(state string, uid int) string {
	if dir := filepath.Join(state, "run"); len(dir) <= maxRunDir {
		return dir
	}
	sum := sha256.Sum256([]byte(state))
	return filepath.Join("/tmp", "vtl-"+strconv.Itoa(uid)+"-"+hex.EncodeToString(sum[:8]))
}

// MakeDirs makes the state and run directories. The run directory must belong to
// the user and be closed to everybody else, because it holds the bus secret.
func (p Paths) MakeDirs() error {
	if err := os.MkdirAll(p.State, 0o750); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.Run), 0o755); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	if err := os.Mkdir(p.Run, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("run directory: %w", err)
	}
	return CheckRunDir(p.Run)
}

// CheckRunDir refuses a run directory that another user could write into.
func CheckRunDir(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	if !fi.IsDir() {
		return fmt.Errorf("run directory: %s is not a directory", dir)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("run directory: %s belongs to user %d, not to %d", dir, st.Uid, os.Geteuid())
	}
	if fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("run directory: others may write into %s (mode %04o, want 0700)", dir, fi.Mode().Perm())
	}
	return nil
}

// Socket is the Unix socket on which the daemon of a device takes connections
// over from the portal.
func (p Paths) Socket(kind string, id int) string {
	return filepath.Join(p.Run, kind+strconv.Itoa(id)+".sock")
}

// LibraryHome is where the cartridges of a library are.
func (p Paths) LibraryHome(l *Library) string {
	if l.Home != "" {
		return l.Home
	}
	return filepath.Join(p.State, "cartridges", strconv.Itoa(l.ID))
}

// DriveHome is where a stand-alone drive looks for the cartridge of
// `vtlcmd DRIVE load BARCODE`; in is the library of a drive that has one.
func (p Paths) DriveHome(d *Drive, in *Library) string {
	switch {
	case in != nil:
		return p.LibraryHome(in)
	case d.Home != "":
		return d.Home
	}
	return filepath.Join(p.State, "cartridges", "shelf")
}

// first is the first of systemd's colon-separated directories.
func first(list string) string {
	dir, _, _ := strings.Cut(list, ":")
	return dir
}

// exists tells whether there is something.
func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// ownedBy tells whether dir is a directory of the user.
func ownedBy(dir string, uid int) bool {
	fi, err := os.Stat(dir)
	if err != nil || !fi.IsDir() {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}
