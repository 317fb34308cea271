package libcart

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// testKey is a key that is easy to search for.
func testKey(n int) []byte {
	return []byte(fmt.Sprintf("-the-secret-key-number-%08d-", n))[:KeySize]
}

func mustCipher(t testing.TB, n int, label string) *Cipher {
	t.Helper()
	k, err := NewCipher(testKey(n), []byte(label))
	must(t, err)
	return k
}

// text is a block that compresses and that one finds when it is stored in clear.
func text(i, n int) []byte {
	s := fmt.Sprintf("plain text of block %d that nobody may see; ", i)
	return []byte(strings.Repeat(s, n/len(s)+1))[:n]
}

// files returns what all files of a cartridge have.
func files(t testing.TB, dir string) []byte {
	t.Helper()
	var all []byte
	list, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range list {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		must(t, err)
		all = append(all, b...)
	}
	return all
}

// TestEncryptedBlocks mixes clear and encrypted blocks with every codec and reads
// them with every key, one after the other and read ahead.
func TestEncryptedBlocks(t *testing.T) {
	for _, codec := range []Codec{Stored, LZ4, S2, Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "A")
			must(t, Create(dir, testSpec(), Options{}))
			c := mustOpen(t, dir, Options{Codec: codec})
			a, b := mustCipher(t, 1, "label a"), mustCipher(t, 2, "")
			const each = 12
			var blocks [][]byte
			for _, k := range []*Cipher{a, nil, b, a} {
				must(t, c.SetCipher(k))
				for i := range each {
					n := []int{1, 100, 4096 + 60, 65536 + 56, 200_000}[i%5]
					blocks = append(blocks, text(len(blocks), n))
					put(t, c, blocks[len(blocks)-1])
				}
			}
			must(t, c.Close())
			if all := files(t, dir); bytes.Contains(all, testKey(1)) || bytes.Contains(all, testKey(2)) {
				t.Fatal("a key is in the files")
			} else if codec == Stored && bytes.Count(all, []byte("nobody may see")) != bytes.Count(bytes.Join(blocks[each:2*each], nil), []byte("nobody may see")) {
				t.Fatal("more than the clear blocks can be read in the files")
			}

			c = mustOpen(t, dir, Options{})
			rep, err := c.Verify(context.Background(), nil)
			must(t, err)
			if len(rep.Damages) != 0 || rep.Encrypted != 3*each {
				t.Fatalf("without a key: %+v", rep)
			}
			for object, want := range blocks {
				group := object / each
				for _, key := range []*Cipher{nil, b, a} {
					c.SetDecipher(key)
					must(t, c.LocateObject(0, uint64(object)))
					s, err := c.Seal()
					must(t, err)
					if s.Encrypted != (group != 1) || s.Readable != (s.Encrypted && key != nil && (key == b) == (group == 2)) {
						t.Fatalf("object %d: %+v", object, s)
					}
					o, err := c.Read(MaxBlock)
					switch {
					case group == 1 || s.Readable:
						must(t, err)
						if !bytes.Equal(o.Block.B, want) || o.Encrypted != (group != 1) || o.External {
							t.Fatalf("object %d: encrypted %v external %v, equal %v", object, o.Encrypted, o.External, bytes.Equal(o.Block.B, want))
						}
						o.Block.Release()
						continue
					case key == nil:
						wantErr(t, "read without a key", err, ErrEncrypted)
					default:
						wantErr(t, "read with another key", err, ErrWrongKey)
					}
					if c.Position().Object != uint64(object) {
						t.Fatalf("position %v after a block that could not be decrypted", c.Position())
					}
				}
			}
			// Read ahead stops at the block with another key.
			must(t, c.LocateObject(0, 0))
			for object := range 2 * each {
				o, err := c.Read(MaxBlock)
				must(t, err)
				if !bytes.Equal(o.Block.B, blocks[object]) || o.Encrypted != (object < each) {
					t.Fatalf("object %d read ahead: encrypted %v", object, o.Encrypted)
				}
				o.Block.Release()
			}
			_, err = c.Read(MaxBlock)
			wantErr(t, "read on", err, ErrWrongKey)
			c.SetDecipher(b)
			wantBlock(t, c, blocks[2*each])
		})
	}
}

// record returns where object 0 is in the data file, and its auxiliary data.
func firstRecord(t testing.TB, data []byte) (format.Record, []byte) {
	t.Helper()
	var r format.Record
	must(t, format.DecodeRecord(&r, data[format.DataHeaderSize:]))
	return r, data[format.DataHeaderSize+format.RecordSize:][:r.Aux]
}

