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
			"mkfs.ext4", "bacula-sd", "bacula-dir", "bacula-fd", "bconsole", "btape", "sqlite3", "amtape", "amdump",
			"mkfs.xfs", "cpio", "dump", "restore", "xfsdump", "xfsrestore", "mbuffer", "dar"},
		Install: "scripts/deps software",
		Host: func(c *guest.Config) (func(), error) {
			var err error
			for _, d := range disks {
				name, e := d.make()
				c.Disks, err = append(c.Disks, name), errors.Join(err, e)
			}
			undo := func() {
				for _, name := range c.Disks {
					os.Remove(name)
				}
			}
			return undo, err
		},
	}.Run(m))
}

// disk is a file system in a file.
type disk struct {
	size int64 // in bytes
	mkfs []string
}

// disks become the guest's /dev/ubda and so on: for the cartridges, of which a tape
// test writes more than the guest has memory, and to be backed up.
var disks = []disk{
	{16 << 30, []string{"mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1"}},
	{1 << 30, []string{"mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1"}},
	{1 << 30, []string{"mkfs.xfs", "-q"}},
}

// make makes the file and returns its name, also when it failed.
func (d disk) make() (string, error) {
	f, err := os.CreateTemp("", "vtl-software-*.disk")
	if err != nil {
		return "", err
	}
	err = errors.Join(f.Truncate(d.size), f.Close())
	if err == nil {
		var out []byte
		if out, err = exec.Command(d.mkfs[0], append(d.mkfs[1:], f.Name())...).CombinedOutput(); err != nil {
			err = fmt.Errorf("%s: %w\n%s", d.mkfs[0], err, out)
		}
	}
	return f.Name(), err
}
