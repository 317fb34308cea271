// Package iscsitest has a small initiator for tests of iSCSI targets: it speaks
// RFC 7143 as initiators in the wild do, and lets a test send anything else.
// It is made for tests: it trusts nothing to be fast and stops at the first error.
package iscsitest

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"govtl/iscsi/chap"
	"govtl/iscsi/pdu"
)

// Config says how an initiator logs in.
type Config struct {
	Initiator string   // InitiatorName; empty: DefaultInitiator
	Target    string   // TargetName
	Discovery bool     // SessionType=Discovery
	ISID      pdu.ISID // zero: 80 00 00 00 00 01
	TSIH      uint16   // not 0: connection reinstatement
	CID       uint16
	CmdSN     uint32 // of the login; 0: 1

	// Operational begins in the operational stage, as libiscsi does without a user.
	Operational bool

	// Keys are proposed in the operational stage; nil: DefaultKeys.
	Keys []pdu.Pair

	// User and Secret answer CHAP; Algorithms is CHAP_A (empty: "5").
	User, Secret string
	Algorithms   string

	// TargetUser and TargetSecret, when set, ask the target to prove itself.
	TargetUser, TargetSecret string

	// Timeout is for each read; 0 is 10 s.
	Timeout time.Duration
}

// DefaultInitiator is the name that Config has when it names none.
const DefaultInitiator = "iqn.2026-11.test.initiator:one"

// DefaultKeys are what open-iscsi proposes.
func DefaultKeys() []pdu.Pair {
	return []pdu.Pair{
		{Key: "HeaderDigest", Value: "None"}, {Key: "DataDigest", Value: "None"},
		{Key: "DefaultTime2Wait", Value: "2"}, {Key: "DefaultTime2Retain", Value: "0"},
		{Key: "IFMarker", Value: "No"}, {Key: "OFMarker", Value: "No"},
		{Key: "ErrorRecoveryLevel", Value: "0"}, {Key: "InitialR2T", Value: "No"}, {Key: "ImmediateData", Value: "Yes"},
		{Key: "MaxBurstLength", Value: "16776192"}, {Key: "FirstBurstLength", Value: "262144"},
		{Key: "MaxOutstandingR2T", Value: "1"}, {Key: "MaxConnections", Value: "1"},
		{Key: "DataPDUInOrder", Value: "Yes"}, {Key: "DataSequenceInOrder", Value: "Yes"},
		{Key: "MaxRecvDataSegmentLength", Value: "262144"},
	}
}

// With returns keys with some of them replaced or added.
func With(keys []pdu.Pair, more ...string) []pdu.Pair {
	keys = slices.Clone(keys)
	for i := 0; i+1 < len(more); i += 2 {
		at := slices.IndexFunc(keys, func(p pdu.Pair) bool { return p.Key == more[i] })
		if at < 0 {
			keys = append(keys, pdu.Pair{})
			at = len(keys) - 1
		}
		keys[at] = pdu.Pair{Key: more[i], Value: more[i+1]}
	}
	return keys
}

// LoginError is a login that the target refused.
type LoginError struct {
	Status pdu.LoginStatus
	Keys   map[string]string // of the refusal
}

// Error is the status.
func (e *LoginError) Error() string { return fmt.Sprintf("login refused: %v", e.Status) }

// ErrTargetAuthentication means that the target did not prove itself.
var ErrTargetAuthentication = errors.New("the target's CHAP response is wrong")

// Login carries out a login on a new connection.
func Login(conn net.Conn, cfg Config) (*Session, error) {
	s := NewSession(conn, cfg)
	if err := s.login(); err != nil {
		return s, err
	}
	s.Settle()
	return s, nil
}

