package libcart

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"govtl/internal/buffer"
)

// onDisk returns the size of a cartridge's data file and what it takes on the disk.
func onDisk(t *testing.T, dir string) (size, taken int64) {
	t.Helper()
	st, err := os.Stat(dataName(dir, 0))
	must(t, err)
	return st.Size(), st.Sys().(*syscall.Stat_t).Blocks * 512
}

// TestThin: the space of what is overwritten and erased, and what was reserved
// ahead, returns to the file system at once.
func TestThin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{})
	for i := range 40 {
		put(t, c, block(uint64(i), 100_000))
	}
	must(t, c.Close())
	const slack = 64 << 10
	size, taken := onDisk(t, dir)
	if size < 4_000_000 || taken > size+slack {
		t.Fatalf("closed: %d bytes, %d on the disk", size, taken)
	}
	c = mustOpen(t, dir, Options{})
	put(t, c, block(1, 1000))
	must(t, c.Sync(t.Context()))
	if size, _ = onDisk(t, dir); size > 8192 {
		t.Fatalf("overwritten: %d bytes", size)
	}
	must(t, c.Close())
	if size, taken = onDisk(t, dir); taken > size+slack {
		t.Fatalf("closed: %d bytes, %d on the disk", size, taken)
	}
	c = mustOpen(t, dir, Options{})
	must(t, c.Format(nil))
	if size, taken = onDisk(t, dir); size != 4096 || taken > slack {
		t.Fatalf("formatted: %d bytes, %d on the disk", size, taken)
	}
}

// TestOverhead: what is stored beside the blocks is less than a thousandth at 256
// KiB.
func TestOverhead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{})
	const n, size = 100, 256 << 10
	for i := range n {
		put(t, c, block(uint64(i), size))
	}
	must(t, c.Close())
	sum := int64(-4096) // the header, whatever the number of blocks
	for _, name := range []string{dataName(dir, 0), indexName(dir, 0)} {
		st, err := os.Stat(name)
		must(t, err)
		sum += st.Size()
	}
	if over := sum - n*size; over*1000 > n*size {
		t.Fatalf("%d bytes over %d", over, n*size)
	}
}

// TestNothingIsAllocatedPerBlock writes and reads and counts allocations.
func TestNothingIsAllocatedPerBlock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{Codec: S2})
	data := block(1, 16<<10)
	const n = 500
	write := func() {
		must(t, c.LocateObject(0, 0))
		for range n {
			b := buffer.Default.Get(len(data))
			copy(b.B, data)
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		must(t, c.Sync(t.Context()))
	}
	read := func() {
		must(t, c.LocateObject(0, 0))
		for range n {
			o, err := c.Read(len(data))
			must(t, err)
			o.Block.Release()
		}
	}
	for name, do := range map[string]func(){"write": write, "read": read} {
		for range 3 {
			write()
			read()
		}
		// The race detector makes pools forget at random; per block it would be n.
		if a := testing.AllocsPerRun(3, do); a > n/2 {
			t.Errorf("%s: %v allocations for %d blocks", name, a, n)
		}
	}
}

// TestIndexKeepsUp writes more records than may wait for a synchronisation
// without asking for one.
func TestIndexKeepsUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	s := testSpec()
	s.Kind, s.Capacity = Null, 1<<30
	must(t, Create(dir, s, Options{}))
	c := mustOpen(t, dir, Options{})
	const n = 2*syncRecords + 1000
	most := 0
	for i := range n {
		if _, err := c.Write(buffer.Default.Get(1)); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			p := c.parts[0]
			p.mu.Lock()
			most = max(most, len(p.pending))
			p.mu.Unlock()
		}
	}
	if most > 5*syncRecords {
		t.Fatalf("%d entries waited", most)
	}
	must(t, c.Close())
	c = mustOpen(t, dir, Options{})
	if !c.Recovery().Clean {
		t.Fatalf("%+v", c.Recovery())
	}
	must(t, c.LocateObject(0, n-1))
	wantBlock(t, c, []byte{0})
	_, err := c.Read(1)
	wantErr(t, "end", err, ErrEndOfData)
}

// TestCounters: what a load did, and what stays.
func TestCounters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{Codec: S2})
	put(t, c, make([]byte, 100_000))
	_, err := c.WriteFilemarks(2)
	must(t, err)
	must(t, c.Sync(t.Context()))
	must(t, c.LocateObject(0, 0))
	wantBlock(t, c, make([]byte, 100_000))
	k := c.Counters()
	if k.Loads != 1 || k.BlocksWritten != 1 || k.BlocksRead != 1 || k.HostBytesWritten != 100_000 || k.HostBytesRead != 100_000 ||
		k.FilemarksWritten != 2 || k.SyncPoints != 1 || k.StoredBytesWritten == 0 || k.StoredBytesWritten > 10_000 || k.StoredBytesRead != k.StoredBytesWritten {
		t.Fatalf("%+v", k)
	}
	must(t, c.Close())
	c = mustOpen(t, dir, Options{})
	l := c.Counters()
	if l.Loads != 2 || l.LifetimeHostWritten != 100_000 || l.LifetimeHostRead != 100_000 || l.LifetimeStoredWritten != k.StoredBytesWritten ||
		l.HostBytesWritten != 0 || l.StoredBytesWritten != 0 {
		t.Fatalf("%+v", l)
	}
}

// TestVeryManyFilemarks: their index entries keep up, too.
func TestVeryManyFilemarks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{})
	const n = 3*syncRecords + 5
	_, err := c.WriteFilemarks(n)
	must(t, err)
	if p := c.Position(); p != (Position{0, n, n}) {
		t.Fatalf("at %+v", p)
	}
	_, err = c.WriteFilemarks(1 << 24) // more than the partition holds: none of them
	wantErr(t, "too many", err, ErrNoRoom)
	must(t, c.LocateFile(0, n-1))
	done, err := c.SpaceFilemarks(2)
	wantErr(t, "space", err, ErrEndOfData)
	if p := c.Position(); done != 1 || p.Object != n {
		t.Fatalf("done %d, at %+v", done, p)
	}
}
