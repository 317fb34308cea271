package ssc

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi"
)

// keyOf is a key that is easy to search for.
func keyOf(n int) []byte { return []byte(fmt.Sprintf("-secret-%020d-key", n))[:32] }

// setPage is a Set Data Encryption page, SSC-4 8.5.3.2.
func setPage(scope, flags, encrypt, decrypt, algorithm byte, key []byte, kads ...[]byte) []byte {
	b := []byte{0, 0x10, 0, 0, scope << 5, flags, encrypt, decrypt, algorithm, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(key))}
	b = append(b, key...)
	b = append(b, slices.Concat(kads...)...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	return b
}

func kadOf(kind byte, data string) []byte {
	return append([]byte{kind, 0, 0, byte(len(data))}, data...)
}

// spout and spin are the CDBs for security protocol 20h.
func spout(n int) []byte {
	return []byte{0xB5, 0x20, 0, 0x10, 0, 0, 0, 0, byte(n >> 8), byte(n), 0, 0}
}
func spin(page byte) []byte { return []byte{0xA2, 0x20, 0, page, 0, 0, 0, 0, 0x20, 0, 0, 0} }

func (r *rig) setKey(want string, page []byte) {
	r.t.Helper()
	r.want(want, spout(len(page)), page...)
}

// The senses of section "Encryption" of the drive's manual.
const (
	unableToDecrypt = "DATA PROTECT, UNABLE TO DECRYPT DATA (7/74/01)"
	unencrypted     = "DATA PROTECT, UNENCRYPTED DATA ENCOUNTERED WHILE DECRYPTING (7/74/02)"
	incorrectKey    = "DATA PROTECT, INCORRECT DATA ENCRYPTION KEY (7/74/03)"
	badParameter    = "ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST (5/26/00)"
)

// how is how a command ended, in words, without INFORMATION and field pointer.
func how(x result) string {
	if x.sense == nil {
		return x.status.String()
	}
	return (&scsi.Sense{Key: x.sense.Key, ASC: x.sense.ASC, Filemark: x.sense.Filemark, EOM: x.sense.EOM, ILI: x.sense.ILI}).Error()
}

