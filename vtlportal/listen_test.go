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
	for _, ip := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil && ip == "::1" {
			t.Logf("this host has no IPv6: %v", err)
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		p.listen = append(p.listen, l.Addr().String())
		defer l.Close()
	}
	// They are taken: nothing is listened on, and the address is named.
	if err := p.runDoor(t.Context(), func() { t.Error("ready") }); err == nil || !strings.Contains(err.Error(), p.listen[0]) {
		t.Errorf("addresses that are taken: %v", err)
	}
	// Free ones of the same hosts.
	var free []net.Listener
	for i, a := range p.listen {
		host, _, _ := net.SplitHostPort(a)
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		free, p.listen[i] = append(free, l), l.Addr().String()
	}
	for _, l := range free {
		l.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- p.runDoor(ctx, func() { close(ready) }) }()
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
