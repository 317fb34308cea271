package iscsi

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"govtl/internal/buffer"
)

// The memory for data in flight is a target's, shared by its sessions: what a
// hundred initiators may have waiting together is no more than what a few may.
// It has four parts of the same size.
//
//   - Half of it is given to the sessions beforehand, in equal shares: one quarter
//     for what an open command window lets an initiator send without being asked
//     (each place in the window is worth one FirstBurstLength), one quarter for what
//     is asked for by R2T and for Data-In. So no session is ever without a window,
//     and small commands never wait for other sessions.
//   - A quarter widens windows. A session may have as much of it as it leaves for
//     others, so n busy ones have about 1/(n+1) each, and a window that has
//     become too wide narrows as its commands end. MaxCmdSN never goes back.
//   - A quarter is lent for data beyond that. One transfer of the largest size
//     always stays free of what sessions borrow to have many commands at once: only
//     a session's next command may use it, and these take turns. Such a command
//     needs nothing else than its initiator and the device to end and to
//     give back what it has, so sessions cannot lock each other out. An initiator
//     that keeps others waiting meanwhile is cut off, see session.hoards.

// smallestShare is what a session can do with at the least: FirstBurstLength has
// a default of 64 KiB (RFC 7143 13.14).
const smallestShare = 64 << 10

// firstWindow is the number of commands that a session's window is widened to
// when it begins, if there is memory for it.
const firstWindow = 16

// budget is a target's memory for data in flight, in bytes.
type budget struct {
	share   int64 // of each of the first two parts, what one session has
	reserve int64 // of loans, what only the next commands of sessions may use

	left atomic.Int64 // windows, for those who only look

	mu      sync.Mutex // guards what follows; taken with a session's mutex held
	windows int64      // left for windows, as left says
	loans   int64      // left for loans
	waiting []borrower // for a loan, in turn; a session is in it at most once
}

// borrower is a session whose next command waits for a loan of n bytes.
type borrower struct {
	session *session
	n       int64
}

// newBudget shares memory among sessions, for commands of maxTransfer bytes.
func newBudget(memory int64, sessions, maxTransfer int) (*budget, error) {
	b := &budget{share: memory / 4 / int64(sessions), reserve: int64(buffer.Size(maxTransfer))}
	b.windows, b.loans = memory/4, memory/4
	if b.share < smallestShare || b.loans < b.reserve {
		return nil, fmt.Errorf("iscsi: %d MiB of memory are too few for %d sessions and transfers of %d bytes: at least %d MiB are needed",
			memory>>20, sessions, maxTransfer, (leastMemory(sessions, maxTransfer)+1<<20-1)>>20)
	}
	b.left.Store(b.windows)
	return b, nil
}

// leastMemory is the least that newBudget can do with.
func leastMemory(sessions, maxTransfer int) int64 {
	return 4 * max(int64(sessions)*smallestShare, int64(buffer.Size(maxTransfer)))
}

// burst is the longest FirstBurstLength for which a session's share has one place
// in the window.
func (b *budget) burst() int { return 1 << (bits.Len64(uint64(b.share)) - 1) }

// widen takes memory for up to want more places of size bytes in a window that
// has some already, and returns for how many.
func (b *budget) widen(size, has, want int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := max(0, min(want, (b.windows-has*size)/(2*size)))
	b.windows -= n * size
	b.left.Store(b.windows)
	return n
}

// narrowed takes back what widen gave.
func (b *budget) narrowed(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.windows += n
	b.left.Store(b.windows)
}

// borrow lends n bytes to a session that has borrowed some already. next says that
// its next command needs them: then the session gets into the queue when
// there are too few, and its function lent is called, on another goroutine, when it is its turn.
func (b *budget) borrow(s *session, n, has int64, next bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	free := b.loans - n
	switch {
	case len(b.waiting) == 0 && (next && free >= 0 || free >= b.reserve && free >= has+n):
		b.loans = free
		return true
	case next && !s.inQueue:
		s.inQueue = true
		b.waiting = append(b.waiting, borrower{s, n})
	}
	return false
}

// giveBack takes back what was lent, and lends it to those who wait.
func (b *budget) giveBack(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loans += n
	b.serve()
}

// leave takes a session out of the queue.
func (b *budget) leave(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = slices.DeleteFunc(b.waiting, func(w borrower) bool { return w.session == s })
	b.serve()
}

// serve lends to the head of the queue, and to those behind it; b.mu is held.
func (b *budget) serve() {
	for len(b.waiting) > 0 && b.waiting[0].n <= b.loans {
		w := b.waiting[0]
		b.waiting = slices.Delete(b.waiting, 0, 1)
		b.loans -= w.n
		go w.session.lent(w.n) // the caller may hold another session's mutex
	}
}
