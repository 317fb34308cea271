package libcart

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// Errors of reading an encrypted block. They leave the position before it, and
// come only when all its checksums are right.
var (
	// ErrEncrypted: the block is encrypted and no key is set.
	ErrEncrypted = errors.New("libcart: encrypted")

	// ErrWrongKey: the block was encrypted with another key than the one set.
	ErrWrongKey = errors.New("libcart: encrypted with another key")

	// ErrTampered: the key is the right one, and block, label or tag are not
	// what was written.
	ErrTampered = errors.New("libcart: encrypted block fails its integrity check")

	// ErrSealed: what WriteSealed was given is not an encrypted block.
	ErrSealed = errors.New("libcart: not an encrypted block")
)

const (
	// KeySize is the length of a key in bytes.
	KeySize = 32

	// MaxLabel bounds what is stored in clear with each encrypted block, in bytes.
	MaxLabel = format.MaxAux - format.SealSize

	// rekeyAfter is how many blocks are encrypted with one derived key at most:
	// the bound of NIST SP 800-38D for random nonces.
	rekeyAfter = 1 << 32
)

// Cipher is a key for blocks and what is stored in clear beside them. The key is
// in memory only, and nothing in this package writes it anywhere. A Cipher may be
// used for several cartridges.
type Cipher struct {
	label []byte

	mu    sync.Mutex // guards everything below
	key   [KeySize]byte
	wiped bool
	seal  *subkey // of blocks that are written
	open  *subkey // of the block that was read last
	used  uint64  // blocks encrypted with seal
	all   []*subkey
}

// maxSubkeys bounds how many derived keys are kept in order to wipe them.
const maxSubkeys = 256

// subkey is the key of the blocks that have the same salt, and its check value.
type subkey struct {
	salt  [format.SaltSize]byte
	check [format.CheckSize]byte
	aead  cipher.AEAD
}

// NewCipher makes a cipher of a key of KeySize bytes. Both arguments are copied.
// The label, at most MaxLabel bytes, is stored with each block in clear; it
// cannot be changed there without notice, and means nothing to this package.
func NewCipher(key, label []byte) (*Cipher, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("libcart: a key of %d bytes, not %d", len(key), KeySize)
	}
	if len(label) > MaxLabel {
		return nil, fmt.Errorf("libcart: a label of %d bytes, more than %d", len(label), MaxLabel)
	}
	k := &Cipher{label: bytes.Clone(label)}
	copy(k.key[:], key)
	return k, nil
}

// Wipe overwrites the key. No cartridge may use the cipher any more.
func (k *Cipher) Wipe() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.key[:])
	k.wiped = true
	for _, s := range k.all {
		wipe(s.aead)
	}
	k.seal, k.open, k.all = nil, nil, nil
}

// String does not show the key.
func (k *Cipher) String() string { return "libcart.Cipher" }

// GoString does not show the key.
func (k *Cipher) GoString() string { return k.String() }

// wipe overwrites what the standard library made of the key: a structure without
// pointers. Another structure is left to the garbage collector.
func wipe(a any) {
	v := reflect.ValueOf(a)
	if v.Kind() != reflect.Pointer || v.IsNil() || !flat(v.Type().Elem()) {
		return
	}
	clear(unsafe.Slice((*byte)(v.UnsafePointer()), v.Type().Elem().Size()))
}

// flat says that values of a type have no pointers.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if !flat(t.Field(i).Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return flat(t.Elem())
	}
	return t.Kind() <= reflect.Complex128 && t.Kind() != reflect.Uintptr
}

// derive makes the key of a salt. mu is held.
func (k *Cipher) derive(salt [format.SaltSize]byte) (*subkey, error) {
	if k.wiped {
		return nil, errors.New("libcart: the key was wiped")
	}
	const length = KeySize + format.CheckSize
	b, err := hkdf.Key(sha256.New, k.key[:], salt[:], format.SealInfo, length)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	block, err := aes.NewCipher(b[:KeySize])
	if err != nil {
		return nil, err
	}
	defer wipe(block) // the AEAD has a copy
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	s := &subkey{salt: salt, check: [format.CheckSize]byte(b[KeySize:]), aead: aead}
	if len(k.all) < maxSubkeys {
		k.all = append(k.all, s)
	}
	return s, nil
}

