package ssc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"

	"govtl/libcart"
	"govtl/scsi"
)

// The formats of a key, SSC-4 table 156.
const (
	keyPlain   = 0x00
	keyWrapped = 0x02 // with the drive's public key
)

// wrappingBits is the length of the drive's key pair: RSA 2048 of SSC-4 table 168.
const wrappingBits = 2048

// wrappingKey is the drive's key pair for wrapped keys, made when it is first asked
// for and gone with the drive's power.
func (d *Drive) wrappingKey() (*rsa.PrivateKey, error) {
	e := &d.crypt
	if e.wrapping == nil {
		k, err := rsa.GenerateKey(rand.Reader, wrappingBits)
		if err != nil {
			return nil, err
		}
		e.wrapping = k
	}
	return e.wrapping, nil
}

// appendRandom appends the Random Number page, SSC-4 8.5.2.9.
func appendRandom(b []byte) ([]byte, error) {
	var r [32]byte
	if _, err := rand.Read(r[:]); err != nil {
		return nil, err
	}
	return append(b, r[:]...), nil
}

// appendPublicKey appends the Device Server Key Wrapping Public Key page, SSC-4
// 8.5.2.10: an RSA 2048 modulus and exponent, each as long as the modulus.
func (d *Drive) appendPublicKey(b []byte) ([]byte, error) {
	k, err := d.wrappingKey()
	if err != nil {
		return nil, err
	}
	const length = wrappingBits / 8
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // PUBLIC KEY TYPE and FORMAT: RSA 2048
	b = binary.BigEndian.AppendUint16(b, 2*length)
	b = append(b, k.N.FillBytes(make([]byte, length))...)
	var exponent [length]byte
	binary.BigEndian.PutUint64(exponent[length-8:], uint64(k.E))
	return append(b, exponent[:]...), nil
}

// unwrapKey takes the key out of a key field of format 02h, SSC-4 8.5.3.2.6:
// parameter set, label, RSAES-OAEP with SHA-256 of the key under that label, and a
// signature, which the drive knows nobody to have made: there must be none. offset
// is where the field begins in the parameter list.
func (d *Drive) unwrapKey(field []byte, offset int) ([]byte, error) {
	at := 0
	part := func() ([]byte, error) {
		if len(field)-at < 2 {
			return nil, scsi.InvalidParameterAt(offset+at, -1)
		}
		n := int(binary.BigEndian.Uint16(field[at:]))
		if n > len(field)-at-2 {
			return nil, scsi.InvalidParameterAt(offset+at, -1)
		}
		at += 2 + n
		return field[at-n : at], nil
	}
	if len(field) < 2 || binary.BigEndian.Uint16(field) != 0 { // PARAMETER SET: RSA 2048
		return nil, scsi.InvalidParameterAt(offset, -1)
	}
	at = 2
	label, err := part()
	if err != nil {
		return nil, err
	}
	wrappedAt := offset + at
	wrapped, err := part()
	if err != nil {
		return nil, err
	}
	signature, err := part()
	if err != nil {
		return nil, err
	}
	if len(signature) > 0 || at != len(field) {
		return nil, scsi.InvalidParameterAt(offset+at-len(signature), -1)
	}
	k, err := d.wrappingKey()
	if err != nil {
		return nil, err
	}
	key, err := rsa.DecryptOAEP(sha256.New(), nil, k, wrapped, label)
	if err != nil || len(key) != libcart.KeySize {
		clear(key)
		return nil, scsi.InvalidParameterAt(wrappedAt, -1).Because("the key was not wrapped with this drive's public key")
	}
	return key, nil
}
