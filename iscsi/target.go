package iscsi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// FirstRequest is the first Login Request of a connection, as it was read.
type FirstRequest struct {
	Header pdu.Header
	Data   []byte // the text so far, without padding

	// Answered is the number of Login Responses that were sent before: one for
	// each request whose text went on in the next (RFC 7143 6.2).
	Answered int
}

// TargetOptions describe a target. Name and Unit are required.
type TargetOptions struct {
	// Name is the iSCSI name (RFC 7143 4.2.7) and Alias what people call it.
	Name, Alias string

	// PortalGroupTag is the target portal group tag; 0 stands for 1.
	PortalGroupTag uint16

	// RelativePort is the relative target port identifier of the nexuses; 0 stands for 1.
	RelativePort uint16

	// Unit is the logical unit at LUN 0.
	Unit scsi.LogicalUnit

	// Policy is who may log in; nil: everybody. See Target.SetPolicy.
	Policy *Policy

	// Portals are announced to initiators that ask this target for its own
	// addresses; empty: the one they are connected to.
	Portals []PortalAddress

	Limits   Limits
	Offers   Offers
	Timeouts Timeouts

	// Log gets logins, logouts and refusals; nil: nothing is logged.
	Log *slog.Logger

	// Sessions, when not nil, is told of the same; of many refusals in a short
	// time, as the log, only of the first. It must not wait.
	Sessions func(SessionEvent)
}

// SessionEvent is a session that begins or ends, or a login that was refused.
type SessionEvent struct {
	Kind      SessionEventKind
	Initiator string // iSCSI name; of a refused login as far as it was told
	Address   string // of the initiator, host:port
	TSIH      uint16 // RFC 7143 11.12.6; 0 for a refused login
	Reason    error  // why it ended or was refused
}

// SessionEventKind says what happened to a session.
type SessionEventKind uint8

// The kinds of session events.
const (
	SessionBegins SessionEventKind = iota
	SessionEnds
	LoginRefused
)

// tell tells of a session.
func (t *Target) tell(e SessionEvent) {
	if t.opt.Sessions != nil {
		t.opt.Sessions(e)
	}
}

// Limits bound what initiators can make a target keep. Zero values stand for
// the defaults in parentheses.
type Limits struct {
	MaxSessions             int   // sessions of one target (64)
	MaxSessionsPerInitiator int   // of these, by one initiator name (16)
	MaxPendingLogins        int   // connections that have not logged in (64)
	MaxPendingPerAddress    int   // of these, from one address (32)
	MaxCommands             int   // command window of a session (128)
	SessionMemory           int64 // bytes of data that a session may have waiting at will (64 MiB)

	// Memory bounds the data that all sessions of the target may have waiting
	// together, in bytes (256 MiB, more when MaxSessions or the unit's largest
	// transfer needs it). When it is used up, command windows close and R2Ts wait.
	// A session's part of it also bounds FirstBurstLength: 1 MiB by default.
	Memory int64
}

// Offers are the values that a target takes part in the negotiation with
// (RFC 7143 section 13). Zero values stand for the defaults in parentheses.
type Offers struct {
	MaxRecvDataSegmentLength int  // bytes (1 MiB)
	MaxBurstLength           int  // bytes (16776192)
	FirstBurstLength         int  // bytes (16776192; never more than a session's share of Limits.Memory)
	MaxOutstandingR2T        int  // (8)
	InitialR2T               bool // ask for InitialR2T=Yes
	NoImmediateData          bool // answer ImmediateData=No
	NoDigests                bool // refuse CRC32C
	RequireHeaderDigest      bool // refuse logins without
	RequireDataDigest        bool // refuse logins without
	Time2Wait                int  // seconds (2; negative: 0; the initiator's may be larger)
	Time2Retain              int  // seconds (20; negative: 0; the initiator's may be smaller)
}

// Timeouts of connections. Zero values stand for the defaults in parentheses.
type Timeouts struct {
	Login time.Duration // from the first byte to full feature phase (15 s)
	PDU   time.Duration // for the rest of a PDU whose first byte came (30 s)
	Write time.Duration // for the initiator to take what is sent (30 s)
	Ping  time.Duration // silence after which the target sends a NOP-In (30 s)
	Pong  time.Duration // for the answer to it (30 s)

	// Data is how long an initiator may take to send the data of a command, or to
	// take those of one, while other sessions wait for the memory (60 s).
	Data time.Duration
}

