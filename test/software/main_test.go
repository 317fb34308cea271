//go:build e2e

package software

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/test/guest"
)

func TestMain(m *testing.M) {
	guest.Main()
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" || guest.Inside() {
		os.Exit(m.Run())
	}
	status, err := boot()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// boot runs this test binary in a guest with systemd, with the same arguments.
func boot() (int, error) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	for _, tool := range []string{"systemctl", "journalctl", "systemd-analyze", "systemd-sysusers", "udevadm", "iscsiadm", "mtx", "mt",
		"mkfs.ext4", "bacula-sd", "bacula-dir", "bacula-fd", "bconsole", "btape", "sqlite3", "amtape", "amdump"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, fmt.Errorf("%w: run scripts/deps software", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if _, err := os.Stat(filepath.Join("..", "..", "bin", "vtl-units")); err != nil {
		return 0, fmt.Errorf("%w (run make first)", err)
	}
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool { return strings.HasPrefix(a, "-test.testlogfile=") })
	limit := 10 * time.Minute
	if d, err := time.ParseDuration(flag.Lookup("test.timeout").Value.String()); err == nil && d > 0 {
		limit = d + 10*time.Second
	}
	disk, err := makeDisk()
	if err != nil {
		return 0, err
	}
	defer os.Remove(disk)
	c := guest.Config{Memory: "2G", Disks: []string{disk}, Initiator: true, Systemd: true, Timeout: limit, Stdout: os.Stdout,
		Env: []string{"SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0"}}
	return guest.Run(context.Background(), c, append([]string{self}, args...)...)
}

// diskSize is that of the file system for the cartridges, in bytes: a tape test
// writes more than the guest has memory.
const diskSize = 16 << 30

// makeDisk makes a file system in a file, which becomes the guest's /dev/ubda.
func makeDisk() (string, error) {
	f, err := os.CreateTemp("", "vtl-software-*.ext4")
	if err != nil {
		return "", err
	}
	err = errors.Join(f.Truncate(diskSize), f.Close())
	if err == nil {
		var out []byte
		if out, err = exec.Command("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", f.Name()).CombinedOutput(); err != nil {
			err = fmt.Errorf("mkfs.ext4: %w\n%s", err, out)
		}
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}
