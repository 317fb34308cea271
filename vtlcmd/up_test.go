package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/test/port"
)

// programs is where the suite's programs are: VTL_BIN, or built once for all tests.
func programs(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("VTL_BIN"); dir != "" {
		return dir
	}
	dir, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// built is where, for the cleaning up.
var built atomic.Pointer[string]

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vtl-programs-")
	if err != nil {
		return "", err
	}
	built.Store(&dir)
	args := []string{"build", "-o", dir}
	for _, name := range []string{"vtlcmd", "vtlportal", "vtllibrary", "vtltape", "vtloptical", "mktape", "dumptape"} {
		args = append(args, "govtl/"+name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
})

// ups is one `vtlcmd up` under test.
type ups struct {
	t        *testing.T
	bin, dir string
	address  string
	cmd      *exec.Cmd
	exited   chan error

	mu  sync.Mutex
	out bytes.Buffer
}

func (u *ups) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.out.Write(b)
}

func (u *ups) output() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.out.String()
}

// forget empties the output.
func (u *ups) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.out.Reset()
}

// newUps makes the place for a suite on an address of its own.
func newUps(t *testing.T, config string) *ups {
	t.Helper()
	u := &ups{t: t, bin: programs(t), dir: t.TempDir(), address: port.For(t)}
	if config != "" {
		if err := os.WriteFile(filepath.Join(u.dir, "vtl.yaml"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// command makes a vtlcmd for this suite.
func (u *ups) command(words ...string) *exec.Cmd {
	return exec.Command(filepath.Join(u.bin, "vtlcmd"), append([]string{
		"--config", filepath.Join(u.dir, "vtl.yaml"), "--state", filepath.Join(u.dir, "state")}, words...)...)
}

// start runs `vtlcmd up` and waits for "ready".
func (u *ups) start() {
	u.t.Helper()
	u.forget()
	u.cmd = u.command("up", "--listen", u.address)
	u.cmd.Stdout, u.cmd.Stderr = u, u
	if err := u.cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.exited = make(chan error, 1)
	go func(cmd *exec.Cmd) { u.exited <- cmd.Wait() }(u.cmd)
	u.t.Cleanup(func() {
		if u.cmd != nil {
			u.stop()
		}
		if u.t.Failed() {
			u.t.Log(u.output())
		}
	})
	u.await(`(?m)^ready$`)
}

// await waits until the output matches.
func (u *ups) await(pattern string) []string {
	u.t.Helper()
	re := regexp.MustCompile(pattern)
	for limit := time.Now().Add(60 * time.Second); time.Now().Before(limit); {
		if m := re.FindStringSubmatch(u.output()); m != nil {
			return m
		}
		time.Sleep(5 * time.Millisecond) // the output is all that tells
	}
	u.t.Fatalf("no %s in the output:\n%s", pattern, u.output())
	return nil
}

// stop ends the suite as Ctrl-C does.
func (u *ups) stop() {
	u.t.Helper()
	if err := u.cmd.Process.Signal(syscall.SIGINT); err != nil {
		u.t.Error(err)
	}
	if err := <-u.exited; err != nil {
		u.t.Errorf("up ended with %v", err)
	}
	u.cmd = nil
}

// do runs a command that succeeds and returns what it printed.
func (u *ups) do(words ...string) string {
	u.t.Helper()
	out, err := u.command(words...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			u.t.Errorf("vtlcmd %s: %v\n%s", strings.Join(words, " "), err, exit.Stderr)
		}
	}
	return string(out)
}

// daemons are the process ids of the suite's daemons by name.
func (u *ups) daemons() map[string]int {
	u.t.Helper()
	pids := map[string]int{}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		u.t.Fatal(err)
	}
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !strings.Contains(string(b), u.dir) {
			continue
		}
		words := strings.Split(string(b), "\x00")
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		name := filepath.Base(words[0])
		if len(words) > 1 && name != "vtlportal" {
			name += " " + words[1]
		}
		if strings.HasPrefix(name, "vtlcmd") {
			continue
		}
		pids[name] = pid
	}
	return pids
}

// gone waits until no daemon of the suite is left.
func (u *ups) gone() {
	u.t.Helper()
	for limit := time.Now().Add(20 * time.Second); len(u.daemons()) > 0; {
		if time.Now().After(limit) {
			u.t.Fatalf("left behind: %v", u.daemons())
		}
		time.Sleep(5 * time.Millisecond) // nothing tells of the end of another's child
	}
}

// TestUpFromNothing is the first start on a fresh machine, and the second.
func TestUpFromNothing(t *testing.T) {
	u := newUps(t, "")
	u.start()
	out := u.output()
	for _, want := range []string{
		"wrote a default configuration to " + filepath.Join(u.dir, "vtl.yaml"),
		"made 21 cartridges for library 10 in " + filepath.Join(u.dir, "state", "cartridges", "10"),
		"library 10   iqn.2026-11.local.vtl:library10  " + u.address,
		"drive 11     iqn.2026-11.local.vtl:drive11  " + u.address,
		"drive 14     iqn.2026-11.local.vtl:drive14  " + u.address,
	} {
		if !strings.Contains(out, want+"  ") && !strings.Contains(out, want+"\n") {
			t.Errorf("no %q in the output", want)
		}
	}
	if n := len(u.daemons()); n != 6 {
		t.Errorf("%d daemons: %v", n, u.daemons())
	}
	if got := u.do("status"); strings.Count(got, "\n") != 6 || !strings.Contains(got, "slots 21 of 40 full") {
		t.Errorf("status:\n%s", got)
	}
	if got := u.do("doctor"); strings.Contains(got, "WRONG") || !strings.Contains(got, "ok    cartridges 10  21 in ") {
		t.Errorf("doctor:\n%s", got)
	}

	// A cartridge that cannot be read is found by its name.
	for _, name := range []string{"data", "meta", "meta.copy"} {
		if err := os.WriteFile(filepath.Join(u.dir, "state", "cartridges", "10", "VTL003L9", name), []byte("junk"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, err := u.command("doctor").Output()
	if err == nil || !strings.Contains(string(found), "WRONG cartridges 10  VTL003L9: ") {
		t.Errorf("doctor: %v\n%s", err, found)
	}

	// The same again refuses, and disturbs nothing.
	second, err := u.command("up", "--listen", u.address).CombinedOutput()
	if err == nil || !strings.Contains(string(second), "hint: this suite runs already") {
		t.Errorf("a second one: %v\n%s", err, second)
	}
	u.stop()
	if left := u.daemons(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	// A cartridge that was taken away is not made again.
	if err := os.RemoveAll(filepath.Join(u.dir, "state", "cartridges", "10", "VTL007L9")); err != nil {
		t.Fatal(err)
	}
	u.forget()
	u.start()
	if out := u.output(); strings.Contains(out, "wrote") || strings.Contains(out, "made ") {
		t.Errorf("the second start made something:\n%s", out)
	}
}

// oneDrive is a suite that starts quickly.
const oneDrive = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: L10
    slots: 4
    mail-slots: 1
    drives: # one
      - {id: 11, model: ibm-ult3580-td9, serial: D11}
    media:
      - barcodes: VTL001L9-VTL002L9
`

func TestUpRestartsWhatDies(t *testing.T) {
	u := newUps(t, oneDrive)
	u.start()
	for _, name := range []string{"vtltape 11", "vtlportal", "vtllibrary 10"} {
		pid := u.daemons()[name]
		u.forget()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		who := map[string]string{"vtltape 11": "drive 11", "vtlportal": "portal", "vtllibrary 10": "library 10"}[name]
		u.await(`(?m)^error: ` + who + `: died: killed by signal 9 \(killed\); started again in 0\.2 s$`)
		u.await(`(?m)^` + who + `: started again, process \d+$`)
		if name != "vtlportal" {
			u.await(`(?m)^` + who + ` +iqn`) // its target answers again
		}
	}
	// The bus comes back under everybody.
	for limit := time.Now().Add(20 * time.Second); ; {
		out, err := u.command("status").CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("status: %v\n%s", err, out)
		}
	}
}

func TestDaemonsDieWithUp(t *testing.T) {
	u := newUps(t, oneDrive)
	u.start()
	if n := len(u.daemons()); n != 3 {
		t.Fatalf("%d daemons: %v", n, u.daemons())
	}
	if err := u.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-u.exited
	u.cmd = nil
	u.gone()
}

func TestLiveChange(t *testing.T) {
	u := newUps(t, oneDrive)
	u.start()
	before := u.daemons()
	for _, step := range []struct{ words, want string }{
		{"library add slot 3", "slot=7\n"},
		{"library add map", "map=2\n"},
		{"library add drive", "drive 12, serial VTL0000012, element 2 of library 10\n"},
		{"library add media NEW001L9-NEW003L9", "3 cartridges\n"},
		{"12 load NEW002L9", ""},
		{"12 unload", ""},
		{"library move drive 2 slot 7", ""},
		{"library remove drive 12", "OK\n"},
		{"library remove map", "map=1\n"},
	} {
		got := u.do(strings.Fields(step.words)...)
		if step.want != "" && got != step.want {
			t.Errorf("%s printed %q, want %q", step.words, got, step.want)
		}
	}
	if got := u.do("library", "inventory"); !strings.Contains(got, "slot   7     address 1030   NEW002L9\n") {
		t.Errorf("inventory:\n%s", got)
	}
	// What would not fit any more is refused, and the file stays as it was.
	file := filepath.Join(u.dir, "vtl.yaml")
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := u.command("library", "remove", "slot", "3").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "error: "+file+":12: 5 cartridges do not fit into 4 slots") {
		t.Errorf("removed slots with cartridges: %v\n%s", err, out)
	}
	is, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(was, is) {
		t.Errorf("the file is now\n%s", is)
	}
	if !strings.Contains(string(is), "drives: # one\n") || !strings.Contains(string(is), "slots: 7\n") {
		t.Errorf("the file is\n%s", is)
	}
	after := u.daemons()
	for name, pid := range before {
		if after[name] != pid {
			t.Errorf("%s was restarted", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("daemons before %v, after %v", before, after)
	}
}

// TestUpOnAnExternalBus points a suite at a bus that is not its own.
func TestUpOnAnExternalBus(t *testing.T) {
	dir := t.TempDir()
	srv, err := bus.StartServer(bus.ServerOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	access, err := bus.ReadAccess(dir)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.TrimPrefix(access.URL, "nats://")
	u := newUps(t, oneDrive+"bus:\n  url: nats://"+access.User+":"+access.Secret+"@"+at+"\n")
	u.start()
	if got := u.do("status"); !strings.Contains(got, "drive 11") || strings.Contains(got, "does not") {
		t.Errorf("status:\n%s", got)
	}
	u.do("11", "load", "VTL001L9")
	if srv.Clients() < 4 {
		t.Errorf("%d clients on the external bus", srv.Clients())
	}
	if _, err := os.Stat(filepath.Join(u.dir, "state", "run", bus.FileName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the suite has a bus of its own: %v", err)
	}
	u.stop()
	if strings.Contains(u.output(), access.Secret) {
		t.Error("the secret is in the output")
	}
}

// TestSuitesSideBySide runs two with the same devices, one of them in a directory
// whose name is too long for a socket, and ends one while it starts.
func TestSuitesSideBySide(t *testing.T) {
	a, b := newUps(t, oneDrive), newUps(t, oneDrive)
	b.dir = filepath.Join(b.dir, strings.Repeat("long/", 20))
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "vtl.yaml"), []byte(oneDrive), 0o644); err != nil {
		t.Fatal(err)
	}
	paths, err := config.ResolvePaths(config.PathOptions{Config: filepath.Join(b.dir, "vtl.yaml"), State: filepath.Join(b.dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(paths.Run); err != nil { // outside the test's directory
			t.Error(err)
		}
	})
	a.start()
	b.start()
	b.do("11", "load", "VTL001L9")
	if got := b.do("status"); !strings.Contains(got, "VTL001L9 loaded") {
		t.Errorf("the one that was asked:\n%s", got)
	}
	if got := a.do("status"); strings.Contains(got, "VTL001L9 loaded") {
		t.Errorf("the other:\n%s", got)
	}
	b.stop()
	if got := a.do("status"); !strings.Contains(got, "drive 11") {
		t.Errorf("after the other's end:\n%s", got)
	}
}

func TestUpIsInterruptedWhileItStarts(t *testing.T) {
	u := newUps(t, oneDrive)
	u.cmd = u.command("up", "--listen", u.address)
	u.cmd.Stdout, u.cmd.Stderr = u, u
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u.exited = make(chan error, 1)
	go func(cmd *exec.Cmd) { u.exited <- cmd.Wait() }(u.cmd)
	u.await(`made 2 cartridges`)
	u.stop()
	u.gone()
}
