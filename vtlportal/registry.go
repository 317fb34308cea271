package main

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/station"
	"govtl/iscsi"
)

// registry knows the targets: those of the configuration, which are discovered
// also while their daemon restarts, and what daemons have announced on the bus.
type registry struct {
	paths      config.Paths
	handedOver atomic.Uint64

	mu        sync.Mutex // guards what follows
	known     map[string]*entry
	announced map[string]bus.Target
	here      []iscsi.PortalAddress // what initiators are told; nil: where they are connected to
}

// entry is a target of the configuration.
type entry struct {
	device config.Device
	policy *iscsi.Policy
}

func newRegistry(paths config.Paths) *registry {
	return &registry{paths: paths, announced: map[string]bus.Target{}}
}

// configure takes over the targets of a configuration.
func (r *registry) configure(s *config.Suite) error {
	known := map[string]*entry{}
	for _, d := range s.Devices() {
		var a config.Access
		if l, ok := s.Library(d.ID); ok && d.Kind == config.KindLibrary {
			a = l.Access
		} else if o, ok := s.OpticalDrive(d.ID); ok && d.Kind == config.KindOptical {
			a = o.Access
		} else if drive, _, ok := s.Drive(d.ID); ok {
			a = drive.Access
		}
		policy, err := station.Policy(s, a)
		if err != nil {
			return err
		}
		known[d.Target] = &entry{device: d, policy: policy}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.here = known, nil
	if host, port, ok := s.Announced(); ok {
		r.here = []iscsi.PortalAddress{{Host: host, Port: port, GroupTag: 1}}
	}
	return nil
}

func (r *registry) register(t bus.Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.announced[t.Name] = t
}

// unregister forgets what process pid has announced.
func (r *registry) unregister(name string, pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.announced[name].PID == pid {
		delete(r.announced, name)
	}
}

// list has every target, by name; Ready is that of its announcement.
func (r *registry) list() []bus.Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []bus.Target
	for name, e := range r.known {
		t, ok := r.announced[name]
		if !ok {
			t = bus.Target{Name: name, Device: bus.Device{Kind: bus.Kind(e.device.Kind), ID: e.device.ID}}
		}
		all = append(all, t)
	}
	for name, t := range r.announced {
		if r.known[name] == nil && t.Address != "" {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b bus.Target) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Targets implements iscsi.Directory. A target on another host is listed with
// the address of the portal there.
func (r *registry) Targets() []iscsi.Listing {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []iscsi.Listing
	for name, e := range r.known {
		portals := elsewhere(r.announced[name])
		if portals == nil {
			portals = r.here
		}
		all = append(all, iscsi.Listing{Name: name, Policy: e.policy, Portals: portals})
	}
	for name, t := range r.announced {
		if p := elsewhere(t); r.known[name] == nil && p != nil {
			all = append(all, iscsi.Listing{Name: name, Portals: p})
		}
	}
	slices.SortFunc(all, func(a, b iscsi.Listing) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// elsewhere is the portal of a target that another host serves; nil for ours.
func elsewhere(t bus.Target) []iscsi.PortalAddress {
	a, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return nil
	}
	return []iscsi.PortalAddress{{Host: a.Addr().String(), Port: a.Port(), GroupTag: 1}}
}

// Route implements iscsi.Route. A target of the configuration has its socket in
// the run directory, announced or not: a portal that has just been restarted
// need not wait for the daemons to come back to the bus.
func (r *registry) Route(target string) (iscsi.Acceptor, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := elsewhere(r.announced[target]); p != nil {
		return nil, &iscsi.MovedError{To: p[0]}
	}
	e := r.known[target]
	if e == nil {
		return nil, iscsi.ErrUnknownTarget
	}
	return &counted{
		Handover: iscsi.Handover{Path: r.paths.Socket(e.device.Kind, e.device.ID)},
		n:        &r.handedOver,
	}, nil
}

// counted is a hand-over that is counted.
type counted struct {
	iscsi.Handover
	n *atomic.Uint64
}

// Accept implements iscsi.Acceptor.
func (c *counted) Accept(conn net.Conn, first *iscsi.FirstRequest) error {
	err := c.Handover.Accept(conn, first)
	if err == nil {
		c.n.Add(1)
	}
	return err
}
