package buffer

import "testing"

func TestSizesAndReuse(t *testing.T) {
	var p Pool
	for _, n := range []int{0, 1, 4096, 4160, 4161, 65536, 65536 + Slack, 262144, 262145, 1 << 20, MaxSize} {
		b := p.Get(n)
		if len(b.B) != n || cap(b.B) != Size(n)+Slack {
			t.Fatalf("Get(%d): length %d, capacity %d, size %d", n, len(b.B), cap(b.B), Size(n))
		}
		b.Release()
		c := p.Get(n)
		if c != b {
			t.Errorf("Get(%d) after Release did not reuse the buffer", n)
		}
		c.Release()
	}
}

func TestDoubleReleasePanics(t *testing.T) {
	var p Pool
	b := p.Get(10)
	b.Release()
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	b.Release()
}

func TestKeepBytesIsABound(t *testing.T) {
	p := Pool{KeepBytes: 3 << 20}
	var all []*Buffer
	for range 8 {
		all = append(all, p.Get(1<<20))
	}
	for _, b := range all {
		b.Release()
	}
	if p.kept > 3<<20 {
		t.Fatalf("keeps %d bytes", p.kept)
	}
	p.Trim()
	if p.kept != 0 {
		t.Fatalf("keeps %d bytes after Trim", p.kept)
	}
}

// Large buffers that lie idle do not keep small ones, which are in use, from
// being reused.
func TestOtherSizesMakeRoom(t *testing.T) {
	p := Pool{KeepBytes: 4 << 20}
	var large []*Buffer
	for range 4 {
		large = append(large, p.Get(1<<20-Slack))
	}
	for _, b := range large {
		b.Release()
	}
	for range 3 {
		small := p.Get(256 << 10)
		small.Release()
		if again := p.Get(256 << 10); again != small {
			t.Fatal("a buffer was not reused")
		} else {
			again.Release()
		}
	}
	if p.kept > 4<<20 || p.kept < 3<<20 {
		t.Fatalf("keeps %d bytes", p.kept)
	}
}

func BenchmarkGetRelease(b *testing.B) {
	var p Pool
	b.ReportAllocs()
	for b.Loop() {
		p.Get(256 << 10).Release()
	}
}
