package iscsi_test

import (
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// The task management functions of RFC 7143 11.5.1.
const (
	abortTask        = 1
	abortTaskSet     = 2
	clearACA         = 3
	clearTaskSet     = 4
	logicalUnitReset = 5
	targetWarmReset  = 6
	targetColdReset  = 7
	taskReassign     = 8
	queryTask        = 9
	noSuchFunction   = 100
	respComplete     = 0
	respNoTask       = 1
	respNoLUN        = 2
	respNoReassign   = 4
	respNotSupported = 5
	respUnauthorized = 6
)

// manage sends a function and checks the response.
func (w *world) manage(s *iscsitest.Session, fn uint8, ref *iscsitest.Command, want uint8) {
	w.t.Helper()
	got, err := s.Manage(fn, [8]byte{}, ref)
	if err != nil || got != want {
		w.t.Fatalf("function %d: response %d, want %d (%v)", fn, got, want, err)
	}
}

// hold starts a write whose R2T stays unanswered.
func (w *world) hold(s *iscsitest.Session, lba int) *iscsitest.Command {
	w.t.Helper()
	s.HoldR2T = true
	c := write10(lba, 0xEE, pattern(1<<20, 1))
	if err := s.Start(c); err != nil {
		w.t.Fatal(err)
	}
	for len(c.R2Ts) == 0 {
		if err := s.Step(); err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

func TestAbortTask(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	held := w.hold(s, 0)
	behind := read10(0, 1)
	if err := s.Start(behind); err != nil {
		t.Fatal(err)
	}
	w.manage(s, abortTask, held, respComplete)
	s.Forget(held)
	// What was behind it runs; the data of the aborted one come late and are
	// dropped without a word.
	if err := s.Wait(behind); err != nil || behind.Status != 0 {
		t.Fatal(behind, err)
	}
	r := held.R2Ts[0]
	if err := s.SendData(held, r.TargetTransferTag, int(r.BufferOffset), int(r.BufferOffset+r.DesiredLength)); err != nil {
		t.Fatal(err)
	}
	s.HoldR2T = false
	w.good(s, write10(5, 1, pattern(600*ramBlock, 3)))
	if len(s.Rejects) > 0 {
		t.Errorf("rejects %+v", s.Rejects)
	}
	w.manage(s, abortTask, held, respNoTask)
	if w.disk.ran() != "\x01" {
		t.Errorf("carried out: % x", w.disk.ran())
	}

	// A command that runs, and can stop.
	running := &iscsitest.Command{CDB: []byte{0xC0, 0, 0, 0, 0, 0}}
	if err := s.Start(running); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return w.disk.begun() == 1 })
	w.manage(s, abortTask, running, respComplete)
	s.Forget(running)
	w.good(s, read10(0, 1))
	if got, err := s.Manage(abortTask, [8]byte{1: 1}, nil); err != nil || got != respNoTask {
		t.Errorf("a task that never was: %d, %v", got, err)
	}
}

// TestAbortStubborn: one that cannot stop is waited for, and pings are answered
// meanwhile.
func TestAbortStubborn(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	c := &iscsitest.Command{CDB: []byte{0xC1, 0, 0, 0, 0, 0}}
	if err := s.Start(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return w.disk.begun() == 1 })
	p := pdu.TaskManagementRequest{Immediate: true, Function: abortTask, InitiatorTaskTag: s.Tag(), ReferencedTaskTag: c.Tag,
		RefCmdSN: c.CmdSN, CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN}
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, nil); err != nil {
		t.Fatal(err)
	}
	later := read10(0, 1)
	if err := s.Start(later); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Ping(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, answered := s.Other[p.InitiatorTaskTag]; answered || later.Done {
		t.Fatal("the function ended before its task")
	}
	w.disk.open()
	f, err := s.Await(p.InitiatorTaskTag)
	if err != nil || f.Header[2] != respComplete {
		t.Fatalf("% x, %v", f.Header, err)
	}
	s.Forget(c)
	if err := s.Wait(later); err != nil || later.Status != 0 {
		t.Fatal(later, err)
	}
}

func TestManageOthers(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	for fn, want := range map[uint8]uint8{
		clearACA: respNotSupported, taskReassign: respNoReassign,
		queryTask: respNotSupported, noSuchFunction: respNotSupported, abortTaskSet: respComplete,
	} {
		w.manage(s, fn, nil, want)
	}
	for _, fn := range []uint8{abortTaskSet, clearTaskSet, logicalUnitReset} {
		if got, err := s.Manage(fn, [8]byte{1: 7}, nil); err != nil || got != respNoLUN {
			t.Errorf("function %d at LUN 7: %d, %v", fn, got, err)
		}
	}
	w.good(s, read10(0, 1))
}