// TestDecryptionMatrix reads clear and encrypted blocks with every decryption
// mode and key, by READ variable, fixed, and VERIFY; the position shows that a
// refused block was not passed.
func TestDecryptionMatrix(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	a, b := keyOf(1), keyOf(2)
	r.want(good, write6v(512), pattern(0, 512)...)
	r.setKey(good, setPage(scopeAll, 0x40, encryptOn, decryptOn, 3, a, kadOf(0, "key one")))
	r.want(good, write6v(512), pattern(1, 512)...)
	off := setPage(scopeAll, 0x40, encryptOff, decryptOff, 3, nil)
	for _, x := range []struct {
		name  string
		page  []byte
		reads [2]string // the clear block, the encrypted one
	}{
		{"off", off, [2]string{good, unableToDecrypt}},
		{"off, with a key of zeros as Bareos sends", setPage(scopeAll, 0x40, 0, 0, 1, make([]byte, 32)), [2]string{good, unableToDecrypt}},
		{"on", setPage(scopeAll, 0x40, encryptOn, decryptOn, 3, a), [2]string{unencrypted, good}},
		{"on, decryption alone", setPage(scopeAll, 0x40, encryptOff, decryptOn, 3, a), [2]string{unencrypted, good}},
		{"on, another key", setPage(scopeAll, 0x40, encryptOn, decryptOn, 3, b), [2]string{unencrypted, incorrectKey}},
		{"mixed", setPage(scopeAll, 0x40, encryptOn, decryptMixed, 3, a), [2]string{good, good}},
		{"mixed, another key", setPage(scopeAll, 0x40, encryptOn, decryptMixed, 3, b), [2]string{good, incorrectKey}},
		{"raw", setPage(scopeAll, 0x40, encryptOff, decryptRaw, 3, nil), [2]string{unencrypted, good}},
		{"blocks of EXTERNAL mode are refused, there are none", setPage(scopeAll, 0x80, 0, decryptMixed, 3, a), [2]string{good, good}},
		{"blocks of ENCRYPT mode are refused", setPage(scopeAll, 0xC0, 0, decryptMixed, 3, a),
			[2]string{good, "DATA PROTECT, ENCRYPTION MODE MISMATCH ON READ (7/74/09)"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			r.t = t
			r.setKey(good, x.page)
			for object, want := range x.reads {
				locate := []byte{0x2B, 0, 0, 0, 0, 0, byte(object), 0, 0, 0}
				for _, cdb := range [][]byte{read6v(512), {0x13, 0, 0, 2, 0, 0}} {
					r.want(good, locate)
					got := r.do(cdb)
					if x.name == "raw" && object == 1 && cdb[0] == 0x13 {
						continue // it has another length
					}
					if how(got) != want && !(x.name == "raw" && object == 1 && got.sense.ILI) {
						t.Fatalf("%02X of object %d: %s, want %s", cdb[0], object, got, want)
					}
					if x.name != "raw" && cdb[0] == 0x08 && want == good && !bytes.Equal(got.data, pattern(object, 512)) {
						t.Fatalf("object %d reads as something else", object)
					}
					passed := byte(0)
					if want == good {
						passed = 1
					}
					if at := r.want(good, readPos)[7]; at != byte(object)+passed {
						t.Fatalf("position %d behind object %d, which ended with %s", at, object, want)
					}
				}
			}
		})
	}
	r.t = t
	// SPACE and LOCATE need no key; fixed blocks stop at the first that is refused.
	r.setKey(good, off)
	r.want(good, []byte{0x15, 0x10, 0, 0, 12, 0}, 0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 2, 0)
	r.want(good, rewind)
	x := r.do(read6f(2))
	if how(x) != unableToDecrypt || len(x.data) != 512 || !x.sense.Valid || x.sense.Information != 1 {
		t.Fatalf("fixed: %v, %d bytes", x, len(x.data))
	}
	r.want(good, rewind)
	r.want(good, space6(0, 2))
}

// TestRawCopy copies a tape without its key: raw reads, external writes.
func TestRawCopy(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	set := setPage(scopeAll, 0x40, encryptOn, decryptOn, 3, keyOf(1), kadOf(0, "tape key"), kadOf(1, "authentic"))
	r.setKey(good, set)
	for i := range 5 {
		r.want(good, write6v(3000+i), pattern(i, 3000+i)...)
	}
	disabled := setPage(scopeAll, 0x40|0x30, encryptOn, decryptOn, 3, keyOf(1))
	r.setKey(good, disabled)
	r.want(good, write6v(100), pattern(5, 100)...)
	r.setKey(good, setPage(scopeAll, 0x40, encryptOff, decryptRaw, 3, nil))
	r.want(good, rewind)
	var raw [][]byte
	var meta []byte
	for i := range 5 {
		next := r.want(good, spin(0x21))
		if i == 0 {
			meta = next[len(next)-56:]
			if !bytes.Contains(next, []byte("tape key")) || next[12] != 6 || next[len(next)-60] != kadMetadata {
				t.Fatalf("next block status % X", next)
			}
		}
		x := r.do(read6v(65536))
		if len(x.data) < 3000 || bytes.Contains(x.data, pattern(i, 3000)[:32]) {
			t.Fatalf("raw read: %v, %d bytes", x, len(x.data))
		}
		raw = append(raw, x.data)
	}
	if got := how(r.do(read6v(65536))); got != "DATA PROTECT, ENCRYPTED BLOCK NOT RAW READ ENABLED (7/74/0A)" {
		t.Fatalf("a block that is not raw readable: %s", got)
	}
	r.want(good, unload)
	if err := r.drive.Remove(context.Background(), "VTL001L9", "m2"); err != nil {
		t.Fatal(err)
	}
	r.insert("VTL002L9")
	if got := how(r.do(spout(20), setPage(scopeAll, 0x40, encryptExternal, decryptOff, 3, nil)...)); got !=
		"ILLEGAL REQUEST, INCOMPLETE KEY-ASSOCIATED DATA SET (5/26/11)" {
		t.Fatalf("external without metadata: %s", got)
	}
	r.setKey(good, setPage(scopeAll, 0x40, encryptExternal, decryptOff, 3, nil, kadOf(3, string(meta))))
	for _, b := range raw {
		r.want(good, write6v(len(b)), b...)
	}
	if got := how(r.do(write6v(100), pattern(9, 100)...)); got != "DATA PROTECT, SECURITY ERROR (7/74/00)" {
		t.Fatalf("clear text in external mode: %s", got)
	}
	r.want(good, rewind)
	r.setKey(good, setPage(scopeAll, 0x40, encryptOff, decryptOn, 3, keyOf(1)))
	for i := range raw {
		if got := r.want(good, read6v(3000+i)); !bytes.Equal(got, pattern(i, 3000+i)) {
			t.Fatalf("copied block %d differs", i)
		}
	}
	r.want(good, rewind)
	r.setKey(good, setPage(scopeAll, 0x80, encryptOff, decryptOn, 3, keyOf(1)))
	if got := how(r.do(read6v(3000))); got != "DATA PROTECT, ENCRYPTION MODE MISMATCH ON READ (7/74/09)" {
		t.Fatalf("external block refused: %s", got)
	}
}

