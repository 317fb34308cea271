package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// serviceVariable tells the program that it is the service which runs the
// command under systemd.
const serviceVariable = "VTL_GUEST_SERVICE"

// quiet are units of the host that have no place in a guest.
var quiet = []string{"systemd-udev-trigger.service", "systemd-journal-flush.service", "e2scrub_reap.service",
	"systemd-pstore.service", "getty@tty1.service", "console-getty.service", "apt-daily-upgrade.timer", "systemd-random-seed.service",
	"iscsid.socket", "iscsid.service", "open-iscsi.service"}

// commandUnit runs this program again, as what does the work.
const commandUnit = `[Unit]
After=basic.target
[Service]
Type=oneshot
Environment=%s=%s %s=1
ExecStart=%s
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
TimeoutStartSec=infinity
LimitNOFILE=65536
`

// systemd makes the host's files those of a machine that was just installed, and
// becomes systemd. It returns only an error.
func (p *plan) systemd(path string) error {
	// What is enabled on the host, and what would be cleaned away at boot: this
	// program may lie in /tmp.
	units := "/etc/systemd/system"
	enabled := filepath.Join(units, "multi-user.target.wants")
	if err := os.RemoveAll(enabled); err != nil {
		return err
	}
	if err := os.MkdirAll(enabled, 0o755); err != nil {
		return err
	}
	for _, unit := range quiet {
		if err := os.Symlink("/dev/null", filepath.Join(units, unit)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := os.MkdirAll("/etc/tmpfiles.d", 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"/etc/fstab":                 "",
		"/etc/machine-id":            "",
		"/etc/hostname":              "guest\n",
		"/etc/tmpfiles.d/tmp.conf":   "d /run/tmp 1777 root root -\nd /run/lock/iscsi 0700 root root -\n",
		units + "/guest-run.service": fmt.Sprintf(commandUnit, planVariable, path, serviceVariable, p.Self),
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.Symlink("../guest-run.service", filepath.Join(enabled, "guest-run.service")); err != nil {
		return err
	}
	init := "/lib/systemd/systemd"
	err := unix.Exec(init, []string{init, "--unit=multi-user.target", "--show-status=0", "--log-target=journal"}, []string{"PATH=" + p.Path})
	return fmt.Errorf("%s: %w", init, err)
}

// serve is the program as a service of systemd. It does not return.
func serve(path string) {
	text, err := os.ReadFile(path)
	if err == nil {
		var p plan
		if err = json.Unmarshal(text, &p); err == nil {
			os.Unsetenv(planVariable)
			os.Unsetenv(serviceVariable)
			os.Setenv("PATH", p.Path)
			err = p.work()
		}
	}
	if err != nil {
		fmt.Println("guest:", err)
	}
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	for {
		unix.Pause()
	}
}