// SessionInfo describes one session, for people.
type SessionInfo struct {
	InitiatorName  string         `json:"initiator"`
	InitiatorAlias string         `json:"alias,omitempty"`
	ISID           string         `json:"isid"` // 12 hexadecimal digits
	TSIH           uint16         `json:"tsih"`
	Remote         netip.AddrPort `json:"remote"`
	Local          netip.AddrPort `json:"local"`
	User           string         `json:"user,omitempty"` // CHAP name
	Connected      bool           `json:"connected"`      // false: kept for Time2Wait and Time2Retain
	Since          time.Time      `json:"since"`
	HeaderDigest   bool           `json:"header_digest"`
	DataDigest     bool           `json:"data_digest"`
	Commands       uint64         `json:"commands"`
	BytesIn        uint64         `json:"bytes_in"`  // to the initiator
	BytesOut       uint64         `json:"bytes_out"` // from the initiator
	Outstanding    int            `json:"outstanding"`
}

// Target is one iSCSI target with one logical unit at LUN 0.
type Target struct {
	opt    TargetOptions
	log    *slog.Logger
	noes   refusals
	policy atomic.Pointer[Policy]
	serve  sync.WaitGroup // connections
	budget *budget

	mu       sync.Mutex // guards what follows
	ports    map[portKey]*port
	nextTSIH uint16
	pending  int                // connections that have not logged in
	from     map[netip.Addr]int // the same by address
	closed   bool
}

// NewTarget checks the options and returns a target that serves nobody yet.
func NewTarget(opt TargetOptions) (*Target, error) {
	name, err := NormalizeName(opt.Name)
	if err != nil {
		return nil, err
	}
	if opt.Unit == nil {
		return nil, errors.New("iscsi: a target needs a logical unit")
	}
	if len(opt.Alias) > pdu.MaxValueLength || !utf8.ValidString(opt.Alias) || strings.ContainsRune(opt.Alias, 0) {
		return nil, fmt.Errorf("iscsi: alias %.80q is not UTF-8 of at most %d bytes", opt.Alias, pdu.MaxValueLength)
	}
	opt.Name = name
	if opt.Offers, err = opt.Offers.withDefaults(); err != nil {
		return nil, err
	}
	opt.Limits, opt.Timeouts = opt.Limits.withDefaults(opt.Unit.MaxTransfer()), opt.Timeouts.withDefaults()
	b, err := newBudget(opt.Limits.Memory, opt.Limits.MaxSessions, opt.Unit.MaxTransfer())
	if err != nil {
		return nil, err
	}
	opt.Offers.FirstBurstLength = min(opt.Offers.FirstBurstLength, b.burst())
	setDefault(&opt.PortalGroupTag, 1)
	setDefault(&opt.RelativePort, 1)
	t := &Target{opt: opt, budget: b, log: logger(opt.Log).With("target", name), ports: map[portKey]*port{}, from: map[netip.Addr]int{}}
	t.noes.log = t.log
	if err := t.SetPolicy(opt.Policy); err != nil {
		return nil, err
	}
	return t, nil
}

// Name is the target's iSCSI name in its normal form.
func (t *Target) Name() string { return t.opt.Name }

// SetPolicy replaces the policy for logins to come; sessions stay. nil lets
// everybody in. The policy may not be changed afterwards.
func (t *Target) SetPolicy(p *Policy) error {
	if p == nil {
		p = &Policy{}
	}
	if err := p.Validate(); err != nil {
		return err
	}
	t.policy.Store(p)
	return nil
}

// Accept implements Acceptor: it serves the connection on a goroutine of its
// own. Above the limits of connections that have not logged in it returns ErrNotReady.
func (t *Target) Accept(conn net.Conn, first *FirstRequest) error {
	if err := t.enter(conn); err != nil {
		return err
	}
	go t.attend(conn, first)
	return nil
}

// Serve is Accept on the caller's goroutine: it returns when the connection is
// closed, which it is also on an error.
func (t *Target) Serve(conn net.Conn, first *FirstRequest) error {
	if err := t.enter(conn); err != nil {
		conn.Close()
		return err
	}
	t.attend(conn, first)
	return nil
}

// enter counts a connection that begins its login.
func (t *Target) enter(conn net.Conn) error {
	address := addrPort(conn.RemoteAddr()).Addr()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return ErrClosed
	case t.pending >= t.opt.Limits.MaxPendingLogins, t.from[address] >= t.opt.Limits.MaxPendingPerAddress:
		return ErrNotReady
	}
	t.pending++
	t.from[address]++
	t.serve.Add(1)
	return nil
}

