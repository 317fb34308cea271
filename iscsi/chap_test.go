package iscsi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/chap"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

const (
	chapSecret   = "an initiator's secret"
	targetSecret = "the target's secret"
)

func chapPolicy() *chap.Policy {
	return &chap.Policy{
		Initiators: []chap.Credential{
			{Name: "backup", Secret: []byte(chapSecret), Initiators: []string{iscsitest.DefaultInitiator}},
			{Name: iscsitest.DefaultInitiator, Secret: []byte("named as the initiator")},
			{Name: "anyone", Secret: []byte("for all"), AnyInitiator: true},
		},
		Target: &chap.Credential{Name: "library", Secret: []byte(targetSecret)},
	}
}

func TestCHAP(t *testing.T) {
	rows := map[string]struct {
		cfg    iscsitest.Config
		change func(*chap.Policy)
		want   string
	}{
		"right":                {cfg: iscsitest.Config{User: "backup", Secret: chapSecret}, want: "ok"},
		"SHA1":                 {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, Algorithms: "6"}, want: "ok"},
		"SHA-256":              {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, Algorithms: "7"}, want: "ok"},
		"SHA3-256":             {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, Algorithms: "8,7,6,5"}, want: "ok"},
		"unknown ones first":   {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, Algorithms: "99,x,5"}, want: "ok"},
		"only unknown ones":    {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, Algorithms: "1,9"}, want: "0201"},
		"wrong secret":         {cfg: iscsitest.Config{User: "backup", Secret: "wrong"}, want: "0201"},
		"unknown user":         {cfg: iscsitest.Config{User: "nobody", Secret: chapSecret}, want: "0201"},
		"somebody else's name": {cfg: iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two", User: "backup", Secret: chapSecret}, want: "0201"},
		"named as initiator":   {cfg: iscsitest.Config{User: iscsitest.DefaultInitiator, Secret: "named as the initiator"}, want: "ok"},
		"for all":              {cfg: iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:two", User: "anyone", Secret: "for all"}, want: "ok"},
		"no CHAP":              {cfg: iscsitest.Config{}, want: "0201"},
		"no security stage":    {cfg: iscsitest.Config{Operational: true}, want: "0201"},
		"mutual":               {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, TargetUser: "library", TargetSecret: targetSecret}, want: "ok"},
		"mutual, wrong secret": {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, TargetUser: "library", TargetSecret: "wrong"}, want: "the target's CHAP response is wrong"},
		"mutual, not ours": {cfg: iscsitest.Config{User: "backup", Secret: chapSecret, TargetUser: "library", TargetSecret: targetSecret},
			change: func(p *chap.Policy) { p.Target = nil }, want: "0201"},
		"mutual required": {cfg: iscsitest.Config{User: "backup", Secret: chapSecret},
			change: func(p *chap.Policy) { p.RequireMutual = true }, want: "0201"},
		"MD5 forbidden": {cfg: iscsitest.Config{User: "backup", Secret: chapSecret},
			change: func(p *chap.Policy) { p.Algorithms = []chap.Algorithm{chap.SHA256} }, want: "0201"},
	}
	w := newWorld(t)
	for name, row := range rows {
		for _, discovery := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/discovery=%v", name, discovery), func(t *testing.T) {
				p := chapPolicy()
				if row.change != nil {
					row.change(p)
				}
				policy := &iscsi.Policy{CHAP: p}
				if err := errors.Join(w.target.SetPolicy(policy), w.portal.SetPolicy(policy)); err != nil {
					t.Fatal(err)
				}
				cfg := row.cfg
				cfg.Target, cfg.Discovery = targetName, discovery
				s, err := iscsitest.Login(w.dial(), cfg)
				defer s.Conn.Close()
				if status(err) != row.want {
					t.Fatalf("%s, want %s", status(err), row.want)
				}
				if err == nil && !discovery {
					l := w.target.Sessions()
					if !slices.ContainsFunc(l, func(i iscsi.SessionInfo) bool { return i.User == cfg.User }) {
						t.Errorf("sessions %+v", l)
					}
				}
				if err == nil && discovery {
					if pairs, err := s.SendTargets("All"); err != nil || len(pairs) != 2 {
						t.Fatalf("%v, %v", pairs, err)
					}
				}
			})
		}
	}
}

