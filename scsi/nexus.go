package scsi

import (
	"fmt"
	"slices"
	"sync"
)

// LUN is a logical unit number in the eight byte form of SAM-5 4.7.
type LUN [8]byte

// Number decodes a single level LUN in peripheral or flat space addressing,
// SAM-5 4.7.7.2 and 4.7.7.3; ok is false for any other form.
func (l LUN) Number() (n uint16, ok bool) {
	for _, b := range l[2:] {
		if b != 0 {
			return 0, false
		}
	}
	switch l[0] >> 6 {
	case 0:
		return uint16(l[1]), l[0] == 0
	case 1:
		return uint16(l[0]&0x3F)<<8 | uint16(l[1]), true
	}
	return 0, false
}

// Nexus is an I_T nexus: one initiator port that talks to one target port
// (SAM-5 4.3). The transport makes one for each session and keeps it over a
// session reinstatement by the same initiator port.
type Nexus struct {
	// InitiatorName is the SCSI device name of the initiator (an iqn, eui or
	// naa name) and ISID its session identifier in RFC 7143 form.
	InitiatorName string
	ISID          [6]byte

	// InitiatorAddress is where it connects from, for people.
	InitiatorAddress string

	// TargetName and TargetPortGroup name the target port; RelativePort is its
	// relative target port identifier.
	TargetName      string
	TargetPortGroup uint16
	RelativePort    uint16

	mu      sync.Mutex // guards attends
	attends []ASC      // in the order in which they are reported
}

// InitiatorPort is the SCSI initiator port name, "name,i,0xISID" (RFC 7143
// 4.4.3 and SPC-4 7.6.4.6): what names a registrant of a persistent reservation.
func (n *Nexus) InitiatorPort() string {
	return fmt.Sprintf("%s,i,0x%012x", n.InitiatorName, n.ISID[:])
}

// attentionRank orders pending unit attention conditions: what resets more is
// reported first (SAM-5 5.14).
func attentionRank(a ASC) int {
	switch a >> 8 {
	case 0x29:
		return 0
	case 0x28:
		return 1
	case 0x2F:
		return 2
	case 0x2A:
		return 3
	}
	return 4
}

// Attend establishes a unit attention condition for the nexus. One of each code
// is kept; a reset (29h) takes the place of an earlier reset.
func (n *Nexus) Attend(a ASC) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, have := range n.attends {
		if have == a {
			return
		}
		if have>>8 == 0x29 && a>>8 == 0x29 {
			n.attends[i] = a
			return
		}
	}
	n.attends = append(n.attends, a)
	slices.SortStableFunc(n.attends, func(x, y ASC) int { return attentionRank(x) - attentionRank(y) })
}

// TakeAttention returns the first pending unit attention condition and clears
// it; ok is false when there is none.
func (n *Nexus) TakeAttention() (a ASC, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.attends) == 0 {
		return 0, false
	}
	a = n.attends[0]
	n.attends = slices.Delete(n.attends, 0, 1)
	return a, true
}

// DropAttention clears a pending unit attention condition without reporting it,
// as REPORT LUNS does with 3Fh/0Eh.
func (n *Nexus) DropAttention(a ASC) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attends = slices.DeleteFunc(n.attends, func(x ASC) bool { return x == a })
}

func (n *Nexus) hasAttention() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.attends) > 0
}
