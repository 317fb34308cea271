package iscsi

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
	"unicode/utf8"

	"govtl/iscsi/pdu"
)

// loginError ends a login with a status.
type loginError struct {
	status pdu.LoginStatus
	why    string
	moved  string // TargetAddress of a redirection
}

// Error is the status and the reason.
func (e *loginError) Error() string { return fmt.Sprintf("login refused, %v: %s", e.status, e.why) }

func refuse(s pdu.LoginStatus, format string, args ...any) *loginError {
	return &loginError{status: s, why: fmt.Sprintf(format, args...)}
}

// login carries out the login phase of one connection (RFC 7143 6.3): the text
// of one or more Login Requests is collected, its keys are answered by stage,
// and the initiator is let into full feature phase when everything holds.
type login struct {
	conn    net.Conn
	remote  netip.AddrPort
	policy  *Policy
	target  *Target // nil: a discovery session at a portal
	log     *slog.Logger
	answers negotiation
	auth    authenticator

	// admit makes the session when everything else is done, and returns its
	// TSIH; window is the command window it offers.
	admit func(l *login) (tsih uint16, window int, err *loginError)

	req       pdu.LoginRequest // the current one
	first     pdu.LoginRequest // the one that began the login
	begun     bool
	stage     pdu.Stage
	statSN    uint32 // of the next response
	text      []byte // collected while C=1
	textTotal int
	exchanges int
	seen      map[string]string
	tagSent   bool

	initiator, alias string
	named            bool // the identifying keys were checked
}

// run takes the login from its first request to full feature phase. When it
// returns an error the initiator has been told, if it can be.
func (l *login) run(first *FirstRequest) error {
	l.answers.params, l.answers.leading = defaultParams(), true
	l.seen = map[string]string{}
	l.statSN = firstStatSN + uint32(first.Answered)
	l.exchanges = first.Answered
	header, data := first.Header, first.Data
	framing := pdu.Framing{}
	for {
		done, err := l.request(&header, data)
		var refusal *loginError
		if errors.As(err, &refusal) {
			l.refuse(refusal)
		}
		if done || err != nil {
			return err
		}
		var frame pdu.Frame
		if err := framing.Read(l.conn, &frame); err != nil {
			return fmt.Errorf("login: %w", err)
		}
		header, data = frame.Header, frame.Data
	}
}

// firstStatSN is the StatSN of the first Login Response; any value will do.
const firstStatSN = 1

// request answers one Login Request.
func (l *login) request(h *pdu.Header, data []byte) (done bool, err error) {
	if h.Opcode() != pdu.OpLoginRequest {
		return false, refuse(pdu.LoginInvalidDuringLogin, "%v during login", h.Opcode())
	}
	req, err := pdu.DecodeLoginRequest(h[:])
	if err != nil {
		return false, refuse(pdu.LoginInitiatorError, "%v", err)
	}
	l.req = req
	if l.exchanges++; l.exchanges > maxLoginExchanges {
		return false, refuse(pdu.LoginInitiatorError, "more than %d exchanges", maxLoginExchanges)
	}
	if e := l.consistent(); e != nil {
		return false, e
	}
	if l.textTotal += len(data); l.textTotal > maxLoginText {
		return false, refuse(pdu.LoginInitiatorError, "more than %d bytes of text", maxLoginText)
	}
	l.text = append(l.text, data...)
	if req.Continue {
		return false, l.respond(nil, false)
	}
	pairs, err := pdu.ParseText(l.text, pdu.MaxKeys)
	if err != nil {
		return false, refuse(pdu.LoginInitiatorError, "%v", err)
	}
	l.text = l.text[:0]
	reply, e := l.keys(pairs)
	if e != nil {
		return false, e
	}
	return l.transit(reply)
}

