package iscsi_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// reserve is RESERVE(6).
func reserve() *iscsitest.Command { return &iscsitest.Command{CDB: []byte{0x16, 0, 0, 0, 0, 0}} }

// TestReinstatement: a login by the same initiator port takes the old session's
// place. What had not run never runs; the reservation stays.
func TestReinstatement(t *testing.T) {
	w := newWorld(t)
	old := w.login(iscsitest.Config{})
	w.good(old, reserve())
	held := w.hold(old, 0)
	queued := write10(9, 9, pattern(ramBlock, 9))
	if err := old.Start(queued); err != nil {
		t.Fatal(err)
	}
	again := w.login(iscsitest.Config{})
	closed(t, old)
	if len(w.target.Sessions()) != 1 {
		t.Errorf("%d sessions", len(w.target.Sessions()))
	}
	w.good(again, read10(0, 1))
	if w.disk.ran() != "" || held.Done || queued.Done {
		t.Error("a command of the old session ran")
	}
	other, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.test.initiator:two"})
	if err != nil {
		t.Fatal(err)
	}
	// The conflict comes before the unit attention condition, which stays.
	c := w.do(other, &iscsitest.Command{CDB: make([]byte, 6)})
	if c.Status != 0x18 {
		t.Errorf("the reservation is gone: %v", c)
	}
	if err := again.Logout(); err != nil {
		t.Fatal(err)
	}
	if c = w.do(other, &iscsitest.Command{CDB: make([]byte, 6)}); c.SenseKey() != 6 {
		t.Errorf("after the logout: %v", c)
	}
	w.good(other, &iscsitest.Command{CDB: make([]byte, 6)})
}

// TestReinstatementWaits: the final response of a reinstating login comes only
// when what cannot be stopped has ended.
func TestReinstatementWaits(t *testing.T) {
	w := newWorld(t)
	old := w.login(iscsitest.Config{})
	stubborn := &iscsitest.Command{CDB: []byte{0xC1, 0, 0, 0, 0, 0}}
	if err := old.Start(stubborn); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return w.disk.begun() == 1 })
	type result struct {
		s   *iscsitest.Session
		err error
	}
	done := make(chan result)
	conn := w.dial()
	go func() {
		s, err := iscsitest.Login(conn, iscsitest.Config{Target: targetName})
		done <- result{s, err}
	}()
	closed(t, old)
	select {
	case r := <-done:
		t.Fatal("the login did not wait", r.err)
	default:
	}
	w.disk.open()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	w.do(r.s, &iscsitest.Command{CDB: make([]byte, 6)})
	w.good(r.s, read10(0, 1))
}

// TestReinstatementHeld: while it cannot be waited for, the status says "later".
func TestReinstatementHeld(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Timeouts.Login = 30 * time.Millisecond })
	old := w.login(iscsitest.Config{})
	if err := old.Start(&iscsitest.Command{CDB: []byte{0xC1, 0, 0, 0, 0, 0}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return w.disk.begun() == 1 })
	for range 2 {
		_, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName})
		if s := status(err); s != "0301" && s != "closed" {
			t.Fatal(s)
		}
	}
	w.disk.open()
	eventually(t, "a login is possible again", func() bool {
		s, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName})
		s.Conn.Close()
		return err == nil
	})
}

// TestConnectionLoss: the tasks end at once, the reservation stays for
// Time2Retain and no longer.
func TestConnectionLoss(t *testing.T) {
	for _, retain := range []string{"0", "3600"} {
		w := newWorld(t, func(o *iscsi.TargetOptions) { o.Offers.Time2Wait, o.Offers.Time2Retain = -1, 3600 })
		s := w.login(iscsitest.Config{Keys: iscsitest.With(iscsitest.DefaultKeys(), "DefaultTime2Wait", "0", "DefaultTime2Retain", retain)})
		w.good(s, reserve())
		w.hold(s, 0)
		s.Conn.Close()
		if retain == "0" {
			eventually(t, "the session is forgotten", func() bool { return len(w.target.Sessions()) == 0 })
		} else {
			eventually(t, "the loss is seen", func() bool { l := w.target.Sessions(); return len(l) == 1 && !l[0].Connected })
		}
		other, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.test.initiator:two"})
		if err != nil {
			t.Fatal(err)
		}
		c := w.do(other, reserve())
		if c.SenseKey() == 6 {
			c = w.do(other, reserve())
		}
		if want := map[string]uint8{"0": 0, "3600": 0x18}[retain]; c.Status != want {
			t.Errorf("Time2Retain %s: RESERVE by another ends with %02x", retain, c.Status)
		}
		if w.disk.ran() != "" {
			t.Error("a write without its data was carried out")
		}
	}
}

