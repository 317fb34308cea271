package iscsi

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"govtl/iscsi/pdu"
)

// discoveryWindow is the command window of a discovery session.
const discoveryWindow = 4

// maxDiscoveryRequests bounds the requests of one discovery session.
const maxDiscoveryRequests = 1000

// discovery is a discovery session in full feature phase (RFC 7143 4.3): Text
// with SendTargets and Logout, nothing else.
type discovery struct {
	portal  *Portal
	login   *login
	framing pdu.Framing
	text    textExchange
	statSN  uint32
	cmdSN   uint32 // the next one expected
	maxSend int
	local   netip.AddrPort
}

// discover carries out the login of a discovery session and serves it.
func (p *Portal) discover(l *login, first *FirstRequest) error {
	offers, err := Offers{MaxRecvDataSegmentLength: 32 << 10}.withDefaults()
	if err != nil {
		return err
	}
	l.answers.offers = &offers
	l.auth.policy = l.policy.CHAP
	l.admit = func(*login) (uint16, int, *loginError) { return 1, discoveryWindow, nil }
	if err := l.run(first); err != nil {
		return err
	}
	par := &l.answers.params
	d := &discovery{
		portal: p, login: l, statSN: l.statSN, cmdSN: l.first.CmdSN, maxSend: par.maxSend,
		local: addrPort(l.conn.LocalAddr()),
	}
	d.framing = pdu.Framing{HeaderDigest: par.headerDigest, DataDigest: par.dataDigest, MaxData: par.maxReceive}
	d.text.limit = maxLoginText
	err = d.run()
	p.log.Info("discovery", "initiator", l.initiator, "remote", l.remote, "user", l.auth.user, "end", err)
	return nil
}

// run serves requests until the logout or an error.
func (d *discovery) run() error {
	for range maxDiscoveryRequests {
		// A discovery session is idle for as long as one that is silent anywhere.
		_ = d.login.conn.SetDeadline(time.Now().Add(d.portal.opt.Timeouts.Ping + d.portal.opt.Timeouts.Pong))
		var frame pdu.Frame
		err := d.framing.Read(d.login.conn, &frame)
		if err == pdu.ErrDataDigest {
			err = d.reject(&frame.Header, pdu.RejectDataDigest)
			if err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if err := d.request(&frame); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: more than %d requests", errProtocol, maxDiscoveryRequests)
}

func (d *discovery) request(f *pdu.Frame) error {
	h := &f.Header
	if !h.Immediate() {
		if h.CmdSN() != d.cmdSN {
			return nil // outside of the order: ignored, RFC 7143 4.2.2.1
		}
		d.cmdSN++
	}
	switch h.Opcode() {
	case pdu.OpTextRequest:
		p, err := pdu.DecodeTextRequest(h[:])
		if err != nil {
			return err
		}
		r, body, reason := d.text.request(&p, f.Data, d.maxSend, d.answer)
		if reason != 0 {
			return d.reject(h, reason)
		}
		var out pdu.Header
		r.Encode(&out)
		return d.send(&out, body)
	case pdu.OpNOPOut:
		p, err := pdu.DecodeNOPOut(h[:])
		if err != nil || p.InitiatorTaskTag == pdu.Reserved {
			return err
		}
		var out pdu.Header
		r := pdu.NOPIn{InitiatorTaskTag: p.InitiatorTaskTag, TargetTransferTag: pdu.Reserved}
		r.Encode(&out)
		return d.send(&out, f.Data[:min(len(f.Data), d.maxSend)])
	case pdu.OpLogoutRequest:
		return d.logout(h)
	}
	return d.reject(h, pdu.RejectCommandNotSupported)
}

func (d *discovery) logout(h *pdu.Header) error {
	p, err := pdu.DecodeLogoutRequest(h[:])
	if err != nil {
		return err
	}
	if p.Reason > pdu.LogoutCloseConnection {
		return d.reject(h, pdu.RejectCommandNotSupported)
	}
	var out pdu.Header
	r := pdu.LogoutResponse{
		InitiatorTaskTag: p.InitiatorTaskTag,
		Time2Wait:        uint16(d.login.answers.params.time2Wait), Time2Retain: uint16(d.login.answers.params.time2Retain),
	}
	r.Encode(&out)
	if err := d.send(&out, nil); err != nil {
		return err
	}
	(&stream{conn: d.login.conn}).closeWrite()
	_ = d.login.conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.CopyN(io.Discard, d.login.conn, 1<<16)
	return errLoggedOut
}

// errNotSendTargets makes other keys in a discovery session a protocol error.
var errNotSendTargets = errors.New("not SendTargets")

// answer answers SendTargets with what this initiator may use (appendix C).
func (d *discovery) answer(pairs []pdu.Pair) (reply []pdu.Pair, reason pdu.RejectReason) {
	for _, p := range pairs {
		switch p.Key {
		case "SendTargets":
			reply = append(reply, d.targets(p.Value)...)
		case "MaxRecvDataSegmentLength":
			n, err := pdu.ParseNumber(p.Value, minSegment, maxSegment)
			if err != nil {
				return nil, pdu.RejectProtocolError
			}
			d.maxSend = int(n)
		default:
			return nil, pdu.RejectProtocolError
		}
	}
	return reply, 0
}

func (d *discovery) targets(which string) (reply []pdu.Pair) {
	if which == "" {
		return nil // names the session's target; a discovery session has none
	}
	for _, t := range d.portal.opt.Directory.Targets() {
		if which != "All" && !sameName(which, t.Name) {
			continue
		}
		if t.Policy != nil && !t.Policy.Allows(d.login.initiator, d.login.remote.Addr()) {
			continue
		}
		reply = append(reply, listTarget(t.Name, t.Portals, 1, d.local)...)
	}
	return reply
}

func (d *discovery) reject(h *pdu.Header, reason pdu.RejectReason) error {
	var out pdu.Header
	r := pdu.Reject{Reason: reason}
	r.Encode(&out)
	return d.send(&out, h[:])
}

func (d *discovery) send(h *pdu.Header, data []byte) error {
	h.Stamp(d.statSN, d.cmdSN, d.cmdSN+discoveryWindow-1)
	d.statSN++
	_, err := d.login.conn.Write(d.framing.Append(nil, h, nil, data))
	return err
}
