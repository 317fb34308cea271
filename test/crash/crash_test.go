//go:build e2e

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"govtl/test/guest"
	"govtl/test/workload"
)

func TestMain(m *testing.M) {
	guest.Main()
	os.Exit(m.Run())
}

// Environment of the guest.
const (
	journalVariable = "VTL_CRASH_JOURNAL"   // file with the journal of all earlier rounds
	systemVariable  = "VTL_CRASH_SYSTEM"    // file system of the disk
	seedVariable    = "VTL_CRASH_SEED_HERE" // decides what the guest does in this round
	judgeVariable   = "VTL_CRASH_JUDGE"     // not empty: check the tape and do no more
	diskVariable    = "VTL_CRASH_DISK_HERE" // honest or volatile
)

// Kinds of disk: what was written stays after a power cut, or only what was flushed
// is sure to.
const (
	honest   = "honest"
	volatile = "volatile"
)

// tapeSeed decides about the content of the files on tape.
const tapeSeed = 11

// TestPowerCut is the host's side; the guest runs the same test and comes to inside.
func TestPowerCut(t *testing.T) {
	if guest.Inside() {
		inside(t)
		return
	}
	rounds := number(t, "VTL_CRASH_ROUNDS", 4)
	seed := number(t, "VTL_CRASH_SEED", int(time.Now().UnixNano()%1e9))
	disks := []string{honest, volatile}
	if kind := os.Getenv("VTL_CRASH_DISK"); kind != "" {
		disks = []string{kind}
	}
	for _, system := range []string{"ext4", "xfs"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			t.Logf("VTL_CRASH_SEED=%d", seed)
			m := newMachine(t, system, uint64(seed))
			for i := range rounds {
				m.kind = disks[i%len(disks)]
				// Mostly while it writes; at times while it starts and recovers.
				if m.random.IntN(5) > 0 {
					m.boot(t, whileWriting)
				} else {
					m.boot(t, whileStarting)
				}
			}
			m.boot(t, judge)
			t.Logf("%d power cuts, %d filemarks acknowledged, none lost", rounds, m.promises)
		})
	}
}

// number reads a number from the environment.
func number(t *testing.T, name string, def int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// machine is a disk whose guests lose their power.
type machine struct {
	system   string // the file system
	random   *rand.Rand
	dir      string
	disk     string
	kind     string   // of the disk in the next boot
	journal  *os.File // what the guests promised
	model    workload.Journal
	promises int // filemarks acknowledged, all in all
}

// newMachine makes a disk with a file system.
func newMachine(t *testing.T, system string, seed uint64) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "vtl-crash-"+system+"-")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{system: system, random: rand.New(rand.NewPCG(seed, uint64(len(system)))), dir: dir, disk: filepath.Join(dir, "disk")}
	if m.journal, err = os.Create(filepath.Join(dir, "journal")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.journal.Close()
		if t.Failed() {
			t.Logf("disk, journal and console are kept in %s", dir)
		} else {
			os.RemoveAll(dir)
		}
	})
	disk, err := os.Create(m.disk)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(disk.Truncate(2<<30), disk.Close()); err != nil {
		t.Fatal(err)
	}
	force := map[string]string{"ext4": "-F", "xfs": "-f"}[system]
	cmd := exec.Command("bash", "-c", `PATH=$PATH:/usr/sbin:/sbin exec mkfs.$0 -q $1 "$2"`, system, force, m.disk)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s (run make deps): %v %s", system, err, out)
	}
	return m
}

// fate is how a boot ends.
type fate int

const (
	whileWriting fate = iota
	whileStarting
	judge // nothing is cut: the guest checks the tape and powers off
)

// bootTime bounds one boot. The guest shares two processors with another one.
const bootTime = 2 * time.Minute

// boot boots the guest to its end.
func (m *machine) boot(t *testing.T, f fate) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	writing := make(chan struct{}, 1)
	var failure string
	var out bytes.Buffer
	c := guest.Config{
		Initiator: true, Modules: []string{"nbd"}, Disks: []string{m.disk}, Timeout: bootTime, Stdout: &out, Console: filepath.Join(m.dir, "console"),
		Env: []string{journalVariable + "=" + m.journal.Name(), systemVariable + "=" + m.system, diskVariable + "=" + m.kind, fmt.Sprintf("%s=%d", seedVariable, m.random.Uint32())},
		Serial: &lines{take: func(line string) error {
			word, rest, _ := strings.Cut(line, " ")
			switch word {
			case "WRITING":
				writing <- struct{}{}
			case "FAILED":
				failure = rest
			case "ACK":
				m.promises++
			}
			return errors.Join(m.model.Line(line), m.keep(word, line))
		}},
	}
	if f == judge {
		c.Env = append(c.Env, judgeVariable+"=1")
	}
	g, err := guest.Boot(context.Background(), c, self, "-test.run=^TestPowerCut$", "-test.timeout=0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.Wait()
	}()
	switch f {
	case whileStarting:
		wait(ended, time.Duration(m.random.IntN(6000))*time.Millisecond)
		g.Kill()
	case whileWriting:
		select {
		case <-writing:
			wait(ended, time.Duration(m.random.IntN(1500))*time.Millisecond)
		case <-ended:
		}
		g.Kill()
	}
	status, err := g.Wait()
	switch {
	case failure != "":
		t.Fatalf("%s\n%s", failure, out.String())
	case errors.Is(err, guest.ErrDied) && f != judge && !strings.Contains(err.Error(), "Kernel panic"):
	case err != nil:
		t.Fatalf("%v\n%s", err, out.String())
	case status != 0 || f != judge:
		t.Fatalf("the guest ended with status %d\n%s", status, out.String())
	}
}

// keep appends a line to the journal's file.
func (m *machine) keep(word, line string) error {
	switch word {
	case "BEGIN", "ACK", "CUT":
		_, err := m.journal.WriteString(line + "\n")
		return err
	}
	return nil
}

// wait waits for a time, or for the end.
func wait(ended <-chan struct{}, d time.Duration) {
	select {
	case <-ended:
	case <-time.After(d):
	}
}

// lines is a writer that passes on whole lines. A line that the power cut broke
// was not promised.
type lines struct {
	rest []byte
	take func(line string) error
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if err := l.take(string(bytes.TrimSuffix(line, []byte("\r")))); err != nil {
			return 0, err
		}
		l.rest = rest
	}
}