// status is the encryption and decryption mode that a nexus has.
func (r *rig) modes(n *scsi.Nexus) [2]byte {
	x := r.doAs(n, spin(0x20), nil)
	return [2]byte{x.data[5], x.data[6]}
}

// TestKeyLifetime: scopes, the unit attention of others, LOCK, and what clears keys.
func TestKeyLifetime(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	other := r.login("iqn.2026-11.test:b")
	on, off := [2]byte{2, 2}, [2]byte{}
	changed := func(n *scsi.Nexus) bool {
		a, ok := n.TakeAttention()
		return ok && a == scsi.DataEncryptionParametersChangedByAnotherNexus
	}
	set := func(scope, flags byte) {
		t.Helper()
		r.setKey(good, setPage(scope, flags, 2, 2, 3, keyOf(int(flags)), kadOf(0, "n")))
	}
	want := func(what string, a, b [2]byte, told bool) {
		t.Helper()
		if got := changed(other); got != told {
			t.Fatalf("%s: the other nexus was told: %v", what, got)
		}
		if x, y := r.modes(r.nexus), r.modes(other); x != a || y != b {
			t.Fatalf("%s: modes %v and %v, want %v and %v", what, x, y, a, b)
		}
	}
	set(scopeLocal, 0)
	want("local", on, off, false)
	set(scopeAll, 0)
	want("all", on, on, true)
	b := r.want(good, spin(0x20))
	if b[4] != 0x42 || binary.BigEndian.Uint32(b[8:]) != 2 || !bytes.HasSuffix(b, kadOf(0, "n")) {
		t.Fatalf("status % X", b)
	}
	if x := r.doAs(other, spin(0x20), nil); x.data[4] != 0x02 {
		t.Fatalf("status of a public nexus % X", x.data)
	}
	r.setKey(good, setPage(scopePublic, 0, 0, 0, 0, nil))
	want("public", on, on, false)

	set(scopeAll, 0x04) // CKOD
	want("CKOD", on, on, true)
	r.want(good, unload)
	want("unloaded", off, off, true)
	r.want(good, loadCDB)
	other.TakeAttention()

	set(scopeAll, 0)
	want("kept", on, on, true)
	r.want(good, unload)
	r.want(good, loadCDB)
	if a, _ := other.TakeAttention(); a != scsi.NotReadyToReadyChange {
		t.Fatal("no attention of the load")
	}
	want("kept over an unload", on, on, false)

	set(scopeAll, 0x01) // CKORL
	changed(other)
	r.want(good, []byte{0x16, 0, 0, 0, 0, 0})
	r.want(good, []byte{0x17, 0, 0, 0, 0, 0})
	want("reservation lost", off, off, true)

	set(scopeAll, 0)
	changed(other)
	r.drive.Unit().Manage(r.nexus, scsi.LogicalUnitReset, nil)
	other.TakeAttention()
	r.nexus.TakeAttention()
	want("reset", off, off, false)

	// LOCK: another's change stops writes until the parameters are set again.
	locked := setPage(scopeAll, 0, 2, 3, 3, keyOf(5))
	locked[4] |= 0x01
	r.setKey(good, locked)
	changed(other)
	r.want(good, write6v(100), pattern(0, 100)...)
	theirs := setPage(scopeAll, 0, 2, 3, 3, keyOf(6))
	if x := r.doAs(other, spout(len(theirs)), theirs); x.String() != good {
		t.Fatal(x)
	}
	if !changed(r.nexus) {
		t.Fatal("this nexus was not told")
	}
	if got := how(r.do(write6v(100), pattern(0, 100)...)); got != "DATA PROTECT, DATA ENCRYPTION KEY INSTANCE COUNTER HAS CHANGED (7/2A/13)" {
		t.Fatalf("write of a locked nexus: %s", got)
	}
	r.setKey(good, setPage(scopeAll, 0, 2, 3, 3, keyOf(5)))
	r.want(good, write6v(100), pattern(0, 100)...)
	if !changed(other) {
		t.Fatal("the other nexus was not told")
	}

	// A nexus that goes takes its own key along.
	mine := setPage(scopeLocal, 0, 2, 3, 3, keyOf(7))
	if x := r.doAs(other, spout(len(mine)), mine); x.String() != good {
		t.Fatal(x)
	}
	cipher := r.drive.crypt.local[other].cipher
	r.drive.Unit().Detach(other, scsi.NexusClosed)
	if _, err := libcartUse(cipher); err == nil {
		t.Fatal("the key of a lost nexus was not wiped")
	}
}

