package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// planVariable names the plan's file to PID 1; the kernel hands it over from its
// command line.
const planVariable = "VTL_GUEST_PLAN"

// Main must be the first call in main or TestMain of a program that boots guests.
// On the host it returns at once; as PID 1 of a guest it carries out the plan,
// powers off and never returns.
func Main() {
	path := os.Getenv(planVariable)
	if path != "" && os.Getenv(serviceVariable) != "" {
		serve(path)
	}
	if os.Getpid() != 1 || path == "" {
		return
	}
	runtime.LockOSThread()
	if err := carryOut(path); err != nil {
		fmt.Println("guest: PID 1:", err)
	}
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	for {
		unix.Pause()
	}
}

// carryOut is the life of PID 1.
func carryOut(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	os.Unsetenv(planVariable)
	os.Setenv("PATH", p.Path)
	if err := p.enterRoot(); err != nil {
		return err
	}
	if p.Systemd {
		return p.systemd(path)
	}
	if err := p.mounts(); err != nil {
		return err
	}
	return p.work()
}

// work is what a booted guest does: drivers, the initiator, the command, and its
// status.
func (p *plan) work() error {
	if err := loadModules(p.Modules); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("guest")); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if p.Initiator {
		if err := startInitiator(); err != nil {
			return err
		}
	}
	status, err := p.run()
	if err != nil {
		fmt.Println("guest:", err)
		status = 127
	}
	file := filepath.Join(p.Work, "status")
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(status)), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// enterRoot makes an overlay over the host's files, with the write-through
// directories bound into it, the root directory.
func (p *plan) enterRoot() error {
	if err := loadModules(p.Overlay); err != nil {
		return err
	}
	const base = "/mnt" // any directory that every host has
	if err := unix.Mount("guest", base, "tmpfs", 0, "size=90%,mode=755"); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	root := filepath.Join(base, "root")
	for _, d := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(base, d), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("overlay", root, "overlay", 0, "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work"); err != nil {
		return fmt.Errorf("mount overlay: %w", err)
	}
	for _, d := range p.Through {
		if err := unix.Mount(d, filepath.Join(root, d), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", d, err)
		}
	}
	// Not chroot(2): who is in one may not have user namespaces, which units want.
	if err := unix.PivotRoot(root, filepath.Join(root, base)); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.Unmount(base, unix.MNT_DETACH)
}

// mounts mounts what a booted system has, and gives open-iscsi's database and the
// temporary files a place in memory.
func (p *plan) mounts() error {
	for _, m := range [][4]string{
		{"proc", "/proc", "proc", ""},
		{"sys", "/sys", "sysfs", ""},
		{"dev", "/dev", "devtmpfs", ""},
		{"pts", "/dev/pts", "devpts", ""},
		{"shm", "/dev/shm", "tmpfs", ""},
		{"run", "/run", "tmpfs", "mode=755"},
	} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m[0], m[1], m[2], 0, m[3]); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	for link, to := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2"} {
		os.Remove(link)
		if err := os.Symlink(to, link); err != nil {
			return err
		}
	}
	if err := os.MkdirAll("/run/lock/iscsi", 0o755); err != nil {
		return err
	}
	return os.Mkdir("/run/tmp", 0o1777)
}

// loadModules loads module files in order.
func loadModules(files []string) error {
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("module %s: %w", file, err)
		}
	}
	return nil
}

// loopbackUp brings the interface lo up.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(request)))
	if errno != 0 {
		return errno
	}
	return nil
}

// initiatorSettings is iscsid's configuration: errors show soon, and the tests
// decide what is logged in.
const initiatorSettings = `node.startup = manual
node.session.timeo.replacement_timeout = 15
node.session.initial_login_retry_max = 4
node.conn[0].timeo.login_timeout = 10
node.conn[0].timeo.logout_timeout = 10
node.conn[0].timeo.noop_out_interval = 5
node.conn[0].timeo.noop_out_timeout = 5
node.session.cmds_max = 128
node.session.queue_depth = 32
`

// InitiatorName is the iSCSI name of the guest's open-iscsi.
const InitiatorName = "iqn.2026-11.test.guest:initiator"

// startInitiator starts iscsid on a database of its own.
func startInitiator() error {
	for _, dir := range []string{"/etc/iscsi", "/var/lib/iscsi"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("iscsi", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	for _, dir := range []string{"/etc/iscsi/nodes", "/etc/iscsi/send_targets"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for file, text := range map[string]string{
		"/etc/iscsi/initiatorname.iscsi": "InitiatorName=" + InitiatorName + "\n",
		"/etc/iscsi/iscsid.conf":         initiatorSettings,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	out, err := exec.Command("iscsid").CombinedOutput()
	if err != nil {
		return fmt.Errorf("iscsid (apt-get install open-iscsi): %w %s", err, out)
	}
	return nil
}

// run runs the command on the first serial line, reaping whatever else ends
// meanwhile, and returns its exit status as a shell does.
func (p *plan) run() (int, error) {
	tty, err := rawTerminal("/dev/ttyS0")
	if err != nil {
		return 0, err
	}
	defer tty.Close()
	if line, err := rawTerminal("/dev/ttyS1"); err == nil {
		defer line.Close() // open all the time: the settings last as long as somebody has it open
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		return 0, err
	}
	defer null.Close()
	env := append(without(p.Env, "PATH"), "PATH="+p.Path, "TMPDIR=/run/tmp", "HOME=/root", "VTL_GUEST=1")
	if err := os.Chdir(p.Dir); err != nil {
		return 0, err
	}
	program, err := exec.LookPath(p.Command[0])
	if err != nil {
		return 0, err
	}
	child, err := os.StartProcess(program, p.Command, &os.ProcAttr{
		Dir: p.Dir, Env: env, Files: []*os.File{null, tty, tty}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, err
	}
	for {
		var state syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &state, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case pid != child.Pid:
		case state.Signaled():
			return 128 + int(state.Signal()), nil
		default:
			return state.ExitStatus(), nil
		}
	}
}

// rawTerminal opens a serial line and makes it pass bytes as they are.
func rawTerminal(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		f.Close()
		return nil, err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag |= unix.CLOCAL
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Inside reports whether the program runs in a guest.
func Inside() bool { return os.Getenv("VTL_GUEST") == "1" }
