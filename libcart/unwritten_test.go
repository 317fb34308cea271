package libcart

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"govtl/internal/vfs"
)

// TestTakeUnwritten: what the buffer held when writing failed comes back in order,
// whatever was done to it in the buffer, and is counted.
func TestTakeUnwritten(t *testing.T) {
	for _, codec := range []Codec{Stored, LZ4, S2, Zstd} {
		for _, key := range []*Cipher{nil, mustCipher(t, 1, "label")} {
			var mem vfs.Memory
			must(t, mem.MkdirAll("/lib", 0o700))
			must(t, Create(worldDir, testSpec(), Options{FS: &mem}))
			var holds atomic.Bool
			gate := make(chan struct{})
			fs := vfs.Failing(&mem, func(o vfs.Op) error {
				if holds.Load() && o.Kind == "write" && strings.HasSuffix(o.Name, "data") {
					<-gate
					return io.ErrShortWrite
				}
				return nil
			})
			c := mustOpen(t, worldDir, Options{FS: fs, Codec: codec})
			must(t, c.SetCipher(key))
			put(t, c, text(0, 1000))
			must(t, c.Sync(noContext))
			if _, err := c.TakeUnwritten(); err != ErrEndOfData {
				t.Fatalf("before anything failed: %v", err)
			}
			holds.Store(true)
			want := [][]byte{text(1, 3000), text(2, 70_000), nil, nil, block(3, 10)}
			put(t, c, want[0])
			put(t, c, want[1])
			_, err := c.WriteFilemarks(2)
			must(t, err)
			put(t, c, want[4])
			close(gate)
			wantErr(t, "Sync", c.Sync(noContext), ErrWrite)
			if p := c.Position(); p.Object != 1 || !c.Failed() {
				t.Fatalf("position %+v, failed %v", p, c.Failed())
			}
			for i, b := range want {
				if n, _ := c.BytesInBuffer(); n != uint64(len(want)-i) {
					t.Fatalf("%v: %d objects in the buffer before %d", codec, n, i)
				}
				o, err := c.TakeUnwritten()
				if b == nil {
					wantErr(t, "filemark", err, ErrFilemark)
					continue
				}
				must(t, err)
				if !bytes.Equal(o.Block.B, b) || o.Encrypted != (key != nil) {
					t.Fatalf("%v: object %d is not what was written", codec, i)
				}
				o.Block.Release()
			}
			if _, err := c.TakeUnwritten(); err != ErrEndOfData {
				t.Fatalf("after the last: %v", err)
			}
			c.DropUnwritten()
			c.Close()
		}
	}
}
