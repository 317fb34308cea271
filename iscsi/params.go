package iscsi

import (
	"slices"
	"strings"
	"time"

	"govtl/iscsi/pdu"
)

// params are the results of a login's negotiation (RFC 7143 section 13).
// Lengths are in bytes, times in seconds.
type params struct {
	headerDigest, dataDigest bool
	initialR2T               bool
	immediateData            bool
	maxBurst, firstBurst     int
	maxR2T                   int // R2Ts of a command that may be unanswered
	maxSend                  int // the initiator's MaxRecvDataSegmentLength
	maxReceive               int // ours, 8192 unless it was declared
	time2Wait, time2Retain   int
}

// defaultParams are the values of RFC 7143 section 13 for keys that nobody names.
// We propose no keys, so nothing else can be in force for them.
func defaultParams() params {
	return params{
		initialR2T: true, immediateData: true, maxBurst: 262144, firstBurst: 65536, maxR2T: 1,
		maxSend: pdu.DefaultMaxRecvDataSegmentLength, maxReceive: pdu.DefaultMaxRecvDataSegmentLength,
		time2Wait: 2, time2Retain: 20,
	}
}

// retention is how long a session whose connection was lost is kept: the
// initiator waits for Time2Wait and has Time2Retain from then on (RFC 7143 7.5).
func (p *params) retention() time.Duration {
	return time.Duration(p.time2Wait+p.time2Retain) * time.Second
}

// Answers that end the negotiation of a key, RFC 7143 6.2.
const (
	answerReject        = "Reject"
	answerIrrelevant    = "Irrelevant"
	answerNotUnderstood = "NotUnderstood"
)

// operationalKey is one row of the table of RFC 7143 section 13.
type operationalKey struct {
	leading    bool // session wide: only in the leading connection's login
	irrelevant bool // in a discovery session
	answer     func(n *negotiation, value string) (answer string)
}

// operationalKeys are the keys of the operational stage that are negotiated or
// declared by the initiator, with what we make of them.
var operationalKeys = map[string]operationalKey{
	"HeaderDigest": {answer: func(n *negotiation, v string) string {
		return n.digest(v, n.offers.RequireHeaderDigest, &n.params.headerDigest)
	}},
	"DataDigest": {answer: func(n *negotiation, v string) string {
		return n.digest(v, n.offers.RequireDataDigest, &n.params.dataDigest)
	}},
	"MaxConnections": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return n.number(v, 1, 65535, func(int) int { return 1 })
	}},
	"InitialR2T": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return n.boolean(v, func(on bool) bool { n.params.initialR2T = on || n.offers.InitialR2T; return n.params.initialR2T })
	}},
	"ImmediateData": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return n.boolean(v, func(on bool) bool {
			n.params.immediateData = on && !n.offers.NoImmediateData
			return n.params.immediateData
		})
	}},
	"MaxBurstLength": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return n.number(v, minSegment, maxSegment, func(x int) int {
			n.params.maxBurst = min(x, n.offers.MaxBurstLength)
			return n.params.maxBurst
		})
	}},
	"MaxOutstandingR2T": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return n.number(v, 1, 65535, func(x int) int {
			n.params.maxR2T = min(x, n.offers.MaxOutstandingR2T)
			return n.params.maxR2T
		})
	}},
	"DefaultTime2Wait": {leading: true, answer: func(n *negotiation, v string) string {
		return n.number(v, 0, maxTimeValue, func(x int) int {
			n.params.time2Wait = max(x, n.offers.Time2Wait)
			return n.params.time2Wait
		})
	}},
	"DefaultTime2Retain": {leading: true, answer: func(n *negotiation, v string) string {
		return n.number(v, 0, maxTimeValue, func(x int) int {
			n.params.time2Retain = min(x, max(n.offers.Time2Retain, 0))
			return n.params.time2Retain
		})
	}},
	"DataPDUInOrder": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return n.boolean(v, func(bool) bool { return true })
	}},
	"DataSequenceInOrder": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return n.boolean(v, func(bool) bool { return true })
	}},
	"ErrorRecoveryLevel": {leading: true, answer: func(n *negotiation, v string) string {
		return n.number(v, 0, 2, func(int) int { return 0 })
	}},
	"TaskReporting": {leading: true, irrelevant: true, answer: func(n *negotiation, v string) string {
		return firstCommon(v, "ResponseFence", "RFC3720")
	}},
	"iSCSIProtocolLevel": {leading: true, answer: func(n *negotiation, v string) string {
		return n.number(v, 0, 31, func(x int) int { return min(x, 1) })
	}},
	// Obsolete keys: old initiators were written for a No, RFC 7143 13.25.
	"IFMarker":  {answer: func(*negotiation, string) string { return "No" }},
	"OFMarker":  {answer: func(*negotiation, string) string { return "No" }},
	"IFMarkInt": {answer: func(*negotiation, string) string { return answerReject }},
	"OFMarkInt": {answer: func(*negotiation, string) string { return answerReject }},
	// iSER, RFC 7145: no other transport than TCP here.
	"RDMAExtensions": {answer: func(*negotiation, string) string { return "No" }},
}

