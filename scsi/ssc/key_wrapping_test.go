package ssc

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"

	"govtl/scsi"
	"govtl/scsi/personality"
)

// wrappedField is a key field of format 02h.
func wrappedField(label, wrapped, signature []byte) []byte {
	b := []byte{0, 0}
	for _, p := range [][]byte{label, wrapped, signature} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
	}
	return b
}

// setWrapped is a Set Data Encryption page with a wrapped key.
func setWrapped(field []byte, kads ...[]byte) []byte {
	p := setPage(2, 0x40, 2, 2, 3, field, kads...)
	p[9] = keyWrapped
	binary.BigEndian.PutUint16(p[18:], uint16(len(field)))
	return p
}

// described is a wrapped key descriptor.
func described(kind byte, data []byte) []byte {
	return append([]byte{kind, 0, byte(len(data) >> 8), byte(len(data))}, data...)
}

// unitID is the drive's designator of a type, from its Device Identification page.
func unitID(t *testing.T, r *rig, kind byte) []byte {
	t.Helper()
	for b := r.want(good, []byte{0x12, 1, 0x83, 0, 0xFF, 0})[4:]; len(b) > 0; b = b[4+b[3]:] {
		if b[1] == kind {
			return b[4 : 4+b[3]]
		}
	}
	t.Fatalf("no designator of type %d", kind)
	return nil
}

// TestWrappedKey: a key that comes wrapped with the drive's public key is the same
// key as one in clear, and never comes out again.
func TestWrappedKey(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	if got := r.want(good, spin(0x11)); !bytes.Equal(got, []byte{0, 0x11, 0, 2, 0, 2}) {
		t.Fatalf("key formats % X", got)
	}
	a, b := r.want(good, spin(0x30)), r.want(good, spin(0x30))
	if len(a) != 36 || len(b) != 36 || bytes.Equal(a, b) || !bytes.Equal(a[:4], []byte{0, 0x30, 0, 32}) {
		t.Fatalf("random numbers % X and % X", a, b)
	}
	p := r.want(good, spin(0x31))
	if len(p) != 14+512 || !bytes.Equal(p[:14], []byte{0, 0x31, 2, 10, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0}) {
		t.Fatalf("public key page of %d bytes: % X", len(p), p[:14])
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(p[14:270]), E: int(new(big.Int).SetBytes(p[270:]).Int64())}
	label := slices.Concat(
		described(0, unitID(t, r, 3)), described(1, []byte("the key manager")),
		described(2, []byte("of test one")), described(3, []byte("key one")), described(4, []byte{1, 0}),
	)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, keyOf(1), label)
	if err != nil {
		t.Fatal(err)
	}
	r.setKey(good, setWrapped(wrappedField(label, wrapped, nil), kadOf(0, "key one")))
	r.want(good, write6v(1000), pattern(1, 1000)...)
	r.want(good, filemarks(1))
	r.want(good, rewind)
	r.setKey(good, setPage(2, 0x40, 2, 2, 3, keyOf(2)))
	r.want(incorrectKey+" information 1000", read6v(1000))
	r.setKey(good, setPage(2, 0x40, 2, 2, 3, keyOf(1)))
	if got := r.want(good, read6v(1000)); !bytes.Equal(got, pattern(1, 1000)) {
		t.Fatal("the key in clear reads something else")
	}
	short, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, keyOf(1)[:16], nil)
	if err != nil {
		t.Fatal(err)
	}
	wrapWith := func(label []byte) []byte {
		w, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, keyOf(1), label)
		if err != nil {
			t.Fatal(err)
		}
		return wrappedField(label, w, nil)
	}
	for name, label := range map[string][]byte{
		"none": nil, "by serial": described(0, unitID(t, r, 1)), "for whoever can": described(3, []byte("key one")),
	} {
		page := setWrapped(wrapWith(label))
		if x := r.do(spout(len(page)), page...); x.sense != nil {
			t.Errorf("a label %s: %s", name, x)
		}
	}
	otherSet := wrappedField(label, wrapped, nil)
	otherSet[1] = 0x10
	for name, field := range map[string][]byte{
		"another label": wrappedField(nil, wrapped, nil), "a short key": wrappedField(nil, short, nil),
		"a signature": wrappedField(label, wrapped, []byte("x")), "another parameter set": otherSet,
		"something behind": append(wrappedField(label, wrapped, nil), 0), "nothing": nil,
		"garbage":              wrappedField(label, slices.Repeat([]byte{7}, 256), nil),
		"free text":            wrapWith([]byte("who wrapped it, and for whom")),
		"another drive":        wrapWith(described(0, []byte{0x50, 0, 0, 0, 0, 0, 0, 1})),
		"another length":       wrapWith(described(4, []byte{0, 128})),
		"a length of one byte": wrapWith(described(4, []byte{0})),
		"an unknown type":      wrapWith(described(5, nil)),
		"the wrong order":      wrapWith(slices.Concat(described(2, nil), described(1, nil))),
		"one twice":            wrapWith(slices.Concat(described(1, nil), described(1, nil))),
		"a cut descriptor":     wrapWith(described(1, []byte("the key manager"))[:8]),
	} {
		page := setWrapped(field)
		if x := r.do(spout(len(page)), page...); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInParameterList {
			t.Errorf("%s: %s", name, x)
		}
	}
	for n := range otherSet {
		page := setWrapped(wrappedField(label, wrapped, nil)[:n])
		if x := r.do(spout(len(page)), page...); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInParameterList {
			t.Fatalf("cut to %d bytes: %s", n, x)
		}
	}
}

