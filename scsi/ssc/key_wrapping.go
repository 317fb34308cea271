package ssc

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/page"
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

// The types of a wrapped key descriptor.
const (
	wrappedFor    = 0x00 // device server identification: a designator of the drive
	wrappedLength = 0x04 // how long the wrapped key is
	wrappedLast   = wrappedLength
)

// A wrappedKeyDescriptor is one item of a wrapped key's label.
type wrappedKeyDescriptor struct {
	kind byte
	at   int // where it begins in the label
	data []byte
}

// parseKeyLabel takes apart the label of a wrapped key: descriptors of type, a
// reserved byte, length (2 bytes) and data, by ascending type. at is where a label
// that is none goes wrong.
func parseKeyLabel(label []byte) (l []wrappedKeyDescriptor, at int, ok bool) {
	for at < len(label) {
		if len(label)-at < 4 {
			return nil, at, false
		}
		n := int(binary.BigEndian.Uint16(label[at+2:]))
		kind := label[at]
		if kind > wrappedLast || len(l) > 0 && kind <= l[len(l)-1].kind {
			return nil, at, false
		}
		if n > len(label)-at-4 {
			return nil, at + 2, false
		}
		l = append(l, wrappedKeyDescriptor{kind, at, label[at+4 : at+4+n]})
		at += 4 + n
	}
	return l, at, true
}

// checkKeyLabel refuses a label that is no list of descriptors, or whose
// descriptors say that the key is for another drive or has another length than
// wrapped has. offset is where the label begins in the parameter list.
func (d *Drive) checkKeyLabel(label, wrapped []byte, offset int) error {
	l, at, ok := parseKeyLabel(label)
	if !ok {
		return scsi.InvalidParameterAt(offset+at, -1).Because("the label is no list of wrapped key descriptors")
	}
	for _, x := range l {
		switch x.kind {
		case wrappedFor:
			if !slices.ContainsFunc(d.unitDesignators(), func(own page.Designator) bool { return bytes.Equal(own.ID, x.data) }) {
				return scsi.InvalidParameterAt(offset+x.at+4, -1).Because("the key was wrapped for another drive")
			}
		case wrappedLength:
			if len(x.data) != 2 || int(binary.BigEndian.Uint16(x.data)) != len(wrapped) {
				return scsi.InvalidParameterAt(offset+x.at+4, -1)
			}
		}
	}
	return nil
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
	labelAt, wrappedAt := offset+at-len(label), offset+at
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
	if err := d.checkKeyLabel(label, wrapped, labelAt); err != nil {
		return nil, err
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
