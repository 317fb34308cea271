//go:build e2e

package optical

import (
	"encoding/json"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"govtl/test/linux"
)

// process is the drive's daemon.
func (r *rig) process() int {
	r.t.Helper()
	var s struct{ PID int }
	if err := json.Unmarshal([]byte(r.Command(r.t, "40", "status", "--json")), &s); err != nil || s.PID == 0 {
		r.t.Fatalf("status --json: %v, process %d", err, s.PID)
	}
	return s.PID
}

// TestKilledDrive: the daemon of a drive is killed while a file system on its disc
// is being written. The kernel takes that for a drive that was switched off and
// gives the mount up; mounted again the file system is whole, and has everything
// that a sync had acknowledged.
func TestKilledDrive(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	r.Command(t, "40", "load", "ram.iso", "dvd-ram")
	linux.Run(t, "mkfs.ext4 -q -F -b 2048 -J size=4 %s 400m 2>&1", sr)
	synced := filepath.Join(t.TempDir(), "synced") // a line for each copy
	compare := func() {
		t.Helper()
		linux.Run(t, "test -s %[1]s && while read copy session; do diff -r %[2]s/session$session %[3]s/$copy || exit; done <%[1]s", synced, r.tree, r.mount)
	}
	for n := 1; n <= 3; n++ {
		linux.Run(t, "mount -t ext4 %s %s", sr, r.mount)
		pid := r.process()
		done := make(chan string, 1)
		go func() {
			out, _ := linux.Try("for i in $(seq 30); do cp -r %s/session%d %s/copy%d.$i && sync -f %s && echo copy%d.$i %d >>%s || exit; done",
				r.tree, n, r.mount, n, r.mount, n, n, synced)
			done <- out
		}()
		linux.Eventually(t, "a copy that is synced", func() bool {
			_, err := linux.Try("grep -q copy%d. %s", n, synced)
			return err == nil
		})
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done: // with an error, or before the drive was killed
		case <-time.After(linux.CommandTime):
			t.Fatal("writing does not end after the drive was killed")
		}
		linux.Run(t, "umount %s", r.mount)
		linux.Eventually(t, "another process", func() bool {
			_, err := r.Try("40", "status")
			return err == nil
		})
		linux.Eventually(t, "a mount of the disc", func() bool {
			_, err := linux.Try("mount -t ext4 %s %s", sr, r.mount)
			return err == nil
		})
		compare()
		linux.Run(t, "umount %s", r.mount)
		linux.Run(t, "fsck.ext4 -fn %s 2>&1", sr)
	}
}

// TestKilledBurn: the daemon is killed in the middle of a burn; the disc has what
// it had before, and takes another session.
func TestKilledBurn(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	r.Command(t, "40", "load", "rw.iso", "dvd-rw")
	linux.Run(t, "xorriso -dev %s -map %s/session1 /session1 -commit 2>&1", sr, r.tree)
	pid := r.process()
	done := make(chan string, 1)
	go func() {
		out, _ := linux.Try("head -c 300m /dev/zero | cdrskin dev=%s -v -tao -multi tsize=300m - 2>&1", sr)
		done <- out
	}()
	linux.Eventually(t, "a track that is written", func() bool {
		out, err := r.Try("40", "status", "--json")
		var s struct{ Tracks int }
		return err == nil && json.Unmarshal([]byte(out), &s) == nil && s.Tracks > 1
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done: // well or not: the program may have gone on
	case <-time.After(linux.CommandTime + time.Minute):
		t.Fatal("the program does not end")
	}
	linux.Eventually(t, "another process", func() bool {
		_, err := r.Try("40", "status")
		return err == nil
	})
	r.extract(t, 1)
	linux.Run(t, "xorriso -dev %s -map %s/session2 /session2 -commit 2>&1", sr, r.tree)
	r.extract(t, 1, 2)
}
