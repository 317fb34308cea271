package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"govtl/bus"
	"govtl/bus/bustest"

	"github.com/nats-io/nats.go"
)

// within is a context that ends with the test or after 10 seconds.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func handle[Req, Resp any](t *testing.T, s *bus.Service, e bus.Endpoint[Req, Resp], f func(context.Context, Req) (Resp, error)) {
	t.Helper()
	if err := bus.Handle(s, e, f); err != nil {
		t.Fatal(err)
	}
}

func TestCallCarriesRequestAndReply(t *testing.T) {
	b := bustest.Start(t)
	s, _ := b.Serve(bus.LibraryDevice(10))
	handle(t, s, bus.LibraryMove(10), func(_ context.Context, r bus.MoveRequest) (bus.MoveReply, error) {
		return bus.MoveReply{Barcode: "VTL001L9", Text: r.From + " to " + r.To}, nil
	})
	got, err := bus.Call(within(t), b.Connect("test"), bus.LibraryMove(10), bus.MoveRequest{From: "slot 1", To: "drive 2"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (bus.MoveReply{Barcode: "VTL001L9", Text: "slot 1 to drive 2"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestErrorsTravelWithCodeAndReason(t *testing.T) {
	b := bustest.Start(t)
	s, _ := b.Serve(bus.DriveDevice(11))
	var fail error
	handle(t, s, bus.DriveInsert(11), func(context.Context, bus.InsertRequest) (bus.Empty, error) { return bus.Empty{}, fail })
	c := b.Connect("test")
	for _, sentinel := range []error{
		bus.ErrIncompatible, bus.ErrDriveFull, bus.ErrDriveEmpty, bus.ErrVolume, bus.ErrUnreachable, bus.ErrNotFound,
		bus.ErrRefused, bus.ErrBusy, bus.ErrBadRequest, bus.ErrInternal,
	} {
		fail = fmt.Errorf("drive: %w", bus.Errorf(bus.CodeOf(sentinel), "an LTO-6 medium\ncannot be read"))
		_, err := bus.Call(within(t), c, bus.DriveInsert(11), bus.InsertRequest{})
		if !errors.Is(err, sentinel) {
			t.Errorf("%v arrived as %v", sentinel, err)
		}
		if err == nil || err.Error() != fail.Error() {
			t.Errorf("%v arrived with the reason %v", sentinel, err)
		}
	}
	fail = errors.New("surprise")
	if _, err := bus.Call(within(t), c, bus.DriveInsert(11), bus.InsertRequest{}); !errors.Is(err, bus.ErrInternal) {
		t.Errorf("an untyped error arrived as %v", err)
	}
}

func TestCallWithoutDaemonIsAbsent(t *testing.T) {
	b := bustest.Start(t)
	_, err := bus.Call(within(t), b.Connect("test"), bus.DriveState(11), bus.Empty{})
	if !errors.Is(err, bus.ErrAbsent) || !strings.Contains(err.Error(), "drive 11") {
		t.Errorf("got %v", err)
	}
}

func TestCallWithoutAnswerIsUnreachableAndHandlerIsToldOfTheDeadline(t *testing.T) {
	b := bustest.Start(t)
	s, _ := b.Serve(bus.DriveDevice(11))
	ended := make(chan error, 1)
	handle(t, s, bus.DriveState(11), func(ctx context.Context, _ bus.Empty) (bus.DriveHolds, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return bus.DriveHolds{}, ctx.Err()
	})
	c := b.Connect("test")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := bus.Call(ctx, c, bus.DriveState(11), bus.Empty{}); !errors.Is(err, bus.ErrUnreachable) && !errors.Is(err, bus.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

func TestClosedServiceCancelsWhatRuns(t *testing.T) {
	b := bustest.Start(t)
	s, _ := b.Serve(bus.DriveDevice(11))
	running, ended := make(chan struct{}), make(chan error, 1)
	handle(t, s, bus.DriveState(11), func(ctx context.Context, _ bus.Empty) (bus.DriveHolds, error) {
		close(running)
		<-ctx.Done()
		ended <- ctx.Err()
		return bus.DriveHolds{}, bus.Errorf(bus.CodeRefused, "the daemon ends")
	})
	c, ctx := b.Connect("test"), within(t)
	go func() {
		// Whatever it returns: the answer may or may not leave in time.
		_, _ = bus.Call(ctx, c, bus.DriveState(11), bus.Empty{})
	}()
	<-running
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

func TestRequestsForOneEndpointAreServedInOrder(t *testing.T) {
	b := bustest.Start(t)
	s, _ := b.Serve(bus.DriveDevice(11))
	inside := make(chan struct{}, 1)
	handle(t, s, bus.DriveLoad(11), func(_ context.Context, r bus.LoadRequest) (bus.VolumeReply, error) {
		select {
		case inside <- struct{}{}:
		default:
			return bus.VolumeReply{}, errors.New("two at once")
		}
		defer func() { <-inside }()
		return bus.VolumeReply{Barcode: r.Barcode}, nil
	})
	c, ctx := b.Connect("test"), within(t)
	errs := make(chan error)
	for n := range 20 {
		go func() {
			want := fmt.Sprint(n)
			r, err := bus.Call(ctx, c, bus.DriveLoad(11), bus.LoadRequest{Barcode: want})
			if err == nil && r.Barcode != want {
				err = fmt.Errorf("request %s has the reply of %s", want, r.Barcode)
			}
			errs <- err
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// raw sends bytes as they are and returns the decoded reply.
func raw(t *testing.T, access bus.Access, subject, data string) map[string]any {
	t.Helper()
	nc, err := nats.Connect(access.URL, nats.UserInfo(access.User, access.Secret))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	m, err := nc.Request(subject, []byte(data), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(m.Data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBadRequestsAreRefusedWithTheReason(t *testing.T) {
	dir := t.TempDir()
	startServer(t, dir)
	c := connect(t, bus.ConnectOptions{RunDir: dir, Name: "vtltape 11"})
	s, err := bus.NewService(c, bus.ServiceOptions{Device: bus.DriveDevice(11), Version: "v1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	called := false
	handle(t, s, bus.DriveLoad(11), func(context.Context, bus.LoadRequest) (bus.VolumeReply, error) {
		called = true
		return bus.VolumeReply{}, nil
	})
	flush(t, c)
	access, err := bus.ReadAccess(dir)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute).UTC().Format(time.RFC3339Nano)
	past := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano)
	for _, tc := range []struct{ name, data, code, reason string }{
		{"nothing", ``, "bad-request", "nothing in it"},
		{"no JSON", `load VTL001L9`, "bad-request", "damaged"},
		{"newer version", `{"v":2,"id":"1","deadline":"` + later + `"}`, "version", "message version 2"},
		{"no version", `{"id":"1","deadline":"` + later + `"}`, "version", "message version 0"},
		{"no id", `{"v":1,"deadline":"` + later + `"}`, "bad-request", "no id"},
		{"long id", `{"v":1,"id":"` + strings.Repeat("x", 65) + `","deadline":"` + later + `"}`, "bad-request", "id"},
		{"no deadline", `{"v":1,"id":"1"}`, "bad-request", "no deadline"},
		{"late", `{"v":1,"id":"1","deadline":"` + past + `"}`, "deadline", "not carried out"},
		{"wrong body", `{"v":1,"id":"1","deadline":"` + later + `","body":{"barcode":7}}`, "bad-request", "damaged"},
		{"two values", `{"v":1,"id":"1","deadline":"` + later + `"}{}`, "bad-request", "follows"},
		{"too large", `{"v":1,"id":"1","x":"` + strings.Repeat("x", bus.MaxRequest) + `"}`, "too-large", "above the limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := raw(t, access, bus.DriveLoad(11).Subject(), tc.data)
			if got["code"] != tc.code {
				t.Errorf("code %v, want %s", got["code"], tc.code)
			}
			if reason, _ := got["reason"].(string); !strings.Contains(reason, tc.reason) {
				t.Errorf("reason %q, want %q in it", reason, tc.reason)
			}
		})
	}
	if called {
		t.Error("the handler ran")
	}
}

func TestTooLargeRequestIsNotSent(t *testing.T) {
	b := bustest.Start(t)
	_, err := bus.Call(within(t), b.Connect("test"), bus.DriveLoad(11), bus.LoadRequest{Barcode: strings.Repeat("x", bus.MaxRequest)})
	if !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestTooLargeReplyIsTold(t *testing.T) {
	b := bustest.Start(t)
	s, _ := b.Serve(bus.LibraryDevice(10))
	handle(t, s, bus.LibraryMapList(10), func(context.Context, bus.Empty) (bus.BarcodesReply, error) {
		return bus.BarcodesReply{Barcodes: []string{strings.Repeat("x", bus.MaxMessage)}}, nil
	})
	_, err := bus.Call(within(t), b.Connect("test"), bus.LibraryMapList(10), bus.Empty{})
	if !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestHandleRefusesAnothersEndpoint(t *testing.T) {
	b := bustest.Start(t)
	s, _ := b.Serve(bus.DriveDevice(11))
	err := bus.Handle(s, bus.DriveState(12), func(context.Context, bus.Empty) (bus.DriveHolds, error) { return bus.DriveHolds{}, nil })
	if err == nil {
		t.Error("drive 11 serves for drive 12")
	}
}

func TestBusFileIsPrivate(t *testing.T) {
	dir := t.TempDir()
	startServer(t, dir)
	name := filepath.Join(dir, bus.FileName)
	fi, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o", fi.Mode().Perm())
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.ReadAccess(dir); err == nil || !strings.Contains(err.Error(), "mode 0644") {
		t.Errorf("a file that everybody can read: %v", err)
	}
}

func TestServerRefusesStrangers(t *testing.T) {
	srv := startServer(t, t.TempDir())
	for name, opt := range map[string]nats.Option{
		"nobody":       nats.Name("x"),
		"wrong secret": nats.UserInfo("vtl", "guess"),
	} {
		if nc, err := nats.Connect(srv.URL(), opt); err == nil {
			nc.Close()
			t.Errorf("%s was let in", name)
		}
	}
}

// BenchmarkCall is one request and its reply over the loopback.
func BenchmarkCall(b *testing.B) {
	dir := b.TempDir()
	srv, err := bus.StartServer(bus.ServerOptions{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	var conns []*bus.Conn
	for range 2 {
		c, err := bus.Connect(bus.ConnectOptions{RunDir: dir})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	s, err := bus.NewService(conns[0], bus.ServiceOptions{Device: bus.DriveDevice(11)})
	if err != nil {
		b.Fatal(err)
	}
	err = bus.Handle(s, bus.DriveState(11), func(context.Context, bus.Empty) (bus.DriveHolds, error) {
		return bus.DriveHolds{Barcode: "VTL001L9", Loaded: true}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for errors.Is(err, bus.ErrAbsent) || err == nil { // until it is there
		if _, err = bus.Call(b.Context(), conns[1], bus.DriveState(11), bus.Empty{}); err == nil {
			break
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bus.Call(b.Context(), conns[1], bus.DriveState(11), bus.Empty{}); err != nil {
			b.Fatal(err)
		}
	}
}
