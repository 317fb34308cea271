//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// commented is a configuration whose author has said why.
const commented = `version: 1 # the first
# Where the backups go.
libraries:
  - id: 10
    model: ibm-03584
    serial: VTL0000010 # as on the sticker
    slots: 4
    mail-slots: 1
    drives:
      # the only one
      - {id: 11, model: ibm-ult3580-td9, serial: VTL0000011}
    media:
      - barcodes: VTL001L9-VTL002L9 # daily
# the end
`

// TestLiveChange changes everything about a library while a backup is written
// through the st driver: the backup goes on, initiators get the unit attentions
// there are for it, nothing is started again, and the file keeps its comments.
func TestLiveChange(t *testing.T) {
	r := newRig(t, suite.Options{Config: commented}, 11)
	sg := r.changer.Generic
	drive := r.load(t, 1, 0)
	before := r.Daemons(t)
	linux.Attentions(t, sg)

	// The backup: records with a filemark behind each, until it is told to end.
	tape, err := linux.OpenTape(drive.Tape, true)
	if err != nil {
		t.Fatal(err)
	}
	block := func(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "record %08d\n", n), 4096) }
	end, ended, wrote := make(chan bool), make(chan error, 1), make(chan int, 1)
	progress := make(chan int, 1)
	go func() {
		n := 0
		defer func() { wrote <- n }()
		for {
			select {
			case <-end:
				ended <- nil
				return
			default:
			}
			if _, err := tape.Write(block(n)); err != nil {
				ended <- fmt.Errorf("record %d: %w", n, err)
				return
			}
			if err := tape.WriteFilemarks(1); err != nil {
				ended <- fmt.Errorf("filemark %d: %w", n, err)
				return
			}
			n++
			select {
			case progress <- n:
			default:
			}
		}
	}()
	goesOn := func() {
		t.Helper()
		select {
		case <-progress: // of before
		default:
		}
		select {
		case <-progress:
		case err := <-ended:
			t.Fatalf("the backup has ended: %v", err)
		}
	}
	step := func(words, said string, attentions ...string) {
		t.Helper()
		goesOn()
		if got := strings.TrimSpace(r.Command(t, strings.Fields(words)...)); !strings.HasPrefix(got, said) {
			t.Errorf("vtlcmd %s: %q, want %q", words, got, said)
		}
		got := linux.Attentions(t, sg)
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, attentions) {
			t.Errorf("vtlcmd %s: the initiator is told %v, want %v", words, got, attentions)
		}
		goesOn()
	}
	changed := []string{"6/28/00", "6/2A/01"}
	step("library add slot 2", "slot=6", changed...)
	step("library add map", "map=2", changed...)
	step("library add media NEW001L9-NEW002L9", "2 cartridges", "6/28/00")
	step("library add drive ibm-ult3580-td8 12", "drive 12", changed...)
	linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", sg), `:2 Drives, 8 Slots \( 2 Import/Export \)`, `Storage Element 3:Full :VolumeTag=NEW001L9`)
	linux.Discover(t, r.Addr)
	added := linux.Login(t, r.Addr, driveName(12))
	linux.Want(t, "the new drive", linux.Run(t, "sg_inq %s", added.Generic), `Product identification: ULT3580-TD8`, `Unit serial number: VTL0000012`)
	linux.Run(t, "iscsiadm -m node -T %s -u", driveName(12))
	step("add library stk-l700 20", "library 20")
	linux.Discover(t, r.Addr)
	other := linux.Login(t, r.Addr, "iqn.2026-11.local.vtl:library20")
	linux.Want(t, "the new library", linux.Run(t, "loaderinfo -f %s", other.Generic), `Number of Storage Elements: 20$`, `Number of Data Transfer Elements: 0$`)
	linux.Run(t, "iscsiadm -m node -T iqn.2026-11.local.vtl:library20 -u")
	step("remove library 20", "OK")
	step("library remove drive 12", "OK", changed...)
	step("library move slot 3 slot 6", "NEW001L9: slot 3 to slot 6", "6/28/00")
	step("library remove media NEW002L9", "1 cartridges", "6/28/00")
	step("library remove slot", "slot=5\nNEW001L9 is on the shelf now", changed...)
	step("library remove map", "map=1", changed...)
	if out, err := r.Try("library", "remove", "drive", "11"); err == nil || !strings.Contains(out, "drive 11 holds VTL001L9") {
		t.Errorf("the drive at work is taken away: %v\n%s", err, out)
	}

	// By hand, and a signal.
	text, err := os.ReadFile(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, c := range []string{"# the first\n# Where the backups go.", "# as on the sticker", "# the only one", "# daily", "# the end"} {
		i := bytes.Index(text[at:], []byte(c))
		if i < 0 {
			t.Fatalf("no %q in its place in the file:\n%s", c, text)
		}
		at += i
	}
	if err := os.WriteFile(r.Config, bytes.Replace(text, []byte("slots: 5"), []byte("slots: 9"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Daemons(t) {
		if p.Name == "vtllibrary" {
			if err := syscall.Kill(p.PID, syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
	}
	linux.Eventually(t, "the library to have read its file", func() bool {
		out, err := linux.Try("mtx -f %s status", sg)
		return err == nil && strings.Contains(out, ":1 Drives, 10 Slots ( 1 Import/Export )")
	})
	goesOn()
	close(end)
	if err := <-ended; err != nil {
		t.Fatalf("the backup: %v", err)
	}
	n := <-wrote
	if err := tape.Rewind(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(block(0))+1)
	for i := range n {
		got, err := tape.Read(buf)
		if err != nil || !bytes.Equal(buf[:got], block(i)) {
			t.Fatalf("record %d of %d: %d bytes, %v", i, n, got, err)
		}
		if got, err := tape.Read(buf); got != 0 || err != nil { // the filemark
			t.Fatalf("behind record %d: %d bytes, %v", i, got, err)
		}
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	if after := r.Daemons(t); !slices.Equal(before, after) {
		t.Errorf("daemons before: %v\nafter: %v", before, after)
	}
}
