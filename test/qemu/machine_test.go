//go:build e2e

package qemu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"govtl/test/suite"
)

// program is Debian's qemu-system-x86; qemu-block-extra has its iSCSI initiator.
const program = "qemu-system-x86_64"

// bound is what one request, and the boot, may take. Nothing but the processor
// that QEMU emulates is slow.
const bound = 2 * time.Minute

// machine is a virtual machine that carries out requests.
type machine struct {
	cmd     *exec.Cmd
	line    io.WriteCloser
	answers chan string
}

// boot starts a virtual machine with the arguments, and waits until it serves.
func boot(t *testing.T, args ...string) *machine {
	t.Helper()
	dir, files := t.TempDir(), filepath.Join(suite.Bin(t), "qemu")
	guest := filepath.Join(dir, "init")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", guest, "govtl/test/qemu/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := writeInitrd(filepath.Join(dir, "initrd"), guest, filepath.Join(files, "modules")); err != nil {
		t.Fatal(err)
	}
	console := filepath.Join(dir, "console")
	all := append([]string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "pc", "-accel", "tcg", "-m", "256",
		"-kernel", filepath.Join(files, "vmlinuz"), "-initrd", filepath.Join(dir, "initrd"),
		"-append", "console=ttyS0 quiet panic=-1 tsc=unstable no_timer_check mitigations=off random.trust_cpu=on",
		"-serial", "file:" + console, "-serial", "stdio", "-device", "virtio-scsi-pci,id=scsi",
	}, args...)
	m := &machine{answers: make(chan string)}
	ctx, stop := context.WithCancel(context.Background())
	m.cmd = exec.CommandContext(ctx, program, all...)
	var said strings.Builder
	m.cmd.Stderr = &said
	out, err := m.cmd.StdoutPipe()
	if err == nil {
		m.line, err = m.cmd.StdinPipe()
	}
	if err == nil {
		err = m.cmd.Start()
	}
	if err != nil {
		stop()
		t.Fatalf("%v: run make deps", err)
	}
	go func() {
		defer close(m.answers)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case m.answers <- lines.Text():
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		_ = m.cmd.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(console)
			t.Logf("QEMU said: %s\nthe guest's console:\n%s", said.String(), b)
		}
	})
	if answer, err := m.answer(); err != nil || answer != "ready" {
		t.Fatalf("the guest does not come up: %q, %v", answer, err)
	}
	return m
}

// answer waits for an answer; an error of the guest is an error.
func (m *machine) answer() (string, error) {
	select {
	case a, ok := <-m.answers:
		if !ok {
			return "", errors.New("the virtual machine ended")
		}
		if text, ok := strings.CutPrefix(a, "ok"); ok {
			return strings.TrimSpace(text), nil
		}
		return "", errors.New(strings.TrimPrefix(a, "error "))
	case <-time.After(bound):
		return "", fmt.Errorf("no answer within %v", bound)
	}
}

// try sends a request, words and numbers, and returns the answer.
func (m *machine) try(request ...any) (string, error) {
	if _, err := fmt.Fprintln(m.line, request...); err != nil {
		return "", err
	}
	return m.answer()
}

// do is try for a request that must succeed.
func (m *machine) do(t *testing.T, request ...any) string {
	t.Helper()
	answer, err := m.try(request...)
	if err != nil {
		t.Fatalf("%v: %v", request, err)
	}
	return answer
}