// TestNoWrapping: a model without key wrapping has neither pages nor format.
func TestNoWrapping(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td6")
	for _, page := range []byte{0x30, 0x31} {
		if x := r.do(spin(page)); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInCDB {
			t.Errorf("page %02Xh: %s", page, x)
		}
	}
	page := setWrapped(wrappedField(nil, make([]byte, 256), nil))
	if x := r.do(spout(len(page)), page...); x.sense == nil || x.sense.SKS != [3]byte{0x80, 0, 9} {
		t.Errorf("a wrapped key: %s", x)
	}
}

// TestEncryptionOfEachModel: every model that encrypts writes and reads with a key
// and the key-associated data that it says it takes, refuses more, and reports the
// medium as encrypted where it has a density code for that.
func TestEncryptionOfEachModel(t *testing.T) {
	for _, name := range encryptingModels(t) {
		r := newRig(t, name)
		e := &r.drive.model.Encryptor
		m, _ := r.drive.model.Medium(r.drive.model.Native)
		r.load(r.cartridgeOf(m, "VTL001XX"), "VTL001XX")
		a := e.Algorithms[len(e.Algorithms)-1]
		capabilities := r.want(good, spin(0x10))
		if n := 20 + 24*len(e.Algorithms); len(capabilities) != n || capabilities[24]&0x80 == 0 || binary.BigEndian.Uint32(capabilities[n-4:]) != e.Code {
			t.Errorf("%s: capabilities % X", name, capabilities)
		}
		var kads [][]byte
		for kind, n := range []uint16{a.UKAD, a.AKAD} {
			if n > 0 {
				kads = append(kads, kadOf(byte(kind), string(bytes.Repeat([]byte{'k'}, int(n)))))
			}
			long := kadOf(byte(kind), string(bytes.Repeat([]byte{'k'}, int(n)+1)))
			page := setPage(2, 0x40, 2, 2, a.Index, keyOf(1), long)
			if x := r.do(spout(len(page)), page...); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInParameterList {
				t.Errorf("%s: key-associated data of %d bytes: %s", name, n+1, x)
			}
		}
		if got := r.want(good, []byte{0x1A, 0, 0, 0, 12, 0}); got[4] != m.Density {
			t.Errorf("%s: density %02X", name, got[4])
		}
		r.setKey(good, setPage(2, 0x40, 2, 2, a.Index, keyOf(1), kads...))
		r.want(good, write6v(1000), pattern(1, 1000)...)
		r.want(good, filemarks(1))
		r.want(good, rewind)
		if got := r.want(good, spin(0x21)); got[12] != 5 || len(got) != 16+len(slices.Concat(kads...)) {
			t.Errorf("%s: next block % X", name, got)
		}
		if got := r.want(good, read6v(1000)); !bytes.Equal(got, pattern(1, 1000)) {
			t.Errorf("%s: read something else", name)
		}
		want := m.Density
		if m.EncryptedDensity != 0 {
			want = m.EncryptedDensity
		}
		if got := r.want(good, []byte{0x1A, 0, 0, 0, 12, 0}); got[4] != want {
			t.Errorf("%s: density %02X, want %02X", name, got[4], want)
		}
		if r.drive.Modes().Has(0x25, 0) {
			if got := r.want(good, []byte{0x5A, 8, 0x25, 0, 0, 0, 0, 0, 255, 0})[8:]; got[20] != 2 || got[24] != 1 || got[27] != 0x50 {
				t.Errorf("%s: mode page 25h % X", name, got)
			}
		}
		r.setKey(good, setPage(2, 0x40, 0, 0, a.Index, nil))
		r.want(good, rewind)
		r.want(unableToDecrypt+" information 1000", read6v(1000))
	}
}

