// Package suite runs the suite's own programs from bin/ for tests that judge it
// from outside.
package suite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"govtl/test/port"
)

// StopTime is what the suite has to end itself and its daemons after SIGTERM.
const StopTime = 5 * time.Second

// startTime bounds how long the suite may take until it says that it is ready.
// It is generous: the guest has one slow processor.
const startTime = 60 * time.Second

// Options say how a suite is made.
type Options struct {
	// Dir is where configuration and state are; empty: a temporary directory.
	Dir string

	// Config is the text of vtl.yaml; empty: the suite writes its default one.
	Config string

	// Listen is the iSCSI address; empty: a free port of 127.0.0.1.
	Listen string

	// User is the numeric user and group that the suite runs as; 0: the caller.
	User uint32
}

// Suite is one `vtlcmd up` with its daemons. Its methods fail the test on errors.
type Suite struct {
	Dir    string
	Addr   string // host:port
	Config string // path of vtl.yaml
	State  string // path of the state directory

	bin  string
	user uint32
	cmd  *exec.Cmd

	exited chan struct{} // closed when cmd has ended
	exit   error

	mu      sync.Mutex // guards what follows
	output  []line     // of all its runs
	changed chan struct{}
}

// line is a line of output.
type line struct {
	at   time.Time
	text string
}

// started is put before the output of each run.
const started = "--- started"

// New makes the place for a suite and does not start it.
func New(t testing.TB, o Options) *Suite {
	t.Helper()
	s := &Suite{Dir: o.Dir, Addr: o.Listen, bin: Bin(t), user: o.User, changed: make(chan struct{})}
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	if s.Addr == "" {
		s.Addr = port.For(t)
	}
	s.Config, s.State = filepath.Join(s.Dir, "vtl.yaml"), filepath.Join(s.Dir, "state")
	if o.Config != "" {
		if err := os.WriteFile(s.Config, []byte(o.Config), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if s.user != 0 {
		// The way to a temporary directory is closed to other users.
		for d := s.Dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(s.Dir, int(s.user), int(s.user)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { s.cleanup(t) })
	return s
}

// Start makes a suite and starts it.
func Start(t testing.TB, o Options) *Suite {
	t.Helper()
	s := New(t, o)
	s.Start(t)
	return s
}

// Start runs `vtlcmd up` and waits until it says that it is ready.
func (s *Suite) Start(t testing.TB) {
	t.Helper()
	if err := s.Launch(); err != nil {
		t.Fatal(err)
	}
	s.Await(t, startTime, "the suite to be ready", func(line string) bool { return strings.HasPrefix(line, "ready") })
}

// Launch runs `vtlcmd up` and does not wait.
func (s *Suite) Launch() error {
	s.cmd = exec.Command(filepath.Join(s.bin, "vtlcmd"), "up", "--config", s.Config, "--state", s.State, "--listen", s.Addr)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.user != 0 {
		s.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.user, Gid: s.user}
	}
	s.cmd.Dir = s.Dir
	s.cmd.Env = append(os.Environ(), "HOME="+s.Dir)
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	s.cmd.Stdout, s.cmd.Stderr = in, in
	err = s.cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return fmt.Errorf("vtlcmd up: %w", err)
	}
	s.note(started)
	exited := make(chan struct{})
	s.exited = exited
	go s.read(out)
	cmd := s.cmd
	go func() {
		s.exit = cmd.Wait()
		close(exited)
		s.wake()
	}()
	return nil
}

// read collects the suite's output.
func (s *Suite) read(out io.ReadCloser) {
	defer out.Close()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.note(lines.Text())
	}
}

// note keeps a line of output.
func (s *Suite) note(text string) {
	s.mu.Lock()
	s.output = append(s.output, line{time.Now(), text})
	s.mu.Unlock()
	s.wake()
}

// wake tells those who wait that something has changed.
func (s *Suite) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await waits for a line of the output since the suite was last started.
func (s *Suite) Await(t testing.TB, limit time.Duration, what string, found func(line string) bool) {
	t.Helper()
	deadline := time.After(limit)
	for {
		s.mu.Lock()
		ok, changed := false, s.changed
		for _, l := range slices.Backward(s.output) {
			if ok = found(l.text); ok || l.text == started {
				break
			}
		}
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.exited:
			t.Fatalf("the suite ended (%v) while the test waited for %s", s.exit, what)
		case <-deadline:
			t.Fatalf("no sign of %s within %v", what, limit)
		case <-changed:
		}
	}
}

// Output returns what the suite has printed, each line with its time.
func (s *Suite) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, l := range s.output {
		fmt.Fprintf(&b, "%s %s\n", l.at.Format("15:04:05.00"), l.text)
	}
	return b.String()
}

// Running reports whether `vtlcmd up` runs.
func (s *Suite) Running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Stop sends SIGTERM and demands that `vtlcmd up` and all its daemons end in
// time, with status 0.
func (s *Suite) Stop(t testing.TB) {
	t.Helper()
	daemons := s.Daemons(t)
	if len(daemons) == 0 {
		t.Error("the suite has no daemons")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(StopTime)
	select {
	case <-s.exited:
	case <-time.After(time.Until(deadline)):
		t.Errorf("vtlcmd up lives %v after SIGTERM", StopTime)
		return
	}
	if s.exit != nil {
		t.Errorf("after SIGTERM vtlcmd up ended with: %v", s.exit)
	}
	for _, p := range daemons {
		if p.Alive() {
			t.Errorf("%s outlived vtlcmd up", p)
		}
	}
}

// cleanup ends what still runs and shows the output of a failed test.
func (s *Suite) cleanup(t testing.TB) {
	if s.Running() {
		s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.exited:
		case <-time.After(2 * StopTime):
			syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		}
	}
	if t.Failed() {
		out := strings.SplitAfter(s.Output(), "\n")
		t.Logf("the suite's output (its last lines):\n%s", strings.Join(out[max(0, len(out)-150):], ""))
	}
}

// Command runs vtlcmd against this suite and returns what it printed.
func (s *Suite) Command(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.Try(args...)
	if err != nil {
		t.Fatalf("vtlcmd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Try runs vtlcmd against this suite.
func (s *Suite) Try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "vtlcmd"), append([]string{"--config", s.Config, "--state", s.State}, args...)...)
	if s.user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.user, Gid: s.user}}
	}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.New("hangs")
	}
	return string(out), err
}

// Bin returns the directory with the programs.
func Bin(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("VTL_BIN"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == "/" {
			t.Fatal("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	bin := filepath.Join(dir, "bin")
	for _, program := range []string{"vtlcmd", "vtlportal", "vtllibrary", "vtltape"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			t.Fatalf("%v: run make first", err)
		}
	}
	return bin
}
