//go:build e2e

package image

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"testing"
	"time"

	"govtl/iscsi/iscsitest"
	"govtl/test/port"
)

// name is that of container, volume and, where the test runs as root, of the user
// that it becomes.
const name = "vtl-image-test"

// engine runs podman as a user without privileges.
type engine struct {
	t      *testing.T
	prefix []string // of the command line
}

// newEngine is podman of the calling user; root's image is handed to a user who
// is there for the test alone.
func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{t: t}
	if os.Geteuid() != 0 {
		return e
	}
	e.host("useradd", "--create-home", name)
	t.Cleanup(func() {
		_, _ = e.try("system", "migrate") // ends the process that keeps the user's namespace
		e.host("userdel", "--remove", "--force", name)
	})
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	// A runtime needs control groups of one version; where the host mixes them, it
	// is shown those of version 2.
	script := `cd "$HOME" && mkdir -p -m 700 "$XDG_RUNTIME_DIR" && exec setpriv --reuid ` + name + ` --regid ` + name + ` --init-groups -- "$@"`
	if _, err := os.Stat("/sys/fs/cgroup/unified"); err == nil {
		script = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && " + script
	}
	run := u.HomeDir + "/run"
	e.host("install", "-d", "-o", name, "-g", name, "-m", "700", run)
	e.prefix = []string{"unshare", "--mount", "--propagation", "private", "env", "HOME=" + u.HomeDir, "XDG_RUNTIME_DIR=" + run, "sh", "-c", script, "sh"}
	archive := t.TempDir() + "/image.tar"
	e.host("podman", "save", "-q", "-o", archive, "govtl")
	e.host("chown", name, archive)
	e.host("sh", "-c", "chmod 755 $(dirname "+archive+") $(dirname $(dirname "+archive+"))")
	e.podman("load", "-q", "-i", archive)
	return e
}

// host runs a command as the caller.
func (e *engine) host(args ...string) string {
	e.t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// podman runs podman and returns what it prints.
func (e *engine) podman(args ...string) string {
	e.t.Helper()
	out, err := e.try(args...)
	if err != nil {
		logs, _ := e.try("logs", "--tail", "20", name)
		e.t.Fatalf("podman %q: %v\n%s", args, err, logs)
	}
	return out
}

// try is podman of which it is not certain that it succeeds.
func (e *engine) try(args ...string) (string, error) {
	line := append(append([]string{}, e.prefix...), append([]string{"podman"}, args...)...)
	var problems bytes.Buffer
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &problems)
	}
	return strings.TrimSpace(string(out)), err
}

// up starts a container on the volume and waits until the suite is ready.
func (e *engine) up(address string) {
	e.t.Helper()
	e.podman("run", "-d", "--name", name, "--cgroups", "disabled", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096",
		"-p", address+":3260", "-e", "VTL_ANNOUNCE="+address, "-v", name+":/var/lib/vtl", "localhost/govtl")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if out, err := e.try("logs", name); err == nil && strings.Contains("\n"+out, "\nready") {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("not ready:\n%s", e.podman("logs", name))
		}
	}
}

// login logs in through the published port.
func login(t *testing.T, address string, c iscsitest.Config) *iscsitest.Session {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s, err := iscsitest.Login(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// do runs commands that end with GOOD; unit attentions before are passed over.
func do(t *testing.T, s *iscsitest.Session, commands ...*iscsitest.Command) {
	t.Helper()
	for range 8 {
		ready := &iscsitest.Command{CDB: make([]byte, 6)}
		if err := s.Do(ready); err != nil {
			t.Fatal(err)
		}
		if ready.Status == 0 {
			break
		}
	}
	for _, c := range commands {
		if err := s.Do(c); err != nil || c.Status != 0 {
			t.Fatalf("% X: status %02X, %v", c.CDB, c.Status, err)
		}
	}
}

// TestContainer: what is written through the one port is on the one volume, and a
// new container finds it there. Nothing in it is root, inside or outside.
func TestContainer(t *testing.T) {
	e := newEngine(t)
	address := port.For(t)
	t.Cleanup(func() {
		_, _ = e.try("rm", "-f", "-t", "5", name)
		_, _ = e.try("volume", "rm", "-f", name)
	})
	e.up(address)
	if got := e.podman("info", "--format", "{{.Host.Security.Rootless}}"); got != "true" {
		t.Errorf("rootless: %s", got)
	}
	if got := e.podman("exec", name, "id", "-un"); got != "vtl" {
		t.Errorf("inside it is %s", got)
	}
	if got := e.podman("exec", name, "entrypoint", "status"); !strings.Contains(got, "library 10   IBM 03584L32, online") {
		t.Errorf("status: %s", got)
	}
	targets := 0
	pairs, err := login(t, address, iscsitest.Config{Discovery: true}).SendTargets("All")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if p.Key == "TargetAddress" {
			if targets++; p.Value != address+",1" {
				t.Errorf("initiators are told %s, and reach %s", p.Value, address)
			}
		}
	}
	if targets != 5 {
		t.Errorf("%d targets", targets)
	}
	block := bytes.Repeat([]byte("one port, one volume. "), 1000)[:16384]
	const drive = "iqn.2026-11.local.vtl:drive11"
	e.podman("exec", name, "entrypoint", "11", "load", "VTL001L9")
	do(t, login(t, address, iscsitest.Config{Target: drive}),
		&iscsitest.Command{CDB: []byte{0x0A, 0, 0, 0x40, 0, 0}, Out: block}, &iscsitest.Command{CDB: []byte{0x10, 0, 0, 0, 1, 0}})
	e.podman("stop", "-t", "10", name)
	if got := e.podman("inspect", "--format", "{{.State.ExitCode}}", name); got != "0" {
		t.Errorf("it ended with %s", got)
	}
	e.podman("rm", name)
	e.up(address)
	if status := e.podman("exec", name, "entrypoint", "11", "status"); !strings.Contains(status, "VTL001L9") {
		e.podman("exec", name, "entrypoint", "11", "load", "VTL001L9")
	}
	read := &iscsitest.Command{CDB: []byte{0x08, 0, 0, 0x40, 0, 0}, In: len(block)}
	do(t, login(t, address, iscsitest.Config{Target: drive}), &iscsitest.Command{CDB: []byte{0x01, 0, 0, 0, 0, 0}}, read)
	if !bytes.Equal(read.Data, block) {
		t.Error("the new container reads something else")
	}
}
