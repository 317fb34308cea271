package station

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"govtl/internal/config"
	"govtl/iscsi/chap"
)

// maxSecrets bounds the file of secrets, in bytes.
const maxSecrets = 1 << 20

// secrets reads the file of CHAP secrets: a line for each credential,
//
//	initiator NAME SECRET [INITIATOR-IQN ...]
//	target NAME SECRET
//
// A secret that begins with 0x is hexadecimal; # begins a comment. Without an IQN
// the NAME must be the initiator's own name; * lets every initiator use it. The
// file must be closed to everybody else. Errors name the line, never the secret.
func secrets(o config.ISCSI) (*chap.Policy, error) {
	if o.Secrets == "" {
		return nil, fmt.Errorf("chap is on and no secrets file is named")
	}
	f, err := os.Open(o.Secrets)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("secrets: others may read %s (mode %04o, want 0600)", o.Secrets, st.Mode().Perm())
	}
	if st.Size() > maxSecrets {
		return nil, fmt.Errorf("secrets: %s is larger than %d bytes", o.Secrets, maxSecrets)
	}
	p, err := parseSecrets(f, o.Secrets)
	if err != nil {
		return nil, err
	}
	p.RequireMutual = o.MutualCHAP
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Secrets, err)
	}
	return p, nil
}

// parseSecrets reads the lines of a file of secrets; name is what errors call it.
func parseSecrets(r io.Reader, name string) (*chap.Policy, error) {
	p := &chap.Policy{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) < 3 {
			return nil, fmt.Errorf("%s:%d: a line is: initiator|target NAME SECRET", name, n)
		}
		c := chap.Credential{Name: words[1], Secret: []byte(words[2])}
		if digits, ok := strings.CutPrefix(words[2], "0x"); ok {
			var err error
			if c.Secret, err = hex.DecodeString(digits); err != nil {
				return nil, fmt.Errorf("%s:%d: the secret is not hexadecimal", name, n)
			}
		}
		switch {
		case words[0] == "initiator":
			for _, iqn := range words[3:] {
				c.AnyInitiator = c.AnyInitiator || iqn == "*"
				c.Initiators = append(c.Initiators, iqn)
			}
			p.Initiators = append(p.Initiators, c)
		case words[0] == "target" && p.Target == nil && len(words) == 3:
			p.Target = &c
		default:
			return nil, fmt.Errorf("%s:%d: a line is: initiator NAME SECRET [IQN ...] or, once, target NAME SECRET", name, n)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}