// TestChangedKAD: HP's drives tell a block of another key apart by its
// key-associated data.
func TestChangedKAD(t *testing.T) {
	for model, want := range map[string]string{
		"hp-ultrium-6-scsi": "DATA PROTECT, ERROR DECRYPTING DATA (7/74/05)", "ibm-ult3580-td6": incorrectKey,
	} {
		r := newRig(t, model)
		r.insert("VTL001L6")
		r.setKey(good, setPage(2, 0x40, 2, 2, 1, keyOf(1), kadOf(0, "one")))
		r.want(good, write6v(100), pattern(1, 100)...)
		r.setKey(good, setPage(2, 0x40, 2, 2, 1, keyOf(2), kadOf(0, "two")))
		r.want(good, write6v(100), pattern(2, 100)...)
		r.want(good, filemarks(1))
		r.want(good, rewind)
		r.want(incorrectKey+" information 100", read6v(100))
		r.setKey(good, setPage(2, 0x40, 2, 2, 1, keyOf(1), kadOf(0, "one")))
		r.want(good, read6v(100))
		r.want(want+" information 100", read6v(100))
		p := r.want(good, readLong)
		if p[15] != 1 {
			t.Fatalf("%s: the position moved: % X", model, p)
		}
	}
}

// encryptingModels are the models that encrypt.
func encryptingModels(t *testing.T) (all []string) {
	for _, name := range personality.DriveNames() {
		m, err := personality.LoadDrive(name)
		if err != nil {
			t.Fatal(err)
		}
		if m.Has(personality.Encryption) {
			all = append(all, name)
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d models encrypt", len(all))
	}
	return all
}

// FuzzKeyLabel: no label makes the decoder panic, and one that it takes is the
// descriptors that it found, end to end.
func FuzzKeyLabel(f *testing.F) {
	f.Add([]byte{})
	f.Add(slices.Concat(described(0, make([]byte, 8)), described(4, []byte{1, 0})))
	f.Add([]byte{1, 0, 0xFF, 0xFF, 1})
	f.Fuzz(func(t *testing.T, label []byte) {
		l, at, ok := parseKeyLabel(label)
		if at < 0 || at > len(label) || ok != (at == len(label)) {
			t.Fatalf("%t at %d of %d bytes", ok, at, len(label))
		}
		n := 0
		for _, d := range l {
			if d.at != n {
				t.Fatalf("a descriptor at %d, not %d", d.at, n)
			}
			n += 4 + len(d.data)
		}
		if ok && n != len(label) {
			t.Fatalf("descriptors of %d bytes in %d", n, len(label))
		}
	})
}
