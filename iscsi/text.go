package iscsi

import (
	"net/netip"
	"strings"

	"govtl/iscsi/pdu"
)

// textExchange is the text negotiation of a connection in full feature phase: one
// at a time (RFC 7143 6.2, 11.10, 11.11). Long answers go out in parts that the
// initiator asks for with empty requests.
type textExchange struct {
	limit int // bytes of text that are collected
	itt   uint32
	ttt   uint32 // of the exchange under way; 0: none
	count uint32
	in    []byte // collected while C=1
	out   []byte // what is left of the answer
}

// request takes one Text Request and returns the response and its data, or the
// reason to reject it. answer is asked when the text is complete.
func (x *textExchange) request(p *pdu.TextRequest, data []byte, maxSend int,
	answer func([]pdu.Pair) ([]pdu.Pair, pdu.RejectReason)) (r pdu.TextResponse, body []byte, reason pdu.RejectReason) {
	if p.TargetTransferTag == pdu.Reserved {
		x.itt, x.ttt, x.in, x.out = p.InitiatorTaskTag, 0, nil, nil
	} else if x.ttt == 0 || p.TargetTransferTag != x.ttt || p.InitiatorTaskTag != x.itt {
		return r, nil, pdu.RejectInvalidField
	}
	r = pdu.TextResponse{LUN: p.LUN, InitiatorTaskTag: p.InitiatorTaskTag}
	if len(x.in)+len(data) > x.limit {
		x.ttt = 0
		return r, nil, pdu.RejectOutOfResources
	}
	if len(x.out) == 0 || len(data) > 0 {
		x.in = append(x.in, data...)
		if p.Continue {
			return x.unfinished(r), nil, 0
		}
		pairs, err := pdu.ParseText(x.in, pdu.MaxKeys)
		if err != nil {
			x.ttt = 0
			return r, nil, pdu.RejectProtocolError
		}
		x.in = nil
		reply, reason := answer(pairs)
		if reason != 0 {
			x.ttt = 0
			return r, nil, reason
		}
		for _, pair := range reply {
			x.out = pdu.AppendText(x.out, pair.Key, pair.Value)
		}
	}
	n := min(len(x.out), maxSend)
	body, x.out = x.out[:n:n], x.out[n:]
	switch {
	case len(x.out) > 0:
		r = x.unfinished(r)
		// C=1: the text goes on in the next PDU (RFC 7143 11.11.2).
		r.Continue = true
	case !p.Final:
		// F=1 may not answer F=0: the initiator ends the exchange.
		r = x.unfinished(r)
	default:
		x.ttt = 0
		r.Final, r.TargetTransferTag = true, pdu.Reserved
	}
	return r, body, 0
}

// unfinished makes the response one that the initiator has to go on from.
func (x *textExchange) unfinished(r pdu.TextResponse) pdu.TextResponse {
	x.count++
	x.ttt = (x.count<<1 | 1) &^ (1 << 31)
	r.TargetTransferTag = x.ttt
	return r
}

// listTarget is the answer to SendTargets for one target (RFC 7143 appendix C).
func listTarget(name string, portals []PortalAddress, tag uint16, connected netip.AddrPort) []pdu.Pair {
	pairs := []pdu.Pair{{Key: "TargetName", Value: name}}
	if len(portals) == 0 {
		portals = []PortalAddress{{GroupTag: tag}}
	}
	for _, p := range portals {
		pairs = append(pairs, pdu.Pair{Key: "TargetAddress", Value: p.address(connected) + "," + decimal(int(p.GroupTag))})
	}
	return pairs
}

// sameName compares a name that a peer sent with a normal one.
func sameName(sent, normal string) bool { return strings.EqualFold(sent, normal) }
