// Package chap is the CHAP of RFC 1994 as RFC 7143 12.1.3 uses it: algorithms,
// responses, and the checks that 9.2.1 asks for. It knows no PDU.
package chap

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/subtle"
	"fmt"
	"hash"
)

// Algorithm is a CHAP_A value, from IANA's PPP authentication algorithms.
type Algorithm uint8

// The algorithms of RFC 7143 12.1.3 and of the registry.
const (
	MD5     Algorithm = 5
	SHA1    Algorithm = 6
	SHA256  Algorithm = 7
	SHA3256 Algorithm = 8
)

// Algorithms are all that this package knows, the strongest first.
var algorithms = [...]Algorithm{SHA3256, SHA256, SHA1, MD5}

// String is the name of the algorithm.
func (a Algorithm) String() string {
	switch a {
	case MD5:
		return "MD5"
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA-256"
	case SHA3256:
		return "SHA3-256"
	}
	return fmt.Sprintf("CHAP algorithm %d", uint8(a))
}

// Known reports whether Respond can compute the algorithm.
func (a Algorithm) Known() bool {
	for _, k := range algorithms {
		if a == k {
			return true
		}
	}
	return false
}

func (a Algorithm) new() hash.Hash {
	switch a {
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	case SHA3256:
		return sha3.New256()
	}
	return md5.New()
}

// Respond is the response to a challenge: the hash of the identifier as one
// byte, the secret and the challenge (RFC 1994 4.1). a must be Known.
func Respond(a Algorithm, identifier byte, secret, challenge []byte) []byte {
	h := a.new()
	h.Write([]byte{identifier})
	h.Write(secret)
	h.Write(challenge)
	return h.Sum(nil)
}

// Equal compares two responses in constant time.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
