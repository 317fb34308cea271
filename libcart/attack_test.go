package libcart

import (
	"path/filepath"
	"testing"

	"govtl/internal/vfs"
)

// TestDataFileIsGone: a cartridge whose data file was lost is an empty one, and what
// is written to it then is as safe as anywhere: the name of the new file too.
func TestDataFileIsGone(t *testing.T) {
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	must(t, s.mem.Remove(dataName(worldDir, 0)))
	must(t, s.mem.SyncDir(worldDir))
	c := mustOpen(t, worldDir, Options{FS: &s.mem})
	put(t, c, block(1, 1000))
	must(t, c.Sync(t.Context()))
	c = mustOpen(t, worldDir, Options{FS: s.mem.Crash(nil, 0)})
	wantBlock(t, c, block(1, 1000))
}

// TestLockFileIsGone: somebody who tidies up removes the lock of a cartridge that is
// in use. There is still one writer only, also after the recording was replaced.
func TestLockFileIsGone(t *testing.T) {
	for _, fsys := range []struct {
		name string
		dir  string
		fs   vfs.FS
	}{{"memory", "/lib/A", &vfs.Memory{}}, {"OS", t.TempDir() + "/A", vfs.OS{}}} {
		t.Run(fsys.name, func(t *testing.T) {
			dir, o := fsys.dir, Options{FS: fsys.fs}
			must(t, o.FS.MkdirAll(filepath.Dir(dir), 0o700))
			must(t, Create(dir, testSpec(), o))
			c := mustOpen(t, dir, o)
			intruder := func(when string) {
				t.Helper()
				must(t, o.FS.Remove(lockName(dir)))
				_, err := Open(dir, o)
				wantErr(t, when, err, ErrInUse)
			}
			intruder("at the beginning")
			must(t, writeMuch(c, 1))
			must(t, c.Sync(t.Context()))
			intruder("written")
			must(t, c.LocateObject(0, 0))
			put(t, c, block(1, 1000))
			must(t, c.Sync(t.Context()))
			intruder("replaced")
			must(t, c.Format([]int64{8 << 20, 8 << 20}))
			intruder("formatted")
			must(t, c.Close())
			must(t, mustOpen(t, dir, o).Close())
		})
	}
}