// entered takes back what enter has counted, when a login is over.
func (t *Target) entered(address netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending--
	if t.from[address]--; t.from[address] <= 0 {
		delete(t.from, address)
	}
}

// attend carries out the login and serves the session.
func (t *Target) attend(conn net.Conn, first *FirstRequest) {
	defer t.serve.Done()
	defer conn.Close()
	tuneSocket(conn, t.opt.Timeouts.Ping+t.opt.Timeouts.Pong)
	loginDeadline(conn, t.opt.Timeouts.Login)
	var s *session
	policy := t.policy.Load()
	l := &login{conn: conn, remote: addrPort(conn.RemoteAddr()), policy: policy, target: t, log: t.log}
	l.answers.offers = &t.opt.Offers
	l.auth.policy = policy.CHAP
	entered := sync.OnceFunc(func() { t.entered(l.remote.Addr()) })
	l.admit = func(l *login) (tsih uint16, window int, refusal *loginError) {
		s, refusal = t.admit(l)
		if refusal != nil {
			return 0, 0, refusal
		}
		entered() // before the initiator knows: it may begin another login at once
		return s.tsih, int(s.window), nil
	}
	err := guard(t.log, func() error { return l.run(first) })
	entered()
	if err != nil {
		if t.noes.warn("login failed", "initiator", l.initiator, "remote", l.remote, "err", err) {
			t.tell(SessionEvent{Kind: LoginRefused, Initiator: l.initiator, Address: fmt.Sprint(l.remote), Reason: err})
		}
		if s != nil {
			s.abandon(err)
		}
		return
	}
	_ = conn.SetDeadline(time.Time{})
	s.log.Info("session begins", "alias", s.alias, "user", s.user, "isid", fmt.Sprintf("%x", s.isid[:]), "tsih", s.tsih)
	e := SessionEvent{Kind: SessionBegins, Initiator: l.initiator, Address: fmt.Sprint(l.remote), TSIH: s.tsih}
	t.tell(e)
	s.run(l.statSN)
	e.Kind, e.Reason = SessionEnds, s.why()
	if e.Reason == io.EOF {
		e.Reason = errors.New("closed by the initiator")
	}
	t.tell(e)
}

// guard turns a panic into an error: one peer's bytes must not end the daemon.
func guard(log *slog.Logger, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			log.Error("connection ends by a panic", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// Sessions lists the sessions, the oldest first.
func (t *Target) Sessions() []SessionInfo {
	var all []SessionInfo
	for _, s := range t.sessions() {
		all = append(all, s.info())
	}
	slices.SortFunc(all, func(a, b SessionInfo) int { return a.Since.Compare(b.Since) })
	return all
}

func (t *Target) sessions() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*session
	for _, p := range t.ports {
		if p.session != nil {
			all = append(all, p.session)
		}
	}
	return all
}

// Shutdown asks all initiators to log out (RFC 7143 11.9.1, event 1), refuses
// new logins with status 0301, and closes what is left when ctx ends. It returns
// when no session is left and no task can reach the logical unit any more.
func (t *Target) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	grace := uint16(5)
	if d, ok := ctx.Deadline(); ok {
		grace = uint16(min(max(time.Until(d)/time.Second, 1), 3600))
	}
	for _, s := range t.sessions() {
		s.announce(pdu.AsyncLogoutRequest, [3]uint16{0, 0, grace}, nil)
	}
	gone := make(chan struct{})
	go func() {
		t.serve.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = ctx.Err()
		t.dropAll(ErrClosed)
		<-gone
	}
	t.forgetAll()
	return err
}

// dropAll tells the initiators that their sessions end now (RFC 7143 11.9.1,
// event 3), waits a moment for that to go out, and closes the connections.
func (t *Target) dropAll(why error) {
	left := t.sessions()
	told := make([]chan struct{}, len(left))
	for i, s := range left {
		told[i] = make(chan struct{})
		s.announce(pdu.AsyncSessionDrop, [3]uint16{0, uint16(max(t.opt.Offers.Time2Wait, 0)), 0}, told[i])
		s.wakeWriter()
	}
	moment := time.After(100 * time.Millisecond)
	for i, s := range left {
		select {
		case <-told[i]:
		case <-s.ended:
		case <-moment:
		}
	}
	for _, s := range left {
		s.fail(why)
	}
}
