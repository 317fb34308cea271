package ssc

import (
	"encoding/binary"

	"govtl/libcart"
	"govtl/scsi"
)

// The security protocols, SPC-4 table 247.
const (
	protocolInformation = 0x00
	protocolTape        = 0x20 // tape data encryption, SSC-4 8.5
)

// securityProtocol checks what both commands have in their CDB, and returns the
// protocol and what is specific to it.
func securityProtocol(t *scsi.Task) (protocol byte, specific uint16, err error) {
	if t.CDB[4]&0x80 != 0 { // INC_512
		return 0, 0, scsi.InvalidFieldInCDBAt(4, 7)
	}
	return t.CDB[1], binary.BigEndian.Uint16(t.CDB[2:]), nil
}

// securityProtocolIn is SECURITY PROTOCOL IN, SPC-4 6.37.
func (d *Drive) securityProtocolIn(t *scsi.Task) error {
	protocol, specific, err := securityProtocol(t)
	if err != nil {
		return err
	}
	var b []byte
	switch protocol {
	case protocolInformation:
		b, err = protocolPage(specific)
	case protocolTape:
		b, err = d.encryptionPage(t.Nexus, specific)
	default:
		return scsi.InvalidFieldInCDBAt(1, -1)
	}
	if err != nil {
		return err
	}
	t.Reply(b, int(min(binary.BigEndian.Uint32(t.CDB[6:]), uint32(len(b)))))
	return nil
}

// protocolPage is a page of security protocol 00h, SPC-4 7.7.1.
func protocolPage(specific uint16) ([]byte, error) {
	switch specific {
	case 0x0000: // supported security protocols
		return []byte{0, 0, 0, 0, 0, 0, 0, 2, protocolInformation, protocolTape}, nil
	case 0x0001: // certificate data: none
		return []byte{0, 0, 0, 0}, nil
	}
	return nil, scsi.InvalidFieldInCDBAt(2, -1)
}

// Pages of security protocol 20h, SSC-4 table 153.
const (
	pageInSupport    = 0x0000
	pageOutSupport   = 0x0001
	pageCapabilities = 0x0010
	pageKeyFormats   = 0x0011
	pageManagement   = 0x0012
	pageStatus       = 0x0020
	pageNextBlock    = 0x0021
	pageRandom       = 0x0030
	pageWrappingKey  = 0x0031

	pageSetEncryption = 0x0010 // of SECURITY PROTOCOL OUT
)

// encryptionPage is a page of security protocol 20h with its header.
func (d *Drive) encryptionPage(n *scsi.Nexus, code uint16) ([]byte, error) {
	b := binary.BigEndian.AppendUint16(nil, code)
	b = append(b, 0, 0)
	wraps := d.model.Encryptor.Wrapping
	if (code == pageRandom || code == pageWrappingKey) && !wraps {
		return nil, scsi.InvalidFieldInCDBAt(2, -1)
	}
	var err error
	switch code {
	case pageInSupport:
		for _, p := range []uint16{pageInSupport, pageOutSupport, pageCapabilities, pageKeyFormats, pageManagement, pageStatus, pageNextBlock} {
			b = binary.BigEndian.AppendUint16(b, p)
		}
		if wraps {
			b = append(b, pageRandom>>8, pageRandom, pageWrappingKey>>8, pageWrappingKey)
		}
	case pageOutSupport:
		b = binary.BigEndian.AppendUint16(b, pageSetEncryption)
	case pageCapabilities:
		b = d.encryptionCapabilities(b)
	case pageKeyFormats:
		b = append(b, keyPlain)
		if wraps {
			b = append(b, keyWrapped)
		}
	case pageManagement: // LOCK_C; CKOD_C, CKORP_C, CKORL_C; AITN_C, LOCAL_C, PUBLIC_C
		b = append(b, 0x01, 0x07, 0, 0x07, 0, 0, 0, 0, 0, 0, 0, 0)
	case pageStatus:
		b = d.encryptionStatus(b, n)
	case pageNextBlock:
		b, err = d.nextBlockStatus(b, n)
	case pageRandom:
		b, err = appendRandom(b)
	case pageWrappingKey:
		b, err = d.appendPublicKey(b)
	default:
		return nil, scsi.InvalidFieldInCDBAt(2, -1)
	}
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	return b, nil
}

