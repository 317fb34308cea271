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
)

// PortalOptions describe a portal. Directory and Route are required.
type PortalOptions struct {
	Directory Directory
	Route     Route

	// Policy applies to discovery sessions; nil: everybody may discover what
	// Directory's own policies show them. See Portal.SetPolicy.
	Policy *Policy

	// MaxPending bounds the connections that have not logged in, in total
	// (256), and MaxPendingPerAddress those from one address (32).
	MaxPending, MaxPendingPerAddress int

	Timeouts Timeouts

	// Log gets refusals and hand-overs; nil: nothing is logged.
	Log *slog.Logger
}

// Portal is a network portal (RFC 7143 4.4.1): it reads the first Login Request
// of each connection, answers discovery sessions itself, and gives the others to
// whoever Route says.
type Portal struct {
	opt    PortalOptions
	log    *slog.Logger
	noes   refusals
	policy atomic.Pointer[Policy]
	serve  sync.WaitGroup // connections that the portal has

	mu        sync.Mutex // guards what follows
	closed    bool
	listeners map[net.Listener]struct{}
	conns     map[net.Conn]struct{}
	from      map[netip.Addr]int // connections by address
}

// NewPortal checks the options.
func NewPortal(opt PortalOptions) (*Portal, error) {
	if opt.Directory == nil || opt.Route == nil {
		return nil, errors.New("iscsi: a portal needs a directory and a route")
	}
	setDefault(&opt.MaxPending, 256)
	setDefault(&opt.MaxPendingPerAddress, 32)
	opt.Timeouts = opt.Timeouts.withDefaults()
	p := &Portal{
		opt: opt, log: logger(opt.Log),
		listeners: map[net.Listener]struct{}{}, conns: map[net.Conn]struct{}{}, from: map[netip.Addr]int{},
	}
	p.noes.log = p.log
	if err := p.SetPolicy(opt.Policy); err != nil {
		return nil, err
	}
	return p, nil
}

// SetPolicy replaces the policy for discovery sessions to come; nil lets
// everybody in. The policy may not be changed afterwards.
func (p *Portal) SetPolicy(policy *Policy) error {
	if policy == nil {
		policy = &Policy{}
	}
	if err := policy.Validate(); err != nil {
		return err
	}
	p.policy.Store(policy)
	return nil
}

// Serve accepts connections until Shutdown, then returns ErrClosed. It survives
// passing errors of accept such as EMFILE. It may run for several listeners at once.
func (p *Portal) Serve(l net.Listener) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		l.Close()
		return ErrClosed
	}
	p.listeners[l] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.listeners, l)
		p.mu.Unlock()
	}()
	var pause time.Duration
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			p.take(conn)
			continue
		}
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case errors.Is(err, net.ErrClosed):
			return err
		}
		// Out of descriptors or memory: that passes; the listener must not die of it.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		p.log.Error("accept failed", "err", err, "again_in", pause)
		time.Sleep(pause)
	}
}

// take begins to serve a connection, within the limits.
func (p *Portal) take(conn net.Conn) {
	address := addrPort(conn.RemoteAddr()).Addr()
	p.mu.Lock()
	full := len(p.conns) >= p.opt.MaxPending || p.from[address] >= p.opt.MaxPendingPerAddress
	if p.closed || full {
		p.mu.Unlock()
		if full {
			p.noes.warn("too many connections that have not logged in", "remote", address)
		}
		conn.Close()
		return
	}
	p.conns[conn] = struct{}{}
	p.from[address]++
	p.serve.Add(1)
	p.mu.Unlock()
	go func() {
		defer p.serve.Done()
		given := false
		err := guard(p.log, func() (err error) {
			given, err = p.connection(conn)
			return err
		})
		p.mu.Lock()
		delete(p.conns, conn)
		if p.from[address]--; p.from[address] <= 0 {
			delete(p.from, address)
		}
		p.mu.Unlock()
		if !given {
			conn.Close()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			p.noes.warn("connection refused", "remote", conn.RemoteAddr().String(), "err", err)
		}
	}()
}

