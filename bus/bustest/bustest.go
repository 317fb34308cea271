// Package bustest gives tests the real message bus inside their own process,
// without sockets or files.
package bustest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"govtl/bus"
)

// timeout bounds what a test waits for.
const timeout = 10 * time.Second

// Bus is an embedded server that ends with the test.
type Bus struct {
	Server *bus.Server
	t      testing.TB
}

// Start starts a server.
func Start(t testing.TB) *Bus {
	t.Helper()
	s, err := bus.StartServer(bus.ServerOptions{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &Bus{Server: s, t: t}
}

// Connect returns a connection that is up.
func (b *Bus) Connect(name string) *bus.Conn {
	b.t.Helper()
	c, err := bus.Connect(bus.ConnectOptions{Server: b.Server, Name: name})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(b.t.Context(), timeout)
	defer cancel()
	if err := c.WaitConnected(ctx); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// Serve puts a participant on the bus.
func (b *Bus) Serve(d bus.Device) (*bus.Service, *bus.Conn) {
	b.t.Helper()
	c := b.Connect(d.String())
	s, err := bus.NewService(c, bus.ServiceOptions{Device: d, Version: "1.0.0"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return s, c
}
