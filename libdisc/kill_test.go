package libdisc

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"govtl/internal/vfs"
)

// mortal is a file system on which a process can be killed before its n-th change
// from now on: nothing comes after it, and the page cache keeps what it has.
type mortal struct {
	vfs.FS
	left int
}

var errKilled = errors.New("killed")

func (m *mortal) OpenFile(name string, flag int, mode fs.FileMode) (vfs.File, error) {
	f, err := m.FS.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return struct{ vfs.File }{f}, nil // whose sync loses nothing when it does not come
}

func (m *mortal) rule(vfs.Op) error {
	if m.left > 0 {
		m.left--
	}
	if m.left == 0 {
		return errKilled
	}
	return nil
}

// TestSyncAfterKill: what a killed drive had written before the power failed is
// durable once the drive that came after it has synced.
func TestSyncAfterKill(t *testing.T) {
	mem := &vfs.Memory{}
	d := made(t, mem, dvdPlusW)
	ok(t, mem.SyncDir("/"), d.SetFormat(Random, 512, 0, false), d.Write(16, blocks(16, 16), Mode{}))
	mem.Kill()
	e := opened(t, mem)
	ok(t, e.Sync())
	g := opened(t, mem.Crash(nil, 0))
	p := make([]byte, 16*BlockSize)
	ok(t, g.Read(16, p))
	if !bytes.Equal(p, blocks(16, 16)) {
		t.Error("what was synced is not there")
	}
}

// TestHeal: blocks that a killed drive was replacing have the checksums of what came
// of it, once another drive has opened the disc.
func TestHeal(t *testing.T) {
	mem := &vfs.Memory{}
	d := made(t, mem, dvdPlusW)
	ok(t, mem.SyncDir("/"), d.SetFormat(Random, 512, 0, false), d.Write(0, blocks(0, 64), Mode{}), d.Sync(), d.Write(16, blocks(1, 16), Mode{}))
	mem.Kill()
	image := mem.Content("/d.iso") // as if the checksums of two blocks were not written yet
	image[17*BlockSize]++
	image[20*BlockSize]++
	ok(t, mem.SetContent("/d.iso", image))
	e := opened(t, mem)
	p := make([]byte, BlockSize)
	ok(t, e.Read(17, p), e.Close())
	if !bytes.Equal(p, image[17*BlockSize:][:BlockSize]) {
		t.Error("reads otherwise")
	}
	image[17*BlockSize]++
	ok(t, mem.SetContent("/d.iso", image))
	g := opened(t, mem)
	if err := g.Read(17, p); !errors.Is(err, ErrDamaged) {
		t.Errorf("a block that has changed since: %v", err)
	}
	ok(t, g.Read(20, p), g.Read(0, p))
}

// TestKilledAnywhere kills a drive before each of its changes while it closes,
// writes, blanks; another drive opens the disc and syncs, and the power fails: what
// the second drive had is there, and a closed session never reads as zeros.
func TestKilledAnywhere(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(d *Disc) error
	}{
		{"blank", func(d *Disc) error { return d.Erase(false) }},
		{"append and sync", func(d *Disc) error {
			lba, _ := d.NWA()
			return errors.Join(d.Write(lba, blocks(lba, 5), Mode{}), d.Sync())
		}},
		{"append and close", func(d *Disc) error {
			lba, _ := d.NWA()
			return errors.Join(d.Write(lba, blocks(lba, 5), Mode{}), d.CloseSession(true))
		}},
		{"format", func(d *Disc) error { return d.SetFormat(Restricted, 64, 0, true) }},
	} {
		for n := 1; ; n++ {
			mem := &vfs.Memory{}
			medium := dvdMinus
			medium.FirstGap, medium.LaterGap = 64, 32
			d := made(t, mem, medium)
			ok(t, mem.SyncDir("/"))
			session(t, d, 40, false)
			ok(t, d.Close())
			m := &mortal{FS: mem, left: n + 1}
			d, err := Open("/d.iso", Options{FS: vfs.Failing(m, m.rule)})
			if err == nil {
				err = c.do(d)
			}
			mem.Kill()
			second := opened(t, mem)
			ok(t, second.Sync())
			had, form := second.next(), second.Form
			after := mem.Crash(nil, 0)
			mem.Kill()
			g := opened(t, after)
			if g.Sessions != had.Sessions || g.Form != form || len(g.Tracks()) != len(had.Tracks) {
				t.Fatalf("%s, killed at change %d: %d sessions, form %q, %d tracks; before the power failed %d, %q, %d",
					c.name, n, g.Sessions, g.Form, len(g.Tracks()), had.Sessions, form, len(had.Tracks))
			}
			for _, tr := range g.Tracks() {
				want := had.Tracks[0]
				if tr.Session == 1 && tr.Next == want.Next {
					p := make([]byte, 40*BlockSize)
					ok(t, g.Read(0, p))
					if !bytes.Equal(p, blocks(0, 40)) {
						t.Fatalf("%s, killed at change %d: the first session reads otherwise", c.name, n)
					}
				}
			}
			if err == nil {
				if n < 3 {
					t.Errorf("%s took %d changes: too few to be true", c.name, n)
				}
				break
			}
		}
	}
}