// consistent checks the header against what went before.
func (l *login) consistent() *loginError {
	req := &l.req
	if req.VersionMin > 0 {
		return refuse(pdu.LoginUnsupportedVersion, "version %d to %d", req.VersionMin, req.VersionMax)
	}
	if !l.begun {
		l.begun, l.first, l.stage = true, *req, req.CSG
	}
	f := &l.first
	switch {
	case req.InitiatorTaskTag != f.InitiatorTaskTag, req.ISID != f.ISID, req.TSIH != f.TSIH, req.CID != f.CID:
		return refuse(pdu.LoginInitiatorError, "tag, ISID, TSIH or CID changed during the login")
	case req.CSG != l.stage, req.CSG > pdu.OperationalNegotiation:
		return refuse(pdu.LoginInitiatorError, "stage %d, expected %d", req.CSG, l.stage)
	case req.Transit && (req.NSG <= req.CSG || req.NSG == 2):
		return refuse(pdu.LoginInitiatorError, "stage %d to %d", req.CSG, req.NSG)
	}
	return nil
}

// keys answers the keys of one request.
func (l *login) keys(pairs []pdu.Pair) (reply []pdu.Pair, err *loginError) {
	now := map[string]string{}
	for _, p := range pairs {
		if _, twice := now[p.Key]; twice {
			return nil, refuse(pdu.LoginInitiatorError, "%s twice", p.Key)
		}
		now[p.Key] = p.Value
		before, again := l.seen[p.Key]
		// libiscsi repeats who it is in the operational stage.
		if again && (!identityKeys[p.Key] || before != p.Value) {
			return nil, refuse(pdu.LoginInitiatorError, "%s again", p.Key)
		}
		l.seen[p.Key] = p.Value
		if len(l.seen) > pdu.MaxKeys {
			return nil, refuse(pdu.LoginInitiatorError, "more than %d keys", pdu.MaxKeys)
		}
	}
	if !l.named {
		if err := l.identify(now); err != nil {
			return nil, err
		}
		l.named = true
	}
	if !l.tagSent && l.target != nil {
		l.tagSent = true
		reply = append(reply, pdu.Pair{Key: "TargetPortalGroupTag", Value: decimal(int(l.target.opt.PortalGroupTag))})
		if a := l.target.opt.Alias; a != "" {
			reply = append(reply, pdu.Pair{Key: "TargetAlias", Value: a})
		}
	}
	more, err := l.stageKeys(pairs, now)
	return append(reply, more...), err
}

// stageKeys answers what is left when the identifying keys are taken out.
func (l *login) stageKeys(pairs []pdu.Pair, now map[string]string) (reply []pdu.Pair, err *loginError) {
	auth := map[string]string{}
	for _, p := range pairs {
		switch {
		case identityKeys[p.Key]:
		case authKeys[p.Key]:
			if l.stage != pdu.SecurityNegotiation {
				return nil, refuse(pdu.LoginInitiatorError, "%s outside the security stage", p.Key)
			}
			auth[p.Key] = p.Value
		default:
			if len(p.Value) > pdu.MaxValueLength {
				return nil, refuse(pdu.LoginInitiatorError, "value of %s has %d bytes", p.Key, len(p.Value))
			}
			if _, ok := operationalKeys[p.Key]; ok && l.stage == pdu.SecurityNegotiation {
				return nil, refuse(pdu.LoginInitiatorError, "%s in the security stage", p.Key)
			}
			r, err := l.answers.key(p.Key, p.Value)
			if err != nil {
				return nil, err
			}
			reply = append(reply, r...)
		}
	}
	reply = append(reply, l.answers.finish()...)
	if l.stage == pdu.SecurityNegotiation {
		r, err := l.auth.answer(auth, l.req.Transit)
		return append(reply, r...), err
	}
	if !l.auth.done() {
		return nil, refuse(pdu.LoginAuthenticationFailure, "authentication is required")
	}
	return append(reply, l.answers.declare()...), nil
}

// identityKeys say who speaks with whom; a repetition of the same value does no harm.
var identityKeys = map[string]bool{
	"InitiatorName": true, "TargetName": true, "SessionType": true, "InitiatorAlias": true,
}

