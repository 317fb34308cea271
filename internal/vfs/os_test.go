package vfs

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSyncChangesNothing: what Sync asks the file system besides leaves content and
// length as they are, also of empty files and of those that are open for reading.
func TestSyncChangesNothing(t *testing.T) {
	for _, content := range []string{"", "ten bytes."} {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, flag := range []int{os.O_RDWR, os.O_WRONLY, os.O_RDONLY} {
			f, err := OS{}.OpenFile(name, flag, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, do := range []func() error{
				f.Sync,
				func() error { return f.Flush(0, 4096) },
				func() error { return f.Await(0, 4096) },
				f.Sync,
				f.Close,
			} {
				if err := do(); err != nil {
					t.Errorf("open with %x: %v", flag, err)
				}
			}
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != content {
			t.Errorf("%q instead of %q, %v", b, content, err)
		}
	}
}

// TestSyncDirChangesNothing: what SyncDir asks the file system besides leaves the
// directory as it is, and is no error.
func TestSyncDirChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := (OS{}).SyncDir(dir); err != nil {
			t.Error(err)
		}
	}
	if after, err := os.Stat(dir); err != nil || after.ModTime() != before.ModTime() || after.Mode() != before.Mode() {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
}
