//go:build e2e

package software

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// prompt is what a program asks at its terminal, and what to do and to type then.
type prompt struct {
	about string             // in what it says before it asks; empty: whatever
	asks  string             // the end of the question, behind which it waits
	do    func(t *testing.T) // nil: nothing
	keys  string
}

// asked tells where the question ends in what was said since the last answer.
func (p prompt) asked(said string) (end int, ok bool) {
	about := strings.Index(said, p.about)
	if about < 0 {
		return 0, false
	}
	asks := strings.Index(said[about:], p.asks)
	return about + asks + len(p.asks), asks >= 0
}

// converse runs a command at a terminal of its own, answers what it asks and
// returns all that stood there. The first of the prompts that fits what was said since
// the last answer is it.
func converse(t *testing.T, command string, prompts ...prompt) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	master, slave := terminal(t)
	defer master.Close()
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	answered, buf := 0, make([]byte, 4096)
	for {
		n, err := master.Read(buf)
		said.Write(buf[:n])
		for _, p := range prompts {
			end, ok := p.asked(said.String()[answered:])
			if !ok {
				continue
			}
			answered += end
			if p.do != nil {
				p.do(t)
			}
			io.WriteString(master, p.keys)
			break
		}
		if err != nil { // EIO: nobody has the other side open
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, said.String())
	}
	return said.String()
}

// terminal is a new pseudo terminal, pty(7).
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return master, slave
}
