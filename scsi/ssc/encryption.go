package ssc

import (
	"bytes"
	"crypto/rsa"
	"errors"

	"govtl/internal/buffer"
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// SCOPE of data encryption parameters, SSC-4 table 170.
const (
	scopePublic = 0
	scopeLocal  = 1
	scopeAll    = 2
)

// ENCRYPTION MODE and DECRYPTION MODE, SSC-4 tables 172 and 173.
const (
	encryptOff      = 0
	encryptExternal = 1
	encryptOn       = 2

	decryptOff   = 0
	decryptRaw   = 1
	decryptOn    = 2
	decryptMixed = 3
)

// parameters are a set of data encryption parameters, SSC-4 4.2.22.8. The key is
// in the cipher, and nowhere else.
type parameters struct {
	owner            *scsi.Nexus // who set them
	scope            uint8
	encrypt, decrypt uint8
	ceem, rdmc       uint8
	algorithm        uint8
	format           uint8
	kads             []kad
	rawDisabled      bool

	// Clear the key on volume demount, reservation preempt, reservation loss.
	ckod, ckorp, ckorl bool

	counter uint32 // key instance counter
	cipher  *libcart.Cipher
	failed  bool // a block was met that has another key
}

// encryption is the drive's state of encryption.
type encryption struct {
	shared  *parameters // scope ALL I_T NEXUS; nil: none
	local   map[*scsi.Nexus]*parameters
	locked  map[*scsi.Nexus]uint32 // key instance counter that a nexus is locked to
	counter uint32
	wrong   int // keys in a row that did not fit this volume

	wrapping *rsa.PrivateKey // nil: not made yet, see wrappingKey

	// What follows is of one loaded medium.
	cart    *libcart.Cartridge
	writing *libcart.Cipher // what it was told last
	reading *libcart.Cipher
	first   []firsts // by partition
}

// effective are the parameters that a nexus uses; nil: encryption is off.
func (e *encryption) effective(n *scsi.Nexus) *parameters {
	if p := e.local[n]; p != nil {
		return p
	}
	return e.shared
}

// instance is the key instance counter of what a nexus uses.
func (e *encryption) instance(n *scsi.Nexus) uint32 {
	if p := e.effective(n); p != nil {
		return p.counter
	}
	return 0
}

// nexusScope is the scope that a nexus has set itself.
func (e *encryption) nexusScope(n *scsi.Nexus) uint8 {
	switch {
	case e.local[n] != nil:
		return scopeLocal
	case e.shared != nil && e.shared.owner == n:
		return scopeAll
	}
	return scopePublic
}

// writer is the cipher for blocks that a nexus writes.
func (p *parameters) writer() *libcart.Cipher {
	if p == nil || p.encrypt != encryptOn {
		return nil
	}
	return p.cipher
}

// reader is the cipher for blocks that a nexus reads.
func (p *parameters) reader() *libcart.Cipher {
	if p == nil || p.decrypt < decryptOn {
		return nil
	}
	return p.cipher
}

// encrypts reports whether the model has encryption.
func (d *Drive) encrypts() bool { return d.model.Has(personality.Encryption) }

// sameCart makes what is kept of a loaded medium that of the one that is loaded.
func (d *Drive) sameCart() *encryption {
	e := &d.crypt
	if c := d.in.cart; e.cart != c {
		e.cart, e.writing, e.reading, e.wrong = c, nil, nil, 0
		e.first = loadFirsts(c)
	}
	return e
}

// drop wipes the key of parameters that are no longer used.
func (d *Drive) drop(p *parameters) {
	if p == nil || p.cipher == nil {
		return
	}
	if d.in.loaded() {
		e := d.sameCart()
		if e.writing == p.cipher {
			_ = d.in.cart.SetCipher(nil) // a failure is reported by the next command
			e.writing = nil
		}
		if e.reading == p.cipher {
			d.in.cart.SetDecipher(nil)
			e.reading = nil
		}
	}
	p.cipher.Wipe()
	p.cipher = nil
}

// changeParameters changes who uses which parameters, wipes the keys that nobody
// uses any more, and tells every nexus that is concerned but the one that did it.
// When no nexus did (nil) those whose own parameters went asked for it before.
func (d *Drive) changeParameters(by *scsi.Nexus, change func(e *encryption)) {
	e := &d.crypt
	before := map[*scsi.Nexus]*parameters{}
	for n := range d.nexuses {
		before[n] = e.effective(n)
	}
	used := e.all()
	change(e)
	still := e.all()
	for p := range used {
		if !still[p] {
			d.drop(p)
		}
	}
	for n, p := range before {
		if n != by && e.effective(n) != p && !(by == nil && p != nil && p.owner == n) {
			n.Attend(scsi.DataEncryptionParametersChangedByAnotherNexus)
		}
	}
}

// all are the parameters that anybody uses.
func (e *encryption) all() map[*parameters]bool {
	m := map[*parameters]bool{}
	if e.shared != nil {
		m[e.shared] = true
	}
	for _, p := range e.local {
		m[p] = true
	}
	return m
}

// clearParameters takes away the parameters that which picks.
func (d *Drive) clearParameters(by *scsi.Nexus, which func(*parameters) bool) {
	d.changeParameters(by, func(e *encryption) {
		if e.shared != nil && which(e.shared) {
			e.shared = nil
		}
		for n, p := range e.local {
			if which(p) {
				delete(e.local, n)
			}
		}
	})
}

// forgetKeys is what a hard reset and the end of the drive do. Their own unit
// attention condition tells of it.
func (d *Drive) forgetKeys() {
	e := &d.crypt
	for p := range e.all() {
		d.drop(p)
	}
	e.shared, e.wrapping = nil, nil
	clear(e.local)
	clear(e.locked)
}

// forgetNexus is what the loss of a nexus does: its own parameters have nobody
// who could use them.
func (d *Drive) forgetNexus(n *scsi.Nexus) {
	d.clearParameters(n, func(p *parameters) bool { return p.owner == n && (p.scope == scopeLocal || p.ckorl) })
	delete(d.crypt.locked, n)
}

// demounted is what the end of a load does: CKOD.
func (d *Drive) demounted() {
	d.clearParameters(nil, func(p *parameters) bool { return p.ckod })
}

// watchReservations has the commands that end reservations clear keys, CKORL and
// CKORP of SSC-4 8.5.3.2.
func watchReservations(table *scsi.Table[*Drive]) {
	for _, op := range []byte{0x16, 0x17, 0x56, 0x57, 0x5F} {
		for i := range table[op] {
			r := &table[op][i]
			if r.Run == nil {
				continue
			}
			run, preempts := r.Run, op == 0x5F && (r.ServiceAction == 0x04 || r.ServiceAction == 0x05)
			r.Run = func(d *Drive, t *scsi.Task) error {
				if len(d.crypt.all()) == 0 {
					return run(d, t)
				}
				held := map[*scsi.Nexus]bool{}
				for n := range d.nexuses {
					held[n] = d.Reserves(n)
				}
				err := run(d, t)
				d.clearParameters(t.Nexus, func(p *parameters) bool {
					lost := held[p.owner] && !d.Reserves(p.owner)
					return lost && (p.ckorl || p.ckorp && preempts)
				})
				return err
			}
		}
	}
}

// prepareWrite readies the cartridge for blocks of size bytes of a nexus, or
// refuses them. What the drive takes beyond its limit it takes in clear only.
func (d *Drive) prepareWrite(n *scsi.Nexus, size int) error {
	if !d.encrypts() {
		return nil
	}
	e := d.sameCart()
	p := e.effective(n)
	if at, ok := e.locked[n]; ok && at != e.instance(n) {
		return scsi.NewSense(scsi.DataProtect, scsi.DataEncryptionKeyInstanceCounterHasChanged)
	}
	if p == nil || p.encrypt == encryptOff {
		if d.demandsEncryption() {
			d.raise(alertEncryptionPolicy)
			return scsi.NewSense(scsi.DataProtect, scsi.IncorrectEncryptionParameters).
				Because("mode page 10h/01h demands encryption")
		}
		return d.useCipher(nil)
	}
	if !d.volumeEncrypts() || !d.hasAlgorithm(p.algorithm) {
		d.raise(alertEncryptionPolicy)
		return scsi.NewSense(scsi.DataProtect, scsi.EncryptionParametersNotUseable).
			Because("%s media cannot be encrypted, or not with algorithm %d", d.in.info.Medium, p.algorithm)
	}
	if p.encrypt == encryptOn && size > int(d.model.BlockLimits.Max) {
		return scsi.InvalidFieldInCDBAt(2, -1).Because("a block of %d bytes is too long to be encrypted", size)
	}
	return d.useCipher(p.writer())
}

func (d *Drive) useCipher(k *libcart.Cipher) error {
	if d.crypt.writing == k {
		return nil
	}
	if err := d.in.cart.SetCipher(k); err != nil {
		return d.writeError(err)
	}
	d.crypt.writing = k
	return nil
}

// hasAlgorithm: index 0 stands for the only one or the default one.
func (d *Drive) hasAlgorithm(index uint8) bool {
	_, ok := d.model.Encryptor.Algorithm(index)
	return ok
}

// volumeEncrypts reports whether the medium can hold encrypted blocks.
func (d *Drive) volumeEncrypts() bool {
	return d.in != nil && d.in.model != nil && d.in.model.Encryption
}

// demandsEncryption: WRE, or VCELBRE with an encrypted block in this partition.
func (d *Drive) demandsEncryption() bool {
	modes := d.Modes()
	if !modes.Has(0x10, 0x01) {
		return false
	}
	return modes.Get(nil, 0x10, 0x01, "WRE") == 1 ||
		modes.Get(nil, 0x10, 0x01, "VCELBRE") == 1 && d.crypt.first[d.in.cart.Position().Partition].encrypted != noObject
}

// writeBlock writes a block as the nexus has its encryption set. It takes b.
func (d *Drive) writeBlock(n *scsi.Nexus, b *buffer.Buffer) (libcart.Zone, error) {
	c := d.in.cart
	if !d.encrypts() {
		return c.Write(b)
	}
	at := c.Position()
	p := d.crypt.effective(n)
	write := c.Write
	if p != nil && p.encrypt == encryptExternal {
		write = c.WriteSealed
	}
	zone, err := write(b)
	if err == nil {
		d.noteWritten(at, p != nil && p.encrypt != encryptOff)
	}
	return zone, err
}

// cipherReady reports whether a nexus can write without waiting for the buffer to
// be written first.
func (d *Drive) cipherReady(n *scsi.Nexus) bool {
	if !d.encrypts() {
		return true
	}
	e := d.sameCart()
	p := e.effective(n)
	return e.writing == p.writer() && (p == nil || p.encrypt != encryptExternal)
}

// decipherReady reports the same for reading.
func (d *Drive) decipherReady(n *scsi.Nexus) bool {
	if !d.encrypts() {
		return true
	}
	e := d.sameCart()
	p := e.effective(n)
	return e.reading == p.reader() && (p == nil || p.decrypt != decryptRaw)
}

// readBlock reads the object at the position as the nexus has its decryption set,
// SSC-4 4.2.22.6. A block that it may not have leaves the position before it.
func (d *Drive) readBlock(n *scsi.Nexus, most int) (libcart.Object, error) {
	c := d.in.cart
	if !d.encrypts() {
		return c.Read(most)
	}
	e := d.sameCart()
	p := e.effective(n)
	if k := p.reader(); e.reading != k {
		c.SetDecipher(k)
		e.reading = k
	}
	if p != nil && p.decrypt == decryptRaw {
		return d.readRaw(most)
	}
	at := c.Position()
	o, err := c.Read(most)
	if err != nil {
		return o, d.wrongKey(p, err)
	}
	var refuse scsi.ASC
	switch {
	case p == nil:
	case !o.Encrypted && p.decrypt == decryptOn:
		refuse = scsi.UnencryptedDataEncountered
	case o.External && p.ceem == 2, o.Encrypted && !o.External && p.ceem == 3:
		refuse = scsi.EncryptionModeMismatchOnRead
	}
	if refuse != 0 {
		o.Block.Release()
		if err := c.LocateObject(at.Partition, at.Object); err != nil {
			return libcart.Object{}, err
		}
		return libcart.Object{}, scsi.NewSense(scsi.DataProtect, refuse)
	}
	if o.Encrypted {
		e.wrong = 0
	}
	return o, nil
}

// wrongKey counts the keys in a row that did not fit.
func (d *Drive) wrongKey(p *parameters, err error) error {
	if p != nil && !p.failed && errors.Is(err, libcart.ErrWrongKey) {
		p.failed = true
		d.crypt.wrong++
	}
	if v := d.model.Encryptor.ChangedKAD; v != 0 && errors.Is(err, libcart.ErrWrongKey) && d.otherKADs() {
		return scsi.NewSense(scsi.DataProtect, scsi.ASC(v))
	}
	return err
}

// otherKADs reports whether the block at the position has other key-associated data
// than the encrypted block before it.
func (d *Drive) otherKADs() bool {
	c := d.in.cart
	here := c.Position()
	if here.Object == 0 {
		return false
	}
	next, err := c.Seal()
	if err != nil || c.LocateObject(here.Partition, here.Object-1) != nil {
		return false
	}
	before, err := c.Seal()
	if c.LocateObject(here.Partition, here.Object) != nil || err != nil || !before.Encrypted {
		return false
	}
	a, _ := decodeLabel(before.Label)
	b, _ := decodeLabel(next.Label)
	return !bytes.Equal(appendKADs(nil, a.kads, 0), appendKADs(nil, b.kads, 0))
}

// readRaw reads an encrypted block without decrypting it.
func (d *Drive) readRaw(most int) (libcart.Object, error) {
	c := d.in.cart
	s, err := c.Seal()
	if err != nil || s.Filemark {
		return c.Read(most)
	}
	if !s.Encrypted {
		return libcart.Object{}, scsi.NewSense(scsi.DataProtect, scsi.UnencryptedDataEncountered)
	}
	if l, ok := decodeLabel(s.Label); !ok || l.rawDisabled {
		asc := scsi.EncryptedBlockNotRawReadEnabled
		if v := d.model.Encryptor.NotRaw; v != 0 {
			asc = scsi.ASC(v)
		}
		return libcart.Object{}, scsi.NewSense(scsi.DataProtect, asc)
	}
	return c.ReadSealed()
}
