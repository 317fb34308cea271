package iscsi_test

import (
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// TestColdReset: TARGET COLD RESET resets the device and ends the sessions of all
// initiators, connected or not; nothing is kept of them (RFC 7143 11.5.1).
func TestColdReset(t *testing.T) {
	w := newWorld(t)
	a := w.login(iscsitest.Config{})
	retained := iscsitest.With(iscsitest.DefaultKeys(), "DefaultTime2Retain", "3600")
	b := w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two", Keys: retained})
	gone := w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:three", Keys: retained})
	gone.Conn.Close()
	eventually(t, "the loss is seen", func() bool {
		for _, i := range w.target.Sessions() {
			if i.InitiatorName == "iqn.2026-11.test.initiator:three" {
				return !i.Connected
			}
		}
		return false
	})
	w.good(b, reserve())
	running := &iscsitest.Command{CDB: []byte{0xC0, 0, 0, 0, 0, 0}}
	if err := b.Start(running); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return w.disk.begun() == 1 })
	held := w.hold(b, 0)

	w.manage(a, targetColdReset, nil, respComplete)
	for _, s := range []*iscsitest.Session{a, b} {
		s.Forget(running)
		s.Forget(held)
		closed(t, s)
		if len(s.Async) != 1 || s.Async[0].Event != pdu.AsyncSessionDrop {
			t.Errorf("%s was told %+v", s.Config.Initiator, s.Async)
		}
	}
	eventually(t, "nothing is kept", func() bool { return len(w.target.Sessions()) == 0 })
	if w.disk.ran() != "" || running.Done || held.Done {
		t.Error("a command was carried out, or answered")
	}
	// login expects the unit attention condition 29h.
	a = w.login(iscsitest.Config{})
	w.good(a, &iscsitest.Command{CDB: make([]byte, 6)}) // the reservation is gone
	b = w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two"})
	w.good(b, write10(1, 1, pattern(ramBlock, 1)))
	if err := b.Logout(); err != nil {
		t.Error(err)
	}
}

// TestColdResetRefused: a policy can keep initiators from ending each other's sessions.
func TestColdResetRefused(t *testing.T) {
	w := newWorld(t)
	a := w.login(iscsitest.Config{})
	b := w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two"})
	if err := w.target.SetPolicy(&iscsi.Policy{RefuseColdReset: true}); err != nil {
		t.Fatal(err)
	}
	held := w.hold(b, 0)
	w.manage(a, targetColdReset, nil, respUnauthorized)
	w.good(a, &iscsitest.Command{CDB: make([]byte, 6)})
	b.HoldR2T = false
	r := held.R2Ts[0]
	if err := b.SendData(held, r.TargetTransferTag, int(r.BufferOffset), int(r.BufferOffset+r.DesiredLength)); err != nil {
		t.Fatal(err)
	}
	if err := b.Wait(held); err != nil || held.Status != 0 {
		t.Errorf("the other initiator's command: %v, %v", held, err)
	}
}
