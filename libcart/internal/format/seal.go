package format

// AES256GCM is the cipher of blocks that are encrypted with AES-256-GCM.
const AES256GCM = 1

// The auxiliary data of an encrypted block.
const (
	// SealSize is the length of the auxiliary data before the label.
	SealSize = 56

	// SealMark is the offset of the mark, SealOpen where what the tag covers
	// begins.
	SealMark = 16
	SealOpen = 20

	TagSize   = 16
	SaltSize  = 16
	NonceSize = 12
	CheckSize = 8
)

// SealInfo is the info string of the key derivation.
const SealInfo = "VTL AES-256-GCM block 1"

// Seal is the auxiliary data of an encrypted block before its label.
type Seal struct {
	Tag   [TagSize]byte
	Mark  uint8 // bit 0: it was stored as an already encrypted block
	Salt  [SaltSize]byte
	Nonce [NonceSize]byte
	Check [CheckSize]byte // tells whether a key is the right one
}

// Put writes the SealSize bytes of s to b.
func (s *Seal) Put(b []byte) {
	b = b[:SealSize]
	copy(b, s.Tag[:])
	b[16] = s.Mark
	clear(b[17:20])
	copy(b[20:], s.Salt[:])
	copy(b[36:], s.Nonce[:])
	copy(b[48:], s.Check[:])
}

// DecodeSeal decodes the auxiliary data of an encrypted block into s.
func DecodeSeal(s *Seal, b []byte) error {
	const what = "encryption data"
	if len(b) < SealSize {
		return invalid(what, "too short")
	}
	if !zero(b[17:20]) {
		return invalid(what, "reserved bytes in use")
	}
	*s = Seal{Tag: [TagSize]byte(b), Mark: b[16], Salt: [SaltSize]byte(b[20:]), Nonce: [NonceSize]byte(b[36:]),
		Check: [CheckSize]byte(b[48:])}
	return nil
}
