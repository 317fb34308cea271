package iscsi

import (
	"crypto/rand"
	"slices"
	"strconv"

	"govtl/iscsi/chap"
	"govtl/iscsi/pdu"
)

// authStep says how far an authentication has come.
type authStep uint8

// What has been sent, in order.
const (
	authNothing   authStep = iota // waiting for AuthMethod
	authMethod                    // AuthMethod=CHAP sent, waiting for CHAP_A
	authChallenge                 // CHAP_I and CHAP_C sent, waiting for CHAP_N and CHAP_R
	authDone                      // authenticated, or nothing is asked for
)

// authenticator is the target's side of RFC 7143 12.1: one for each login.
// Whether the initiator is authenticated is the state of the login, looked at
// when it leaves the security stage, not something that a key says.
type authenticator struct {
	policy    *chap.Policy // nil: no authentication is asked for
	initiator string       // its iSCSI name
	step      authStep
	algorithm chap.Algorithm
	id        byte
	challenge []byte
	user      string
}

// authKeys are the keys of RFC 7143 section 12; they belong into the security stage.
var authKeys = map[string]bool{
	"AuthMethod": true, "CHAP_A": true, "CHAP_I": true, "CHAP_C": true, "CHAP_N": true, "CHAP_R": true,
}

// done reports whether the login may leave the security stage.
func (a *authenticator) done() bool { return a.policy == nil || a.step == authDone }

// answer takes the authentication keys of one request in the security stage.
// leave says that the initiator wants to go on to the next stage.
func (a *authenticator) answer(keys map[string]string, leave bool) (reply []pdu.Pair, err *loginError) {
	if method, ok := keys["AuthMethod"]; ok {
		if a.step != authNothing {
			return nil, refuse(pdu.LoginInitiatorError, "AuthMethod out of step")
		}
		if a.policy == nil {
			if firstOffered(method, "None") == answerReject {
				return nil, refuse(pdu.LoginAuthenticationFailure, "AuthMethod=%.80q: only None is configured", method)
			}
			return []pdu.Pair{{Key: "AuthMethod", Value: "None"}}, nil
		}
		if firstOffered(method, "CHAP") == answerReject {
			return nil, refuse(pdu.LoginAuthenticationFailure, "AuthMethod=%.80q: CHAP is required", method)
		}
		a.step = authMethod
		reply = append(reply, pdu.Pair{Key: "AuthMethod", Value: "CHAP"})
		if _, ok := keys["CHAP_A"]; !ok {
			return reply, nil
		}
	}
	if a.policy == nil || a.step == authDone {
		for k := range keys {
			return nil, refuse(pdu.LoginInitiatorError, "%s out of step", k)
		}
		return nil, nil
	}
	var more []pdu.Pair
	switch a.step {
	case authNothing:
		if leave || len(keys) > 0 {
			return nil, refuse(pdu.LoginAuthenticationFailure, "authentication is required and none was begun")
		}
	case authMethod:
		more, err = a.offerChallenge(keys)
	case authChallenge:
		more, err = a.checkResponse(keys)
	}
	return append(reply, more...), err
}

// offerChallenge answers CHAP_A with the challenge.
func (a *authenticator) offerChallenge(keys map[string]string) ([]pdu.Pair, *loginError) {
	list, ok := keys["CHAP_A"]
	if !ok {
		return nil, refuse(pdu.LoginMissingParameter, "CHAP_A is missing")
	}
	for _, k := range []string{"CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C"} {
		if _, early := keys[k]; early {
			return nil, refuse(pdu.LoginInitiatorError, "%s out of step", k)
		}
	}
	a.algorithm, ok = a.policy.Choose(list)
	if !ok {
		return nil, refuse(pdu.LoginAuthenticationFailure, "CHAP_A=%.80q has no algorithm that is allowed here", list)
	}
	a.challenge = make([]byte, 32)
	var id [1]byte
	rand.Read(a.challenge)
	rand.Read(id[:])
	a.id, a.step = id[0], authChallenge
	return []pdu.Pair{
		{Key: "CHAP_A", Value: decimal(int(a.algorithm))},
		{Key: "CHAP_I", Value: decimal(int(a.id))},
		{Key: "CHAP_C", Value: pdu.FormatBinary(a.challenge)},
	}, nil
}

// checkResponse checks CHAP_N and CHAP_R and, if the initiator asks, proves the
// target's own identity.
func (a *authenticator) checkResponse(keys map[string]string) ([]pdu.Pair, *loginError) {
	user, haveUser := keys["CHAP_N"]
	encoded, haveResponse := keys["CHAP_R"]
	if !haveUser || !haveResponse {
		return nil, refuse(pdu.LoginMissingParameter, "CHAP_N or CHAP_R is missing")
	}
	response, bad := pdu.ParseBinary(encoded)
	if bad != nil {
		return nil, refuse(pdu.LoginInitiatorError, "CHAP_R: %v", bad)
	}
	if !a.policy.Check(a.algorithm, a.id, a.challenge, user, a.initiator, response) {
		return nil, refuse(pdu.LoginAuthenticationFailure, "CHAP of %.80q failed", user)
	}
	reply, err := a.proveTarget(keys)
	if err != nil {
		return nil, err
	}
	a.user, a.step = user, authDone
	return reply, nil
}

// proveTarget answers CHAP_I and CHAP_C of the initiator.
func (a *authenticator) proveTarget(keys map[string]string) ([]pdu.Pair, *loginError) {
	idText, haveID := keys["CHAP_I"]
	challengeText, haveChallenge := keys["CHAP_C"]
	switch {
	case !haveID && !haveChallenge:
		if a.policy.RequireMutual {
			return nil, refuse(pdu.LoginAuthenticationFailure, "mutual CHAP is required and was not asked for")
		}
		return nil, nil
	case !haveID || !haveChallenge:
		return nil, refuse(pdu.LoginMissingParameter, "CHAP_I or CHAP_C is missing")
	}
	id, bad := pdu.ParseNumber(idText, 0, 255)
	if bad != nil {
		return nil, refuse(pdu.LoginInitiatorError, "CHAP_I: %v", bad)
	}
	challenge, bad := pdu.ParseBinary(challengeText)
	if bad != nil || len(challenge) == 0 {
		return nil, refuse(pdu.LoginInitiatorError, "CHAP_C is not a challenge")
	}
	// RFC 7143 9.2.1: a peer that sends our own challenge back wants us to
	// answer it for it.
	if slices.Equal(challenge, a.challenge) {
		return nil, refuse(pdu.LoginAuthenticationFailure, "CHAP_C is the challenge that was sent")
	}
	if a.policy.Target == nil {
		return nil, refuse(pdu.LoginAuthenticationFailure, "mutual CHAP was asked for and no secret is configured")
	}
	response := chap.Respond(a.algorithm, byte(id), a.policy.Target.Secret, challenge)
	return []pdu.Pair{
		{Key: "CHAP_N", Value: a.policy.Target.Name},
		{Key: "CHAP_R", Value: pdu.FormatBinary(response)},
	}, nil
}

func decimal(n int) string { return strconv.Itoa(n) }
