package vfs

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestVectorsAreConcatenation writes and reads the same bytes cut in different
// places, with more pieces than one system call takes.
func TestVectorsAreConcatenation(t *testing.T) {
	f, err := OS{}.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	cut := func(b []byte) (out [][]byte) {
		for len(b) > 0 {
			n := min(r.IntN(200), len(b))
			out, b = append(out, b[:n]), b[n:]
		}
		return out
	}
	if n, err := f.WritevAt(cut(data), 77); n != len(data) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	got := make([]byte, len(data))
	if n, err := f.ReadvAt(cut(got), 77); n != len(got) || err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read %d, %v, equal %v", n, err, bytes.Equal(got, data))
	}
	if n, err := f.ReadvAt([][]byte{make([]byte, 10), make([]byte, 10)}, int64(77+len(data)-15)); n != 15 || err != io.EOF {
		t.Fatalf("across the end: %d, %v", n, err)
	}
}