// libcartUse reports whether a cipher still works, by writing with it.
func libcartUse(k *libcart.Cipher) (libcart.Zone, error) {
	fs := &vfs.Memory{}
	if err := fs.MkdirAll("/x", 0o700); err != nil {
		return 0, err
	}
	if err := libcart.Create("/x/A", libcart.Spec{Barcode: "A", Capacity: 1 << 24, MaxPartitions: 1}, libcart.Options{FS: fs}); err != nil {
		return 0, err
	}
	c, err := libcart.Open("/x/A", libcart.Options{FS: fs, MinFree: -1})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetCipher(k); err != nil {
		return 0, err
	}
	z, err := c.Append([]byte("block"))
	if err == nil {
		err = c.Sync(context.Background())
	}
	return z, err
}

// TestPreemptClearsKey: CKORP.
func TestPreemptClearsKey(t *testing.T) {
	for _, flags := range []byte{0, 0x02} {
		r := newRig(t, "ibm-ult3580-td9")
		r.insert("VTL001L9")
		other := r.login("iqn.2026-11.test:b")
		prout := func(n *scsi.Nexus, action, kind byte, key, service uint64) {
			t.Helper()
			list := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, key), service)
			if x := r.doAs(n, []byte{0x5F, action, kind, 0, 0, 0, 0, 0, 24, 0}, append(list, make([]byte, 8)...)); x.String() != good {
				t.Fatal(x)
			}
		}
		prout(r.nexus, 0, 0, 0, 1)
		prout(r.nexus, 1, 3, 1, 0)
		prout(other, 0, 0, 0, 2)
		r.setKey(good, setPage(scopeAll, flags, 2, 2, 3, keyOf(1)))
		other.TakeAttention()
		prout(other, 4, 3, 2, 1)
		if got := r.modes(other); (got == [2]byte{}) != (flags != 0) {
			t.Fatalf("CKORP %v: modes %v behind a preemption", flags != 0, got)
		}
	}
}

