package chap

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// TestRespond: each algorithm over the identifier 1, a secret and a challenge.
// The values are those of coreutils and OpenSSL for the same bytes.
func TestRespond(t *testing.T) {
	for a, want := range map[Algorithm]string{
		MD5:     "46e47770030e2b4e26a0db72a7efec00",
		SHA1:    "011f25d29fe1baaced569c0d7e4878e40ddb7d7e",
		SHA256:  "2dfa0526f4764864b7c3c5bc6596bcead3d8dbd984f4fc1d9f330299f0beced4",
		SHA3256: "9444877c4dff778ed2add0f102dcd561e11944e7e948ee1b89508451a9e680ad",
	} {
		if got := hex.EncodeToString(Respond(a, 1, []byte("secret"), []byte("challenge"))); got != want {
			t.Errorf("%v: %s, want %s", a, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Credential{Name: "backup", Secret: []byte("one")}
	for name, p := range map[string]Policy{
		"nobody":             {},
		"no name":            {Initiators: []Credential{{Secret: []byte("x")}}},
		"long name":          {Initiators: []Credential{{Name: strings.Repeat("x", 256), Secret: []byte("x")}}},
		"NUL in a name":      {Initiators: []Credential{{Name: "a\x00b", Secret: []byte("x")}}},
		"no secret":          {Initiators: []Credential{{Name: "x"}}},
		"long secret":        {Initiators: []Credential{{Name: "x", Secret: make([]byte, 1025)}}},
		"one name twice":     {Initiators: []Credential{good, good}},
		"one secret for all": {Initiators: []Credential{good}, Target: &Credential{Name: "t", Secret: []byte("one")}},
		"mutual without":     {Initiators: []Credential{good}, RequireMutual: true},
		"bad target":         {Initiators: []Credential{good}, Target: &Credential{Name: "t"}},
		"unknown algorithm":  {Initiators: []Credential{good}, Algorithms: []Algorithm{9}},
	} {
		if err := p.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p := Policy{Initiators: []Credential{good}, Target: &Credential{Name: "t", Secret: []byte("two")}, Algorithms: []Algorithm{MD5}, RequireMutual: true}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func TestChoose(t *testing.T) {
	all, few := &Policy{}, &Policy{Algorithms: []Algorithm{SHA256, SHA1}}
	for _, row := range []struct {
		policy *Policy
		list   string
		want   Algorithm
	}{
		{all, "5", MD5}, {all, "8,7,6,5", SHA3256}, {all, "5,8", MD5}, {all, "0x7", SHA256}, {all, "", 0}, {all, "1,99,300,-5", 0},
		{few, "5,6,7", SHA1}, {few, "7,6", SHA256}, {few, "5,8", 0},
	} {
		if got, ok := row.policy.Choose(row.list); got != row.want || ok != (row.want != 0) {
			t.Errorf("%q: %v, want %v", row.list, got, row.want)
		}
	}
}

// TestCheck: a response counts for the user it belongs to, from the initiators
// that the user is bound to, and not when it is the target's own.
func TestCheck(t *testing.T) {
	p := &Policy{
		Initiators: []Credential{
			{Name: "bound", Secret: []byte("one"), Initiators: []string{"iqn.a"}},
			{Name: "iqn.c", Secret: []byte("three")},
			{Name: "free", Secret: []byte("four"), AnyInitiator: true},
			{Name: "mirror", Secret: []byte("target"), AnyInitiator: true},
		},
		Target: &Credential{Name: "t", Secret: []byte("target")},
	}
	challenge := []byte("challenge")
	for _, row := range []struct {
		user, initiator, secret string
		want                    bool
	}{
		{"bound", "iqn.a", "one", true}, {"bound", "iqn.b", "one", false}, {"bound", "iqn.a", "two", false},
		{"iqn.c", "iqn.c", "three", true}, {"iqn.c", "iqn.a", "three", false}, {"free", "iqn.b", "four", true},
		{"nobody", "iqn.a", "one", false}, {"", "iqn.a", "", false}, {"mirror", "iqn.a", "target", false},
	} {
		for _, a := range []Algorithm{MD5, SHA1, SHA256, SHA3256} {
			r := Respond(a, 9, []byte(row.secret), challenge)
			if got := p.Check(a, 9, challenge, row.user, row.initiator, r); got != row.want {
				t.Errorf("%v %+v: %v", a, row, got)
			}
			if p.Check(a, 9, challenge, row.user, row.initiator, r[1:]) || p.Check(a, 8, challenge, row.user, row.initiator, r) {
				t.Errorf("%v %+v: another response counts", a, row)
			}
		}
	}
}

// TestSecretsStayInside: a credential that is printed shows no secret.
func TestSecretsStayInside(t *testing.T) {
	c := Credential{Name: "backup", Secret: []byte("hush")}
	p := Policy{Initiators: []Credential{c}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{c, &c, p} {
			if s := fmt.Sprintf(format, v); strings.Contains(s, "hush") || strings.Contains(s, "104 117") || strings.Contains(s, "0x68") {
				t.Errorf("%s of %T: %s", format, v, s)
			}
		}
	}
}
