package spc

import (
	"slices"

	"govtl/scsi"
)

// Service actions of PERSISTENT RESERVE OUT, SPC-4 table 225.
const (
	prRegister          = 0x00
	prReserve           = 0x01
	prRelease           = 0x02
	prClear             = 0x03
	prPreempt           = 0x04
	prPreemptAndAbort   = 0x05
	prRegisterAndIgnore = 0x06
	prRegisterAndMove   = 0x07
)

// Persistent reservation types, SPC-4 table 219.
const (
	WriteExclusive                 = 0x1
	ExclusiveAccess                = 0x3
	WriteExclusiveRegistrantsOnly  = 0x5
	ExclusiveAccessRegistrantsOnly = 0x6
	WriteExclusiveAllRegistrants   = 0x7
	ExclusiveAccessAllRegistrants  = 0x8
)

// allTypes are the types in the order of their codes.
var allTypes = []uint8{
	WriteExclusive, ExclusiveAccess, WriteExclusiveRegistrantsOnly,
	ExclusiveAccessRegistrantsOnly, WriteExclusiveAllRegistrants, ExclusiveAccessAllRegistrants,
}

const (
	// maxRegistrants bounds the registrations that are kept: initiator ports
	// come for nothing.
	maxRegistrants = 1024

	// maxPortName bounds an initiator port name: an iSCSI name of 223 bytes,
	// ",i,0x" and 12 digits (RFC 7143 4.2.7.1).
	maxPortName = 240
)

// registrant is an I_T nexus with a reservation key. It is named by its
// initiator port, so that it stays itself over sessions and restarts.
type registrant struct {
	port  string      // initiator port name, "name,i,0xISID"
	nexus *scsi.Nexus // nil while it is not logged in
	key   uint64
	since uint64 // registered, milliseconds of the device clock; 0 after a restart
}

// persistent is the state of persistent reservations, SPC-4 5.13.
type persistent struct {
	generation uint32
	regs       []*registrant // in the order of registration

	// kind is the type of the reservation, 0 without one; holder holds it. With
	// an all registrants type every registrant does and holder is nil.
	kind   uint8
	holder *registrant

	aptpl bool // registrations and reservation survive a restart
}

// active reports whether there is any registration.
func (p *persistent) active() bool { return len(p.regs) > 0 }

func (p *persistent) allRegistrants() bool {
	return p.kind == WriteExclusiveAllRegistrants || p.kind == ExclusiveAccessAllRegistrants
}

func (p *persistent) registrantsOnly() bool {
	return p.kind == WriteExclusiveRegistrantsOnly || p.kind == ExclusiveAccessRegistrantsOnly
}

func (p *persistent) writeExclusive() bool {
	return p.kind == WriteExclusive || p.kind == WriteExclusiveRegistrantsOnly || p.kind == WriteExclusiveAllRegistrants
}

// find returns the registrant of a nexus, nil when it is not registered.
func (p *persistent) find(n *scsi.Nexus) *registrant {
	for _, r := range p.regs {
		if r.nexus == n {
			return r
		}
	}
	return nil
}

func (p *persistent) findPort(port string) *registrant {
	for _, r := range p.regs {
		if r.port == port {
			return r
		}
	}
	return nil
}

func (p *persistent) registered(n *scsi.Nexus) bool { return p.find(n) != nil }

// holds reports whether the registrant holds the reservation.
func (p *persistent) holds(r *registrant) bool {
	return r != nil && p.kind != 0 && (p.allRegistrants() || p.holder == r)
}

// forbids reports whether the reservation forbids a command of the nexus.
func (p *persistent) forbids(n *scsi.Nexus, a scsi.Access) bool {
	if p.kind == 0 || a == scsi.Unrestricted {
		return false
	}
	r := p.find(n)
	if p.holds(r) || r != nil && p.registrantsOnly() {
		return false
	}
	return !(p.writeExclusive() && a == scsi.SharedRead)
}

// attach and detach follow the nexus of a registrant.
func (p *persistent) attach(n *scsi.Nexus) {
	if !p.active() {
		return
	}
	if r := p.findPort(n.InitiatorPort()); r != nil {
		r.nexus = n
	}
}

func (p *persistent) detach(n *scsi.Nexus) {
	if r := p.find(n); r != nil {
		r.nexus = nil
	}
}

// add registers a port.
func (p *persistent) add(port string, n *scsi.Nexus, key uint64) *registrant {
	r := &registrant{port: port, nexus: n, key: key}
	p.regs = append(p.regs, r)
	return r
}

// drop removes a registrant without a word to anybody.
func (p *persistent) drop(r *registrant) {
	p.regs = slices.DeleteFunc(p.regs, func(x *registrant) bool { return x == r })
	if p.holder == r || len(p.regs) == 0 {
		p.holder, p.kind = nil, 0
	}
}

// reserve makes the registrant the holder of a reservation.
func (p *persistent) reserve(r *registrant, kind uint8) {
	p.kind, p.holder = kind, r
	if p.allRegistrants() {
		p.holder = nil
	}
}

// tell establishes a unit attention condition for all registrants but one.
func (p *persistent) tell(a scsi.ASC, except *registrant) {
	for _, r := range p.regs {
		if r != except && r.nexus != nil {
			r.nexus.Attend(a)
		}
	}
}