// TestEncryptionDemanded: WRE and VCELBRE of mode page 10h/01h, and media that
// cannot be encrypted.
func TestEncryptionDemanded(t *testing.T) {
	const refused = "DATA PROTECT, INCORRECT ENCRYPTION PARAMETERS (7/74/0B)"
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	demand := func(bits byte) {
		t.Helper()
		page := append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x01, 0, 0x1C, 0, 0x02, 0, 0, bits}, make([]byte, 23)...)
		r.want(good, []byte{0x55, 0x10, 0, 0, 0, 0, 0, 0, byte(len(page)), 0}, page...)
	}
	demand(0x04)
	if got := how(r.do(write6v(10), pattern(0, 10)...)); got != refused {
		t.Fatalf("WRE: %s", got)
	}
	demand(0x01)
	r.want(good, write6v(10), pattern(0, 10)...)
	r.setKey(good, setPage(scopeAll, 0x40, 2, 3, 3, keyOf(1)))
	r.want(good, write6v(10), pattern(0, 10)...)
	r.setKey(good, setPage(scopeAll, 0x40, 0, 0, 3, nil))
	if got := how(r.do(write6v(10), pattern(0, 10)...)); got != refused {
		t.Fatalf("VCELBRE: %s", got)
	}
	r = newRig(t, "ibm-ult3580-td4")
	r.insert("VTL001L3")
	r.setKey(good, setPage(scopeAll, 0x40, 2, 3, 1, keyOf(1)))
	if got := how(r.do(write6v(10), pattern(0, 10)...)); got != "DATA PROTECT, ENCRYPTION PARAMETERS NOT USEABLE (7/74/07)" {
		t.Fatalf("LTO-3 medium: %s", got)
	}
}

// TestKeyLimit: ten wrong keys in a row are the last until another load.
func TestKeyLimit(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	r.setKey(good, setPage(scopeAll, 0x40, 2, 2, 3, keyOf(0)))
	r.want(good, write6v(10), pattern(0, 10)...)
	r.want(good, rewind)
	for i := range 10 {
		r.setKey(good, setPage(scopeAll, 0x40, 0, 2, 3, keyOf(i+1)))
		for range 2 {
			if got := how(r.do(read6v(10))); got != incorrectKey {
				t.Fatalf("key %d: %s", i, got)
			}
		}
	}
	right := setPage(scopeAll, 0x40, 0, 2, 3, keyOf(0))
	if got := how(r.do(spout(len(right)), right...)); got != "DATA PROTECT, DATA DECRYPTION KEY FAIL LIMIT REACHED (7/26/10)" {
		t.Fatalf("the eleventh key: %s", got)
	}
	r.want(good, unload)
	r.want(good, loadCDB)
	r.setKey(good, right)
	r.want(good, read6v(10))
}