// TestResets: what one initiator clears, another learns.
func TestResets(t *testing.T) {
	for fn, attention := range map[uint8]uint16{clearTaskSet: 0x2F00, logicalUnitReset: 0x2903, targetWarmReset: 0x2903, abortTaskSet: 0} {
		w := newWorld(t)
		a := w.login(iscsitest.Config{})
		b := w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two"})
		mine, theirs := w.hold(a, 0), w.hold(b, 0)
		queued := read10(0, 1)
		if err := b.Start(queued); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Ping(nil); err != nil { // so that it is there
			t.Fatal(err)
		}
		w.manage(a, fn, nil, respComplete)
		a.Forget(mine)
		c := &iscsitest.Command{CDB: make([]byte, 6)}
		if fn == abortTaskSet {
			b.HoldR2T = false
			r := theirs.R2Ts[0]
			if err := b.SendData(theirs, r.TargetTransferTag, int(r.BufferOffset), int(r.BufferOffset+r.DesiredLength)); err != nil {
				t.Fatal(err)
			}
			if err := b.Wait(theirs); err != nil || theirs.Status != 0 {
				t.Errorf("another initiator's command: %v, %v", theirs, err)
			}
			w.good(b, c)
			continue
		}
		b.Forget(theirs)
		b.Forget(queued)
		if w.do(b, c); c.SenseKey() != 6 || c.ASC() != attention {
			t.Errorf("function %d: the other initiator sees %v", fn, c)
		}
		c = &iscsitest.Command{CDB: make([]byte, 6)}
		w.good(b, c)
		if fn != clearTaskSet {
			c = &iscsitest.Command{CDB: make([]byte, 6)}
			if w.do(a, c); c.ASC() != attention {
				t.Errorf("function %d: the initiator sees %v", fn, c)
			}
		}
		w.good(a, read10(0, 1))
		if w.disk.ran() != "" {
			t.Errorf("function %d: a write without its data was carried out", fn)
		}
	}
}

// TestAbortMissing: an abort makes up for a command that never came.
func TestAbortMissing(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	missing := &iscsitest.Command{Tag: s.Tag(), CmdSN: s.CmdSN}
	s.CmdSN++
	behind := read10(0, 1)
	if err := s.Start(behind); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ping(nil); err != nil {
		t.Fatal(err)
	}
	if behind.Done {
		t.Fatal("a command ran before the one that is missing")
	}
	w.manage(s, abortTask, missing, respComplete)
	if _, err := s.Ping(nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(behind); err != nil || behind.Status != 0 {
		t.Fatal(behind, err)
	}
}

// TestEarly: commands that come early are kept and carried out in order.
func TestEarly(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{Keys: iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", "Yes", "ImmediateData", "No")})
	first := s.CmdSN
	var all []*iscsitest.Command
	for _, i := range []uint32{3, 1, 2, 0} {
		c := write10(int(i), byte(i+1), pattern(ramBlock, byte(i)))
		s.CmdSN = first + i
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	s.CmdSN = first + 4
	for _, c := range all {
		if err := s.Wait(c); err != nil || c.Status != 0 {
			t.Fatal(c, err)
		}
	}
	if w.disk.ran() != "\x01\x02\x03\x04" {
		t.Errorf("order % x", w.disk.ran())
	}
}

// TestNumbersWrap: CmdSN is a number of 32 bits and goes on at 0 (RFC 7143
// 4.2.2.1, RFC 1982); nothing of order and window depends on where it stands.
func TestNumbersWrap(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Limits.MaxCommands = 8 })
	s := w.login(iscsitest.Config{CmdSN: 1<<32 - 6}) // login sends one command
	first := s.CmdSN
	want, sent := "", []*iscsitest.Command{}
	for _, i := range []uint32{7, 5, 6, 0, 3, 4, 2, 1} {
		c := write10(int(i), byte(i+1), pattern(ramBlock, byte(i)))
		s.CmdSN = first + i
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, c)
		want += string(rune(len(want) + 1))
	}
	for _, c := range sent {
		if err := s.Wait(c); err != nil || c.Status != 0 {
			t.Fatal(c, err)
		}
	}
	if w.disk.ran() != want {
		t.Errorf("order % x", w.disk.ran())
	}
	s.CmdSN = first - 1 // an old one, and one beyond the window
	for range 2 {
		c := write10(0, 0x99, pattern(ramBlock, 9))
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		s.Forget(c)
		s.CmdSN = first + 8 + 8
	}
	s.CmdSN = first + 8
	for range 20 {
		w.good(s, read10(0, 1))
	}
	if s.CmdSN > 1<<31 || w.disk.ran() != want {
		t.Errorf("CmdSN %#x, written % x", s.CmdSN, w.disk.ran())
	}
	if err := s.Logout(); err != nil {
		t.Error(err)
	}
}

