package bus

// Target is one iSCSI target as its daemon announces it to the portal. A daemon
// announces when it is ready, and again each time the bus comes back (OnConnect).
type Target struct {
	Name   string `json:"name"` // iSCSI name
	Alias  string `json:"alias,omitempty"`
	Device Device `json:"device"`
	PID    int    `json:"pid"`

	// Socket is the Unix socket that takes a connection over; empty on another host.
	Socket string `json:"socket,omitempty"`

	// Address is host:port of the portal that serves it; empty: this one.
	Address string `json:"address,omitempty"`

	// Ready says that the logical unit answers commands.
	Ready bool `json:"ready"`
}

// PortalRegister announces a target.
func PortalRegister() Endpoint[Target, RegisterReply] {
	return endpoint[Target, RegisterReply](PortalDevice(), "register")
}

// RegisterReply tells where the portal listens.
type RegisterReply struct {
	Listen []string `json:"listen"`
}

// UnregisterRequest withdraws a target; a daemon sends it when it ends.
type UnregisterRequest struct {
	Name string `json:"name"`
	PID  int    `json:"pid"` // a newer registration by another process stays
}

// PortalUnregister withdraws a target.
func PortalUnregister() Endpoint[UnregisterRequest, Empty] {
	return endpoint[UnregisterRequest, Empty](PortalDevice(), "unregister")
}

// TargetsReply lists the targets in name order.
type TargetsReply struct {
	Targets []Target `json:"targets"`
}

// PortalTargets asks the portal for all targets that it announces to initiators.
func PortalTargets() Endpoint[Empty, TargetsReply] {
	return endpoint[Empty, TargetsReply](PortalDevice(), "targets")
}

// PortalStatusReply is the state of the portal.
type PortalStatusReply struct {
	Listen      []string `json:"listen"`
	PID         int      `json:"pid"`
	Started     string   `json:"started"` // RFC 3339
	Version     string   `json:"version"`
	Targets     []Target `json:"targets"`
	Connections int      `json:"connections"` // in discovery or before hand-over
	HandedOver  uint64   `json:"handedOver"`
	Refused     uint64   `json:"refused"`
	LastRefusal string   `json:"lastRefusal,omitempty"`
}

// PortalStatus asks for the portal's state.
func PortalStatus() Endpoint[Empty, PortalStatusReply] {
	return endpoint[Empty, PortalStatusReply](PortalDevice(), "status")
}
