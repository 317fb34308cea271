// Package guest boots a real Linux kernel (User Mode Linux) as an ordinary
// process on the host's own files, in about a second, and runs a command in it.
// The kernel brings its SCSI initiator: scsi_mod, sg, st, ch, sr and iscsi_tcp,
// so that /dev/nst0 or /dev/sg1 in the guest are the real drivers' devices.
//
// The guest sees the host's root file system through an overlay: what it writes
// stays in its memory, but for the directories that Config.Through names. It has
// no network besides its own loopback. It needs no privileges on the host.
//
// The program that boots a guest is also the guest's PID 1; so the first thing
// that its main (or TestMain) does must be to call Main.
//
// Debian packages: user-mode-linux; open-iscsi for Config.Initiator.
package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Errors that Wait returns when the command did not come to its end.
var (
	// ErrTimeout: Config.Timeout passed; the guest was killed.
	ErrTimeout = errors.New("guest: time is up")

	// ErrDied: the guest ended before the command did: a kernel panic, a
	// power-off from inside, or Kill.
	ErrDied = errors.New("guest: the guest ended before the command did")
)

// Config says how a guest is made. The zero value boots a kernel without SCSI.
type Config struct {
	Memory  string        // of the guest, with a unit: "1G" (default)
	Timeout time.Duration // of the whole run; 0: 5 minutes

	// SCSI loads the drivers sg, st, ch, sr and iscsi_tcp; Initiator does so too
	// and starts iscsid, with settings of its own.
	SCSI, Initiator bool

	// Systemd boots the host's systemd as PID 1, with nothing enabled, and runs
	// the command in a service of it: for units, as a user of systemctl meets
	// them. It takes some seconds more.
	Systemd bool

	Modules []string // further kernel modules
	Disks   []string // files that appear as /dev/ubda, /dev/ubdb, ... (at most 8)
	Through []string // existing host directories that are written through

	Dir string   // working directory; empty: the caller's
	Env []string // environment beside the caller's, as NAME=VALUE

	Stdout  io.Writer // of the command, with its stderr; nil: discarded
	Serial  io.Writer // what is written to /dev/ttyS1: there before write(2) returns
	Console string    // file that keeps the kernel's console; empty: a temporary one, kept after failures
}

// plan is what PID 1 of the guest is to do; it travels as a file in the work directory.
type plan struct {
	Work      string
	Overlay   []string // module files needed for the overlay, in load order
	Modules   []string // further module files, in load order
	Through   []string
	Initiator bool
	Systemd   bool
	Self      string // this program
	Dir       string
	Path      string // the variable PATH
	Env       []string
	Command   []string
}

// Guest is a booted kernel. Its methods may be called from any goroutine.
type Guest struct {
	cmd     *exec.Cmd
	work    string // a directory of the host that holds the plan and takes the status
	lock    *os.File
	console string
	keep    bool // the console, whatever happens

	waited chan struct{} // closed when what follows is set
	status int
	err    error
}

// Run boots a guest, runs a command in it and returns the command's exit status.
// The error is about the guest, not about the command: see ErrTimeout and ErrDied.
func Run(ctx context.Context, c Config, command ...string) (int, error) {
	g, err := Boot(ctx, c, command...)
	if err != nil {
		return 0, err
	}
	return g.Wait()
}

// Boot starts a guest that runs a command and then powers off. When ctx ends
// the guest is killed.
func Boot(ctx context.Context, c Config, command ...string) (*Guest, error) {
	if len(command) == 0 {
		return nil, errors.New("guest: no command")
	}
	if len(c.Disks) > 8 {
		return nil, errors.New("guest: more than 8 disks")
	}
	kernel, err := findKernel()
	if err != nil {
		return nil, err
	}
	memory, err := parseSize(c.Memory, 1<<30)
	if err != nil {
		return nil, err
	}
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	work, lock, err := workDirectory()
	if err != nil {
		return nil, err
	}
	g := &Guest{work: work, lock: lock, console: c.Console, keep: c.Console != "", waited: make(chan struct{})}
	if err := g.boot(ctx, c, kernel, memory, command); err != nil {
		lock.Close()
		os.RemoveAll(work)
		return nil, err
	}
	return g, nil
}

