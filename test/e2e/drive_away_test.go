//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// TestDriveAway: a drive whose process is stopped, killed, or started again while
// the changer needs it, seen by the initiator that asked for the move and by one
// that did not. The command ends with NOT READY, all others go on, no cartridge is
// lost or in two places, and when the drive is back everything is as mtx says.
func TestDriveAway(t *testing.T) {
	dir := t.TempDir()
	hook := filepath.Join(dir, "hook")
	between(t, hook, "")
	r := newRig(t, suite.Options{Dir: dir, Config: twoDrives + "    move-hook: sh " + hook + "\n"}, 11, 12)
	a := &away{t: t, rig: r, sg: r.changer.Generic,
		other: linux.LoginAs(t, "iqn.2026-11.test.guest:other", r.Addr, libraryName).Generic}
	linux.Attentions(t, a.sg)
	linux.Attentions(t, a.other)

	t.Run("stopped", func(t *testing.T) {
		drive := r.Daemon(t, "vtltape", 11)
		stop(t, drive.PID)
		linux.Want(t, "mtx load", linux.Refused(t, "mtx -f %s load 1 0", a.sg), `Sense Key=Not Ready`)
		a.has(t, "Storage Element 1:Full :VolumeTag=VTL001L9", "Data Transfer Element 0:Empty")
		linux.Run(t, "mtx -f %s load 2 1", a.other) // the other drive
		linux.Run(t, "mtx -f %s unload 2 1", a.other)
		if out := r.Command(t, "events", "all"); !strings.Contains(out, "library 10: drive 11 does not answer") {
			t.Errorf("nobody is told:\n%s", out)
		}
		if out, err := r.Try("doctor"); err == nil || !strings.Contains(out, "drive 11") {
			t.Errorf("doctor: %v\n%s", err, out)
		}
		resume(t, drive.PID)
		a.back(t)
		linux.Run(t, "mtx -f %s load 1 0", a.sg)
		a.has(t, "Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = VTL001L9")
		r.ready(t, r.drives[0])
	})

	t.Run("stopped with a cartridge in it", func(t *testing.T) {
		drive := r.Daemon(t, "vtltape", 11)
		stop(t, drive.PID)
		a.refused(t, 0x101, 0x400)
		a.has(t, "Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = VTL001L9", "Storage Element 1:Empty")
		resume(t, drive.PID)
		a.back(t)
		linux.Run(t, "mtx -f %s unload 1 0", a.sg)
		a.has(t, "Data Transfer Element 0:Empty", "Storage Element 1:Full :VolumeTag=VTL001L9")
	})

	t.Run("stopped in the middle of a move", func(t *testing.T) {
		drive := r.Daemon(t, "vtltape", 11)
		between(t, hook, fmt.Sprintf("[ $3 = Drive ] && [ $4 = 1 ] && kill -STOP %d; true", drive.PID))
		ended := make(chan string, 1)
		go func() {
			got, _ := linux.SCSI(t, a.sg, 0, moveMedium(0x400, 0x101)...)
			ended <- got
		}()
		linux.Eventually(t, "the move to be begun", func() bool { return stopped(drive.PID) })
		for range 3 { // whoever asks something else is answered meanwhile
			linux.Run(t, "mtx -f %s status", a.other)
			linux.Run(t, "sg_inq %s", a.other)
		}
		if got := <-ended; !strings.HasPrefix(got, "2/04/") {
			t.Errorf("MOVE MEDIUM: %s", got)
		}
		between(t, hook, "")
		linux.Run(t, "mtx -f %s load 2 1", a.other)
		linux.Run(t, "mtx -f %s unload 2 1", a.other)
		resume(t, drive.PID)
		a.back(t)
		a.settled(t)
	})

	t.Run("killed in the middle of a move", func(t *testing.T) {
		for _, m := range []struct{ from, to uint16 }{{0x400, 0x101}, {0x101, 0x400}} {
			if m.from == 0x101 {
				linux.Run(t, "mtx -f %s load 1 0", a.sg)
				r.ready(t, r.drives[0])
			}
			drive := r.Daemon(t, "vtltape", 11)
			between(t, hook, fmt.Sprintf("kill -KILL %d", drive.PID))
			got, _ := linux.SCSI(t, a.sg, 0, moveMedium(m.from, m.to)...)
			between(t, hook, "")
			if got != "GOOD" && !strings.HasPrefix(got, "2/04/") {
				t.Errorf("MOVE MEDIUM from %#x to %#x: %s", m.from, m.to, got)
			}
			r.AwaitDaemon(t, drive)
			a.back(t)
			a.settled(t)
		}
	})

	t.Run("started again with a cartridge in it", func(t *testing.T) {
		linux.Run(t, "mtx -f %s load 1 0", a.sg)
		r.ready(t, r.drives[0])
		linux.Run(t, "echo kept | dd of=%s bs=1k conv=sync 2>&1", r.drives[0].Tape)
		drive := r.Daemon(t, "vtltape", 11)
		drive.Kill(t)
		if got, _ := linux.SCSI(t, a.sg, 0, moveMedium(0x101, 0x404)...); got != "GOOD" && !strings.HasPrefix(got, "2/04/") {
			t.Errorf("MOVE MEDIUM at once: %s", got)
		}
		r.AwaitDaemon(t, drive)
		a.back(t)
		a.settled(t)
		linux.Run(t, "mtx -f %s load 1 0", a.sg)
		r.settle(t, r.drives[0])
		if got := linux.Run(t, "mt -f %[1]s rewind && dd if=%[1]s bs=1k status=none | tr -d '\\0'", r.drives[0].Tape); !strings.Contains(got, "kept\n") {
			t.Errorf("read back: %q", got)
		}
	})
}

