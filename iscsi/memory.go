package iscsi

import (
	"errors"
	"time"

	"govtl/internal/buffer"
)

// memory is what a session has of its target's budget. Guarded by session.mu.
type memory struct {
	slot  int64 // what one place in the window is worth, bytes
	own   int64 // places in the window that the session has without borrowing
	most  int64 // places that it may have
	extra int64 // bytes in use beyond the places: R2T, immediate commands, Data-In
	room  int64 // bytes that may be in use so: the share and what was borrowed

	inQueue bool // waits for a loan
	gone    bool // everything was given back
}

// errHoards ends a session for which others have waited for too long.
var errHoards = errors.New("its data do not come or are not taken, and other sessions wait for the memory")

// join gives the session its part of the target's memory, and its window with it
// (RFC 7143 4.2.2.1): what an initiator may send without being asked is memory
// that it can pin.
func (s *session) join() {
	b, l := s.target.budget, &s.target.opt.Limits
	unasked := s.par.firstBurst
	switch {
	case s.par.initialR2T && !s.par.immediateData:
		unasked = 0
	case s.par.initialR2T:
		unasked = min(unasked, s.par.maxReceive)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slot, s.room = int64(buffer.Size(unasked)), b.share
	s.most = max(1, min(int64(l.MaxCommands), l.SessionMemory/s.slot))
	s.own = min(max(1, b.share/s.slot), s.most)
	s.window = uint32(s.own)
	s.widen(min(s.most, firstWindow) - s.own)
}

// part gives everything back at the end of the session.
func (s *session) part() {
	b := s.target.budget
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || s.slot == 0 {
		return
	}
	s.gone = true
	b.leave(s)
	b.giveBack(s.room - b.share)
	b.narrowed((int64(s.window) - s.own) * s.slot)
}

// widen makes the window wider by up to n places; s.mu is held.
func (s *session) widen(n int64) {
	if n = min(n, s.most-int64(s.window)); n > 0 {
		s.window += uint32(s.target.budget.widen(s.slot, int64(s.window)-s.own, n))
	}
}

// narrow makes the window narrower by up to n places when it is wider than the
// other sessions leave room for. Their commands have just ended, so MaxCmdSN stays
// where it is; s.mu is held.
func (s *session) narrow(n int) {
	b, wide := s.target.budget, int64(s.window)-s.own
	over := wide*s.slot - b.left.Load()
	if over <= 0 {
		return
	}
	// A place that is given back is one less here and one more for others.
	less := min(int64(n), (over+2*s.slot-1)/(2*s.slot))
	s.window -= uint32(less)
	b.narrowed(less * s.slot)
}

// use counts n bytes that are used beyond the window's places, if there is room.
// next says that the session's next command needs them; s.mu is held.
func (s *session) use(n int64, next bool) bool {
	b := s.target.budget
	if !next && s.extra+n > s.target.opt.Limits.SessionMemory {
		return false
	}
	if short := s.extra + n - s.room; short > 0 {
		if s.gone || !b.borrow(s, short, s.room-b.share, next) {
			return false
		}
		s.room += short
	}
	s.extra += n
	return true
}

// free is use the other way round; s.mu is held.
func (s *session) free(n int64) {
	s.extra -= n
	b := s.target.budget
	if back := s.room - max(s.extra, b.share); back > 0 && !s.gone {
		s.room -= back
		b.giveBack(back)
	}
}

// beyond is what n bytes of Data-Out of a command take beyond its place in the window.
func (s *session) beyond(c *command, n int) int64 {
	size := int64(buffer.Size(n))
	if c.h.Immediate {
		return size // these have none
	}
	return max(0, size-s.slot)
}

// lent is called when the session's turn for a loan of n bytes has come: its next
// command gets it and nobody else, and goes on.
func (s *session) lent(n int64) {
	s.mu.Lock()
	s.inQueue = false
	if s.gone {
		s.mu.Unlock()
		s.target.budget.giveBack(n)
		return
	}
	s.room += n
	if len(s.fifo) > 0 {
		switch c := s.fifo[0]; {
		case c.wantsR2T():
			s.askFor(c)
		case c.ready():
			s.chargeIn(c)
		}
	}
	s.ask()
	s.free(0)
	s.mu.Unlock()
	s.rouse()
	s.pump()
}

// chargeIn counts the Data-In of the next command, which waits in memory until the
// initiator takes it; s.mu is held.
func (s *session) chargeIn(c *command) bool {
	if !c.charged {
		c.charged = s.use(c.charge, s.inBytes == 0)
		if c.charged {
			s.inBytes += c.charge
		}
	}
	return c.charged
}

// uncharge takes chargeIn back; s.mu is held.
func (s *session) uncharge(c *command) {
	if c.charged {
		c.charged = false
		s.inBytes -= c.charge
		s.free(c.charge)
	}
}

// police ends sessions that keep this one waiting for memory. Its writer calls it
// now and then; theirs may be waiting for their sockets.
func (s *session) police(now time.Time) {
	s.mu.Lock()
	waits := s.inQueue
	s.mu.Unlock()
	if !waits {
		return
	}
	for _, other := range s.target.sessions() {
		if other.hoards(now) {
			other.fail(errHoards)
		}
	}
}

// hoards reports whether the session has borrowed memory and its initiator has
// for too long not sent the data of a command, or taken those of none.
func (s *session) hoards(now time.Time) bool {
	b, limit := s.target.budget, s.target.opt.Timeouts.Data
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room <= b.share {
		s.untaken = time.Time{}
		return false
	}
	for _, c := range s.tasks {
		if c.state != waiting || !c.seq.open {
			continue
		}
		if c.late.IsZero() {
			c.late = now
		} else if now.Sub(c.late) > limit {
			return true
		}
	}
	if !s.sending || s.answered != s.lastAnswered || s.untaken.IsZero() {
		s.lastAnswered, s.untaken = s.answered, now
		return false
	}
	return now.Sub(s.untaken) > limit
}
