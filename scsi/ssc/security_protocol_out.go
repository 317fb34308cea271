package ssc

import (
	"encoding/binary"
	"slices"

	"govtl/libcart"
	"govtl/scsi"
)

// securityProtocolOut is SECURITY PROTOCOL OUT, SPC-4 6.38.
func (d *Drive) securityProtocolOut(t *scsi.Task) error {
	protocol, specific, err := securityProtocol(t)
	switch {
	case err != nil:
		return err
	case protocol != protocolTape:
		return scsi.InvalidFieldInCDBAt(1, -1)
	case specific != pageSetEncryption:
		return scsi.InvalidFieldInCDBAt(2, -1)
	}
	n := binary.BigEndian.Uint32(t.CDB[6:])
	if n > maxSetEncryption {
		return scsi.InvalidFieldInCDBAt(6, -1)
	}
	list, err := t.DataOut(int(n))
	if err != nil || n == 0 {
		return err
	}
	defer clear(list) // the key
	p, lock, err := d.decodeSetEncryption(list)
	if err != nil {
		return err
	}
	return d.setEncryption(t.Nexus, p, lock)
}

const (
	// maxSetEncryption bounds the parameter list.
	maxSetEncryption = 4096

	// keyOffset is where the key of a Set Data Encryption page begins, and
	// kadOffset where its key-associated data do after a whole key.
	keyOffset = 20
	kadOffset = keyOffset + libcart.KeySize
)

// decodeSetEncryption decodes and checks a Set Data Encryption page, SSC-4 8.5.3.2.
func (d *Drive) decodeSetEncryption(list []byte) (p *parameters, lock bool, err error) {
	if len(list) < keyOffset {
		return nil, false, scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	if binary.BigEndian.Uint16(list) != pageSetEncryption {
		return nil, false, scsi.InvalidParameterAt(0, -1)
	}
	length := int(binary.BigEndian.Uint16(list[2:]))
	if length+4 != len(list) {
		return nil, false, scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError).
			Because("the page says %d bytes and the list has %d behind its header", length, len(list)-4)
	}
	p = &parameters{
		scope: list[4] >> 5, ceem: list[5] >> 6, rdmc: list[5] >> 4 & 0x03,
		ckod: list[5]&0x04 != 0, ckorp: list[5]&0x02 != 0, ckorl: list[5]&0x01 != 0,
		encrypt: list[6], decrypt: list[7], algorithm: list[8], format: list[10],
	}
	lock = list[4]&0x01 != 0
	if err := d.checkSetEncryption(p, list); err != nil || p.scope == scopePublic {
		return p, lock, err
	}
	n := int(binary.BigEndian.Uint16(list[18:]))
	if n > len(list)-keyOffset {
		return nil, false, scsi.InvalidParameterAt(18, -1)
	}
	needed := p.encrypt == encryptOn || p.decrypt >= decryptOn
	key := list[keyOffset : keyOffset+n]
	if needed && list[9] == keyWrapped {
		if key, err = d.unwrapKey(key, keyOffset); err != nil {
			return nil, false, err
		}
		defer clear(key)
	} else if needed && n != libcart.KeySize {
		return nil, false, scsi.InvalidParameterAt(18, -1).Because("a key of %d bytes, not %d", n, libcart.KeySize)
	}
	if err := d.takeKADs(p, list[keyOffset+n:], keyOffset+n); err != nil {
		return nil, false, err
	}
	if needed {
		l := label{rawDisabled: p.rawDisabled, algorithm: p.algorithm, format: p.format, kads: p.kads}
		p.cipher, err = libcart.NewCipher(key, l.encode())
	}
	return p, lock, err
}

// checkSetEncryption checks the fixed part of the page against the model.
func (d *Drive) checkSetEncryption(p *parameters, list []byte) error {
	e := &d.model.Encryptor
	if p.scope > scopeAll {
		return scsi.InvalidParameterAt(4, 7)
	}
	if p.scope == scopePublic {
		return nil // the other fields mean nothing
	}
	_, known := e.Algorithm(p.algorithm)
	switch {
	case list[5]&0x08 != 0: // SDK
		return scsi.InvalidParameterAt(5, 3)
	case p.rdmc == 1:
		return scsi.InvalidParameterAt(5, 5)
	case p.encrypt > encryptOn, p.encrypt == encryptExternal && !e.External():
		return scsi.InvalidParameterAt(6, -1)
	case p.decrypt > decryptMixed, p.decrypt == decryptRaw && !e.Raw():
		return scsi.InvalidParameterAt(7, -1)
	case !known && (p.encrypt != encryptOff || p.decrypt != decryptOff):
		return scsi.InvalidParameterAt(8, -1)
	case list[9] != keyPlain && !(list[9] == keyWrapped && e.Wrapping):
		return scsi.InvalidParameterAt(9, -1)
	case p.format > 2:
		return scsi.InvalidParameterAt(10, -1)
	}
	p.rawDisabled = p.rdmc == 3 || p.rdmc == 0 && e.Modes&0x02 == 0
	return nil
}

// takeKADs takes the key-associated data that mean something with the encryption
// mode: none without encryption, the metadata alone with external encryption.
func (d *Drive) takeKADs(p *parameters, list []byte, offset int) error {
	if p.encrypt == encryptOff {
		return nil
	}
	kads, err := decodeKADs(list, offset)
	if err != nil {
		return err
	}
	if p.encrypt == encryptExternal {
		kads = slices.DeleteFunc(kads, func(k kad) bool { return k.kind != kadMetadata })
		if len(kads) == 0 || len(kads[0].data) > 64 {
			return scsi.NewSense(scsi.IllegalRequest, scsi.IncompleteKeyAssociatedDataSet)
		}
		p.kads = kads
		return nil
	}
	a, _ := d.model.Encryptor.Algorithm(p.algorithm)
	p.kads = kads
	return checkKADs(kads, a)
}

// setEncryption establishes parameters for the scope that they say.
func (d *Drive) setEncryption(n *scsi.Nexus, p *parameters, lock bool) error {
	e := &d.crypt
	if limit := d.model.Encryptor.KeyLimit; limit > 0 && p.decrypt >= decryptOn && d.in.loaded() && d.sameCart().wrong >= limit {
		p.cipher.Wipe()
		return scsi.NewSense(scsi.DataProtect, scsi.DataDecryptionKeyFailLimitReached)
	}
	if e.local == nil {
		e.local, e.locked = map[*scsi.Nexus]*parameters{}, map[*scsi.Nexus]uint32{}
	}
	e.counter++
	p.owner, p.counter = n, e.counter
	d.changeParameters(n, func(e *encryption) {
		delete(e.local, n)
		switch p.scope {
		case scopeLocal:
			e.local[n] = p
		case scopeAll:
			e.shared = p
		}
	})
	delete(e.locked, n)
	if lock {
		e.locked[n] = e.instance(n)
	}
	d.log.Info("encryption parameters set", "initiator", n.InitiatorName, "scope", p.scope, "encryption", p.encrypt, "decryption", p.decrypt)
	return nil
}