// encryptionCapabilities appends the Data Encryption Capabilities page, SSC-4 8.5.2.4.
func (d *Drive) encryptionCapabilities(b []byte) []byte {
	e := &d.model.Encryptor
	b = append(b, e.Configuration)
	b = append(b, make([]byte, 15)...)
	fits := d.in.loaded() && d.volumeEncrypts()
	for _, a := range e.Algorithms {
		fields := e.Fields
		if e.ReportsWrite && d.in.loaded() {
			fields |= 0x40 // AVFCP: may not write here
			if fits && d.mayWrite() == nil {
				fields = e.Fields | 0x80
			}
		}
		b = append(b, a.Index, 0, 0, 0x14, e.Flags|flag(fits, 0x80), fields)
		b = binary.BigEndian.AppendUint16(b, a.UKAD)
		b = binary.BigEndian.AppendUint16(b, a.AKAD)
		b = binary.BigEndian.AppendUint16(b, libcart.KeySize)
		b = append(b, e.Modes, 0, 0, 0, 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, e.Code)
	}
	return b
}

// controlApplication: the parameters are under the control of applications.
const controlApplication = 1 << 4

// encryptionStatus appends the Data Encryption Status page, SSC-4 8.5.2.7.
func (d *Drive) encryptionStatus(b []byte, n *scsi.Nexus) []byte {
	e := &d.crypt
	p := e.effective(n)
	if p == nil {
		p = &parameters{}
	}
	b = append(b, e.nexusScope(n)<<5|p.scope, p.encrypt, p.decrypt, p.algorithm)
	b = binary.BigEndian.AppendUint32(b, p.counter)
	b = append(b, controlApplication|flag(d.holdsEncrypted(), 0x08)|p.ceem<<1|flag(p.rawDisabled, 0x01), p.format)
	b = append(b, make([]byte, 10)...)
	if p.encrypt == encryptOff && p.decrypt == decryptOff {
		return b
	}
	return appendKADs(b, p.kads, 0)
}

// ENCRYPTION STATUS of the Next Block Encryption Status page, SSC-4 table 166.
const (
	nextUnknown    = 1
	nextNotBlock   = 2
	nextPlain      = 3
	nextDecrypts   = 5
	nextUnreadable = 6
)

// nextBlockStatus appends the Next Block Encryption Status page, SSC-4 8.5.2.8.
func (d *Drive) nextBlockStatus(b []byte, n *scsi.Nexus) ([]byte, error) {
	switch {
	case d.in == nil:
		return nil, senseNoMedium
	case d.motion.refuses(d.opt.Now()) != nil:
		return nil, d.motion.refuses(d.opt.Now())
	case !d.in.loaded():
		return nil, d.notLoaded()
	}
	b = binary.BigEndian.AppendUint64(b, d.in.cart.Position().Object)
	s, l, status, authenticated := d.nextBlock(n)
	b = append(b, status)
	if !s.Encrypted {
		return append(b, 0, 0, 0), nil
	}
	b = append(b, l.algorithm, flag(s.External, 0x02)|flag(l.rawDisabled, 0x01), l.format)
	b = appendKADs(b, l.kads, authenticated)
	if p := d.crypt.effective(n); p != nil && p.decrypt == decryptRaw {
		b = appendKADs(b, []kad{{kind: kadMetadata, data: s.Meta}}, kadNotAttempted)
	}
	return b, nil
}

// nextBlock tells what the object at the position is to a nexus. A block that it
// can decrypt is decrypted in order to say whether it is authentic.
func (d *Drive) nextBlock(n *scsi.Nexus) (s libcart.Seal, l label, status, authenticated uint8) {
	if d.in.lost {
		return s, l, nextUnknown, 0
	}
	e, c := d.sameCart(), d.in.cart
	if k := e.effective(n).reader(); e.reading != k {
		c.SetDecipher(k)
		e.reading = k
	}
	s, err := c.Seal()
	switch {
	case err != nil:
		return libcart.Seal{}, l, nextUnknown, 0
	case s.Filemark:
		return s, l, nextNotBlock, 0
	case !s.Encrypted:
		return s, l, nextPlain, 0
	}
	l, _ = decodeLabel(s.Label)
	if !s.Readable {
		return s, l, nextUnreadable, kadNotAttempted
	}
	at := c.Position()
	o, err := c.Read(0)
	if err != nil {
		return s, l, nextDecrypts, kadFailed
	}
	o.Block.Release()
	if c.LocateObject(at.Partition, at.Object) != nil {
		return s, l, nextUnknown, kadNotAttempted
	}
	return s, l, nextDecrypts, kadVerified
}
