package iscsi_test

import (
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// busy starts a command that cannot be stopped and a function that aborts it:
// until the device lets go, nothing is submitted.
func (w *world) busy(s *iscsitest.Session) (tag uint32, stuck *iscsitest.Command) {
	w.t.Helper()
	stuck = &iscsitest.Command{CDB: []byte{0xC1, 0, 0, 0, 0, 0}}
	before := w.disk.begun()
	w.t.Cleanup(w.disk.open) // also when the test fails before it does so
	if err := s.Start(stuck); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "it waits", func() bool { return w.disk.begun() == before+1 })
	p := pdu.TaskManagementRequest{Immediate: true, Function: abortTask, InitiatorTaskTag: s.Tag(), ReferencedTaskTag: stuck.Tag,
		RefCmdSN: stuck.CmdSN, CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN}
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, nil); err != nil {
		w.t.Fatal(err)
	}
	return p.InitiatorTaskTag, stuck
}

// TestImmediateOnce: an immediate command that waits for its turn runs once,
// whatever else comes for it.
func TestImmediateOnce(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	function, stuck := w.busy(s)
	c := write10(3, 7, pattern(ramBlock, 7))
	c.Immediate = true
	if err := s.Start(c); err != nil {
		t.Fatal(err)
	}
	p := pdu.DataOut{Final: true, InitiatorTaskTag: c.Tag, TargetTransferTag: pdu.Reserved, BufferOffset: ramBlock}
	var h pdu.Header
	p.Encode(&h)
	for range 3 {
		if err := s.Send(&h, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Ping(nil); err != nil {
		t.Fatal(err)
	}
	if c.Done {
		t.Fatal("it ran while a function was at work")
	}
	w.disk.open()
	if _, err := s.Await(function); err != nil {
		t.Fatal(err)
	}
	s.Forget(stuck)
	if err := s.Wait(c); err != nil || c.Status != 0 {
		t.Fatal(c, err)
	}
	// A second answer would be to a task that is not outstanding.
	w.good(s, read10(3, 1))
	if w.disk.ran() != "\x07" {
		t.Errorf("written: % x", w.disk.ran())
	}
}

// TestImmediateFlood: immediate commands are outside of the command window; there
// may be a few of them, with no more data than the session's memory has room for.
func TestImmediateFlood(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Limits.SessionMemory = 1 << 20 })
	s := w.login(iscsitest.Config{})
	function, stuck := w.busy(s)
	var all []*iscsitest.Command
	for range 20 {
		c := write10(0, 1, pattern(ramBlock, 1))
		c.Immediate = true
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if _, err := s.Ping(nil); err != nil {
		t.Fatal(err)
	}
	if len(s.Rejects) != 20-8 {
		t.Fatalf("%d of 20 were rejected", len(s.Rejects))
	}
	for _, r := range s.Rejects {
		if r.Reason != pdu.RejectTooManyImmediate {
			t.Errorf("%+v", r)
		}
	}
	w.disk.open()
	if _, err := s.Await(function); err != nil {
		t.Fatal(err)
	}
	s.Forget(stuck)
	for _, c := range all[:8] {
		if err := s.Wait(c); err != nil || c.Status != 0 {
			t.Fatal(c, err)
		}
	}
	// With large data there is room for fewer.
	s.Rejects = nil
	function, stuck = w.busy(s)
	for i := range 6 {
		c := write10(0, 2, pattern(256<<10, 2))
		c.Immediate = true
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		all[i] = c
	}
	if _, err := s.Ping(nil); err != nil {
		t.Fatal(err)
	}
	if len(s.Rejects) != 2 {
		t.Fatalf("%d of 6 times 256 KiB were rejected with 1 MiB of memory", len(s.Rejects))
	}
	w.disk.open()
	if _, err := s.Await(function); err != nil {
		t.Fatal(err)
	}
	s.Forget(stuck)
	for _, c := range all[:4] {
		if err := s.Wait(c); err != nil || c.Status != 0 {
			t.Fatal(c, err)
		}
	}
	w.good(s, read10(0, 1))
}
