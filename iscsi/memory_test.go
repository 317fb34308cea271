package iscsi_test

import (
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// The target of these tests: shares of 128 KiB, 8 MiB each for windows and loans,
// commands of up to 2 MiB.
const (
	crowd       = 32
	crowdMemory = 32 << 20
	crowdBlock  = 2 << 20
)

func crowdWorld(t testing.TB, change ...func(*iscsi.TargetOptions)) *world {
	disk := newRAMDisk(t, 2*crowdBlock/ramBlock)
	disk.most = crowdBlock
	w := newWorld(t, append(change, func(o *iscsi.TargetOptions) {
		o.Unit = disk.server
		o.Limits.MaxSessions, o.Limits.MaxSessionsPerInitiator = 2*crowd, 2*crowd
		o.Limits.Memory = crowdMemory
		o.Limits.MaxPendingLogins, o.Limits.MaxPendingPerAddress = 2*crowd, 2*crowd
	})...)
	w.disk = disk
	return w
}

// member logs in as one of many.
func (w *world) member(n int, keys ...string) *iscsitest.Session {
	w.t.Helper()
	return w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.crowd:" + strconv.Itoa(n), Timeout: 20 * time.Second,
		Keys: iscsitest.With(iscsitest.DefaultKeys(), keys...)})
}

// sink is a write that the RAM disk takes and forgets.
func sink(data []byte) *iscsitest.Command {
	return &iscsitest.Command{CDB: []byte{0xC3, 0, 0, 0, 0, 0}, Out: data}
}

