package tool

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"govtl/libcart"
)

// archive makes an archive of entries; the checksums are right.
func archive(entries ...[2]string) []byte {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	sums := ""
	put := func(name, content string) {
		t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644})
		t.Write([]byte(content))
	}
	for _, e := range entries {
		put(e[0], e[1])
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(e[1])), e[0])
	}
	put("A/SHA256SUMS", sums)
	t.Close()
	return b.Bytes()
}

// TestRestoreRefuses: nothing is left of what is not an exported cartridge.
func TestRestoreRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"text":           []byte("hello"),
		"no cartridge":   archive([2]string{"A/meta", "x"}, [2]string{"A/data", "y"}),
		"another name":   archive([2]string{"A/passwd", "x"}),
		"upwards":        archive([2]string{"../meta", "x"}),
		"absolute":       archive([2]string{"/etc/meta", "x"}),
		"two barcodes":   archive([2]string{"A/meta", "x"}, [2]string{"B/data", "x"}),
		"twice":          archive([2]string{"A/meta", "x"}, [2]string{"A/meta", "x"}),
		"many":           archive([2]string{"A/data.4", "x"}),
		"no checksums":   archive([2]string{"A/meta", "x"})[:1024],
		"hidden barcode": archive([2]string{".A/meta", "x"}),
	} {
		home := filepath.Join(t.TempDir(), "home")
		_, err := Restore(t.Context(), home, libcart.Options{}, bytes.NewReader(b))
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if left, _ := os.ReadDir(home); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

// FuzzRestore gives unpack archives of anything.
func FuzzRestore(f *testing.F) {
	f.Add(archive([2]string{"A/meta", "x"}, [2]string{"A/data", "y"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		_, _ = unpack(context.Background(), dir, bytes.NewReader(b))
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if !partOfCartridge(e.Name()) || !e.Type().IsRegular() {
				t.Fatalf("made %s", e.Name())
			}
		}
	})
}
