package iscsi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// Limits on one session that are not worth a setting.
const (
	maxImmediate = 8         // immediate commands that wait at a time
	maxManaging  = 8         // task management functions at a time
	maxControls  = 256       // answers that wait to be sent, other than those of commands
	maxSmall     = 256 << 10 // bytes of their data, and of data of requests that came early
	maxStrikes   = 64        // rejected PDUs before the connection is closed, of late:
	strikeSpan   = 256       // within so many commands
	maxDropped   = 256       // tags whose late Data-Out is thrown away silently
)

// session is a session in full feature phase with its one connection (RFC 7143
// 4.2.2: MaxConnections=1, ErrorRecoveryLevel=0).
//
// Two goroutines belong to it. The reader (run) takes PDUs apart, puts commands
// in the order of their CmdSN and submits each when its data are complete; a task
// that the logical unit carries out at once ends there, and the reader sends its
// status itself. The writer (write) sends what other goroutines finish, what the
// socket did not take at once, and pings. Neither ever waits for the device.
type session struct {
	target *Target
	unit   scsi.LogicalUnit
	log    *slog.Logger
	conn   net.Conn
	stream *stream

	port          portKey
	nexus         *scsi.Nexus
	initiator     string
	alias         string
	user          string
	isid          pdu.ISID
	tsih          uint16
	cid           uint16
	remote, local netip.AddrPort
	since         time.Time
	par           params
	maxTransfer   int

	// Owned by the reader.
	rx      receiver
	header  pdu.Header // of the current PDU
	text    textExchange
	strikes int    // PDUs rejected
	struck  uint64 // commands when they were last counted from 0

	received atomic.Uint64 // PDUs begun and ended: odd inside of one
	partial  atomic.Bool   // a header has begun to come
	reading  atomic.Bool   // the reader is busy and will send what is pending before it waits
	pending  atomic.Bool   // replies is not empty
	plugged  atomic.Bool   // held requests may have become the next ones
	maxSend  atomic.Int64  // the initiator's MaxRecvDataSegmentLength, bytes
	commands atomic.Uint64
	bytesIn  atomic.Uint64
	bytesOut atomic.Uint64

	wake   chan struct{} // capacity 1: the writer has something to do
	failed chan struct{} // closed when the session is to end and its connection is closed
	ended  chan struct{} // closed when the reader has returned
	done   chan struct{} // closed when no task is left and the nexus knows

	mu        sync.Mutex // guards what follows
	quiet     *sync.Cond // submitted or filling went down
	err       error      // why the session ended
	expCmdSN  uint32
	window    uint32 // numbered requests that may be active
	active    int    // numbered requests that were taken and not answered yet
	tasks     map[uint32]*command
	dropped   []uint32   // tags of dropped commands in tasks, the oldest first
	fifo      []*command // commands in CmdSN order that were not submitted
	held      map[uint32]heldRequest
	immediate int // immediate commands among tasks
	submitted int // commands at the logical unit
	filling   int // Data-Out being read into a command's buffer
	managing  int // task management functions at work; nothing is submitted meanwhile
	pumping   bool
	closing   bool // nothing is submitted any more
	loggedOut bool
	memory
	inBytes int64 // Data-In that submitted commands may produce, until sent
	// submittedOut is what commands at the logical unit have beyond their places
	// in the window.
	submittedOut int64
	starved      bool // a command waits for memory for its data
	stalled      bool // the head of the order waits for Data-In to be sent
	nextTTT      uint32
	replies      []reply
	controls     int
	small        int  // bytes of data, see maxSmall
	sending      bool // somebody owns tx
	handoff      bool // the writer is to take tx over
	idle         []*command
	answered     uint64 // commands whose answers are out

	// For hoards: the value of answered, and since when it has been so.
	lastAnswered uint64
	untaken      time.Time

	tx sender // owned by whoever set sending

	// Owned by the writer.
	lastReceived uint64
	lastChange   time.Time
	pingTag      uint32
	pingSent     time.Time
	pongs        atomic.Uint32 // tag of the last ping that was answered
}

// heldRequest is a numbered request that came before one with a lower CmdSN.
type heldRequest struct {
	command *command
	run     func() // for what is no command; nil for an aborted one
	data    int    // bytes that run keeps
}

// errReplaced ends a session whose initiator port logged in again.
var errReplaced = errors.New("the initiator logged in again")

// errReset ends a session by TARGET COLD RESET.
var errReset = errors.New("the target was reset")

// errLoggedOut ends a session after its logout.
var errLoggedOut = errors.New("logged out")

// newSession makes the session at the end of a login.
func newSession(t *Target, l *login) *session {
	s := &session{
		target: t, unit: t.opt.Unit, conn: l.conn,
		initiator: l.initiator, alias: l.alias, user: l.auth.user, isid: l.first.ISID, cid: l.first.CID,
		remote: l.remote, local: addrPort(l.conn.LocalAddr()), since: time.Now(), par: l.answers.params,
		maxTransfer: t.opt.Unit.MaxTransfer(),
		wake:        make(chan struct{}, 1), failed: make(chan struct{}), ended: make(chan struct{}), done: make(chan struct{}),
		tasks: map[uint32]*command{}, held: map[uint32]heldRequest{},
		expCmdSN: l.first.CmdSN,
	}
	s.quiet = sync.NewCond(&s.mu)
	s.stream = newStream(s.conn)
	s.log = t.log.With("initiator", s.initiator, "remote", s.remote)
	s.maxSend.Store(int64(s.par.maxSend))
	return s
}