// TestEncryptedLayout decrypts a block by what FORMAT.md says, with nothing of
// this package.
func TestEncryptedLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{})
	must(t, c.SetCipher(mustCipher(t, 7, "the label")))
	put(t, c, text(0, 1000))
	put(t, c, text(1, 1000))
	must(t, c.Close())
	data, err := os.ReadFile(filepath.Join(dir, "data"))
	must(t, err)
	rec := data[4096:]
	if rec[6] != 1 || binary.BigEndian.Uint32(rec[64:]) != 0 || binary.BigEndian.Uint16(rec[52:]) != 56+9 {
		t.Fatalf("record header % X", rec[:96])
	}
	aux, payload := rec[96:96+65], rec[96+65:][:1000]
	if string(aux[56:]) != "the label" {
		t.Fatalf("label %q", aux[56:])
	}
	derived, err := hkdf.Key(sha256.New, testKey(7), aux[20:36], "VTL AES-256-GCM block 1", 40)
	must(t, err)
	if !bytes.Equal(derived[32:], aux[48:56]) {
		t.Fatal("key check")
	}
	block, err := aes.NewCipher(derived[:32])
	must(t, err)
	gcm, err := cipher.NewGCM(block)
	must(t, err)
	additional := append([]byte{1, 0, 1, 0, 0, 0, 3, 0xE8}, aux[20:]...)
	plain, err := gcm.Open(nil, aux[36:48], append(bytes.Clone(payload), aux[:16]...), additional)
	must(t, err)
	if !bytes.Equal(plain, text(0, 1000)) {
		t.Fatal("decrypts to something else")
	}
}

// TestNoncesDiffer: no two blocks have the same salt and nonce, and two ciphers of
// the same key have different salts.
func TestNoncesDiffer(t *testing.T) {
	a, b := mustCipher(t, 1, ""), mustCipher(t, 1, "")
	var z sealer
	seen, salts := map[string]bool{}, map[string]bool{}
	for i := range 2000 {
		k := a
		if i%2 == 1 {
			k = b
		}
		payload, aux, err := z.encrypt(k, Stored, 10, buffer.Default.Get(10))
		must(t, err)
		id := string(aux.B[20:48])
		if seen[id] {
			t.Fatal("a nonce came twice")
		}
		seen[id] = true
		salts[id[:16]] = true
		payload.Release()
		aux.Release()
	}
	if len(salts) != 2 {
		t.Fatalf("%d salts for two ciphers", len(salts))
	}
	a.used = rekeyAfter
	_, aux, err := z.encrypt(a, Stored, 10, buffer.Default.Get(10))
	must(t, err)
	if salts[string(aux.B[20:36])] {
		t.Fatal("the same salt after the most blocks for one")
	}
}

// TestTamper flips a bit of each part of an encrypted block, with the checksums
// made right again and without.
func TestTamper(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{})
	must(t, c.SetCipher(mustCipher(t, 1, "label")))
	put(t, c, text(0, 1000))
	must(t, c.Close())
	name := filepath.Join(dir, "data")
	good, err := os.ReadFile(name)
	must(t, err)
	r, _ := firstRecord(t, good)
	aux, payload := format.DataHeaderSize+format.RecordSize, format.DataHeaderSize+format.RecordSize+int(r.Aux)
	for _, x := range []struct {
		what   string
		offset int
		signed error
	}{
		{"tag", aux, ErrTampered},
		{"salt", aux + 20, ErrWrongKey},
		{"nonce", aux + 36, ErrTampered},
		{"key check", aux + 48, ErrWrongKey},
		{"label", aux + 56, ErrTampered},
		{"payload", payload + 500, ErrTampered},
		{"payload's end", payload + 999, ErrTampered},
	} {
		for _, signed := range []bool{true, false} {
			bad := bytes.Clone(good)
			bad[x.offset] ^= 0x10
			want := ErrDamaged
			if signed {
				want = x.signed
				r.AuxCRC = format.Checksum(bad[aux:payload])
				r.StoredCRC = format.Checksum(bad[payload:][:r.Stored])
				r.Put(bad[format.DataHeaderSize:])
			}
			must(t, os.WriteFile(name, bad, 0o600))
			c := mustOpen(t, dir, Options{ReadOnly: true})
			c.SetDecipher(mustCipher(t, 1, ""))
			_, err := c.Read(MaxBlock)
			wantErr(t, fmt.Sprintf("%s, signed %v", x.what, signed), err, want)
			must(t, c.Close())
		}
		r, _ = firstRecord(t, good)
	}
}

// TestSealedCopy copies encrypted blocks to another cartridge without the key.
func TestSealedCopy(t *testing.T) {
	tmp := t.TempDir()
	from, to := filepath.Join(tmp, "A"), filepath.Join(tmp, "B")
	must(t, Create(from, testSpec(), Options{}))
	must(t, Create(to, testSpec(), Options{}))
	c := mustOpen(t, from, Options{Codec: LZ4})
	must(t, c.SetCipher(mustCipher(t, 1, "label")))
	for i := range 20 {
		put(t, c, text(i, 10_000+i))
	}
	must(t, c.SetCipher(nil))
	put(t, c, text(20, 100))
	must(t, c.LocateObject(0, 0))
	d := mustOpen(t, to, Options{})
	for range 20 {
		o, err := c.ReadSealed()
		must(t, err)
		if bytes.Contains(o.Block.B, []byte("nobody")) {
			t.Fatal("clear text in an envelope")
		}
		_, err = d.WriteSealed(o.Block)
		must(t, err)
	}
	_, err := c.ReadSealed()
	wantErr(t, "a clear block", err, ErrSealed)
	put(t, d, text(20, 100))
	must(t, d.LocateObject(0, 0))
	d.SetDecipher(mustCipher(t, 1, "other label"))
	for i := range 21 {
		s, err := d.Seal()
		must(t, err)
		o, err := d.Read(MaxBlock)
		must(t, err)
		if n := 10_000 + i; i < 20 && (!bytes.Equal(o.Block.B, text(i, n)) || !o.External || !s.External || string(s.Label) != "label") {
			t.Fatalf("object %d: external %v, seal %+v", i, o.External, s)
		}
		o.Block.Release()
	}
}

