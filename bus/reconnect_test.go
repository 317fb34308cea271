package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"govtl/bus"
)

// startServer starts a server with a socket and ends it with the test.
func startServer(t *testing.T, dir string) *bus.Server {
	t.Helper()
	s, err := bus.StartServer(bus.ServerOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// connect returns a connection that is up.
func connect(t *testing.T, o bus.ConnectOptions) *bus.Conn {
	t.Helper()
	c, err := bus.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.WaitConnected(within(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

// flush waits until the server knows what the connection has subscribed to: a
// listing that finds the service does.
func flush(t *testing.T, c *bus.Conn) {
	t.Helper()
	for {
		list, err := bus.Discover(within(t), c, 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			return
		}
	}
}

// serveState puts drive 11 on the bus.
func serveState(t *testing.T, c *bus.Conn) {
	t.Helper()
	s, err := bus.NewService(c, bus.ServiceOptions{Device: bus.DriveDevice(11), Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	handle(t, s, bus.DriveState(11), func(context.Context, bus.Empty) (bus.DriveHolds, error) {
		return bus.DriveHolds{Barcode: "VTL001L9"}, nil
	})
}

// askUntilAnswered calls until drive 11 answers: it may be a moment behind.
func askUntilAnswered(t *testing.T, c *bus.Conn) {
	t.Helper()
	ctx := within(t)
	for {
		got, err := bus.Call(ctx, c, bus.DriveState(11), bus.Empty{})
		if err == nil {
			if got.Barcode != "VTL001L9" {
				t.Fatalf("got %+v", got)
			}
			return
		}
		if !errors.Is(err, bus.ErrAbsent) || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestDaemonStartedBeforeTheBus(t *testing.T) {
	dir := t.TempDir()
	c, err := bus.Connect(bus.ConnectOptions{RunDir: dir, Name: "early"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if c.Connected() {
		t.Fatal("connected to nothing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.WaitConnected(ctx); !errors.Is(err, bus.ErrAbsent) {
		t.Fatalf("waiting for nothing: %v", err)
	}
	announced := make(chan struct{}, 8)
	c.OnConnect(func() { announced <- struct{}{} })
	serveState(t, c)
	startServer(t, dir)
	<-announced
	askUntilAnswered(t, connect(t, bus.ConnectOptions{RunDir: dir, Name: "operator"}))
}

func TestDaemonsFindTheBusAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, dir string)
	}{
		{"same port and secret", func(*testing.T, string) {}},
		{"new port and secret", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, bus.FileName)); err != nil {
				t.Fatal(err)
			}
		}},
		{"damaged file", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, bus.FileName), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			first := startServer(t, dir)
			before, err := bus.ReadAccess(dir)
			if err != nil {
				t.Fatal(err)
			}
			daemon := connect(t, bus.ConnectOptions{RunDir: dir, Name: "vtltape 11"})
			ups := make(chan struct{}, 8)
			daemon.OnConnect(func() { ups <- struct{}{} })
			<-ups
			serveState(t, daemon)
			operator := connect(t, bus.ConnectOptions{RunDir: dir, Name: "operator"})
			askUntilAnswered(t, operator)

			first.Close()
			tc.change(t, dir)
			startServer(t, dir)
			<-ups
			askUntilAnswered(t, operator)

			after, err := bus.ReadAccess(dir)
			if err != nil {
				t.Fatal(err)
			}
			if same := before == after; same != (tc.name == "same port and secret") {
				t.Errorf("before %s, after %s", before.URL, after.URL)
			}
		})
	}
}

func TestTakenPortIsReplaced(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	first := startServer(t, dir)
	b, err := os.ReadFile(filepath.Join(dir, bus.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, bus.FileName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	second := startServer(t, other)
	if first.URL() == second.URL() {
		t.Errorf("both at %s", first.URL())
	}
}

func TestCallAfterCloseIsAbsent(t *testing.T) {
	dir := t.TempDir()
	startServer(t, dir)
	c := connect(t, bus.ConnectOptions{RunDir: dir})
	c.Close()
	if _, err := bus.Call(within(t), c, bus.DriveState(11), bus.Empty{}); !errors.Is(err, bus.ErrAbsent) {
		t.Errorf("got %v", err)
	}
}
