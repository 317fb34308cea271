package iscsi

import (
	"fmt"
	"net/netip"

	"govtl/iscsi/chap"
)

// Policy says who may log in, and how they prove who they are. A Policy that is
// in use is not changed; SetPolicy replaces it. The zero value lets everybody in.
type Policy struct {
	// Initiators are the iSCSI names that may log in; empty: all. A name that
	// ends in "*" stands for all that begin so.
	Initiators []string

	// Addresses are the networks that may connect; empty: all.
	Addresses []netip.Prefix

	// CHAP, when not nil, asks every login for CHAP (RFC 7143 12.1.3).
	CHAP *chap.Policy

	// RefuseColdReset refuses TARGET COLD RESET, by which an initiator ends the
	// sessions of all others (RFC 7143 9.5, 11.5.1).
	RefuseColdReset bool
}

// Allows reports whether an initiator of that name may log in from an address.
// It says nothing about authentication.
func (p *Policy) Allows(initiator string, from netip.Addr) bool {
	return p.allowsName(initiator) && p.AllowsAddress(from)
}

// AllowsAddress reports whether anybody may log in from an address.
func (p *Policy) AllowsAddress(from netip.Addr) bool {
	if len(p.Addresses) == 0 {
		return true
	}
	from = from.Unmap()
	for _, net := range p.Addresses {
		if net.Contains(from) {
			return true
		}
	}
	return false
}

func (p *Policy) allowsName(initiator string) bool {
	if len(p.Initiators) == 0 {
		return true
	}
	for _, pattern := range p.Initiators {
		if matchName(pattern, initiator) {
			return true
		}
	}
	return false
}

// Validate refuses policies that cannot work.
func (p *Policy) Validate() error {
	for _, name := range p.Initiators {
		if name == "" || len(name) > MaxNameLength+1 {
			return fmt.Errorf("iscsi: initiator name pattern %.80q is empty or too long", name)
		}
	}
	if p.CHAP == nil {
		return nil
	}
	return p.CHAP.Validate()
}