// TestWipe: nothing of the key is left where it was.
func TestWipe(t *testing.T) {
	k := mustCipher(t, 1, "")
	s, err := k.sealing()
	must(t, err)
	v := reflect.ValueOf(s.aead)
	if !flat(v.Type().Elem()) {
		t.Fatalf("%v has pointers: its key is not wiped", v.Type())
	}
	mem := unsafe.Slice((*byte)(v.UnsafePointer()), v.Type().Elem().Size())
	zero := make([]byte, len(mem))
	if bytes.Equal(mem, zero) {
		t.Fatal("an AEAD without a key")
	}
	k.Wipe()
	if !bytes.Equal(mem, zero) || k.key != [KeySize]byte{} {
		t.Fatal("the key is still there")
	}
	if _, err := k.sealing(); err == nil {
		t.Fatal("a wiped key encrypts")
	}
	if s := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(s, "secret") {
		t.Fatalf("printed as %s", s)
	}
}

// TestEncryptedModel does random things with keys and compares with a plain model.
func TestEncryptedModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{Codec: S2})
	type object struct {
		data []byte
		key  int // 0: clear
	}
	var model []object
	key, made := 0, 0
	keys := []*Cipher{nil, mustCipher(t, 1, "one"), mustCipher(t, 2, "two")}
	use := func() {
		must(t, c.SetCipher(keys[key]))
		c.SetDecipher(keys[key])
	}
	clearText := func(o object) bool { return o.key == 0 }
	for step := range 3000 {
		switch n := rng.IntN(100); {
		case n < 45:
			at := int(c.Position().Object)
			o := object{data: text(made, 60+rng.IntN(3000)), key: key}
			made++
			model = append(model[:at], o)
			put(t, c, o.data)
		case n < 80:
			at := int(c.Position().Object)
			o, err := c.Read(MaxBlock)
			switch {
			case at == len(model):
				wantErr(t, "read at the end", err, ErrEndOfData)
			case clearText(model[at]) || model[at].key == key:
				must(t, err)
				if !bytes.Equal(o.Block.B, model[at].data) {
					t.Fatalf("step %d: object %d differs", step, at)
				}
				o.Block.Release()
			case key == 0:
				wantErr(t, "read without a key", err, ErrEncrypted)
			default:
				wantErr(t, "read with another key", err, ErrWrongKey)
			}
		case n < 90:
			key = rng.IntN(len(keys))
			use()
		case n < 98:
			must(t, c.LocateObject(0, uint64(rng.IntN(len(model)+1))))
		default:
			at := c.Position()
			must(t, c.Close())
			c = mustOpen(t, dir, Options{Codec: S2})
			must(t, c.LocateObject(0, at.Object))
			use()
		}
	}
	must(t, c.SetCipher(nil))
	must(t, c.Close())
	all := files(t, dir)
	for i := range keys[1:] {
		if bytes.Contains(all, testKey(i+1)) {
			t.Fatal("a key is in the files")
		}
	}
	for i, o := range model {
		if o.key != 0 && bytes.Contains(all, o.data[:40]) {
			t.Fatalf("object %d is in the files in clear", i)
		}
	}
}

// FuzzEnvelope: whatever is given as an encrypted block is refused or taken, and
// what is taken is checked by its tag when it is read.
func FuzzEnvelope(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "A")
	must(f, Create(dir, testSpec(), Options{}))
	c := mustOpen(f, dir, Options{})
	must(f, c.SetCipher(mustCipher(f, 1, "x")))
	put(f, c, text(0, 100))
	must(f, c.LocateObject(0, 0))
	o, err := c.ReadSealed()
	must(f, err)
	f.Add(bytes.Clone(o.Block.B))
	f.Add([]byte("VSEA"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, payload, err := openEnvelope(b)
		if err != nil {
			return
		}
		if s.length > MaxBlock || len(payload.B) > s.length || len(s.aux.B) != s.room {
			t.Fatalf("taken: length %d, stored %d", s.length, len(payload.B))
		}
		payload.Release()
		s.aux.Release()
	})
}

func BenchmarkWriteEncrypted(b *testing.B) {
	const n = 256 << 10
	data := benchData("random", n)
	dir := filepath.Join(benchDir(b), "A")
	must(b, Create(dir, benchSpec(), Options{}))
	c := mustOpen(b, dir, Options{})
	must(b, c.SetCipher(mustCipher(b, 1, "a label of some length")))
	b.SetBytes(n)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i*n%benchSize == 0 {
			must(b, c.LocateObject(0, 0))
		}
		put(b, c, data)
	}
}
