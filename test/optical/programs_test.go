//go:build e2e

package optical

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"govtl/test/linux"
)

// TestPrograms: the other burning programs, each with the media it is for; what
// they wrote is mounted and compared byte by byte, and dvd+rw-mediainfo reads it.
func TestPrograms(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	iso := filepath.Join(r.Dir, "burn.iso")
	linux.Run(t, "genisoimage -quiet -R -o %s -graft-points session1/=%s/session1", iso, r.tree)
	const grow = "growisofs -use-the-force-luke=notray -Z %[1]s=%[2]s"
	for i, c := range []struct{ medium, before, command, mounted string }{
		{"dvd+r", "", grow, `1Bh, DVD\+R`},
		{"dvd+rw", "", grow, `1Ah, DVD\+RW`},
		{"dvd-r", "", grow, `11h, DVD-R Sequential`},
		{"dvd-rw", "", grow, `14h, DVD-RW Sequential`},
		{"dvd-rw", "dvd+rw-format -force %[1]s", grow, `13h, DVD-RW Restricted Overwrite`},
		{"dvd-rw", "dvd+rw-format -blank=full %[1]s", grow, `14h, DVD-RW Sequential`},
		{"dvd-ram", "", grow, `12h, DVD-RAM`},
		{"bd-r", "", grow, `41h, BD-R`},
		{"bd-re", "", grow, `43h, BD-RE`},
		{"cd-r", "", "wodim dev=%[1]s -tao %[2]s", ""},
		{"cd-rw", "wodim dev=%[1]s blank=fast", "wodim dev=%[1]s -sao %[2]s", ""},
		{"dvd+r", "", "wodim dev=%[1]s -dao %[2]s", `1Bh, DVD\+R`},
		{"dvd-rw", "", "wodim dev=%[1]s -dao %[2]s", `14h, DVD-RW`},
		{"cd-rw", "cdrskin dev=%[1]s blank=all", "cdrskin dev=%[1]s -v -sao %[2]s", ""},
		{"bd-r", "", "cdrskin dev=%[1]s -v -sao %[2]s", `41h, BD-R`},
		{"dvd+rw", "", "cdrskin dev=%[1]s -v %[2]s", `1Ah, DVD\+RW`},
		{"bd-re", "cdrskin dev=%[1]s -v blank=as_needed", "cdrskin dev=%[1]s -v %[2]s", `43h, BD-RE`},
	} {
		t.Run(strings.Fields(c.command)[0]+" "+c.medium, func(t *testing.T) {
			r.Command(t, "40", "load", fmt.Sprintf("%d%s.iso", i, c.medium), c.medium)
			if c.before != "" {
				linux.Run(t, c.before+" 2>&1 </dev/null", sr)
			}
			linux.Run(t, c.command+" 2>&1 </dev/null", sr, iso)
			r.compare(1)
			if c.mounted != "" {
				linux.Want(t, "dvd+rw-mediainfo", linux.Run(t, "dvd+rw-mediainfo %s 2>&1", sr), c.mounted)
			}
		})
	}
}

// TestGrow: growisofs appends a second session with -M; what is read back through
// the last one is both.
func TestGrow(t *testing.T) {
	r := newRig(t)
	for _, medium := range []string{"dvd+r", "dvd-r", "dvd-rw", "dvd+rw", "dvd-ram", "bd-r", "bd-re"} {
		t.Run(medium, func(t *testing.T) {
			r.Command(t, "40", "load", "grow-"+medium+".iso", medium)
			for s, flag := range []string{"-Z", "-M"} {
				linux.Run(t, "growisofs -use-the-force-luke=notray %s %s -quiet -R -graft-points session%d/=%s/session%d 2>&1 </dev/null",
					flag, r.drive.Disc, s+1, r.tree, s+1)
			}
			r.extract(t, 1, 2)
		})
	}
}

// extract reads the disc with xorriso and compares folders of the tree.
func (r *rig) extract(t *testing.T, sessions ...int) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	linux.Run(t, "xorriso -osirrox on -indev %s -extract / %s 2>&1", r.drive.Disc, out)
	for _, s := range sessions {
		linux.Run(t, "diff -r %s/session%d %s/session%d", r.tree, s, out, s)
	}
}