// TestFirstEncryptedObject: MAM 0224h and 0225h and log page 17h follow what is written.
func TestFirstEncryptedObject(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	want := func(encrypted, plain uint64) {
		t.Helper()
		for i, n := range []uint64{encrypted, plain} {
			b := r.want(good, []byte{0x8C, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x24 + byte(i), 0, 0, 0, 64, 0, 0})
			if got := binary.BigEndian.Uint64(b[9:]); got != n {
				t.Fatalf("attribute %04X: %X, want %X", 0x224+i, got, n)
			}
			log := r.want(good, []byte{0x4D, 0, 0x57, 0, 0, 0x02, byte(i), 1, 0, 0})
			if got := log[len(log)-len(log)+4:]; len(got) < 14 || binary.BigEndian.Uint16(got) != 0x200+uint16(i) ||
				binary.BigEndian.Uint64(append([]byte{0, 0}, got[8:14]...)) != n&(1<<48-1) {
				t.Fatalf("log parameter % X, want %X", got, n)
			}
		}
	}
	key := func(on bool) {
		t.Helper()
		mode := byte(0)
		if on {
			mode = 2
		}
		r.setKey(good, setPage(scopeAll, 0x40, mode, 3, 3, keyOf(1)))
	}
	block := func() { t.Helper(); r.want(good, write6v(10), pattern(0, 10)...) }
	want(noObject, noObject)
	block()
	key(true)
	r.want(good, filemarks(1))
	block()
	block()
	want(2, noObject)
	key(false)
	block()
	want(2, 4)
	r.want(good, unload)
	r.want(good, loadCDB)
	want(2, 4)
	r.want(good, space6(0, 1))
	r.want(good, filemarks(1))
	want(noObject, noObject)
}

// TestNextBlock: page 0021h for each kind of object.
func TestNextBlock(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	key := setPage(scopeAll, 0x40, 2, 3, 3, keyOf(1), kadOf(0, "the name of the key"), kadOf(1, "12 authentic"))
	key[10] = 2 // ASCII
	r.want(good, write6v(10), pattern(0, 10)...)
	r.setKey(good, key)
	r.want(good, write6v(10), pattern(0, 10)...)
	r.want(good, filemarks(1))
	r.want(good, rewind)
	kads := func(auth byte) []byte {
		u, a := kadOf(0, "the name of the key"), kadOf(1, "12 authentic")
		u[1], a[1] = kadNotCovered, auth
		return append(u, a...)
	}
	for _, x := range []struct {
		object, status byte
		rest           []byte
	}{
		{0, 3, []byte{0, 0, 0}},
		{1, 5, append([]byte{3, 0, 2}, kads(kadVerified)...)},
		{2, 2, []byte{0, 0, 0}},
		{3, 1, []byte{0, 0, 0}},
	} {
		r.want(good, []byte{0x2B, 0, 0, 0, 0, 0, x.object, 0, 0, 0})
		b := r.want(good, spin(0x21))
		if b[11] != x.object || b[12] != x.status || !bytes.Equal(b[13:], x.rest) || int(binary.BigEndian.Uint16(b[2:])) != len(b)-4 {
			t.Fatalf("object %d: % X", x.object, b)
		}
	}
	r.want(good, []byte{0x2B, 0, 0, 0, 0, 0, 1, 0, 0, 0})
	r.setKey(good, setPage(scopeAll, 0x40, 0, 0, 3, nil))
	if b := r.want(good, spin(0x21)); b[12] != 6 || !bytes.Equal(b[16:], kads(kadNotAttempted)) {
		t.Fatalf("without a key: % X", b)
	}
	if got := r.want(good, readPos)[7]; got != 1 {
		t.Fatalf("position %d", got)
	}
}