// run serves the session until its connection ends. The connection is closed
// and every task is over when it returns.
func (s *session) run(statSN uint32) {
	s.rx.init(s.stream)
	s.rx.beforeRead, s.rx.afterRead = s.flushBeforeRead, func() { s.reading.Store(true) }
	s.rx.partial = s.begun
	s.tx.init(s, statSN)
	s.text.limit = maxLoginText
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write()
	}()
	err := s.guard(s.read)
	s.fail(err)
	close(s.ended)
	<-written
	s.tearDown()
}

// guard turns a panic into the end of this session.
func (s *session) guard(f func() error) error { return guard(s.log, f) }

// fail ends the session for a reason; the first one stays.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
		close(s.failed)
	}
	s.closing = true
	s.mu.Unlock()
	s.conn.Close()
}

// why is the reason for which the session ended; nil: it has not.
func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// tearDown ends all tasks and tells the logical unit what became of the nexus.
// A command whose data were incomplete was never submitted and leaves no trace; one
// that runs is let finish (RFC 7143 7.6, 10.6).
func (s *session) tearDown() {
	s.mu.Lock()
	loggedOut := s.loggedOut
	s.dropWaiting(func(*command) bool { return true })
	s.mu.Unlock()
	if !loggedOut {
		s.target.lost(s)
	}
	s.mu.Lock()
	for s.submitted > 0 || s.managing > 0 {
		s.quiet.Wait()
	}
	s.mu.Unlock()
	s.tx.discard()
	s.mu.Lock()
	for i := range s.replies {
		s.replies[i].discard()
	}
	s.replies = nil
	reason := s.err
	s.mu.Unlock()
	level := slog.LevelInfo
	if reason == io.EOF {
		reason = errors.New("closed by the initiator")
	}
	s.log.Log(context.Background(), level, "session ended", "reason", reason, "commands", s.commands.Load(),
		"bytes_in", s.bytesIn.Load(), "bytes_out", s.bytesOut.Load())
	s.part()
	close(s.done)
}

// info describes the session.
func (s *session) info() SessionInfo {
	s.mu.Lock()
	active := len(s.tasks) - len(s.dropped)
	s.mu.Unlock()
	connected := true
	select {
	case <-s.ended:
		connected = false
	default:
	}
	return SessionInfo{
		InitiatorName: s.initiator, InitiatorAlias: s.alias, ISID: fmt.Sprintf("%x", s.isid[:]), TSIH: s.tsih,
		Remote: s.remote, Local: s.local, User: s.user, Connected: connected, Since: s.since,
		HeaderDigest: s.par.headerDigest, DataDigest: s.par.dataDigest,
		Commands: s.commands.Load(), BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load(), Outstanding: active,
	}
}

// maxCmdSN is the last CmdSN that is taken; s.mu is held. It never goes back:
// taking a request moves expCmdSN and active together, answering one only active,
// and the window becomes narrower only by what active does (see narrow).
func (s *session) maxCmdSN() uint32 { return s.expCmdSN + s.window - 1 - uint32(s.active) }

// number puts a numbered request into order: now says that it is the next one.
// One that is outside of the window or came before is to be ignored (RFC 7143
// 4.2.2.1); early ones are held. s.mu is held.
func (s *session) number(cmdSN uint32) (now, early bool) {
	d := int32(cmdSN - s.expCmdSN)
	if d < 0 || int32(cmdSN-s.maxCmdSN()) > 0 {
		return false, false
	}
	if d > 0 {
		_, known := s.held[cmdSN]
		return false, !known
	}
	s.taken()
	return true, false
}

// taken counts the numbered request that is the next one. An initiator that makes
// use of all of its window gets a wider one, if there is memory for it; s.mu is held.
func (s *session) taken() {
	s.expCmdSN++
	s.active++
	if s.active == int(s.window) {
		s.widen(int64(s.window))
	}
}

// release takes held requests that have become the next ones; s.mu is held, and
// released while requests run.
func (s *session) release() {
	for len(s.held) > 0 {
		h, ok := s.held[s.expCmdSN]
		if !ok {
			return
		}
		delete(s.held, s.expCmdSN)
		s.taken()
		switch {
		case h.command != nil:
			h.command.early = false
			s.fifo = append(s.fifo, h.command)
			if h.command.wantsR2T() {
				s.askFor(h.command)
			}
		case h.run != nil:
			s.small -= h.data
			s.mu.Unlock()
			h.run()
			s.mu.Lock()
		default:
			s.active--
		}
	}
}

// inOrder runs a numbered request that is no command, with n bytes of data, in its
// turn. Immediate ones run at once.
func (s *session) inOrder(immediate bool, cmdSN uint32, n int, run func()) error {
	if immediate {
		run()
		return nil
	}
	s.mu.Lock()
	now, early := s.number(cmdSN)
	if early && n > 0 && s.small+n > maxSmall {
		s.mu.Unlock()
		return fmt.Errorf("%w: more than %d bytes of data came early", errProtocol, maxSmall)
	}
	if early {
		s.small += n
		s.held[cmdSN] = heldRequest{run: run, data: n}
	}
	s.mu.Unlock()
	if !now {
		return nil
	}
	run()
	s.mu.Lock()
	s.release()
	s.mu.Unlock()
	s.pump()
	return nil
}

// getCommand returns a command that is not in use; s.mu is held.
func (s *session) getCommand() *command {
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle[n-1] = nil
		s.idle = s.idle[:n-1]
		return c
	}
	return &command{session: s}
}

// putCommand gives a command back; s.mu is held. While a task management
// function may point to it, it is left to the garbage collector.
func (s *session) putCommand(c *command) {
	if s.managing > 0 || len(s.idle) >= int(s.window)+maxImmediate {
		return
	}
	c.reset()
	s.idle = append(s.idle, c)
}