// away is what the parts of TestDriveAway share.
type away struct {
	t         *testing.T
	rig       *rig
	sg, other string
}

// refused demands that a move ends with NOT READY.
func (a *away) refused(t *testing.T, from, to uint16) {
	t.Helper()
	if got, _ := linux.SCSI(t, a.sg, 0, moveMedium(from, to)...); !strings.HasPrefix(got, "2/04/") {
		t.Errorf("MOVE MEDIUM from %#x to %#x: %s", from, to, got)
	}
}

// back waits until the changer reaches all its drives and no move is open.
func (a *away) back(t *testing.T) {
	t.Helper()
	linux.Eventually(t, "the changer to reach its drives", func() bool {
		out, err := a.rig.Try("library", "status", "--json")
		return err == nil && strings.Count(out, `"reachable": true`) == 2
	})
	linux.Run(t, "mtx -f %s inventory", a.sg) // which settles what is open
	for _, sg := range []string{a.sg, a.other} {
		linux.Attentions(t, sg)
	}
}

// settled demands that VTL001L9 is in exactly one place, of the two it can be in,
// for the initiator, the operator and the drive; then it puts it into slot 1.
func (a *away) settled(t *testing.T) {
	t.Helper()
	status := linux.Run(t, "mtx -f %s status", a.sg)
	if n := strings.Count(status, "VTL001L9"); n != 1 {
		t.Fatalf("VTL001L9 is in %d places:\n%s", n, status)
	}
	for n, barcode := range []string{"VTL002L9", "VTL003L9", "VTL004L9"} {
		a.has(t, fmt.Sprintf("Storage Element %d:Full :VolumeTag=%s", n+2, barcode))
	}
	if out := a.rig.Command(t, "library", "inventory"); strings.Count(out, "VTL001L9") != 1 || strings.Contains(out, "shelf ") {
		t.Errorf("the operator sees\n%s", out)
	}
	in := strings.Contains(status, "Data Transfer Element 0:Full")
	if out := a.rig.Command(t, "11", "status"); strings.Contains(out, "VTL001L9") != in {
		t.Errorf("the drive says\n%s\nand the changer\n%s", out, status)
	}
	switch {
	case in:
		linux.Run(t, "mtx -f %s unload 1 0", a.sg)
	case !strings.Contains(status, "Storage Element 1:Full"):
		for n := 5; n <= 8; n++ {
			if strings.Contains(status, fmt.Sprintf("Storage Element %d:Full", n)) {
				linux.Run(t, "mtx -f %s transfer %d 1", a.sg, n)
			}
		}
	}
	a.has(t, "Storage Element 1:Full :VolumeTag=VTL001L9", "Data Transfer Element 0:Empty")
}

// has demands lines of mtx status.
func (a *away) has(t *testing.T, lines ...string) {
	t.Helper()
	status := linux.Run(t, "mtx -f %s status", a.sg)
	for _, l := range lines {
		if !slices.ContainsFunc(strings.Split(status, "\n"), func(s string) bool { return strings.TrimSpace(s) == l }) {
			t.Errorf("mtx status has no line %q:\n%s", l, status)
		}
	}
}

// moveMedium is the CDB of MOVE MEDIUM.
func moveMedium(from, to uint16) []byte {
	return []byte{0xA5, 0, 0, 0, byte(from >> 8), byte(from), byte(to >> 8), byte(to), 0, 0, 0, 0}
}

// between has the library's hook do something between the question what the drive
// holds and the request to load or unload.
func between(t *testing.T, hook, script string) {
	t.Helper()
	if err := os.WriteFile(hook, []byte(script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGCONT) }) // whatever fails
	linux.Eventually(t, "the daemon to be stopped", func() bool { return stopped(pid) })
}

func resume(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// stopped reports whether a process is.
func stopped(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && strings.Contains(string(text), "State:\tT")
}