// TestConnectionReinstatement: TSIH and CID of a live session.
func TestConnectionReinstatement(t *testing.T) {
	w := newWorld(t)
	old := w.login(iscsitest.Config{CID: 3})
	keys := []pdu.Pair{{Key: "MaxRecvDataSegmentLength", Value: "65536"}}
	_, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, TSIH: old.TSIH, CID: 4, Keys: keys})
	if status(err) != "0206" {
		t.Errorf("a second connection: %s", status(err))
	}
	again, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, TSIH: old.TSIH, CID: 3, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if again.TSIH != old.TSIH {
		t.Errorf("TSIH %d became %d", old.TSIH, again.TSIH)
	}
	closed(t, old)
	w.do(again, &iscsitest.Command{CDB: make([]byte, 6)})
	w.good(again, read10(0, 1))
	_, err = iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, TSIH: old.TSIH + 1, CID: 3, Keys: keys})
	if status(err) != "020a" {
		t.Errorf("a guessed TSIH: %s", status(err))
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{CID: 5})
	ask := func(reason uint8, cid uint16) uint8 {
		p := pdu.LogoutRequest{Immediate: true, Reason: reason, CID: cid, InitiatorTaskTag: s.Tag(), CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN}
		var h pdu.Header
		p.Encode(&h)
		if err := s.Send(&h, nil, nil); err != nil {
			t.Fatal(err)
		}
		f, err := s.Await(p.InitiatorTaskTag)
		if err != nil {
			t.Fatal(err)
		}
		return f.Header[2]
	}
	if got := ask(pdu.LogoutForRecovery, 5); got != pdu.LogoutRecoveryNotSupported {
		t.Errorf("for recovery: %d", got)
	}
	if got := ask(pdu.LogoutCloseConnection, 6); got != pdu.LogoutCIDNotFound {
		t.Errorf("unknown CID: %d", got)
	}
	w.hold(s, 0)
	if got := ask(pdu.LogoutCloseConnection, 5); got != pdu.LogoutSuccess {
		t.Errorf("connection: %d", got)
	}
	closed(t, s)
	eventually(t, "the session is gone", func() bool { return len(w.target.Sessions()) == 0 })
}

func TestShutdown(t *testing.T) {
	w := newWorld(t)
	polite := w.login(iscsitest.Config{})
	rude := w.login(iscsitest.Config{ISID: pdu.ISID{0x80, 9}})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.target.Shutdown(ctx) }()
	for len(polite.Async) == 0 {
		if err := polite.Step(); err != nil {
			t.Fatal(err)
		}
	}
	if m := polite.Async[0]; m.Event != pdu.AsyncLogoutRequest || m.Parameters[2] == 0 {
		t.Errorf("%+v", m)
	}
	if _, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.t:x"}); status(err) != "0301" {
		t.Errorf("a new login: %s", status(err))
	}
	if err := polite.Logout(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	closed(t, rude)
	if n := len(rude.Async); n != 2 || rude.Async[1].Event != pdu.AsyncSessionDrop {
		t.Errorf("%+v", rude.Async)
	}
	if len(w.target.Sessions()) != 0 {
		t.Error("sessions left")
	}
}

// TestPings: the target asks silent initiators whether they live.
func TestPings(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) {
		o.Timeouts.Ping, o.Timeouts.Pong = 20*time.Millisecond, 20*time.Millisecond
	})
	s := w.login(iscsitest.Config{})
	for s.Pings < 3 {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
	}
	w.good(s, read10(0, 1))
	s.NoPong = true
	closed(t, s)
}

// TestUnfinished: a PDU that is begun has to end.
func TestUnfinished(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Timeouts.PDU = 30 * time.Millisecond })
	for _, n := range []int{1, 47, 48, 1000} {
		s := w.login(iscsitest.Config{ISID: pdu.ISID{0x80, byte(n)}})
		c := write10(0, 0, make([]byte, 4096))
		p := c.Header()
		p.CmdSN = s.CmdSN
		var h pdu.Header
		p.Encode(&h)
		if err := s.SendRaw(s.Encode(&h, nil, c.Out)[:n]); err != nil {
			t.Fatal(err)
		}
		closed(t, s)
	}
}

// TestSlowReader: an initiator that asks for data and does not take them is cut
// off, and holds nobody else up.
func TestSlowReader(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Timeouts.Write = 50 * time.Millisecond })
	s := w.login(iscsitest.Config{})
	for range 64 {
		if err := s.Start(read10(0, 8192)); err != nil {
			break // cut off already
		}
	}
	other := w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two"})
	w.good(other, read10(0, 8))
	eventually(t, "it is cut off", func() bool {
		for _, i := range w.target.Sessions() {
			if i.InitiatorName == iscsitest.DefaultInitiator && i.Connected {
				return false
			}
		}
		return true
	})
}

// TestLogoutAndGone: an initiator that is gone before its logout can be answered
// keeps nobody waiting.
func TestLogoutAndGone(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	t.Cleanup(w.disk.open)
	if err := s.Start(&iscsitest.Command{CDB: []byte{0xC1, 0, 0, 0, 0, 0}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the device is busy", func() bool { return w.disk.begun() == 1 })
	p := pdu.LogoutRequest{Immediate: true, Reason: pdu.LogoutCloseSession, InitiatorTaskTag: s.Tag(), CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN}
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the logout is under way", func() bool { return len(w.target.Sessions()) == 0 })
	if err := s.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	s.Conn.Close()
	w.disk.open()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // the timeout of a write is 30 s
	defer cancel()
	if err := w.target.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
