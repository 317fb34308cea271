//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"govtl/test/guest"
	"govtl/test/linux"
	"govtl/test/suite"
)

// Secrets of the tests.
const (
	initiatorSecret = "a secret of the initiator"
	targetSecret    = "a secret of the target's"
	wrongSecret     = "a secret of nobody at all"
)

// secret is a secret as a configuration file has it: without blanks.
func secret(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, " ", "-"), "'", "") }

// chapSuite starts a suite that asks for CHAP.
func chapSuite(t *testing.T, mutual bool) *suite.Suite {
	t.Helper()
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets")
	text := fmt.Sprintf("initiator %s %s\ntarget vtl %s\n", guest.InitiatorName, secret(initiatorSecret), secret(targetSecret))
	if err := os.WriteFile(secrets, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := suite.New(t, suite.Options{Dir: dir, User: nobody, Config: fmt.Sprintf(`version: 1
iscsi:
  chap: true
  mutual-chap: %v
  secrets: %s
libraries:
  - id: 10
    model: ibm-03584
    serial: CHAP000010
    slots: 4
    mail-slots: 1
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: CHAP000011}
    media:
      - barcodes: CHP001L9
`, mutual, secrets)})
	if err := os.Chown(secrets, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	return s
}

// TestCHAP: who knows the secret comes in, by each algorithm, and nobody else;
// the target proves itself to those who ask; no secret is ever shown.
func TestCHAP(t *testing.T) {
	s := chapSuite(t, false)
	t.Cleanup(func() { linux.LogoutAll(t) })
	user := []string{"node.session.auth.authmethod=CHAP", "node.session.auth.username=" + guest.InitiatorName}
	in := []string{"node.session.auth.username_in=vtl"}
	for _, c := range []struct {
		name     string
		settings []string
		enters   bool
	}{
		{"no authentication", nil, false},
		{"wrong secret", append(user, "node.session.auth.password="+secret(wrongSecret)), false},
		{"wrong name", []string{user[0], "node.session.auth.username=iqn.2026-11.test.guest:thief", "node.session.auth.password=" + secret(initiatorSecret)}, false},
		{"MD5", append(user, "node.session.auth.password="+secret(initiatorSecret), "node.session.auth.chap_algs=MD5"), true},
		{"SHA1", append(user, "node.session.auth.password="+secret(initiatorSecret), "node.session.auth.chap_algs=SHA1"), true},
		{"SHA256", append(user, "node.session.auth.password="+secret(initiatorSecret), "node.session.auth.chap_algs=SHA256"), true},
		{"SHA3-256", append(user, "node.session.auth.password="+secret(initiatorSecret), "node.session.auth.chap_algs=SHA3-256"), true},
		{"mutual", append(append(user, in...), "node.session.auth.password="+secret(initiatorSecret), "node.session.auth.password_in="+secret(targetSecret)), true},
		{"mutual, the target does not know the secret", append(append(user, in...), "node.session.auth.password="+secret(initiatorSecret), "node.session.auth.password_in="+secret(wrongSecret)), false},
	} {
		t.Run(c.name, func(t *testing.T) { attempt(t, s, c.settings, c.enters) })
	}
	t.Run("discovery", func(t *testing.T) {
		linux.Refused(t, "iscsiadm -m discovery -t sendtargets -p %s", s.Addr)
		linux.Run(t, "iscsiadm -m discoverydb -t sendtargets -p %s -o new", s.Addr)
		for name, value := range map[string]string{"authmethod": "CHAP", "username": guest.InitiatorName, "password": secret(initiatorSecret)} {
			linux.Run(t, "iscsiadm -m discoverydb -t sendtargets -p %s -o update -n discovery.sendtargets.auth.%s -v %s", s.Addr, name, value)
		}
		linux.Want(t, "discovery", linux.Run(t, "iscsiadm -m discoverydb -t sendtargets -p %s -D", s.Addr), libraryName, driveName(11))
	})
	t.Run("no secret is shown", func(t *testing.T) {
		shown := s.Output() + s.Command(t, "status") + s.Command(t, "status", "--json")
		for _, hidden := range []string{initiatorSecret, targetSecret} {
			if strings.Contains(shown, secret(hidden)) {
				t.Errorf("%q is shown", secret(hidden))
			}
		}
	})
}

// TestMutualCHAP: a target that insists on proving itself.
func TestMutualCHAP(t *testing.T) {
	s := chapSuite(t, true)
	t.Cleanup(func() { linux.LogoutAll(t) })
	oneWay := []string{"node.session.auth.authmethod=CHAP", "node.session.auth.username=" + guest.InitiatorName, "node.session.auth.password=" + secret(initiatorSecret)}
	attempt(t, s, oneWay, false)
	attempt(t, s, append(oneWay, "node.session.auth.username_in=vtl", "node.session.auth.password_in="+secret(targetSecret)), true)
}

// attempt tries to log in to drive 11.
func attempt(t *testing.T, s *suite.Suite, settings []string, enters bool) {
	t.Helper()
	linux.NewNode(t, s.Addr, driveName(11), settings...)
	linux.Set(t, s.Addr, driveName(11), "node.session.initial_login_retry_max=1")
	if !enters {
		linux.Refused(t, "iscsiadm -m node -T %s -p %s --login", driveName(11), s.Addr)
		return
	}
	d := linux.Login(t, s.Addr, driveName(11))
	linux.Run(t, "sg_inq %s", d.Generic)
	linux.Run(t, "iscsiadm -m node -T %s -u", driveName(11))
}
