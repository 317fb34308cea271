package station

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"govtl/internal/config"
)

func writeSecrets(t *testing.T, text string, mode os.FileMode) config.ISCSI {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return config.ISCSI{CHAP: true, Secrets: name}
}

func TestSecrets(t *testing.T) {
	o := writeSecrets(t, `# who may log in
initiator iqn.2026-11.com.example:one  a-secret-of-sixteen
initiator backup 0x00112233445566778899AABB iqn.2026-11.com.example:two iqn.2026-11.com.example:three
initiator guest another-long-secret *

target vtl the-target-s-own-secret
`, 0o600)
	p, err := secrets(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Initiators) != 3 || p.Target == nil || p.Target.Name != "vtl" {
		t.Fatalf("got %d initiators, target %v", len(p.Initiators), p.Target)
	}
	if got := p.Initiators[1]; len(got.Secret) != 12 || len(got.Initiators) != 2 || got.AnyInitiator {
		t.Errorf("second credential: %d bytes, for %v", len(got.Secret), got.Initiators)
	}
	if !p.Initiators[2].AnyInitiator || p.Initiators[0].AnyInitiator {
		t.Error("* is not what decides who may use a credential")
	}
}

// TestSecretsRefused: every refusal names the place, and none the secret.
func TestSecretsRefused(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		mode             os.FileMode
	}{
		{"open to others", "initiator a topsecretword\n", "mode 0644", 0o644},
		{"too few words", "initiator topsecretword\n", ":1: a line is", 0o600},
		{"unknown word", "# x\nfriend a topsecretword\n", ":2: a line is", 0o600},
		{"two targets", "initiator a topsecretword1\ntarget b topsecretword2\ntarget c topsecretword3\n", ":3: a line is", 0o600},
		{"bad hex", "initiator a 0xtopsecretword\n", ":1: the secret is not hexadecimal", 0o600},
		{"nobody", "# empty\n", "no credential", 0o600},
		{"one secret for both directions", "initiator a topsecretword\ntarget b topsecretword\n", "same secret", 0o600},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := secrets(writeSecrets(t, c.text, c.mode))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want something with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "topsecretword") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
	if _, err := secrets(config.ISCSI{CHAP: true}); err == nil {
		t.Error("CHAP without a file of secrets is accepted")
	}
}

func TestPolicy(t *testing.T) {
	s := &config.Suite{ISCSI: config.ISCSI{Initiators: []string{"iqn.a"}, Addresses: []string{"10.0.0.0/8", "192.168.1.5"}, RefuseColdReset: true}}
	p, err := Policy(s, config.Access{Initiators: []string{"iqn.b"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Initiators) != 1 || p.Initiators[0] != "iqn.b" {
		t.Errorf("a device's own list does not replace the suite's: %v", p.Initiators)
	}
	if !p.RefuseColdReset {
		t.Error("TARGET COLD RESET is not refused")
	}
	if len(p.Addresses) != 2 || p.Addresses[1].Bits() != 32 {
		t.Errorf("addresses: %v", p.Addresses)
	}
	if _, err := Policy(s, config.Access{Addresses: []string{"nowhere"}}); err == nil {
		t.Error("an address that is none is accepted")
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add("initiator a 0x0011 iqn.b *\ntarget c d\n# x\n")
	f.Add("initiator")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseSecrets(strings.NewReader(text), "secrets")
		if err != nil {
			return
		}
		for _, c := range p.Initiators {
			if c.Name == "" {
				t.Errorf("a credential without a name from %q", text)
			}
		}
	})
}
