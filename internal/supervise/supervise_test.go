package supervise

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// TestMain lets the test binary be the daemons that the tests supervise: the
// first argument says how it behaves.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if f, ok := daemons[os.Args[1]]; ok {
			f()
			return
		}
	}
	os.Exit(m.Run())
}

// daemons are the behaviours.
var daemons = map[string]func(){
	"good":       good,
	"stubborn":   func() { signal.Ignore(syscall.SIGTERM); sayReady(); select {} },
	"broken":     func() { fmt.Fprintln(os.Stderr, "error: no tape\nhint: buy one"); os.Exit(3) },
	"supervisor": supervisor,
	"parent":     parent,
}

func sayReady() {
	if ok, err := sd.SdNotify(false, sd.SdNotifyReady); !ok || err != nil {
		fmt.Println("not told:", ok, err)
	}
}

// good serves until SIGTERM and says which signals it got.
func good() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	fmt.Println("pid", os.Getpid())
	sayReady()
	for s := range signals {
		fmt.Println("got", s)
		if s == syscall.SIGTERM {
			return
		}
	}
}

// parent is a daemon that has a stubborn process of its own.
func parent() {
	cmd := exec.Command(os.Args[0], "stubborn")
	cmd.Stdout = os.Stdout
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("child", cmd.Process.Pid)
	signal.Ignore(syscall.SIGTERM)
	sayReady()
	select {}
}

// supervisor supervises one good daemon until it is killed.
func supervisor() {
	s := New(Options{RunDir: os.Args[2], Output: os.Stdout})
	if err := s.Set([]Daemon{{Name: "d", Path: os.Args[0], Args: []string{"good"}}}); err != nil {
		fmt.Println(err)
		return
	}
	select {}
}

// rig is a supervisor under test with its events and output.
type rig struct {
	t      *testing.T
	s      *Supervisor
	events chan Event

	mu  sync.Mutex
	out bytes.Buffer
}

func (r *rig) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(b)
}

func (r *rig) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// newRig has a supervisor in a hurry.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, events: make(chan Event, 1000)}
	r.s = New(Options{
		RunDir: t.TempDir(), Output: r, Notify: func(e Event) { r.events <- e },
		Times: Times{
			BackoffMin: 10 * time.Millisecond, BackoffMax: 40 * time.Millisecond, Settled: time.Hour,
			Last: 200 * time.Millisecond, Kill: 400 * time.Millisecond,
		},
	})
	t.Cleanup(r.s.Close)
	return r
}

func (r *rig) set(list ...Daemon) {
	r.t.Helper()
	if err := r.s.Set(list); err != nil {
		r.t.Fatal(err)
	}
}

// next waits for the next event of a daemon in a state.
func (r *rig) next(daemon string, state State) Event {
	r.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e := <-r.events:
			if e.Daemon == daemon && e.State == state {
				return e
			}
		case <-limit:
			r.t.Fatalf("%s was never %s; output:\n%s", daemon, state, r.output())
		}
	}
}

// line waits for a line of output and returns what follows its beginning.
func (r *rig) line(begin string) string {
	r.t.Helper()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); {
		for line := range strings.Lines(r.output()) {
			if rest, ok := strings.CutPrefix(line, begin); ok && strings.HasSuffix(line, "\n") {
				return strings.TrimSpace(rest)
			}
		}
		time.Sleep(time.Millisecond) // the output is all that tells
	}
	r.t.Fatalf("no line %q; output:\n%s", begin, r.output())
	return ""
}

func oneDaemon(t *testing.T, name, behaviour string) Daemon {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Under the race detector a process would sleep for a second at its end.
	return Daemon{Name: name, Path: self, Args: []string{behaviour}, Env: []string{"GORACE=atexit_sleep_ms=0"}}
}

// runs tells whether a process is there and no zombie.
func runs(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	rest := string(b[bytes.LastIndexByte(b, ')')+1:])
	return !strings.HasPrefix(strings.TrimSpace(rest), "Z")
}

// awaitEnd waits until a process is gone.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); runs(pid); {
		if time.Now().After(limit) {
			t.Fatalf("process %d lives on", pid)
		}
		time.Sleep(time.Millisecond) // nothing tells of the end of another's child
	}
}

