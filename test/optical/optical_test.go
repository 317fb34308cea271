//go:build e2e

package optical

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

const configuration = `version: 1
libraries: []
optical:
  - {id: 40, model: bd-recorder, serial: OPT0000040, timing: {blank: 0.5, format: 0.5, close: 0.3}}
`

const target = "iqn.2026-11.local.vtl:optical40"

// rig is a suite with one optical drive, and the kernel logged in to it.
type rig struct {
	*suite.Suite
	t     *testing.T
	drive linux.Device
	tree  string // what is burned: three folders of files
	mount string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := startRig(t, configuration)
	r.drive = linux.Login(t, r.Addr, target)
	return r
}

// startRig is newRig before a login, with any configuration.
func startRig(t *testing.T, configuration string, prepare ...func(dir string)) *rig {
	t.Helper()
	r := &rig{Suite: suite.New(t, suite.Options{Config: configuration, User: 65534}), t: t}
	for _, f := range prepare {
		f(r.Dir)
	}
	r.Start(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the kernel's log (its last lines):\n%s", linux.KernelLog(30))
		}
		linux.LogoutAll(t)
	})
	linux.Discover(t, r.Addr)
	dir := t.TempDir()
	r.tree, r.mount = filepath.Join(dir, "tree"), filepath.Join(dir, "mnt")
	for s := 1; s <= 3; s++ {
		d := filepath.Join(r.tree, fmt.Sprint("session", s))
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		for f, n := range []int{0, 1, 2047, 2048, 500_000, 1_500_000} {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(i*7 + i>>8*s + f)
			}
			if err := os.WriteFile(filepath.Join(d, fmt.Sprint("file", f)), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Mkdir(r.mount, 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

// compare mounts the disc and compares a folder of the tree, byte by byte.
func (r *rig) compare(sessions ...int) {
	r.t.Helper()
	linux.Run(r.t, "mount -t iso9660 -o ro %s %s", r.drive.Disc, r.mount)
	for _, s := range sessions {
		linux.Run(r.t, "diff -r %s/session%d %s/session%d", r.tree, s, r.mount, s)
	}
	linux.Run(r.t, "umount %s", r.mount)
}

// TestImage: an ISO image that somebody made is a DVD-ROM that the kernel mounts;
// another one takes its place while the drive is logged in.
func TestImage(t *testing.T) {
	r := newRig(t)
	for s := 1; s <= 2; s++ {
		iso := filepath.Join(r.Dir, fmt.Sprintf("%d.iso", s))
		linux.Run(t, "genisoimage -quiet -R -o %s -graft-points session%d/=%s/session%d", iso, s, r.tree, s)
		r.Command(t, "40", "load", iso)
		r.compare(s)
	}
	linux.Want(t, "dvd+rw-mediainfo", linux.Run(t, "dvd+rw-mediainfo %s", r.drive.Disc), `Mounted Media: +10h, DVD-ROM`)
	r.Command(t, "40", "offline")
	linux.Refused(t, "mount -t iso9660 -o ro %s %s", r.drive.Disc, r.mount)
	r.Command(t, "40", "online")
	r.compare(2)
}

// TestEmptyFile: an empty file is a blank DVD+R that turns into a DVD-ROM, whose
// image any program reads.
func TestEmptyFile(t *testing.T) {
	r := newRig(t)
	iso := filepath.Join(r.Dir, "empty.iso")
	if err := os.WriteFile(iso, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(iso, 0o666); err != nil {
		t.Fatal(err)
	}
	r.Command(t, "40", "load", iso)
	linux.Want(t, "xorriso -toc", linux.Run(t, "xorriso -dev %s -toc 2>&1", r.drive.Disc), `Media current: DVD\+R`, `Media status : is blank`)
	linux.Run(t, "xorriso -outdev %s -map %s/session1 /session1 -close on -commit 2>&1", r.drive.Disc, r.tree)
	linux.Want(t, "xorriso -toc", linux.Run(t, "xorriso -indev %s -toc 2>&1", r.drive.Disc), `Media current: DVD-ROM`)
	r.compare(1)
	out := filepath.Join(t.TempDir(), "out") // the image alone, as any program reads it
	linux.Run(t, "xorriso -osirrox on -indev stdio:%s -extract /session1 %s 2>&1", iso, out)
	linux.Run(t, "diff -r %s/session1 %s", r.tree, out)
}

// TestSessions: xorriso writes three sessions to each medium and checks the sums
// of what it wrote after each.
func TestSessions(t *testing.T) {
	r := newRig(t)
	for _, medium := range []string{"dvd+r", "dvd-r", "dvd-rw", "dvd+rw", "dvd-ram", "bd-r", "bd-re", "cd-r", "cd-rw"} {
		t.Run(medium, func(t *testing.T) {
			r.Command(t, "40", "load", medium+".iso", medium)
			if medium == "bd-re" {
				linux.Run(t, "xorriso -outdev %s -format as_needed 2>&1", r.drive.Disc)
			}
			for s := 1; s <= 3; s++ {
				linux.Run(t, "xorriso -md5 on -dev %s -map %s/session%d /session%d -commit -check_md5_r sorry / -- 2>&1", r.drive.Disc, r.tree, s, s)
			}
			out := filepath.Join(t.TempDir(), "out")
			linux.Run(t, "xorriso -osirrox on -indev %s -extract / %s 2>&1", r.drive.Disc, out)
			linux.Run(t, "diff -r %s %s", r.tree, out)
		})
	}
}

// TestRewrite: blank and format as xorriso does it, writing at once, and eject.
func TestRewrite(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	r.Command(t, "40", "load", "rw.iso", "dvd-rw")
	linux.Run(t, "xorriso -outdev %s -map %s/session1 /session1 -close on -commit 2>&1", sr, r.tree)
	linux.Run(t, "xorriso -outdev %s -blank deformat_quickest 2>&1", sr)
	linux.Want(t, "xorriso -toc", linux.Run(t, "xorriso -dev %s -toc 2>&1", sr), `is blank , but will need -close on`)
	linux.Run(t, "xorriso -outdev %s -map %s/session2 /session2 -close on -commit 2>&1", sr, r.tree)
	r.compare(2)
	linux.Run(t, "xorriso -outdev %s -blank as_needed 2>&1", sr)
	linux.Want(t, "xorriso -list_formats", linux.Run(t, "xorriso -outdev %s -list_formats 2>&1", sr), `Format idx 2 +: 15h`)
	linux.Run(t, "xorriso -outdev %s -format as_needed 2>&1", sr)
	linux.Want(t, "xorriso -toc", linux.Run(t, "xorriso -dev %s -toc 2>&1", sr), `DVD-RW restricted overwrite`)
	linux.Run(t, "xorriso -outdev %s -map %s/session3 /session3 -commit 2>&1", sr, r.tree)
	r.compare(3)
	linux.Run(t, "xorriso -outdev %s -eject all 2>&1", sr)
	linux.Want(t, "status", r.Command(t, "40", "status"), `tray open`)
}