func (g *Guest) boot(ctx context.Context, c Config, kernel string, memory int64, command []string) error {
	p, err := c.plan(g.work, command)
	if err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(g.work, "plan"), text, 0o600); err != nil {
		return err
	}
	if !g.keep {
		g.console = g.work + ".console"
	}
	console, err := os.Create(g.console)
	if err != nil {
		return err
	}
	defer console.Close()
	umlDir := filepath.Join(g.work, "uml")
	if err := os.Mkdir(umlDir, 0o700); err != nil {
		return err
	}
	args := []string{
		"mem=" + strconv.FormatInt(memory>>20, 10) + "M",
		"umid=" + filepath.Base(g.work), "uml_dir=" + umlDir,
		"rootfstype=hostfs", "rootflags=/", "rw", "init=" + p.Self, planVariable + "=" + filepath.Join(g.work, "plan"),
		"con=null", "con0=null,fd:1", "ssl=null", "ssl0=null,fd:3", "ssl1=null,fd:4",
		// Each of these saves boot time: no legacy ptys, no delay loop, no RAID benchmark.
		"pty.legacy_count=0", "initcall_blacklist=raid6_select_algo", "quiet", "panic=-1",
	}
	for i, d := range c.Disks {
		if d, err = filepath.Abs(d); err != nil {
			return err
		}
		args = append(args, fmt.Sprintf("ubd%c=%s", 'a'+i, d))
	}
	g.cmd = exec.Command(kernel, args...)
	g.cmd.Stdout, g.cmd.Stderr = console, console
	g.cmd.Env = append(without(os.Environ(), "TMPDIR", "LD_PRELOAD"), "TMPDIR="+memoryDirectory(memory))
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	var copied []<-chan struct{}
	var ends []*os.File
	for _, w := range []io.Writer{c.Stdout, c.Serial} {
		end, done, err := drain(w)
		if err != nil {
			return err
		}
		ends, copied = append(ends, end), append(copied, done)
	}
	g.cmd.ExtraFiles = ends

	started := make(chan error, 1)
	go g.attend(ctx, c.Timeout, started, ends, copied)
	return <-started
}

// attend starts the kernel, waits for its end and tells the outcome. It stays on
// one thread, since the kernel is killed when the thread that started it ends.
func (g *Guest) attend(ctx context.Context, timeout time.Duration, started chan<- error, ends []*os.File, copied []<-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := g.cmd.Start()
	for _, f := range ends {
		f.Close()
	}
	started <- err
	if err != nil {
		return
	}
	if timeout == 0 {
		timeout = 5 * time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stop := context.AfterFunc(limited, g.Kill)
	exit := g.cmd.Wait()
	g.Kill() // whatever is left of the group
	for _, done := range copied {
		<-done
	}
	stop()
	g.status, g.err = g.outcome(exit, limited)
	if g.err != nil {
		g.err = fmt.Errorf("%w\n%s(console: %s)", g.err, tail(g.console, 40), g.console)
	} else if !g.keep {
		os.Remove(g.console)
	}
	os.RemoveAll(g.work)
	g.lock.Close()
	close(g.waited)
}

// outcome reads the status that PID 1 left behind.
func (g *Guest) outcome(exit error, limited context.Context) (int, error) {
	text, err := os.ReadFile(filepath.Join(g.work, "status"))
	if err == nil {
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return 0, fmt.Errorf("guest: PID 1 reports %q", text)
		}
		return n, nil
	}
	switch {
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return 0, ErrTimeout
	case limited.Err() != nil:
		return 0, fmt.Errorf("%w: %w", ErrDied, context.Cause(limited))
	default:
		return 0, fmt.Errorf("%w (kernel: %v)", ErrDied, exit)
	}
}

// Wait waits for the end of the guest and returns the command's exit status, or
// an error that says why there is none and shows the end of the console.
func (g *Guest) Wait() (int, error) {
	<-g.waited
	return g.status, g.err
}

// Kill is a power cut: the guest ends at once. What it wrote to its disks' files
// stays; what only its memory held is gone.
func (g *Guest) Kill() {
	syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
}

// plan resolves the configuration into what PID 1 does.
func (c Config) plan(work string, command []string) (*plan, error) {
	p := &plan{Work: work, Initiator: c.Initiator, Systemd: c.Systemd, Command: command, Dir: c.Dir}
	var err error
	if p.Self, err = os.Executable(); err != nil {
		return nil, err
	}
	modules, err := findModules()
	if err != nil {
		return nil, err
	}
	if p.Overlay, err = modules.resolve("overlay"); err != nil {
		return nil, err
	}
	names := c.Modules
	if c.SCSI || c.Initiator {
		names = append([]string{"scsi_mod", "sg", "st", "ch", "sr_mod", "iscsi_tcp"}, names...)
	}
	if p.Modules, err = modules.resolve(names...); err != nil {
		return nil, err
	}
	for _, d := range append([]string{work}, c.Through...) {
		d, err := filepath.Abs(d)
		if err == nil {
			d, err = filepath.EvalSymlinks(d)
		}
		if err != nil {
			return nil, fmt.Errorf("guest: write-through directory: %w", err)
		}
		p.Through = append(p.Through, d)
	}
	if p.Dir == "" {
		if p.Dir, err = os.Getwd(); err != nil {
			return nil, err
		}
	}
	p.Path = os.Getenv("PATH") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	p.Env = append(without(os.Environ(), "TMPDIR", "LD_PRELOAD", "XDG_RUNTIME_DIR"), c.Env...)
	return p, nil
}
