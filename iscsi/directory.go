package iscsi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// PortalAddress is a TargetAddress, RFC 7143 13.8: where a target can be reached.
type PortalAddress struct {
	// Host is a host name or an address without brackets; empty: the address
	// that the asking initiator is connected to.
	Host string

	// Port is the TCP port; 0: the port that the asking initiator is connected to.
	Port uint16

	// GroupTag is the target portal group tag of this portal.
	GroupTag uint16
}

// Listing is a target in the answer to SendTargets (RFC 7143 appendix C).
type Listing struct {
	Name    string
	Portals []PortalAddress // empty: where the initiator is connected to, group tag 1

	// Policy decides to whom the target is shown; nil: to everybody. The
	// listener's own CHAP applies to the discovery session; this one is not asked.
	Policy *Policy
}

// Directory knows the targets that a portal announces. It is asked anew for
// each SendTargets, from any goroutine.
type Directory interface {
	Targets() []Listing
}

// Route finds who serves a target. It is asked from any goroutine.
type Route interface {
	// Route returns who takes the connections of a target: a *Target of this
	// process or a *Handover to another one. ErrUnknownTarget becomes login
	// status 0203, ErrNotReady 0301, a *MovedError 0101 or 0102.
	Route(target string) (Acceptor, error)
}

// Acceptor takes over a connection whose first Login Request has been read.
type Acceptor interface {
	// Accept takes conn over and returns; conn belongs to the acceptor unless
	// it returns an error.
	Accept(conn net.Conn, first *FirstRequest) error
}

var (
	// ErrUnknownTarget means that no target has that name: login status 0203.
	ErrUnknownTarget = errors.New("iscsi: no such target")

	// ErrNotReady means that the target exists and is not served now: login
	// status 0301, on which initiators retry.
	ErrNotReady = errors.New("iscsi: target not served at present")

	// ErrClosed is returned after Shutdown or Close.
	ErrClosed = errors.New("iscsi: closed")
)

// MovedError redirects a login to another portal (RFC 7143 11.13.5, 13.8).
type MovedError struct {
	To        PortalAddress
	Permanent bool
}

// Error says where to.
func (e *MovedError) Error() string {
	return fmt.Sprintf("iscsi: target moved to %s", e.To.address(netip.AddrPort{}))
}
