//go:build e2e

package e2e

import (
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// TestKill kills daemons in the middle of a write. The suite comes back by
// itself, everything up to the last acknowledged filemark reads back, and the
// writer sees an error or nothing at all, but never hangs.
func TestKill(t *testing.T) {
	r := newRig(t, suite.Options{Config: small}, 11)
	s := newStream(r.load(t, 1, 0), 1)
	for round := range 3 {
		s.start(t)
		s.after(t, 2+round)
		old := r.Daemon(t, "vtltape", 11)
		old.Kill(t)
		if err := s.end(t); err == nil {
			t.Fatal("the writer noticed nothing")
		} else {
			t.Logf("vtltape killed; the writer: %v", err)
		}
		r.AwaitDaemon(t, old)
		r.settle(t, s.device)
		s.check(t, "after kill -9 of vtltape")
	}

	t.Run("the next program may write behind it", func(t *testing.T) {
		s.start(t)
		s.after(t, 2)
		s.finish(t)
		s.check(t, "after appending")
	})

	t.Run("portal", func(t *testing.T) {
		s.start(t)
		s.after(t, 1)
		old := r.Daemon(t, "vtlportal", 0)
		old.Kill(t)
		s.after(t, 3) // the session that is up outlives the portal
		s.finish(t)
		s.check(t, "after kill -9 of vtlportal")
		r.AwaitDaemon(t, old)
		linux.Eventually(t, "discovery", func() bool {
			_, err := linux.Try("iscsiadm -m discovery -t sendtargets -p %s", r.Addr)
			return err == nil
		})
		linux.Run(t, "iscsiadm -m node -T %s -u", driveName(11))
		s.device = linux.Login(t, r.Addr, driveName(11))
		s.check(t, "by a new session")
	})

	t.Run("library", func(t *testing.T) {
		s.start(t)
		s.after(t, 1)
		old := r.Daemon(t, "vtllibrary", 10)
		old.Kill(t)
		s.after(t, 3)
		s.finish(t)
		s.check(t, "after kill -9 of vtllibrary")
		r.AwaitDaemon(t, old)
		r.changerSettles(t)
		linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", r.changer.Generic),
			`Data Transfer Element 0:Full \(Storage Element 1 Loaded\):VolumeTag = VTL001L9`, `Storage Element 1:Empty`)
		linux.Run(t, "mtx -f %s unload 1 0", r.changer.Generic)
		r.load(t, 1, 0)
		s.check(t, "after unload and load")
	})

	t.Run("everything", func(t *testing.T) {
		s.start(t)
		s.after(t, 2)
		for _, p := range r.Daemons(t) {
			p.Kill(t)
		}
		if err := s.end(t); err == nil {
			t.Fatal("the writer noticed nothing")
		}
		r.settle(t, s.device)
		r.changerSettles(t)
		linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", r.changer.Generic), `Data Transfer Element 0:Full`, `Storage Element 1:Empty`)
		s.check(t, "after kill -9 of all daemons")
	})
}

// TestKillIdle kills a drive's daemon while the writer is between two commands:
// the position is lost with it, and nothing may be written at the beginning of
// the tape instead, whether the writer or somebody else is told.
func TestKillIdle(t *testing.T) {
	r := newRig(t, suite.Options{Config: small}, 11)
	s := newStream(r.load(t, 1, 0), 2)
	for _, told := range []string{"the writer", "another program"} {
		s.start(t)
		s.after(t, 4)
		s.finish(t)
		tape, err := linux.OpenTape(s.device.Tape, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := tape.EndOfData(); err != nil {
			t.Fatal(err)
		}
		old := r.Daemon(t, "vtltape", 11)
		old.Kill(t)
		r.AwaitDaemon(t, old)
		linux.Eventually(t, "the drive to be logged in again", func() bool { return s.device.State() == "LOGGED_IN" })
		if told == "another program" {
			linux.Eventually(t, "the drive to be ready", func() bool {
				_, err := linux.Try("sg_turs %s", s.device.Generic)
				return err == nil
			})
		}
		if n, err := tape.Write(make([]byte, 1024)); err == nil {
			t.Errorf("%s is told: %d bytes are written at a position that nobody knows", told, n)
		}
		tape.Close() // here st may write a filemark
		r.ready(t, s.device)
		s.check(t, "the drive restarted between two commands; told is "+told)
	}
}

// TestStop: SIGTERM ends everything in time in the middle of a write, and what
// was acknowledged is there afterwards.
func TestStop(t *testing.T) {
	r := newRig(t, suite.Options{Config: small}, 11)
	s := newStream(r.load(t, 1, 0), 3)
	s.start(t)
	s.after(t, 3)
	r.Stop(t)
	if err := s.end(t); err == nil {
		t.Error("the writer noticed nothing")
	}
	linux.LogoutAll(t)
	r.Start(t)
	r.login(t)
	s.device = r.drives[0]
	linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", r.changer.Generic), `Data Transfer Element 0:Full`)
	r.ready(t, s.device)
	s.check(t, "after SIGTERM and a new start")
}

// settle waits until a session is logged in again and its drive is ready.
func (r *rig) settle(t *testing.T, d linux.Device) {
	t.Helper()
	linux.Eventually(t, d.Target+" to be logged in again", func() bool { return d.State() == "LOGGED_IN" })
	r.ready(t, d)
}

// changerSettles waits until the changer's session is back and its unit
// attentions are told.
func (r *rig) changerSettles(t *testing.T) {
	t.Helper()
	linux.Eventually(t, "the changer to be logged in again", func() bool {
		_, err := linux.Try("sg_turs %s", r.changer.Generic)
		return r.changer.State() == "LOGGED_IN" && err == nil
	})
}