// fill starts commands until the window is shut.
func fill(t *testing.T, s *iscsitest.Session, data []byte) (all []*iscsitest.Command) {
	t.Helper()
	for int32(s.MaxCmdSN-s.CmdSN) >= 0 {
		c := sink(data)
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if _, err := s.Ping(nil); err != nil { // the target has seen all of it
		t.Fatal(err)
	}
	return all
}

// TestMemoryOfManySessions: many initiators that send all that they may, and do
// not answer what they are asked for, cannot make a target keep more than its limit. Another
// initiator works meanwhile, and each command of them ends well at last.
func TestMemoryOfManySessions(t *testing.T) {
	for name, keys := range map[string][]string{
		"unasked": {"InitialR2T", "No", "ImmediateData", "Yes", "FirstBurstLength", "16776192"},
		"asked":   {"InitialR2T", "Yes", "ImmediateData", "No"},
		"both":    {"InitialR2T", "No", "ImmediateData", "No", "FirstBurstLength", "65536"},
	} {
		t.Run(name, func(t *testing.T) {
			w := crowdWorld(t, func(o *iscsi.TargetOptions) { o.Limits.MaxCommands = 3 })
			data := make([]byte, crowdBlock)
			other := w.member(crowd)
			before := heap()
			var sessions []*iscsitest.Session
			var commands [][]*iscsitest.Command
			asked, unasked := 0, 0
			for i := range crowd {
				s := w.member(i, keys...)
				s.HoldR2T = true
				all := fill(t, s, data)
				if len(all) == 0 {
					t.Fatalf("initiator %d has no window", i)
				}
				sessions, commands = append(sessions, s), append(commands, all)
				if !s.InitialR2T {
					unasked += len(all) * min(s.FirstBurst, crowdBlock)
				}
				for _, c := range all {
					for _, r := range c.R2Ts {
						asked += int(r.DesiredLength)
					}
				}
			}
			if pinned := asked + unasked; pinned > crowdMemory || pinned < crowdMemory/16 {
				t.Errorf("%d MiB sent unasked and %d asked for, of %d", unasked>>20, asked>>20, crowdMemory>>20)
			}
			if used := heap(); used > before+crowdMemory+16<<20 {
				t.Errorf("%d MiB of heap, %d MiB at first", used>>20, before>>20)
			}
			if _, loans, waiting := w.target.MemoryTaken(); loans == 0 || waiting == 0 {
				t.Errorf("%d MiB are lent and %d sessions wait: nobody is short of anything", loans>>20, waiting)
			}

			// Who asks for little is served at once.
			block := pattern(100*ramBlock, 9)
			w.good(other, write10(0, 1, block))
			check(t, "while others stall", w.good(other, read10(0, 100)).Data, block)

			var group sync.WaitGroup
			for i, s := range sessions {
				s.HoldR2T = false
				group.Go(func() {
					for _, c := range commands[i] {
						for _, r := range c.R2Ts {
							if err := s.SendData(c, r.TargetTransferTag, int(r.BufferOffset), int(r.BufferOffset+r.DesiredLength)); err != nil {
								t.Error(err)
								return
							}
						}
					}
					for _, c := range commands[i] {
						if err := s.Wait(c); err != nil || c.Status != 0 {
							t.Errorf("initiator %d: %v, %v", i, c, err)
							return
						}
					}
					// And once more, with a large read among them.
					for _, c := range []*iscsitest.Command{read10(0, crowdBlock/ramBlock), sink(data)} {
						if err := s.Do(c); err != nil || c.Status != 0 {
							t.Errorf("initiator %d: %v, %v", i, c, err)
						}
					}
				})
			}
			group.Wait()
			eventually(t, "all loans are back", func() bool { _, loans, waiting := w.target.MemoryTaken(); return loans == 0 && waiting == 0 })
		})
	}
}

// TestMemoryIsShared: a window that has become wide while nobody else was there
// becomes narrower when others come, and never goes back.
func TestMemoryIsShared(t *testing.T) {
	w := crowdWorld(t)
	width := func(s *iscsitest.Session) int { return int(int32(s.MaxCmdSN-s.CmdSN)) + 1 }
	first := w.member(0, "FirstBurstLength", "65536")
	small := make([]byte, ramBlock)
	work := func(s *iscsitest.Session) {
		t.Helper()
		first := sink(make([]byte, 100<<10))
		all := []*iscsitest.Command{first}
		s.HoldR2T = true
		if err := s.Start(first); err != nil {
			t.Fatal(err)
		}
		for more := true; more; { // those behind it wait
			n := len(all)
			all = append(all, fill(t, s, small)...)
			more = len(all) > n
		}
		for _, r := range first.R2Ts {
			if err := s.SendData(first, r.TargetTransferTag, int(r.BufferOffset), int(r.BufferOffset+r.DesiredLength)); err != nil {
				t.Fatal(err)
			}
		}
		s.HoldR2T = false
		for _, c := range all {
			if err := s.Wait(c); err != nil || c.Status != 0 {
				t.Fatal(c, err)
			}
		}
		if _, err := s.Ping(nil); err != nil {
			t.Fatal(err)
		}
	}
	work(first)
	alone := width(first)
	if alone < 40 {
		t.Errorf("alone it has a window of %d", alone)
	}
	var rest []*iscsitest.Session
	for i := range 16 {
		s := w.member(1+i, "FirstBurstLength", "65536")
		work(s)
		rest = append(rest, s)
	}
	for range 24 {
		for _, s := range append(rest, first) {
			work(s)
		}
	}
	least, most := 1<<20, 0
	for _, s := range append(rest, first) {
		least, most = min(least, width(s)), max(most, width(s))
	}
	if most >= alone || least < 2 || most > 4*least {
		t.Errorf("alone %d; of 17 the narrowest %d and the widest %d", alone, least, most)
	}
	for _, s := range rest {
		if err := s.Logout(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "its window is as wide as at first", func() bool {
		work(first)
		return width(first) >= alone-2
	})
}

// TestMemoryHoarded: initiators that do not send the data that they were asked for,
// and such as do not take theirs, are cut off when others wait for the
// memory; while nobody waits they are left in peace.
func TestMemoryHoarded(t *testing.T) {
	hoards := map[string]func(s *iscsitest.Session) error{
		"sends nothing": func(s *iscsitest.Session) error {
			s.HoldR2T = true
			if err := s.Start(sink(make([]byte, crowdBlock))); err != nil {
				return err
			}
			_, err := s.Ping(nil)
			return err
		},
		"has sent a part": func(s *iscsitest.Session) error {
			s.HoldR2T = true
			c := sink(make([]byte, crowdBlock))
			if err := s.Start(c); err != nil {
				return err
			}
			for len(c.R2Ts) == 0 {
				if err := s.Step(); err != nil {
					return err
				}
			}
			p := pdu.DataOut{InitiatorTaskTag: c.Tag, TargetTransferTag: c.R2Ts[0].TargetTransferTag, BufferOffset: c.R2Ts[0].BufferOffset}
			var h pdu.Header
			p.Encode(&h)
			return s.Send(&h, nil, make([]byte, 512))
		},
		"reads nothing": func(s *iscsitest.Session) error {
			for range 8 { // more than sockets hold
				if err := s.Start(read10(0, crowdBlock/ramBlock)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for name, hoard := range hoards {
		t.Run(name, func(t *testing.T) {
			w := crowdWorld(t, func(o *iscsi.TargetOptions) {
				o.Timeouts.Data = 50 * time.Millisecond
				o.Offers.Time2Wait, o.Offers.Time2Retain = -1, -1
			})
			keys := []string{"InitialR2T", "Yes", "DefaultTime2Wait", "0", "DefaultTime2Retain", "0"}
			// As many as can have a loan.
			var hoarders []*iscsitest.Session
			short := func() bool { _, loans, _ := w.target.MemoryTaken(); return loans > 3*crowdBlock }
			for i := 0; !short(); i++ {
				if i == crowd {
					t.Fatal("the memory is never used up")
				}
				s := w.member(i, keys...)
				_ = s.Conn.(*net.TCPConn).SetReadBuffer(4096)
				if err := hoard(s); err != nil {
					t.Fatal(err)
				}
				hoarders = append(hoarders, s)
				eventually(t, "it has its loan", func() bool { _, loans, _ := w.target.MemoryTaken(); return loans > int64(i)*crowdBlock/2 })
			}
			if n := len(w.target.Sessions()); n != len(hoarders) {
				t.Fatalf("%d of %d sessions, and nobody waits", n, len(hoarders))
			}
			honest := w.member(crowd, keys...)
			for range 3 {
				w.good(honest, sink(make([]byte, crowdBlock)))
				w.good(honest, read10(0, crowdBlock/ramBlock))
			}
			if n := len(w.target.Sessions()); n > len(hoarders) {
				t.Error("all of them are still there")
			}
		})
	}
}