// TestKeyNowhere does random things with keys, over loads and restarts, and then
// looks for keys and clear text in the cartridge, the drive's memory and the log.
func TestKeyNowhere(t *testing.T) {
	var logged bytes.Buffer
	fs := &vfs.Memory{}
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) {
		o.FS = fs
		o.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Codec = libcart.S2
	})
	r.insert("VTL001L9")
	rng := rand.New(rand.NewPCG(5, 6))
	type object struct {
		data []byte
		key  int
	}
	var model []object
	at, key := 0, 0
	write := func(i int) []byte {
		return []byte(strings.Repeat(fmt.Sprintf("%06d: clear text of a block; ", i), 1+rng.IntN(50)))
	}
	for step := range 1500 {
		switch n := rng.IntN(100); {
		case n < 45:
			o := object{write(step), key}
			model = append(model[:at], o)
			r.want(good, write6v(len(o.data)), o.data...)
			at++
		case n < 80 && at < len(model):
			o := model[at]
			x := r.do(read6v(len(o.data)))
			want := good
			switch {
			case o.key != 0 && key == 0:
				want = unableToDecrypt
			case o.key != 0 && o.key != key:
				want = incorrectKey
			}
			if how(x) != want || want == good && !bytes.Equal(x.data, o.data) {
				t.Fatalf("step %d: object %d of key %d with key %d: %s", step, at, o.key, key, x)
			}
			if want == good {
				at++
			}
		case n < 88:
			if r.drive.crypt.wrong > 8 { // not the test of the limit
				r.want(good, unload)
				r.want(good, loadCDB)
				at = 0
			}
			if key = rng.IntN(3); key == 0 {
				r.setKey(good, setPage(scopeAll, 0x40, 0, 0, 3, nil))
			} else {
				r.setKey(good, setPage(scopeAll, 0x40, 2, 3, 3, keyOf(key), kadOf(0, fmt.Sprint("key ", key))))
			}
		case n < 97:
			at = rng.IntN(len(model) + 1)
			r.want(good, []byte{0x2B, 0, 0, byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at), 0, 0, 0})
		case n < 99:
			r.want(good, unload)
			r.want(good, loadCDB)
			at = 0
		default:
			if err := r.drive.Close(); err != nil {
				t.Fatal(err)
			}
			d, err := New(r.drive.opt)
			if err != nil {
				t.Fatal(err)
			}
			r.drive = d
			if err := d.Resume(context.Background()); err != nil {
				t.Fatal(err)
			}
			r.nexus = r.login("iqn.2026-11.test:a")
			r.want(good, loadCDB)
			r.nexus.TakeAttention()
			at, key = 0, 0
		}
	}
	r.want(good, unload)
	var all []byte
	for _, name := range []string{"data", "index", "meta"} {
		f, err := fs.OpenFile(path.Join(r.dir, "VTL001L9", name), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := f.Size()
		b := make([]byte, size)
		if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	all = append(append(all, r.mem.doc...), logged.Bytes()...)
	for k := range 3 {
		if bytes.Contains(all, keyOf(k)) {
			t.Fatal("a key is in the files, the drive's memory or the log")
		}
	}
	found := false
	for _, o := range model {
		has := bytes.Contains(all, o.data[:24])
		if has && o.key != 0 {
			t.Fatalf("%q of an encrypted block is in the files", o.data[:24])
		}
		found = found || has
	}
	if !found {
		t.Fatal("no clear block was found either: the search does not work")
	}
}

// FuzzSetDataEncryption: any parameter list is refused or taken; nothing panics,
// and what is taken is reported as it was set.
func FuzzSetDataEncryption(f *testing.F) {
	f.Add(setPage(scopeAll, 0x40, 2, 2, 3, keyOf(1), kadOf(0, "name"), kadOf(1, "a"), kadOf(2, "123456789012")))
	f.Add(setPage(scopeLocal, 0, 1, 1, 0, nil, kadOf(3, "meta")))
	f.Add(setPage(scopePublic, 0, 0, 0, 0, make([]byte, 32)))
	f.Add([]byte{0, 0x10, 0, 0x30, 0x40, 0, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})
	r := newRig(f, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	f.Fuzz(func(t *testing.T, list []byte) {
		if len(list) == 0 || len(list) > maxSetEncryption {
			return
		}
		r.t = t
		x := r.do(spout(len(list)), list...)
		if x.sense != nil && x.sense.Key != scsi.IllegalRequest {
			t.Fatalf("% X: %v", list, x)
		}
		b := r.want(good, spin(0x20))
		if x.sense == nil && list[4]>>5 != scopePublic && (b[5] != list[6] || b[6] != list[7] || b[7] != list[8]) {
			t.Fatalf("% X was set, status % X", list, b)
		}
	})
}
