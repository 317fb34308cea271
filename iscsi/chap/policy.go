package chap

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Credential is a CHAP name with its secret.
type Credential struct {
	// Name is CHAP_N.
	Name string

	// Secret is any bytes; RFC 7143 9.2.1 asks for 96 random bits at least.
	Secret []byte

	// Initiators are the iSCSI names that may use this credential (RFC 7143
	// 9.2): without that, one authenticated host can pose as another and end
	// its sessions. Empty: the initiator's name must be equal to Name unless
	// AnyInitiator is set.
	Initiators []string

	// AnyInitiator lets every initiator name use the credential.
	AnyInitiator bool
}

// String leaves the secret out.
func (c Credential) String() string { return "CHAP credential " + strconv.Quote(c.Name) }

// GoString leaves the secret out.
func (c Credential) GoString() string { return c.String() }

func (c *Credential) binds(initiator string) bool {
	switch {
	case c.AnyInitiator:
		return true
	case len(c.Initiators) == 0:
		return strings.EqualFold(c.Name, initiator)
	}
	return slices.ContainsFunc(c.Initiators, func(name string) bool { return strings.EqualFold(name, initiator) })
}

// Policy is what a target asks of initiators, and what it can prove itself with.
type Policy struct {
	// Algorithms are those that may be used; empty: all. The initiator's order
	// decides between them.
	Algorithms []Algorithm

	// Initiators are the credentials that log in.
	Initiators []Credential

	// Target, when not nil, is what the target proves itself with when an
	// initiator asks for it.
	Target *Credential

	// RequireMutual refuses initiators that do not ask the target to prove itself.
	RequireMutual bool
}

// Validate refuses policies that cannot work or are not safe, among them one
// secret for both directions (RFC 7143 9.2.1).
func (p *Policy) Validate() error {
	names := map[string]bool{}
	for i := range p.Initiators {
		c := &p.Initiators[i]
		if err := c.validate(); err != nil {
			return err
		}
		if names[c.Name] {
			return fmt.Errorf("chap: two credentials are named %q", c.Name)
		}
		names[c.Name] = true
		if p.Target != nil && bytes.Equal(c.Secret, p.Target.Secret) {
			return fmt.Errorf("chap: %q and the target have the same secret; each direction needs its own", c.Name)
		}
	}
	if len(p.Initiators) == 0 {
		return errors.New("chap: no credential for initiators: nobody could log in")
	}
	for _, a := range p.Algorithms {
		if !a.Known() {
			return fmt.Errorf("chap: unknown algorithm %d", uint8(a))
		}
	}
	if p.Target == nil {
		if p.RequireMutual {
			return errors.New("chap: mutual authentication is required and the target has no credential")
		}
		return nil
	}
	return p.Target.validate()
}

func (c *Credential) validate() error {
	switch {
	case c.Name == "" || len(c.Name) > 255:
		return fmt.Errorf("chap: name %.40q is empty or longer than 255 bytes", c.Name)
	case strings.ContainsRune(c.Name, 0):
		return fmt.Errorf("chap: name %.40q has a NUL", c.Name)
	case len(c.Secret) == 0 || len(c.Secret) > 1024:
		return fmt.Errorf("chap: the secret of %q is empty or longer than 1024 bytes", c.Name)
	}
	return nil
}

// Choose returns the first algorithm of a CHAP_A list that is allowed.
func (p *Policy) Choose(list string) (Algorithm, bool) {
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(s, 0, 8)
		if a := Algorithm(n); err == nil && a.Known() && (len(p.Algorithms) == 0 || slices.Contains(p.Algorithms, a)) {
			return a, true
		}
	}
	return 0, false
}

// Check reports whether response proves that an initiator of that iSCSI name
// holds the secret of user. It takes the same time for a user that does not exist.
func (p *Policy) Check(a Algorithm, id byte, challenge []byte, user, initiator string, response []byte) bool {
	var found *Credential
	for i := range p.Initiators {
		if p.Initiators[i].Name == user {
			found = &p.Initiators[i]
		}
	}
	ok := found != nil && found.binds(initiator)
	secret := make([]byte, 32)
	rand.Read(secret)
	if found != nil {
		secret = found.Secret
	}
	if !Equal(Respond(a, id, secret, challenge), response) {
		return false
	}
	// A response that we would have given for the same challenge comes from a
	// reflection of ours (RFC 7143 9.2.1).
	if p.Target != nil && Equal(Respond(a, id, p.Target.Secret, challenge), response) {
		return false
	}
	return ok
}
