package main

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"govtl/internal/config"
	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// TestListen: the portal listens on all its addresses, tells an initiator the one
// that it came by, and lets go of all of them.
func TestListen(t *testing.T) {
	suite, err := config.Parse([]byte("version: 1\ndrives: [{id: 20, model: m, serial: D20}]\n"), "vtl.yaml", config.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{log: slog.New(slog.DiscardHandler), targets: newRegistry(config.Paths{Run: t.TempDir()})}
	if err := p.targets.configure(suite); err != nil {
		t.Fatal(err)
	}
	if p.door, err = iscsi.NewPortal(iscsi.PortalOptions{Directory: p.targets, Route: p.targets}); err != nil {
		t.Fatal(err)
	}
	var listeners []net.Listener
	for _, ip := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		all, err := listenAll([]string{net.JoinHostPort(ip, "0")})
		if err != nil && ip == "::1" {
			t.Logf("this host has no IPv6: %v", err)
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, all...)
		p.listen = append(p.listen, all[0].Addr().String())
	}
	// One that is taken is named, and nothing is listened on.
	if all, err := listenAll([]string{"127.0.0.3:0", p.listen[1]}); err == nil || !strings.Contains(err.Error(), p.listen[1]) {
		t.Errorf("an address that is taken: %v, %v", all, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- p.runDoor(ctx, listeners, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	for _, a := range p.listen {
		conn, err := net.Dial("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		s, err := iscsitest.Login(conn, iscsitest.Config{Discovery: true})
		if err != nil {
			t.Fatal(a, err)
		}
		pairs, err := s.SendTargets("All")
		if err != nil || !slices.Contains(pairs, pdu.Pair{Key: "TargetAddress", Value: a + ",1"}) {
			t.Errorf("%s: %v, %v", a, pairs, err)
		}
		if err := s.Logout(); err != nil {
			t.Error(a, err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, a := range p.listen {
		if conn, err := net.Dial("tcp", a); err == nil {
			conn.Close()
			t.Errorf("%s is still there", a)
		}
	}
}
