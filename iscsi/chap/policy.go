package chap

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
