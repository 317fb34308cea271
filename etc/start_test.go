//go:build e2e

package etc

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"govtl/test/port"
	"govtl/test/suite"
)

// TestStart starts the suite of each example: every target answers.
func TestStart(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			secrets := "initiator backup1 correct-horse-battery *\n"
			if err := os.WriteFile(filepath.Join(dir, "secrets"), []byte(secrets), 0o600); err != nil {
				t.Fatal(err)
			}
			suite.Start(t, suite.Options{Dir: dir, Config: string(text)})
		})
	}
}

// TestContainer runs what the container's image runs, on its volume: an empty
// directory the first time.
func TestContainer(t *testing.T) {
	bin := suite.Bin(t)
	dir := t.TempDir()
	address := port.For(t)
	entrypoint := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "../packaging/entrypoint", args...)
		cmd.Env = append(os.Environ(), "VTL_DIR="+dir, "VTL_EXAMPLES=.", "PATH="+bin+":"+os.Getenv("PATH"))
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		return cmd
	}
	up := entrypoint("--listen", address, "up")
	out, err := up.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "ready") {
		said = append(said, lines.Text())
	}
	if status, err := entrypoint("status").CombinedOutput(); err != nil || !strings.Contains(string(status), "library 10") {
		t.Errorf("status: %s, %v; the suite said %q", status, err, said)
	}
	if err := up.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := up.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "vtl.yaml")); err != nil {
		t.Error(err)
	}
}