// TestWindow: numbers outside of the window, and old ones, are ignored.
func TestWindow(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Limits.MaxCommands = 4 })
	s := w.login(iscsitest.Config{})
	good := s.CmdSN
	for _, sn := range []uint32{good - 1, good - 100, good + 4, good + 1<<31, good + 5000} {
		s.CmdSN = sn
		c := &iscsitest.Command{CDB: make([]byte, 6)}
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		s.Forget(c)
	}
	s.CmdSN = good
	w.good(s, read10(0, 1))
	if s.MaxCmdSN-s.ExpCmdSN+1 > 4 || len(s.Rejects) > 0 {
		t.Errorf("window %d, rejects %v", s.MaxCmdSN-s.ExpCmdSN+1, s.Rejects)
	}
	// The window is full of commands that wait: one more is not taken.
	var waiting []*iscsitest.Command
	for range 4 {
		c := &iscsitest.Command{CDB: []byte{0xC1, 0, 0, 0, 0, 0}}
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	over := &iscsitest.Command{CDB: make([]byte, 6)}
	if err := s.Start(over); err != nil {
		t.Fatal(err)
	}
	s.Forget(over)
	s.CmdSN--
	if _, err := s.Ping(nil); err != nil {
		t.Fatal(err)
	}
	if s.MaxCmdSN != s.CmdSN-1 {
		t.Errorf("MaxCmdSN %d with %d to come and a full window", s.MaxCmdSN, s.CmdSN)
	}
	for i, c := range waiting {
		eventually(t, "it waits", func() bool { return w.disk.begun() == i+1 })
		w.disk.open()
		if err := s.Wait(c); err != nil {
			t.Fatal(err)
		}
	}
	w.good(s, &iscsitest.Command{CDB: make([]byte, 6)})
	if got := s.MaxCmdSN - s.ExpCmdSN + 1; got < 3 {
		t.Errorf("the window is %d wide when nothing waits", got)
	}
}

// TestWindowOpens: when another initiator's function ends all commands of a
// session whose window is full, the session is told that it is open again.
func TestWindowOpens(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Limits.MaxCommands = 4 })
	a := w.login(iscsitest.Config{})
	b := w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two"})
	held := w.hold(b, 0)
	for range 3 {
		c := &iscsitest.Command{CDB: make([]byte, 6)}
		if err := b.Start(c); err != nil {
			t.Fatal(err)
		}
		b.Forget(c)
	}
	b.Forget(held)
	if _, err := b.Ping(nil); err != nil {
		t.Fatal(err)
	}
	if b.MaxCmdSN != b.CmdSN-1 {
		t.Fatalf("the window is open: MaxCmdSN %d, next %d", b.MaxCmdSN, b.CmdSN)
	}
	w.manage(a, logicalUnitReset, nil, respComplete)
	for b.MaxCmdSN != b.CmdSN+3 {
		if err := b.Step(); err != nil {
			t.Fatal(err)
		}
	}
	// The same for commands that had been submitted.
	w.do(b, &iscsitest.Command{CDB: make([]byte, 6)})
	for range 4 {
		c := &iscsitest.Command{CDB: []byte{0xC0, 0, 0, 0, 0, 0}}
		if err := b.Start(c); err != nil {
			t.Fatal(err)
		}
		b.Forget(c)
	}
	eventually(t, "they wait", func() bool { return w.disk.begun() == 4 })
	w.do(a, &iscsitest.Command{CDB: make([]byte, 6)})
	w.manage(a, logicalUnitReset, nil, respComplete)
	for b.MaxCmdSN != b.CmdSN+3 {
		if err := b.Step(); err != nil {
			t.Fatal(err)
		}
	}
}