// TestXorriso: the words of xorriso that look at drives and media, blank and
// format them.
func TestXorriso(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	x := func(words string) string { t.Helper(); return linux.Run(t, "xorriso -outdev %s %s 2>&1", sr, words) }
	r.Command(t, "40", "load", "rw.iso", "dvd-rw")
	linux.Want(t, "xorriso -devices", linux.Run(t, "xorriso -devices 2>&1"), `'/dev/sr\d'.*'VTL +' 'BD RECORDER'`)
	linux.Want(t, "xorriso -toc", x("-toc"), `Media current: DVD-RW sequential recording`, `is blank`)
	x("-blank force:all")
	formats := x("-list_formats")
	linux.Want(t, "xorriso -list_formats", formats, `Format idx 0 *: 00h`, `Format idx 1 *: 10h`, `Format idx 2.*: 15h`)
	for index, state := range []string{"formatted", "formatted", "intermediate"} {
		x("-blank force:all")
		x(fmt.Sprintf("-format by_index_%d", index))
		linux.Want(t, "xorriso -toc of format "+state, x("-toc"), `DVD-RW restricted overwrite`)
		linux.Run(t, "xorriso -outdev %s -map %s/session%d /session%d -commit 2>&1", sr, r.tree, index+1, index+1)
		r.compare(index + 1)
	}
	r.Command(t, "40", "load", "re.iso", "bd-re")
	linux.Want(t, "xorriso -list_formats", x("-list_formats"), `Format status: +unformatted`, `Format idx 0 *: 00h`, `Format idx 5 *: 31h`)
	for _, index := range []int{4, 5, 0} {
		x(fmt.Sprintf("-format by_index_%d", index))
		linux.Want(t, "xorriso -list_formats", x("-list_formats"), `Format status: +formatted`)
	}
	linux.Run(t, "xorriso -outdev %s -map %s/session1 /session1 -commit 2>&1", sr, r.tree)
	r.compare(1)
	x("-eject all")
	if got, _ := linux.SCSI(t, r.drive.Generic, 0, 0, 0, 0, 0, 0, 0); got != "2/3A/02" {
		t.Errorf("an open tray: %s", got)
	}
}

// tiny is a disc model of an operator's: so small that it can be filled.
const tiny = `device: disc
title: DVD+R
source: a test
profile: 0x1B
class: dvd
recording: sequential
blocks: 4096
align: 16
gaps: {track: 16, first: 2048, later: 2048}
book: 0xA1
`

// TestFullAndClosed: a disc that is full, one that is closed, an address that is
// not the next: each has its sense code, and programs say so.
func TestFullAndClosed(t *testing.T) {
	r := startRig(t, configuration, func(dir string) {
		discs := filepath.Join(dir, "models")
		if err := os.MkdirAll(discs, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(discs, "dvd+r.yaml"), []byte(tiny), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	r.drive = linux.Login(t, r.Addr, target)
	r.Command(t, "40", "load", "full.iso", "dvd+r")
	g, err := linux.OpenGeneric(r.drive.Generic)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	linux.Attentions(t, r.drive.Generic)
	write := func(lba, n int) string {
		t.Helper()
		cdb := []byte{0x2A, 0, byte(lba >> 24), byte(lba >> 16), byte(lba >> 8), byte(lba), 0, byte(n >> 8), byte(n), 0}
		c, err := g.Command(cdb, make([]byte, n*2048), 0)
		switch {
		case err != nil:
			t.Fatal(err)
		case c.Status == 2:
			return fmt.Sprintf("%X/%02X/%02X", c.Sense[2]&0xF, c.Sense[12], c.Sense[13])
		}
		return "GOOD"
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	run := func(cdb ...byte) string { t.Helper(); got, _ := linux.SCSI(t, r.drive.Generic, 0, cdb...); return got }
	want("not the next address", write(32, 16), "5/21/02")
	for lba := 0; lba < 4096; lba += 32 {
		want(fmt.Sprint("a write at ", lba), write(lba, 32), "GOOD")
	}
	want("behind the end", write(4096, 16), "5/21/00")
	want("reserving with an open track", run(0x53, 0, 0, 0, 0, 0, 0, 0, 16, 0), "5/72/05")
	want("blanking a write-once disc", run(0xA1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "5/30/06")
	want("closing no track", run(0x5B, 0, 1, 0, 0, 9, 0, 0, 0, 0), "5/24/00")
	want("closing the session", run(0x5B, 0, 6, 0, 0, 0, 0, 0, 0, 0), "GOOD")
	want("writing a closed disc", write(0, 16), "5/64/00")
	want("closing a closed disc", run(0x5B, 0, 6, 0, 0, 0, 0, 0, 0, 0), "5/72/03")
	want("reading behind the end", run(0x28, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), "5/21/00")
	text := linux.Refused(t, "xorriso -outdev %s -map %s/session1 /session1 -commit 2>&1", r.drive.Disc, r.tree)
	linux.Want(t, "xorriso on a closed disc", text, `unsuitable for writing`)
}