// connection serves one connection; given says that it belongs to somebody else now.
func (p *Portal) connection(conn net.Conn) (given bool, err error) {
	loginDeadline(conn, p.opt.Timeouts.Login)
	first, err := p.firstRequest(conn)
	if err != nil {
		return false, err
	}
	l := &login{conn: conn, remote: addrPort(conn.RemoteAddr()), log: p.log, policy: p.policy.Load()}
	keys, err := firstKeys(first)
	if err != nil {
		return false, l.refuseFirst(first, refuse(pdu.LoginInitiatorError, "%v", err))
	}
	if keys["SessionType"] == "Discovery" {
		return false, p.discover(l, first)
	}
	name := keys["TargetName"]
	if name == "" {
		// Whatever is wrong, the login says it; without a target it cannot succeed.
		return false, l.refuseFirst(first, refuse(pdu.LoginMissingParameter, "TargetName is missing"))
	}
	normal, err := NormalizeName(name)
	if err != nil {
		return false, l.refuseFirst(first, refuse(pdu.LoginNotFound, "%v", err))
	}
	acceptor, err := p.opt.Route.Route(normal)
	if err == nil {
		_ = conn.SetDeadline(time.Time{})
		if err = acceptor.Accept(conn, first); err == nil {
			return true, nil
		}
		loginDeadline(conn, p.opt.Timeouts.Login)
	}
	return false, l.refuseFirst(first, routeRefusal(err, addrPort(conn.LocalAddr())))
}

// routeRefusal is the login status for an error of Route or Accept.
func routeRefusal(err error, local netip.AddrPort) *loginError {
	var moved *MovedError
	switch {
	case errors.Is(err, ErrUnknownTarget):
		return refuse(pdu.LoginNotFound, "%v", err)
	case errors.As(err, &moved):
		status := pdu.LoginMovedTemporarily
		if moved.Permanent {
			status = pdu.LoginMovedPermanently
		}
		return &loginError{status: status, why: err.Error(), moved: moved.To.address(local)}
	}
	// The target exists; whatever keeps it from answering may pass.
	return refuse(pdu.LoginServiceUnavailable, "%v", err)
}

// firstRequest reads the first Login Request, and as many more as its text goes
// on in. Anything else ends the connection without an answer (RFC 7143 4.2.4).
func (p *Portal) firstRequest(conn net.Conn) (*FirstRequest, error) {
	var (
		framing pdu.Framing
		frame   pdu.Frame
		first   FirstRequest
	)
	for {
		if err := readLogin(conn, &framing, &frame); err != nil {
			return nil, err
		}
		req, err := pdu.DecodeLoginRequest(frame.Header[:])
		if err != nil {
			return nil, err
		}
		first.Header = frame.Header
		first.Data = append(first.Data, frame.Data...)
		if !req.Continue {
			break
		}
		if first.Answered++; len(first.Data) > maxLoginText || first.Answered > maxLoginExchanges {
			return nil, fmt.Errorf("login: %d bytes of text in %d requests", len(first.Data), first.Answered)
		}
		l := &login{conn: conn, req: req, statSN: firstStatSN + uint32(first.Answered) - 1}
		if err := l.respond(nil, false); err != nil {
			return nil, err
		}
	}
	return &first, nil
}

// firstKeys are the keys of the first request. A key that is there twice is
// refused by the login itself, like everything else; here only names matter.
func firstKeys(first *FirstRequest) (map[string]string, error) {
	pairs, err := pdu.ParseText(first.Data, pdu.MaxKeys)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for _, pair := range pairs {
		if _, twice := keys[pair.Key]; !twice {
			keys[pair.Key] = pair.Value
		}
	}
	return keys, nil
}

// readLogin reads a PDU if its header is that of a Login Request.
func readLogin(conn net.Conn, framing *pdu.Framing, frame *pdu.Frame) error {
	var h pdu.Header
	if _, err := io.ReadFull(conn, h[:]); err != nil {
		return err
	}
	if _, err := pdu.DecodeLoginRequest(h[:]); err != nil {
		return err
	}
	return framing.Read(io.MultiReader(&headerReader{h: h}, conn), frame)
}

// headerReader gives a header back that was read to be looked at.
type headerReader struct {
	h pdu.Header
	n int
}

func (r *headerReader) Read(p []byte) (int, error) {
	if r.n == len(r.h) {
		return 0, io.EOF
	}
	n := copy(p, r.h[r.n:])
	r.n += n
	return n, nil
}

// refuseFirst answers the first request with a status that ends the login.
func (l *login) refuseFirst(first *FirstRequest, e *loginError) error {
	l.statSN = firstStatSN + uint32(first.Answered)
	req, err := pdu.DecodeLoginRequest(first.Header[:])
	if err != nil {
		return err
	}
	l.req = req
	l.refuse(e)
	return e
}

// Shutdown closes the listeners and the connections that the portal still has.
// Connections that were given away are not touched.
func (p *Portal) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	for l := range p.listeners {
		l.Close()
	}
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		p.serve.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