// sealing returns the key for the next block to be written. Its salt is new each
// time a cipher begins to write, and after rekeyAfter blocks.
func (k *Cipher) sealing() (*subkey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seal == nil || k.used >= rekeyAfter {
		var salt [format.SaltSize]byte
		if _, err := rand.Read(salt[:]); err != nil {
			return nil, err
		}
		s, err := k.derive(salt)
		if err != nil {
			return nil, err
		}
		k.seal, k.used = s, 0
	}
	k.used++
	return k.seal, nil
}

// opening returns the key of a block with a salt, or ErrWrongKey.
func (k *Cipher) opening(h *format.Seal) (*subkey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.open
	if s == nil || s.salt != h.Salt {
		var err error
		if s, err = k.derive(h.Salt); err != nil {
			return nil, err
		}
		k.open = s
	}
	if s.check != h.Check {
		return nil, ErrWrongKey
	}
	return s, nil
}

// auxLength is the length of the auxiliary data of blocks that the cipher writes;
// 0 without one.
func (k *Cipher) auxLength() int {
	if k == nil {
		return 0
	}
	return format.SealSize + len(k.label)
}

// sealer encrypts and decrypts for one goroutine.
type sealer struct {
	text []byte // additional authenticated data
	seal format.Seal
}

// authenticated is what the tag also covers: what the header says of the block
// itself, and the auxiliary data but tag and mark. Not the place: an encrypted
// block may be copied to another tape as it is.
func (z *sealer) authenticated(codec Codec, length int, aux []byte) []byte {
	z.text = append(z.text[:0], format.Block, uint8(codec), format.AES256GCM, 0)
	z.text = binary.BigEndian.AppendUint32(z.text, uint32(length))
	z.text = append(z.text, aux[format.SealOpen:]...)
	return z.text
}

// encrypt encrypts a payload, in place when there is room for the tag behind it,
// and returns it with its auxiliary data. length is that of the block as the
// initiator wrote it. After an error the payload is what it was.
func (z *sealer) encrypt(k *Cipher, codec Codec, length int, payload *buffer.Buffer) (sealed, aux *buffer.Buffer, err error) {
	s, err := k.sealing()
	if err != nil {
		return payload, nil, err
	}
	if _, err := rand.Read(z.seal.Nonce[:]); err != nil {
		return payload, nil, err
	}
	n := len(payload.B)
	sealed = payload
	if n+format.TagSize > cap(payload.B) {
		sealed = buffer.Default.Get(n + format.TagSize)
	}
	aux = buffer.Default.Get(k.auxLength())
	z.seal.Salt, z.seal.Check = s.salt, s.check
	z.seal.Put(aux.B)
	copy(aux.B[format.SealSize:], k.label)
	out := s.aead.Seal(sealed.B[:0], z.seal.Nonce[:], payload.B, z.authenticated(codec, length, aux.B))
	copy(aux.B[:format.TagSize], out[n:])
	if sealed != payload {
		payload.Release()
	}
	sealed.B = out[:n]
	return sealed, aux, nil
}

// decrypt decrypts the payload of a record in place. Its checksums are right.
func (z *sealer) decrypt(k *Cipher, r *format.Record, aux []byte, payload *buffer.Buffer) error {
	h := &z.seal
	if err := format.DecodeSeal(h, aux); err != nil {
		return fmt.Errorf("%w: object %d: %w", ErrDamaged, r.Object, err)
	}
	if k == nil {
		return fmt.Errorf("%w: object %d", ErrEncrypted, r.Object)
	}
	s, err := k.opening(h)
	if err != nil {
		return fmt.Errorf("%w: object %d", err, r.Object)
	}
	n := len(payload.B)
	if n+format.TagSize > cap(payload.B) {
		return fmt.Errorf("%w: object %d: longer than an encrypted block can be", ErrDamaged, r.Object)
	}
	sealed := append(payload.B, h.Tag[:]...)
	if _, err := s.aead.Open(sealed[:0], h.Nonce[:], sealed, z.authenticated(Codec(r.Codec), int(r.Length), aux)); err != nil {
		return fmt.Errorf("%w: object %d", ErrTampered, r.Object)
	}
	return nil
}
