package iscsi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/scsi"
)

const targetName = "iqn.2026-11.test.target:ram"

// testLog writes to the test's log when it is verbose.
func testLog(t testing.TB) *slog.Logger {
	if !testing.Verbose() {
		return nil
	}
	return slog.New(slog.NewTextHandler(logWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type logWriter struct{ t testing.TB }

func (w logWriter) Write(p []byte) (int, error) {
	if os.Getenv("ISCSI_TEST_LOG") != "" {
		os.Stderr.Write(p)
	}
	return len(p), nil
}

// world is a portal on the loopback address with one target before a RAM disk.
type world struct {
	t       testing.TB
	disk    *ramDisk
	target  *iscsi.Target
	portal  *iscsi.Portal
	address string
}

// one is a Directory and a Route for one target.
type one struct {
	target   *iscsi.Target
	acceptor iscsi.Acceptor
}

func (o *one) Targets() []iscsi.Listing { return []iscsi.Listing{{Name: o.target.Name()}} }

func (o *one) Route(name string) (iscsi.Acceptor, error) {
	if name != o.target.Name() {
		return nil, iscsi.ErrUnknownTarget
	}
	if o.acceptor != nil {
		return o.acceptor, nil
	}
	return o.target, nil
}

// newWorld makes a world; change may alter the options.
func newWorld(t testing.TB, change ...func(*iscsi.TargetOptions)) *world {
	t.Helper()
	iscsitest.NoLeaks(t)
	w := &world{t: t, disk: newRAMDisk(t, 32<<20/ramBlock)}
	opt := iscsi.TargetOptions{Name: targetName, Alias: "a RAM disk", Unit: w.disk.server, Log: testLog(t)}
	for _, c := range change {
		c(&opt)
	}
	var err error
	if w.target, err = iscsi.NewTarget(opt); err != nil {
		t.Fatal(err)
	}
	table := &one{target: w.target}
	w.portal, w.address = servePortal(t, iscsi.PortalOptions{Directory: table, Route: table, Timeouts: opt.Timeouts, Log: testLog(t)})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = w.target.Shutdown(ctx)
		eventually(t, "sessions that are over have given all memory back", func() bool {
			windows, loans, waiting := w.target.MemoryTaken()
			return windows == 0 && loans == 0 && waiting == 0
		})
	})
	return w
}

// servePortal runs a portal on the loopback address until the test ends.
func servePortal(t testing.TB, opt iscsi.PortalOptions) (*iscsi.Portal, string) {
	t.Helper()
	p, err := iscsi.NewPortal(opt)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil {
			t.Error("portal:", err)
		}
		if err := <-served; !errors.Is(err, iscsi.ErrClosed) {
			t.Error("portal served:", err)
		}
	})
	return p, l.Addr().String()
}

// dial connects to the portal.
func (w *world) dial() net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// login logs in and takes the unit attention condition.
func (w *world) login(cfg iscsitest.Config) *iscsitest.Session {
	w.t.Helper()
	if cfg.Target == "" {
		cfg.Target = targetName
	}
	s, err := iscsitest.Login(w.dial(), cfg)
	if err != nil {
		w.t.Fatal("login:", err)
	}
	c := &iscsitest.Command{CDB: make([]byte, 6)}
	w.do(s, c)
	if c.SenseKey() != 6 || c.ASC()>>8 != 0x29 {
		w.t.Fatalf("first command: %v", c)
	}
	return s
}

// do carries out a command and fails the test when that fails; the status is
// the caller's to look at.
func (w *world) do(s *iscsitest.Session, c *iscsitest.Command) *iscsitest.Command {
	w.t.Helper()
	if err := s.Do(c); err != nil {
		w.t.Fatalf("CDB % x: %v", c.CDB, err)
	}
	return c
}

// good is do for a command that ends with GOOD and no residual.
func (w *world) good(s *iscsitest.Session, c *iscsitest.Command) *iscsitest.Command {
	w.t.Helper()
	if w.do(s, c); c.Status != 0 || c.Residual != 0 || c.Overflow || c.Underflow {
		w.t.Fatal(c)
	}
	return c
}

// write10 is WRITE(10) of data at a block address; mark is a reserved byte that
// the RAM disk notes.
func write10(lba int, mark byte, data []byte) *iscsitest.Command {
	n := len(data) / ramBlock
	return &iscsitest.Command{
		CDB: []byte{0x2A, 0, byte(lba >> 24), byte(lba >> 16), byte(lba >> 8), byte(lba), mark, byte(n >> 8), byte(n), 0},
		Out: data,
	}
}

func read10(lba, n int) *iscsitest.Command {
	return &iscsitest.Command{
		CDB: []byte{0x28, 0, byte(lba >> 24), byte(lba >> 16), byte(lba >> 8), byte(lba), 0, byte(n >> 8), byte(n), 0},
		In:  n * ramBlock,
	}
}

// pattern is n bytes that are different for each seed.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// check compares what was read.
func check(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes differ from the %d that are right", what, len(got), len(want))
	}
}

// closed fails the test unless the target closes the connection without another PDU.
func closed(t testing.TB, s *iscsitest.Session) {
	t.Helper()
	for {
		err := s.Step()
		if err == nil {
			continue
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the connection is still open")
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !isReset(err) {
			t.Fatal("the connection ends with", err)
		}
		return
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		time.Sleep(time.Millisecond)
	}
}

var _ scsi.LogicalUnit = (*scsi.DeviceServer[*ramDisk])(nil)
