//go:build e2e

package software

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"govtl/test/guest"
)

func TestMain(m *testing.M) {
	os.Exit(guest.Harness{
		Config: guest.Config{Memory: "2G", Initiator: true, Systemd: true,
			Env: []string{"SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0"}},
		Tools: []string{"systemctl", "journalctl", "systemd-analyze", "systemd-sysusers", "udevadm", "iscsiadm", "mtx", "mt",
			"mkfs.ext4", "bacula-sd", "bacula-dir", "bacula-fd", "bconsole", "btape", "sqlite3", "amtape", "amdump"},
		Install: "scripts/deps software",
		Host: func(c *guest.Config) (func(), error) {
			disk, err := makeDisk()
			if err != nil {
				return nil, err
			}
			c.Disks = []string{disk}
			return func() { os.Remove(disk) }, nil
		},
	}.Run(m))
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