// identify checks the keys that the first request must have (RFC 7143 6.3).
func (l *login) identify(keys map[string]string) *loginError {
	name, ok := keys["InitiatorName"]
	if !ok || name == "" {
		return refuse(pdu.LoginMissingParameter, "InitiatorName is missing")
	}
	normal, err := NormalizeName(name)
	if err != nil {
		return refuse(pdu.LoginInitiatorError, "InitiatorName: %v", err)
	}
	l.initiator, l.auth.initiator = normal, normal
	if alias := keys["InitiatorAlias"]; len(alias) <= pdu.MaxValueLength && utf8.ValidString(alias) {
		l.alias = alias
	}
	switch t := keys["SessionType"]; {
	case t == "Discovery" && l.target == nil:
		l.answers.discovery = true
	case (t == "Normal" || t == "") && l.target != nil:
		if err := l.identifyTarget(keys); err != nil {
			return err
		}
	default:
		return refuse(pdu.LoginSessionTypeNotSupported, "SessionType=%.40q", t)
	}
	if !l.policy.Allows(l.initiator, l.remote.Addr()) {
		return refuse(pdu.LoginAuthorizationFailure, "not allowed by name or address")
	}
	return nil
}

func (l *login) identifyTarget(keys map[string]string) *loginError {
	name, ok := keys["TargetName"]
	if !ok || name == "" {
		return refuse(pdu.LoginMissingParameter, "TargetName is missing")
	}
	if normal, err := NormalizeName(name); err != nil || normal != l.target.opt.Name {
		return refuse(pdu.LoginNotFound, "TargetName=%.80q", name)
	}
	return nil
}

// transit decides whether the stage is over and sends the response.
func (l *login) transit(reply []pdu.Pair) (done bool, err error) {
	leave := l.req.Transit && (l.stage != pdu.SecurityNegotiation || l.auth.done())
	if !leave {
		return false, l.respond(reply, false)
	}
	if l.req.NSG != pdu.FullFeaturePhase {
		l.stage = l.req.NSG
		return false, l.respond(reply, true)
	}
	if !l.auth.done() {
		return false, refuse(pdu.LoginAuthenticationFailure, "full feature phase without authentication")
	}
	if err := l.answers.complete(); err != nil {
		return false, err
	}
	tsih, window, refusal := l.admit(l)
	if refusal != nil {
		return false, refusal
	}
	return true, l.send(reply, pdu.LoginResponse{
		Transit: true, CSG: l.req.CSG, NSG: pdu.FullFeaturePhase, TSIH: tsih,
		MaxCmdSN: l.req.CmdSN + uint32(window) - 1,
	})
}

// respond sends a response that does not end the login.
func (l *login) respond(reply []pdu.Pair, leave bool) error {
	r := pdu.LoginResponse{CSG: l.req.CSG, TSIH: l.req.TSIH, MaxCmdSN: l.req.CmdSN}
	if leave {
		r.Transit, r.NSG = true, l.req.NSG
	}
	return l.send(reply, r)
}

// refuse sends the status that ends the login.
func (l *login) refuse(e *loginError) {
	var reply []pdu.Pair
	if e.moved != "" {
		reply = append(reply, pdu.Pair{Key: "TargetAddress", Value: e.moved})
	}
	if err := l.send(reply, pdu.LoginResponse{TSIH: l.req.TSIH, MaxCmdSN: l.req.CmdSN, Status: e.status}); err != nil {
		l.log.Debug("login refusal not sent", "err", err)
	}
}

func (l *login) send(reply []pdu.Pair, r pdu.LoginResponse) error {
	var text []byte
	for _, p := range reply {
		text = pdu.AppendText(text, p.Key, p.Value)
	}
	r.ISID, r.InitiatorTaskTag = l.req.ISID, l.req.InitiatorTaskTag
	r.StatSN, r.ExpCmdSN = l.statSN, l.req.CmdSN
	l.statSN++
	var h pdu.Header
	r.Encode(&h)
	var framing pdu.Framing
	_, err := l.conn.Write(framing.Append(nil, &h, nil, text))
	return err
}

// addrPort is the address of one end of a connection; zero when it is no socket.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// loginDeadline bounds the login from now on; the caller takes it off again.
func loginDeadline(conn net.Conn, d time.Duration) { _ = conn.SetDeadline(time.Now().Add(d)) }
