// Package linux is what the tests do on the initiator's side of a Linux machine:
// run its tools, log in with open-iscsi, find the devices, drive a tape through st.
// It is meant for the guest, as root.
package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// CommandTime bounds every command: none of the tools may hang, whatever is done
// to the target.
const CommandTime = 2 * time.Minute

// ErrHangs: a command did not end in time, or could not even be killed.
var ErrHangs = errors.New("hangs")

// Try runs a command line with the shell's pipefail and returns its output.
func Try(format string, args ...any) (string, error) {
	return TryFor(CommandTime, format, args...)
}

// TryFor is Try with another bound.
func TryFor(limit time.Duration, format string, args ...any) (string, error) {
	line := fmt.Sprintf(format, args...)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	type result struct {
		out []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		done <- result{out, err}
	}()
	select {
	case r := <-done:
		if ctx.Err() != nil {
			r.err = fmt.Errorf("%w: killed after %v", ErrHangs, limit)
		}
		return string(r.out), r.err
	case <-time.After(limit + 20*time.Second):
		// A process in uninterruptible sleep: the driver waits for the target.
		return "", fmt.Errorf("%w in the kernel after %v:\n%s", ErrHangs, limit, stuck())
	}
}

// Run is Try for commands that must succeed.
func Run(t testing.TB, format string, args ...any) string {
	t.Helper()
	out, err := Try(format, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", fmt.Sprintf(format, args...), err, out)
	}
	return out
}

// Refused is Try for commands that must end with an error of their own.
func Refused(t testing.TB, format string, args ...any) string {
	t.Helper()
	out, err := Try(format, args...)
	if _, ended := errors.AsType[*exec.ExitError](err); !ended || errors.Is(err, ErrHangs) {
		t.Fatalf("%s: want an error, got %v\n%s", fmt.Sprintf(format, args...), err, out)
	}
	return out
}

// Want demands that a text has a match for each regular expression (multi-line mode).
func Want(t testing.TB, what, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(`(?m)` + p).MatchString(text) {
			t.Errorf("%s: no match for %q in:\n%s", what, p, text)
		}
	}
}

// Eventually demands that a condition holds before long. It is for what the
// kernel or another process does in its own time.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 40 s", what)
		}
	}
}

// stuck shows where processes in uninterruptible sleep wait.
func stuck() string {
	out, _ := exec.Command("bash", "-c", `for p in /proc/[0-9]*; do
		grep -q '^State:.D' $p/status 2>/dev/null && { tr '\0' ' ' < $p/cmdline; echo; cat $p/stack; }; done; dmesg | tail -20`).CombinedOutput()
	return strings.TrimSpace(string(out))
}

// KernelLog returns the last lines of the kernel's log.
func KernelLog(lines int) string {
	out, err := exec.Command("dmesg").CombinedOutput()
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// exists reports whether a file is there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
