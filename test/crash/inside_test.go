//go:build e2e

package crash

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/test/linux"
	"govtl/test/suite"
	"govtl/test/workload"
)

// config is a suite with one drive: quick to start.
const config = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: CRASH00010
    slots: 4
    mail-slots: 1
    drives:
      - id: 11
        model: ibm-ult3580-td9
        serial: CRASH00011
    media:
      - barcodes: CRA001L9
`

// mostFiles is when the writer begins to overwrite the tape.
const mostFiles = 24

// inside is what a guest does from boot to power cut: mount the disk, start the
// suite, check the tape, write.
func inside(t *testing.T) {
	serial, err := os.OpenFile("/dev/ttyS1", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	say := func(line string) error {
		_, err := serial.WriteString(line + "\n") // one write: it is with the host when this returns
		return err
	}
	t.Cleanup(func() {
		if t.Failed() {
			say("FAILED in the guest")
		}
	})
	seed := number(t, seedVariable, 0)
	random := rand.New(rand.NewPCG(uint64(seed), 2))
	journal, generation := readJournal(t)

	// The sooner and the oftener the kernel writes back, the more of what was not
	// synchronised reaches the disk, in bits and pieces.
	for name, value := range map[string]int{"dirty_writeback_centisecs": 1 + random.IntN(200), "dirty_expire_centisecs": 1 + random.IntN(300)} {
		if err := os.WriteFile("/proc/sys/vm/"+name, fmt.Append(nil, value), 0); err != nil {
			t.Fatal(err)
		}
	}
	const disk = "/run/disk"
	device := "/dev/ubda"
	if os.Getenv(diskVariable) == volatile && os.Getenv(judgeVariable) == "" {
		device = serveVolatile(t, device, rand.New(rand.NewPCG(uint64(seed), 3)))
	}
	if err := errors.Join(os.Mkdir(disk, 0o755), unix.Mount(device, disk, os.Getenv(systemVariable), unix.MS_NOATIME, "")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(disk, "suite")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := suite.Start(t, suite.Options{Dir: dir, Config: config, Listen: "127.0.0.1:3260"})
	linux.Discover(t, s.Addr)
	changer := linux.Login(t, s.Addr, "iqn.2026-11.local.vtl:library10")
	drive := linux.Login(t, s.Addr, "iqn.2026-11.local.vtl:drive11")
	if status := linux.Run(t, "mtx -f %s status", changer.Generic); strings.Contains(status, "Data Transfer Element 0:Empty") {
		linux.Run(t, "mtx -f %s load 1 0", changer.Generic)
	}
	linux.Eventually(t, "the drive to be ready", func() bool {
		out, err := linux.Try("mt -f %s status", drive.Tape)
		return err == nil && strings.Contains(out, " ONLINE")
	})
	tape, err := linux.OpenTape(drive.Tape, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := tape.SetBlock(0); err != nil {
		t.Fatal(err)
	}
	found, err := journal.Check(tape, tapeSeed)
	if err != nil {
		say("FAILED " + err.Error())
		t.Fatalf("%v\n%s", err, linux.KernelLog(20))
	}
	fmt.Printf("%d files acknowledged; on the tape %d and %d blocks\n", journal.Acknowledged(), found.Files, found.Partial)
	if os.Getenv(judgeVariable) != "" {
		tape.Close()
		s.Stop(t)
		return
	}
	say("WRITING")
	w := workload.Writer{Seed: tapeSeed, Tape: tape, Journal: func(line string) error { return errors.Join(journal.Line(line), say(line)) }}
	position := -1 // the file at whose beginning the tape stands
	for {
		next := journal.Acknowledged()
		if next >= mostFiles {
			next = random.IntN(next)
			if err := w.Journal(fmt.Sprintf("CUT %d", next)); err != nil {
				t.Fatal(err)
			}
		}
		if next != position {
			if err := tape.Rewind(); err != nil {
				t.Fatal(err)
			}
			if next > 0 {
				if err := tape.Filemarks(next); err != nil {
					t.Fatal(err)
				}
			}
		}
		generation++
		if err := w.Append(workload.File{Number: next, Generation: generation}); err != nil {
			t.Fatal(err)
		}
		position = next + 1
	}
}

// readJournal reads what earlier boots promised, and the highest generation.
func readJournal(t *testing.T) (*workload.Journal, int) {
	t.Helper()
	f, err := os.Open(os.Getenv(journalVariable))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	journal, highest := &workload.Journal{}, 0
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if err := journal.Line(scan.Text()); err != nil {
			t.Fatal(err)
		}
		var number, generation int
		if n, _ := fmt.Sscanf(scan.Text(), "BEGIN %d %d", &number, &generation); n == 2 {
			highest = max(highest, generation)
		}
	}
	return journal, highest
}
