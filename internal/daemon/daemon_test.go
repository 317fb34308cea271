package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// journal notes what happens in which order.
type journal struct {
	mu   sync.Mutex
	list []string
}

func (j *journal) add(s string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, s)
}

func (j *journal) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.list)
}

// part is a part that notes its start and its end.
func (j *journal) part(name string) Part {
	return Part{name, func(ctx context.Context, ready func()) error {
		j.add("start " + name)
		ready()
		<-ctx.Done()
		j.add("stop " + name)
		return nil
	}}
}

// last is a part that tells when everything before it is ready.
func last(reached chan<- struct{}) Part {
	return Part{"last", func(ctx context.Context, ready func()) error {
		ready()
		close(reached)
		<-ctx.Done()
		return nil
	}}
}

// notifications is the other end of sd_notify.
func notifications(t *testing.T) <-chan string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "n")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	messages := make(chan string, 1000)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			messages <- string(buf[:n])
		}
	}()
	return messages
}

// await waits for a message that begins so.
func await(t *testing.T, messages <-chan string, begin string) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case m := <-messages:
			if strings.HasPrefix(m, begin) {
				return
			}
		case <-limit:
			t.Fatalf("no message %s", begin)
		}
	}
}

func TestPartsStopInTheOppositeOrder(t *testing.T) {
	j := &journal{}
	ctx, cancel := context.WithCancel(t.Context())
	reached, done := make(chan struct{}), make(chan error)
	go func() {
		done <- Run(ctx, Options{Name: "test"}, j.part("a"), j.part("b"), j.part("c"), last(reached))
	}()
	<-reached
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := []string{"start a", "start b", "start c", "stop c", "stop b", "stop a"}
	if got := j.lines(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFirstErrorEndsAll(t *testing.T) {
	j := &journal{}
	broken := errors.New("broken")
	err := Run(t.Context(), Options{Name: "vtltape 11"}, j.part("a"), Part{"b", func(context.Context, func()) error {
		return broken
	}}, j.part("never"))
	if !errors.Is(err, broken) || err.Error() != "vtltape 11: b: broken" {
		t.Errorf("got %v", err)
	}
	if got, want := j.lines(), []string{"start a", "stop a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPartThatEndsByItselfIsAnError(t *testing.T) {
	err := Run(t.Context(), Options{Name: "test"}, Part{"a", func(_ context.Context, ready func()) error {
		ready()
		return nil
	}})
	if !errors.Is(err, errEnded) {
		t.Errorf("got %v", err)
	}
}

func TestErrorWhileStoppingIsTold(t *testing.T) {
	lost := errors.New("sync failed")
	ctx, cancel := context.WithCancel(t.Context())
	err := Run(ctx, Options{Name: "test"}, Part{"a", func(ctx context.Context, ready func()) error {
		ready()
		cancel()
		<-ctx.Done()
		return lost
	}})
	if !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
}

func TestStoppingIsBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	err := Run(ctx, Options{Name: "test", StopTimeout: 20 * time.Millisecond}, Part{"a", func(_ context.Context, ready func()) error {
		ready()
		cancel()
		<-release
		return nil
	}})
	if err == nil || !strings.Contains(err.Error(), "not stopped after 20ms") {
		t.Errorf("got %v", err)
	}
}

func TestReadinessAndSignals(t *testing.T) {
	messages := notifications(t)
	reloads := make(chan struct{}, 8)
	done := make(chan error)
	go func() {
		done <- Run(t.Context(), Options{Name: "test", Reload: func(context.Context) error {
			reloads <- struct{}{}
			return errors.New("vtl.yaml:3: unknown key colour")
		}}, Part{"a", func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			return nil
		}})
	}()
	await(t, messages, "READY=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-reloads
	await(t, messages, "RELOADING=1\nMONOTONIC_USEC=")
	await(t, messages, "READY=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, messages, "STOPPING=1")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestNotReadyBeforeEveryPartIs(t *testing.T) {
	messages := notifications(t)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- Run(ctx, Options{Name: "test"}, Part{"slow", func(ctx context.Context, _ func()) error {
			close(waiting)
			<-ctx.Done()
			return nil
		}})
	}()
	<-waiting
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for {
		m := <-messages
		if m == "READY=1" {
			t.Fatal("said that it is ready")
		}
		if m == "STOPPING=1" {
			return
		}
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	messages := notifications(t)
	release := make(chan struct{})
	defer close(release)
	done := make(chan error)
	stopping := make(chan struct{})
	go func() {
		done <- Run(t.Context(), Options{Name: "test", StopTimeout: time.Hour}, Part{"a", func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			close(stopping)
			<-release
			return nil
		}})
	}()
	await(t, messages, "READY=1")
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-stopping // the second comes when the first has been seen
	}
	if err := <-done; !errors.Is(err, errSecondSignal) {
		t.Errorf("got %v", err)
	}
}

func TestWatchdogFollowsHealth(t *testing.T) {
	messages := notifications(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{}, 1000)
	done := make(chan error)
	sick := make(chan struct{})
	go func() {
		done <- Run(ctx, Options{Name: "test", Alive: func(context.Context) error {
			asked <- struct{}{}
			select {
			case <-sick:
				return errors.New("stuck")
			default:
				return nil
			}
		}}, Part{"a", func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			return nil
		}})
	}()
	await(t, messages, "WATCHDOG=1")
	close(sick)
	for len(asked) > 0 {
		<-asked
	}
	<-asked // one that may have begun before
	<-asked // one that has seen the sickness to its end
	for len(messages) > 0 {
		<-messages
	}
	<-asked
	<-asked
	if n := len(messages); n > 0 {
		t.Errorf("%d messages from a sick daemon", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	dir := t.TempDir()
	l, err := LockFile(dir, "drive11")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockFile(dir, "drive11"); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	other, err := LockFile(dir, "drive12")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Lock{l, other} {
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
	again, err := LockFile(dir, "drive11")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLevels(t *testing.T) {
	for v := range 4 {
		if got := Verbosity(Level(v)); got != v {
			t.Errorf("verbosity %d became %d", v, got)
		}
	}
	if Level(-1) != slog.LevelWarn || Level(9) != LevelTrace {
		t.Error("beyond the ends")
	}
}

func TestLoggerForms(t *testing.T) {
	level := new(slog.LevelVar)
	level.Set(LevelTrace)
	none := func(string) string { return "" }
	var b bytes.Buffer
	NewLogger(&b, level, none).Log(t.Context(), LevelTrace, "x", "level", "mine")
	if s := b.String(); !strings.HasPrefix(s, "time=") || !strings.Contains(s, " level=TRACE msg=x") {
		t.Errorf("plain: %s", s)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := fi.Sys().(*syscall.Stat_t)
	log := NewLogger(f, level, func(k string) string {
		return map[string]string{"JOURNAL_STREAM": fmt.Sprintf("%d:%d", st.Dev, st.Ino)}[k]
	})
	log.Error("a")
	log.Warn("b")
	log.Info("c")
	log.Debug("d")
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := "<3>level=ERROR msg=a\n<4>level=WARN msg=b\n<6>level=INFO msg=c\n<7>level=DEBUG msg=d\n"; string(got) != want {
		t.Errorf("journal:\n%s", got)
	}
}

func TestExplain(t *testing.T) {
	var b bytes.Buffer
	Explain(&b, fmt.Errorf("drive 11: %w", WithHint(errors.New("is full\nand locked"), "unload %s", "it")))
	if want := "error: drive 11: is full\nerror: and locked\nhint: unload it\n"; b.String() != want {
		t.Errorf("got %q", b.String())
	}
	if WithHint(nil, "x") != nil {
		t.Error("advice about nothing")
	}
}

func TestVersionOf(t *testing.T) {
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.3":                     {Main: debug.Module{Version: "v1.2.3"}},
		"devel":                      {Main: debug.Module{Version: "(devel)"}},
		"devel-0123456789ab+changes": {Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}},
	} {
		if got := versionOf(info); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
