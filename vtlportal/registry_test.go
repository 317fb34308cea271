package main

import (
	"errors"
	"testing"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/iscsi"
)

// TestRegistry: a target of the configuration is handed over whether its daemon has
// announced itself or not; one that another host serves is listed with that host's
// address, and a login for it is redirected there (RFC 7143 11.13.5).
func TestRegistry(t *testing.T) {
	suite, err := config.Parse([]byte("version: 1\ndrives: [{id: 20, model: m, serial: D20}]\n"), "vtl.yaml", config.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	r := newRegistry(config.Paths{Run: t.TempDir()})
	if err := r.configure(suite); err != nil {
		t.Fatal(err)
	}
	const here, there = "iqn.2026-11.local.vtl:drive20", "iqn.2026-11.local.vtl:drive77"
	handed := func() {
		t.Helper()
		if a, err := r.Route(here); err != nil || a.(*counted).Path == "" {
			t.Errorf("%s: %v, %v", here, a, err)
		}
	}
	handed()
	if _, err := r.Route(there); !errors.Is(err, iscsi.ErrUnknownTarget) {
		t.Errorf("a target that nobody knows: %v", err)
	}

	r.register(bus.Target{Name: here, PID: 1})
	r.register(bus.Target{Name: there, PID: 2, Address: "192.0.2.7:3260"})
	handed()
	var moved *iscsi.MovedError
	if _, err := r.Route(there); !errors.As(err, &moved) || moved.Permanent || moved.To.Host != "192.0.2.7" || moved.To.Port != 3260 {
		t.Errorf("a target on another host: %v", err)
	}
	all := r.Targets()
	if len(all) != 2 || all[0].Name != here || len(all[0].Portals) != 0 || all[1].Name != there || len(all[1].Portals) != 1 {
		t.Errorf("listed: %+v", all)
	}
	if list := r.list(); len(list) != 2 {
		t.Errorf("known: %+v", list)
	}

	// What a process announced goes when that process does, not another one.
	r.unregister(there, 1)
	if len(r.Targets()) != 2 {
		t.Error("forgotten by the word of another process")
	}
	r.unregister(there, 2)
	if len(r.Targets()) != 1 {
		t.Error("not forgotten")
	}
}
