package iscsi_test

import (
	"errors"
	"syscall"
	"testing"

	"govtl/iscsi/iscsitest"
)

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestReadWrite(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	for i, n := range []int{1, 2, 16, 511, 512, 513, 2048, 16384} {
		data := pattern(n*ramBlock, byte(i))
		w.good(s, write10(i, 0, data))
		check(t, "READ(10)", w.good(s, read10(i, n)).Data, data)
	}
	if got, err := s.Ping([]byte("ping data")); err != nil || string(got) != "ping data" {
		t.Fatalf("ping: %q, %v", got, err)
	}
	if err := s.Logout(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session is gone", func() bool { return len(w.target.Sessions()) == 0 })
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	s, err := iscsitest.Login(w.dial(), iscsitest.Config{Discovery: true})
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := s.SendTargets("All")
	if err != nil {
		t.Fatal(err)
	}
	if len(pairs) != 2 || pairs[0].Value != targetName || pairs[1].Value != w.address+",1" {
		t.Fatalf("%v", pairs)
	}
	if err := s.Logout(); err != nil {
		t.Fatal(err)
	}
}
