package iscsi_test

import (
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
)

// TestSessionEvents: a target tells of sessions that begin and end, and of logins
// that it refuses.
func TestSessionEvents(t *testing.T) {
	events := make(chan iscsi.SessionEvent, 10)
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Sessions = func(e iscsi.SessionEvent) { events <- e } })
	s := w.login(iscsitest.Config{Target: targetName})
	begin := <-events
	if begin.Kind != iscsi.SessionBegins || begin.Initiator != iscsitest.DefaultInitiator || begin.TSIH == 0 || begin.Address == "" || begin.Reason != nil {
		t.Errorf("a login: %+v", begin)
	}
	s.Conn.Close()
	end := <-events
	if end.Kind != iscsi.SessionEnds || end.TSIH != begin.TSIH || end.Address != begin.Address || end.Reason == nil {
		t.Errorf("the end of the session: %+v", end)
	}
	if err := w.target.SetPolicy(&iscsi.Policy{Initiators: []string{"iqn.2026-11.test:another"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName}); err == nil {
		t.Fatal("not refused")
	}
	refused := <-events
	if refused.Kind != iscsi.LoginRefused || refused.Initiator != iscsitest.DefaultInitiator || refused.Reason == nil {
		t.Errorf("a refusal: %+v", refused)
	}
}
