//go:build e2e

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// boot runs a shell script in a guest and returns its output.
func boot(t *testing.T, c Config, script string) (string, int, error) {
	t.Helper()
	var out bytes.Buffer
	c.Stdout = &out
	c.Console = filepath.Join(t.TempDir(), "console")
	status, err := Run(t.Context(), c, "bash", "-c", script)
	return out.String(), status, err
}

// TestCommand: the command's status and every byte of its output arrive; the
// drivers are there; a directory that is written through takes what is written
// and the rest of the host's files do not.
func TestCommand(t *testing.T) {
	through, aside := t.TempDir(), t.TempDir()
	var serial bytes.Buffer
	c := Config{Initiator: true, Through: []string{through}, Serial: &serial, Dir: aside, Env: []string{"GREETING=good day"}}
	out, status, err := boot(t, c, fmt.Sprintf(`
		for i in {1..3000}; do printf 'line %%d\r\n' $i; done
		lsmod | grep -cE '^(st|ch|sg|sr_mod|iscsi_tcp) '
		iscsiadm -m session 2>&1
		pwd; echo "$GREETING"
		echo kept > %s/file; echo lost > file; cat file
		echo promise > /dev/ttyS1
		exit 7`, through))
	if err != nil || status != 7 {
		t.Fatalf("status %d, %v, output %s", status, err, out)
	}
	var want strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&want, "line %d\r\n", i+1)
	}
	fmt.Fprintf(&want, "5\niscsiadm: No active sessions.\n%s\ngood day\nlost\n", aside)
	if out != want.String() {
		t.Errorf("output differs; its end: %q", out[max(0, len(out)-300):])
	}
	if text, err := os.ReadFile(filepath.Join(through, "file")); err != nil || string(text) != "kept\n" {
		t.Errorf("written through: %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(aside, "file")); err == nil {
		t.Error("the guest wrote to the host's files")
	}
	if serial.String() != "promise\n" {
		t.Errorf("serial line: %q", serial.String())
	}
}

func TestTimeout(t *testing.T) {
	_, _, err := boot(t, Config{Timeout: 3 * time.Second}, "sleep 1000")
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v", err)
	}
}

func TestPanicShowsTheConsole(t *testing.T) {
	_, _, err := boot(t, Config{}, "echo c > /proc/sysrq-trigger")
	if !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "Kernel panic") {
		t.Errorf("got %v", err)
	}
}

// TestDisk: what was synced to a disk is there after a power cut.
func TestDisk(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	serial := make(chan string, 1)
	g, err := Boot(t.Context(), Config{Disks: []string{disk}, Serial: report(serial)}, "bash", "-c",
		`echo durable | dd of=/dev/ubda conv=fsync,notrunc; echo written > /dev/ttyS1; sleep 1000`)
	if err != nil {
		t.Fatal(err)
	}
	<-serial
	g.Kill()
	if _, err := g.Wait(); !errors.Is(err, ErrDied) {
		t.Errorf("after the cut: %v", err)
	}
	if text, err := os.ReadFile(disk); err != nil || !bytes.HasPrefix(text, []byte("durable\n")) {
		t.Errorf("disk: %q, %v", text[:8], err)
	}
}

// report is a writer that passes on what is written.
type report chan string

func (r report) Write(p []byte) (int, error) {
	r <- string(p)
	return len(p), nil
}

func TestUnknownModule(t *testing.T) {
	if _, _, err := boot(t, Config{Modules: []string{"no_such"}}, "true"); err == nil || !strings.Contains(err.Error(), "no_such") {
		t.Errorf("got %v", err)
	}
}

// TestSystemd: the command runs as a service of systemd, which has started what
// it starts on every machine and nothing of the host's.
func TestSystemd(t *testing.T) {
	out, status, err := boot(t, Config{Systemd: true, Initiator: true}, `
		cat /proc/1/comm
		systemctl is-active basic.target
		systemctl list-units --failed --no-legend --plain --no-pager
		exit 5`)
	if err != nil || status != 5 || out != "systemd\nactive\n" {
		t.Errorf("status %d, %v, output %q", status, err, out)
	}
}