func TestReadyAndStop(t *testing.T) {
	r := newRig(t)
	r.set(oneDaemon(t, "drive11", "good"))
	e := r.next("drive11", Ready)
	if !runs(e.PID) {
		t.Errorf("process %d does not run", e.PID)
	}
	r.s.Close()
	if e := r.next("drive11", Stopped); e.Killed {
		t.Error("killed")
	}
	if runs(e.PID) {
		t.Error("lives on")
	}
	out := r.output()
	for _, want := range []string{"drive11 | pid ", "drive11 | got terminated\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
	if err := r.s.Set(nil); err == nil {
		t.Error("a closed supervisor takes daemons")
	}
}

func TestReloadReachesDaemons(t *testing.T) {
	r := newRig(t)
	r.set(oneDaemon(t, "drive11", "good"))
	r.next("drive11", Ready)
	r.s.Reload()
	r.line("drive11 | got hangup")
}

func TestDeadDaemonIsStartedAgain(t *testing.T) {
	r := newRig(t)
	r.set(oneDaemon(t, "drive11", "good"))
	first := r.next("drive11", Ready)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	died := r.next("drive11", Died)
	if !strings.Contains(died.Reason, "signal 9") || died.PID != first.PID || died.Wait != 10*time.Millisecond {
		t.Errorf("told %+v", died)
	}
	if e := r.next("drive11", Started); !e.Restart || e.PID == first.PID {
		t.Errorf("told %+v", e)
	}
	r.next("drive11", Ready)
}

func TestBackOffGrowsAndSaysWhy(t *testing.T) {
	r := newRig(t)
	r.set(oneDaemon(t, "drive11", "broken"))
	var waits []time.Duration
	for range 4 {
		e := r.next("drive11", Died)
		waits = append(waits, e.Wait)
		if want := "exit status 3: no tape"; e.Reason != want {
			t.Errorf("reason %q, want %q", e.Reason, want)
		}
	}
	want := []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 40 * time.Millisecond}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
}

func TestMissingProgramIsTold(t *testing.T) {
	r := newRig(t)
	r.set(Daemon{Name: "drive11", Path: filepath.Join(t.TempDir(), "vtltape")})
	if e := r.next("drive11", Failed); !strings.Contains(e.Reason, "no such file") {
		t.Errorf("reason %q", e.Reason)
	}
}

func TestLastEndsLast(t *testing.T) {
	r := newRig(t)
	portal := oneDaemon(t, "portal", "good")
	portal.Last = true
	r.set(portal, oneDaemon(t, "drive11", "good"), oneDaemon(t, "drive12", "good"))
	for range 3 {
		e := <-r.events
		for e.State != Ready {
			e = <-r.events
		}
	}
	r.s.Close()
	var order []string
	for len(order) < 3 {
		if e := <-r.events; e.State == Stopped {
			order = append(order, e.Daemon)
		}
	}
	if order[2] != "portal" {
		t.Errorf("ended in the order %v", order)
	}
}

func TestStubbornDaemonAndItsChildrenAreKilled(t *testing.T) {
	r := newRig(t)
	r.set(oneDaemon(t, "drive11", "parent"))
	e := r.next("drive11", Ready)
	child, err := strconv.Atoi(r.line("drive11 | child "))
	if err != nil {
		t.Fatal(err)
	}
	r.s.Close()
	if e := r.next("drive11", Stopped); !e.Killed {
		t.Error("not told that it was killed")
	}
	awaitEnd(t, e.PID)
	awaitEnd(t, child)
}

func TestSetChangesOnlyWhatChanged(t *testing.T) {
	r := newRig(t)
	keep, drop, change := oneDaemon(t, "drive11", "good"), oneDaemon(t, "drive12", "good"), oneDaemon(t, "drive13", "good")
	r.set(keep, drop, change)
	pids := map[string]int{}
	for len(pids) < 3 {
		if e := <-r.events; e.State == Ready {
			pids[e.Daemon] = e.PID
		}
	}
	changed := change
	changed.Args = []string{"good", "--verbose"}
	r.set(keep, changed, oneDaemon(t, "drive14", "good"))
	for _, name := range []string{"drive12", "drive13"} {
		if runs(pids[name]) {
			t.Errorf("%s lives on", name)
		}
	}
	again := map[string]int{}
	for len(again) < 2 {
		if e := <-r.events; e.State == Ready {
			again[e.Daemon] = e.PID
		}
	}
	if again["drive13"] == 0 || again["drive14"] == 0 {
		t.Errorf("ready: %v", again)
	}
	if !runs(pids["drive11"]) {
		t.Error("drive11 was ended")
	}
	if err := r.s.Set([]Daemon{keep, keep}); err == nil {
		t.Error("the same name twice was taken")
	}
}

// TestDaemonsDieWithTheSupervisor kills a supervisor as nothing can prepare for.
func TestDaemonsDieWithTheSupervisor(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "supervisor", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "d | pid %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	if !runs(pid) {
		t.Fatal("the daemon does not run")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, pid)
	if err := cmd.Wait(); err == nil {
		t.Error("the supervisor ended by itself")
	}
}

func TestLongLinesAreBroken(t *testing.T) {
	var b bytes.Buffer
	p := &prefixer{w: &b}
	s := p.stream("d")
	if _, err := s.Write([]byte(strings.Repeat("x", 2*maxLine+1) + "\nshort")); err != nil {
		t.Fatal(err)
	}
	s.flush()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 4 || lines[2] != "d | x" || lines[3] != "d | short" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func FuzzNotify(f *testing.F) {
	f.Add("READY=1\nSTATUS=loading\n")
	f.Add("STOPPING=1")
	f.Fuzz(func(t *testing.T, s string) {
		m := parseNotify(s)
		if m.ready && !strings.Contains(s, "READY=1") {
			t.Errorf("ready by %q", s)
		}
	})
}