// negotiation collects the results of the operational keys of one login. Some
// answers depend on other keys and are given when all of a request were seen.
type negotiation struct {
	offers    *Offers
	discovery bool
	leading   bool // false: a connection reinstatement, whose session goes on
	params    params

	// declared is set once our MaxRecvDataSegmentLength has been sent.
	declared bool

	firstBurst string // FirstBurstLength of the current request, not answered yet
}

// key answers one key of the initiator. It returns no pair for declarations.
func (n *negotiation) key(key, value string) (reply []pdu.Pair, err *loginError) {
	switch key {
	case "MaxRecvDataSegmentLength":
		x, bad := pdu.ParseNumber(value, minSegment, maxSegment)
		if bad != nil {
			return nil, refuse(pdu.LoginInitiatorError, "%s: %v", key, bad)
		}
		n.params.maxSend = int(x)
		return nil, nil
	case "FirstBurstLength":
		n.firstBurst = value
		return nil, nil
	case "X#NodeArchitecture":
		return nil, nil
	case "TargetAlias", "TargetAddress", "TargetPortalGroupTag", "SendTargets":
		return nil, refuse(pdu.LoginInitiatorError, "%s is not an initiator's to send in a login", key)
	}
	k, ok := operationalKeys[key]
	switch {
	case !ok:
		return []pdu.Pair{{Key: key, Value: answerNotUnderstood}}, nil
	case k.irrelevant && n.discovery:
		return []pdu.Pair{{Key: key, Value: answerIrrelevant}}, nil
	case k.leading && !n.leading:
		return nil, refuse(pdu.LoginInitiatorError, "%s in a login that is not the session's leading one", key)
	case value == answerReject || value == answerIrrelevant || value == answerNotUnderstood:
		return nil, refuse(pdu.LoginInitiatorError, "%s=%s proposes an answer", key, value)
	}
	return []pdu.Pair{{Key: key, Value: k.answer(n, value)}}, nil
}

// finish answers what depends on several keys of a request.
func (n *negotiation) finish() (reply []pdu.Pair) {
	value := n.firstBurst
	n.firstBurst = ""
	if value == "" {
		return nil
	}
	answer := answerIrrelevant
	if !n.discovery && (!n.params.initialR2T || n.params.immediateData) {
		answer = n.number(value, minSegment, maxSegment, func(x int) int {
			n.params.firstBurst = min(x, n.offers.FirstBurstLength, n.params.maxBurst)
			return n.params.firstBurst
		})
	}
	return []pdu.Pair{{Key: "FirstBurstLength", Value: answer}}
}

// declare returns our own declarations for the operational stage, once.
func (n *negotiation) declare() []pdu.Pair {
	if n.declared {
		return nil
	}
	n.declared = true
	n.params.maxReceive = n.offers.MaxRecvDataSegmentLength
	return []pdu.Pair{{Key: "MaxRecvDataSegmentLength", Value: decimal(n.params.maxReceive)}}
}

// complete checks the result at the end of the login.
func (n *negotiation) complete() *loginError {
	if n.offers.RequireHeaderDigest && !n.params.headerDigest || n.offers.RequireDataDigest && !n.params.dataDigest {
		return refuse(pdu.LoginInitiatorError, "digests are required here and were not negotiated")
	}
	n.params.firstBurst = min(n.params.firstBurst, n.params.maxBurst)
	return nil
}

// number answers a numerical key; a value out of range is rejected and leaves
// the current one in force (RFC 7143 6.2.2).
func (n *negotiation) number(value string, low, high uint64, choose func(int) int) string {
	x, err := pdu.ParseNumber(value, low, high)
	if err != nil {
		return answerReject
	}
	return decimal(choose(int(x)))
}

func (n *negotiation) boolean(value string, choose func(bool) bool) string {
	if value != "Yes" && value != "No" {
		return answerReject
	}
	if choose(value == "Yes") {
		return "Yes"
	}
	return "No"
}

// digest takes the initiator's first choice that we may use.
func (n *negotiation) digest(value string, required bool, on *bool) string {
	usable := []string{"CRC32C", "None"}
	switch {
	case n.offers.NoDigests:
		usable = usable[1:]
	case required:
		usable = usable[:1]
	}
	answer := firstOffered(value, usable...)
	*on = answer == "CRC32C"
	return answer
}

// firstOffered is the first of the initiator's list that is usable.
func firstOffered(list string, usable ...string) string {
	for v := range strings.SplitSeq(list, ",") {
		if slices.Contains(usable, v) {
			return v
		}
	}
	return answerReject
}

// firstCommon is the first of ours that the initiator's list has.
func firstCommon(list string, ours ...string) string {
	offered := strings.Split(list, ",")
	for _, v := range ours {
		if slices.Contains(offered, v) {
			return v
		}
	}
	return answerReject
}
