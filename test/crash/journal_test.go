//go:build e2e

package crash

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/internal/vfs"
	"govtl/test/guest"
	"govtl/test/linux"
)

// TestJournalGivenUp: when ext4 could not write its journal for a moment, what was
// to be committed is lost, and a synchronisation that comes after must say so,
// though fdatasync(2) says that all is well.
func TestJournalGivenUp(t *testing.T) {
	if guest.Inside() {
		loseJournal(t)
		return
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 64<<20); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	c := guest.Config{Modules: []string{"loop"}, Disks: []string{disk}, Timeout: bootTime, Stdout: &out, Console: filepath.Join(t.TempDir(), "console")}
	status, err := guest.Run(context.Background(), c, self, "-test.v", "-test.run=^TestJournalGivenUp$")
	if err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, out.String())
	}
}

// loseJournal has a file system whose journal is a file in memory that finds no
// room for a moment.
func loseJournal(t *testing.T) {
	const room, disk = "/run/journal", "/run/disk"
	linux.Run(t, "mkdir %s %s", room, disk)
	linux.Run(t, "mount -t tmpfs -o size=9m tmpfs %s", room)
	linux.Run(t, "truncate -s 8m %s/journal", room)
	linux.Run(t, "losetup /dev/loop0 %s/journal", room)
	linux.Run(t, "mke2fs -q -F -b 4096 -O journal_dev /dev/loop0")
	linux.Run(t, "mke2fs -q -F -b 4096 -t ext4 -J device=/dev/loop0 /dev/ubda")
	linux.Run(t, "fallocate -p -o 8k -l 7m %s/journal", room) // so that it takes room as it is written
	linux.Run(t, "mount -t ext4 -o commit=1 /dev/ubda %s", disk)

	name := disk + "/data"
	f, err := vfs.OS{}.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	write := func(off int64) {
		if _, err := f.WriteAt(block, off); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := (vfs.OS{}).SyncDir(disk); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name, disk+"/other"); err != nil {
		t.Fatal(err)
	}
	name = disk + "/other"
	_, _ = linux.Try("dd if=/dev/zero of=%s/filler bs=4k", room)
	write(int64(len(block)))
	if err := f.Await(int64(len(block)), int64(len(block))); err != nil {
		t.Fatal(err)
	}
	linux.Eventually(t, "the journal to be given up", func() bool {
		return strings.Contains(linux.KernelLog(100), "Aborting journal")
	})
	linux.Run(t, "rm %s/filler", room)

	raw, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	t.Logf("fdatasync: %v", unix.Fdatasync(int(raw.Fd())))
	if err := f.Sync(); err == nil {
		t.Error("a synchronisation says that all is well")
	}
	d, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	t.Logf("fsync of the directory: %v", d.Sync())
	if err := (vfs.OS{}).SyncDir(disk); err == nil {
		t.Error("a synchronisation of the directory says that all is well")
	}
}