// NewSession is a connection on which nothing was sent yet.
func NewSession(conn net.Conn, cfg Config) *Session {
	if cfg.Initiator == "" {
		cfg.Initiator = DefaultInitiator
	}
	if cfg.ISID == (pdu.ISID{}) {
		cfg.ISID = pdu.ISID{0x80, 0, 0, 0, 0, 1}
	}
	if cfg.CmdSN == 0 {
		cfg.CmdSN = 1
	}
	if cfg.Keys == nil {
		cfg.Keys = DefaultKeys()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	s := &Session{Conn: conn, Config: cfg, CmdSN: cfg.CmdSN, Answers: map[string]string{}, commands: map[uint32]*Command{}}
	s.framing.MaxData = 1 << 24
	return s
}

// login goes through the stages.
func (s *Session) login() error {
	cfg := &s.Config
	keys := []pdu.Pair{{Key: "InitiatorName", Value: cfg.Initiator}}
	if cfg.Discovery {
		keys = append(keys, pdu.Pair{Key: "SessionType", Value: "Discovery"})
	} else {
		keys = append(keys, pdu.Pair{Key: "SessionType", Value: "Normal"}, pdu.Pair{Key: "TargetName", Value: cfg.Target})
	}
	if !cfg.Operational {
		method := "None"
		if cfg.User != "" {
			method = "CHAP,None"
		}
		keys = append(keys, pdu.Pair{Key: "AuthMethod", Value: method})
		r, answers, err := s.LoginStep(pdu.SecurityNegotiation, pdu.OperationalNegotiation, keys)
		if err != nil {
			return err
		}
		if answers["AuthMethod"] == "CHAP" {
			if r, err = s.chap(); err != nil {
				return err
			}
		}
		if !r.Transit {
			return errors.New("the target stays in the security stage")
		}
		keys = nil
	}
	r, _, err := s.LoginStep(pdu.OperationalNegotiation, pdu.FullFeaturePhase, append(keys, cfg.Keys...))
	if err == nil && (!r.Transit || r.TSIH == 0) {
		err = fmt.Errorf("login does not end: transit %v, TSIH %d", r.Transit, r.TSIH)
	}
	return err
}

// chap answers the target's challenge.
func (s *Session) chap() (pdu.LoginResponse, error) {
	cfg := &s.Config
	offer := cfg.Algorithms
	if offer == "" {
		offer = "5"
	}
	_, answers, err := s.LoginStep(pdu.SecurityNegotiation, pdu.OperationalNegotiation, []pdu.Pair{{Key: "CHAP_A", Value: offer}})
	if err != nil {
		return pdu.LoginResponse{}, err
	}
	algorithm, _ := strconv.Atoi(answers["CHAP_A"])
	id, _ := strconv.Atoi(answers["CHAP_I"])
	challenge, err := pdu.ParseBinary(answers["CHAP_C"])
	if err != nil {
		return pdu.LoginResponse{}, err
	}
	response := chap.Respond(chap.Algorithm(algorithm), byte(id), []byte(cfg.Secret), challenge)
	keys := []pdu.Pair{{Key: "CHAP_N", Value: cfg.User}, {Key: "CHAP_R", Value: pdu.FormatBinary(response)}}
	mine := []byte("a challenge of the initiator's own")
	if cfg.TargetUser != "" {
		keys = append(keys, pdu.Pair{Key: "CHAP_I", Value: "77"}, pdu.Pair{Key: "CHAP_C", Value: pdu.FormatBinary(mine)})
	}
	r, answers, err := s.LoginStep(pdu.SecurityNegotiation, pdu.OperationalNegotiation, keys)
	if err != nil || cfg.TargetUser == "" {
		return r, err
	}
	want := pdu.FormatBinary(chap.Respond(chap.Algorithm(algorithm), 77, []byte(cfg.TargetSecret), mine))
	if answers["CHAP_N"] != cfg.TargetUser || answers["CHAP_R"] != want {
		return r, ErrTargetAuthentication
	}
	return r, nil
}

// LoginStep sends one Login Request, with T=1 unless next is the same stage, and
// returns the response with its keys. A refusal is a *LoginError.
func (s *Session) LoginStep(stage, next pdu.Stage, keys []pdu.Pair) (pdu.LoginResponse, map[string]string, error) {
	return s.LoginKeys(stage, next, Text(keys))
}

// LoginKeys is LoginStep with text as it goes over the wire.
func (s *Session) LoginKeys(stage, next pdu.Stage, text []byte) (pdu.LoginResponse, map[string]string, error) {
	req := pdu.LoginRequest{
		Transit: next != stage, CSG: stage, NSG: next, ISID: s.Config.ISID, TSIH: s.Config.TSIH, CID: s.Config.CID,
		InitiatorTaskTag: 0x1000, CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN,
	}
	if next == stage {
		req.NSG = 0
	}
	return s.LoginExchange(&req, text)
}

// LoginExchange sends a Login Request as it is and reads the response.
func (s *Session) LoginExchange(req *pdu.LoginRequest, text []byte) (r pdu.LoginResponse, keys map[string]string, err error) {
	var h pdu.Header
	req.Encode(&h)
	if err := s.Send(&h, nil, text); err != nil {
		return r, nil, err
	}
	return s.LoginResponse()
}

// LoginResponse reads a Login Response.
func (s *Session) LoginResponse() (r pdu.LoginResponse, keys map[string]string, err error) {
	f, err := s.Receive()
	if err != nil {
		return r, nil, err
	}
	if r, err = pdu.DecodeLoginResponse(f.Header[:]); err != nil {
		return r, nil, err
	}
	if s.loginAnswered && r.StatSN != s.ExpStatSN {
		return r, nil, fmt.Errorf("login response has StatSN %d, expected %d", r.StatSN, s.ExpStatSN)
	}
	s.loginAnswered = true
	s.ExpStatSN = r.StatSN + 1
	s.MaxCmdSN, s.TSIH = r.MaxCmdSN, r.TSIH
	pairs, err := pdu.ParseText(f.Data, 1<<20)
	if err != nil {
		return r, nil, err
	}
	keys = map[string]string{}
	for _, p := range pairs {
		keys[p.Key] = p.Value
		s.Answers[p.Key] = p.Value
	}
	if r.Status != pdu.LoginSuccess {
		return r, keys, &LoginError{r.Status, keys}
	}
	return r, keys, nil
}

// Text encodes keys.
func Text(keys []pdu.Pair) []byte {
	var b []byte
	for _, p := range keys {
		b = pdu.AppendText(b, p.Key, p.Value)
	}
	return b
}

// Settle works out what was negotiated and turns digests on, at the end of a login
// that was carried out step by step.
func (s *Session) Settle() {
	number := func(key string, fallback int) int {
		if n, err := strconv.Atoi(s.Answers[key]); err == nil {
			return n
		}
		return fallback
	}
	s.InitialR2T = s.Answers["InitialR2T"] != "No"
	s.ImmediateData = s.Answers["ImmediateData"] != "No"
	s.FirstBurst = number("FirstBurstLength", 65536)
	s.MaxBurst = number("MaxBurstLength", 262144)
	s.MaxSend = number("MaxRecvDataSegmentLength", pdu.DefaultMaxRecvDataSegmentLength)
	s.framing.HeaderDigest = s.Answers["HeaderDigest"] == "CRC32C"
	s.framing.DataDigest = s.Answers["DataDigest"] == "CRC32C"
}
