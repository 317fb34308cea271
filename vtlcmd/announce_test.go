package main

import (
	"net"
	"testing"

	"govtl/iscsi/iscsitest"
)

// TestAnnounce: discovery, and a target that is asked for its own addresses, tell
// the address of the configuration and not the one that the connection came in on.
func TestAnnounce(t *testing.T) {
	u := newUps(t, oneDrive+"announce: vtl.example.com:13260\n")
	u.start()
	for _, tc := range []struct {
		config iscsitest.Config
		which  string
		want   int
	}{
		{iscsitest.Config{Discovery: true}, "All", 2},
		{iscsitest.Config{Target: "iqn.2026-11.local.vtl:drive11"}, "", 1},
	} {
		conn, err := net.Dial("tcp", u.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		s, err := iscsitest.Login(conn, tc.config)
		if err != nil {
			t.Fatal(err)
		}
		pairs, err := s.SendTargets(tc.which)
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, p := range pairs {
			if p.Key != "TargetAddress" {
				continue
			}
			if told++; p.Value != "vtl.example.com:13260,1" {
				t.Errorf("%q: told %s", tc.which, p.Value)
			}
		}
		if told != tc.want {
			t.Errorf("%q: %d addresses in %v", tc.which, told, pairs)
		}
	}
}
