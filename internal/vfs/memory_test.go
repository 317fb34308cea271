package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func create(t *testing.T, f FS, name string) File {
	t.Helper()
	h, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func write1(t *testing.T, f File, b []byte, off int64) {
	t.Helper()
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	var m Memory
	if err := m.MkdirAll("/d", 0o700); err != nil {
		t.Fatal(err)
	}
	m.SyncDir("/")
	f := create(t, &m, "/d/a")
	old, now := bytes.Repeat([]byte{1}, 2000), bytes.Repeat([]byte{2}, 3000)
	write1(t, f, old, 0)
	f.Sync()
	if got := m.Crash(nil, 0).Content("/d/a"); got != nil {
		t.Fatal("the entry survived without SyncDir")
	}
	m.SyncDir("/d")
	write1(t, f, now, 0)
	if got := m.Crash(nil, 0).Content("/d/a"); !bytes.Equal(got, old) {
		t.Fatal("not what was synced")
	}
	if got := m.Crash(nil, 1).Content("/d/a"); !bytes.Equal(got, now) {
		t.Fatal("not all of it")
	}
	torn := map[bool]bool{}
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		got := m.Crash(r, 0.5).Content("/d/a")
		for s := 0; s < len(got); s += sector {
			part := got[s:min(s+sector, len(got))]
			if bytes.Count(part, []byte{2}) == len(part) {
				torn[true] = true
			} else if !bytes.Contains(part, []byte{2}) {
				torn[false] = true
			} else {
				t.Fatal("a sector is mixed")
			}
		}
	}
	if len(torn) != 2 {
		t.Fatal("never torn")
	}
	f.Truncate(100)
	f.Sync()
	if got := m.Crash(nil, 0).Content("/d/a"); len(got) != 100 {
		t.Fatalf("%d bytes after truncate and sync", len(got))
	}
}

func TestReplaceFileIsAtomic(t *testing.T) {
	var m Memory
	m.MkdirAll("/d", 0o700)
	m.SyncDir("/")
	if err := ReplaceFile(&m, "/d/x", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	seen := map[string]bool{}
	fail := Failing(&m, func(o Op) error {
		for range 30 {
			seen[string(m.Crash(r, r.Float64()).Content("/d/x"))] = true
		}
		return nil
	})
	if err := ReplaceFile(fail, "/d/x", []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if string(m.Crash(nil, 0).Content("/d/x")) != "new" {
		t.Fatal("not durable")
	}
	if len(seen) != 2 || !seen["old"] || !seen["new"] {
		t.Fatalf("after crashes: %v", seen)
	}
}

func TestLimitLockAndLoss(t *testing.T) {
	var m Memory
	f := create(t, &m, "/a")
	m.SyncDir("/")
	m.SetLimit(1000)
	if err := f.Allocate(0, 900); err != nil {
		t.Fatal(err)
	}
	write1(t, f, make([]byte, 900), 0)
	g := create(t, &m, "/b")
	if _, err := g.WriteAt(make([]byte, 200), 0); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if free, _ := m.Free("/"); free != 100 {
		t.Fatalf("free %d", free)
	}
	f2 := create(t, &m, "/a")
	if f.TryLock() != nil || !errors.Is(f2.TryLock(), ErrLocked) {
		t.Fatal("lock")
	}
	f.Close()
	if err := f2.TryLock(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Fatal(err)
	}
	bad := create(t, Failing(&m, func(o Op) error {
		if o.Kind == "sync" {
			return unix.EIO
		}
		return nil
	}), "/a")
	write1(t, bad, []byte("data"), 0)
	if err := bad.Sync(); !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	f2.Sync() // says that all is well, and it is not
	if bytes.HasPrefix(m.Crash(nil, 1).Content("/a"), []byte("data")) || !bytes.HasPrefix(m.Content("/a"), []byte("data")) {
		t.Fatal("a failed sync did not lose the write")
	}
}

func TestLoggingAndShortWrite(t *testing.T) {
	var m Memory
	var log strings.Builder
	m.MkdirAll("/d", 0o700)
	if err := ReplaceFile(Logging(&m, &log, "/d"), "/d/x", []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "create x.new\nwrite x.new 0+5\nsync x.new\nrename x.new x\nsyncdir .\n"
	if log.String() != want {
		t.Fatalf("log:\n%s", log.String())
	}
	f := create(t, Failing(&m, func(o Op) error {
		if o.Kind == "write" {
			return ShortWrite
		}
		return nil
	}), "/d/y")
	if n, err := f.WritevAt([][]byte{[]byte("abc"), []byte("def")}, 0); n != 3 || err == nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := m.Content("/d/y"); string(got) != "abc" {
		t.Fatalf("%q", got)
	}
}