// TestCHAPSteps breaks the order of the keys.
func TestCHAPSteps(t *testing.T) {
	w := newWorld(t)
	if err := w.target.SetPolicy(&iscsi.Policy{CHAP: chapPolicy()}); err != nil {
		t.Fatal(err)
	}
	first := step{sec, op, who + " AuthMethod=CHAP", "ok"}
	offer := step{sec, op, "CHAP_A=5", "ok"}
	rows := map[string][]step{
		"method and algorithms at once": {{sec, op, who + " AuthMethod=CHAP CHAP_A=5", "ok"}, {sec, op, "CHAP_N=x CHAP_R=0x00", "0201"}},
		"no algorithms":                 {first, {sec, op, "", "0207"}},
		"response before challenge":     {first, {sec, op, "CHAP_A=5 CHAP_N=backup CHAP_R=0x00", "0200"}},
		"no response":                   {first, offer, {sec, op, "CHAP_N=backup", "0207"}},
		"no name":                       {first, offer, {sec, op, "CHAP_R=0x00", "0207"}},
		"nothing":                       {first, offer, {sec, op, "", "0207"}},
		"response that is none":         {first, offer, {sec, op, "CHAP_N=backup CHAP_R=12345", "0200"}},
		"long response":                 {first, offer, {sec, op, "CHAP_N=backup CHAP_R=0x" + strings.Repeat("00", 1025), "0200"}},
		"skip to operational":           {{sec, sec, who, "ok"}, {op, full, "", "0200"}},
		"skip to full feature":          {{sec, full, who, "0201"}},
		"skip in the middle":            {first, {op, full, "", "0200"}},
		"method again":                  {first, {sec, op, "AuthMethod=None", "0200"}},
	}
	for name, steps := range rows {
		t.Run(name, func(t *testing.T) {
			s := w.fresh()
			defer s.Conn.Close()
			for i, st := range steps {
				var keys []byte
				for k := range strings.FieldsSeq(st.keys) {
					keys = append(append(keys, k...), 0)
				}
				r, _, err := s.LoginKeys(st.stage, st.next, keys)
				if status(err) != st.want {
					t.Fatalf("step %d: %s, want %s", i, status(err), st.want)
				}
				if r.Transit && st.next != st.stage {
					t.Fatalf("step %d: the target leaves the security stage", i)
				}
			}
		})
	}
}

// TestCHAPReflection sends the target's own challenge back to it.
func TestCHAPReflection(t *testing.T) {
	w := newWorld(t)
	if err := w.target.SetPolicy(&iscsi.Policy{CHAP: chapPolicy()}); err != nil {
		t.Fatal(err)
	}
	s := w.fresh()
	if _, _, err := s.LoginStep(sec, op, keysOf(who+" AuthMethod=CHAP")); err != nil {
		t.Fatal(err)
	}
	_, got, err := s.LoginStep(sec, op, keysOf("CHAP_A=5"))
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := pdu.ParseBinary(got["CHAP_C"])
	if err != nil || len(challenge) < 16 {
		t.Fatalf("challenge %q", got["CHAP_C"])
	}
	r := pdu.FormatBinary(chap.Respond(chap.MD5, 0, []byte("x"), challenge))
	_, _, err = s.LoginStep(sec, op, keysOf("CHAP_N=backup CHAP_R="+r+" CHAP_I=1 CHAP_C="+got["CHAP_C"]))
	if status(err) != "0201" {
		t.Fatal(status(err))
	}
}

func keysOf(s string) []pdu.Pair {
	var pairs []pdu.Pair
	for k := range strings.FieldsSeq(s) {
		key, value, _ := strings.Cut(k, "=")
		pairs = append(pairs, pdu.Pair{Key: key, Value: value})
	}
	return pairs
}
