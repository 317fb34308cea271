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

// image makes an image that holds session n of the tree, and its path.
func (r *rig) image(n int) string {
	r.t.Helper()
	iso := filepath.Join(r.Dir, fmt.Sprintf("burn%d.iso", n))
	linux.Run(r.t, "genisoimage -quiet -R -J -o %s -graft-points session%d/=%s/session%d", iso, n, r.tree, n)
	return iso
}

// same compares the disc with an image as dd reads it from an address on, and
// mounts it.
func (r *rig) same(t *testing.T, iso string, lba int64) {
	t.Helper()
	st, err := os.Stat(iso)
	if err != nil {
		t.Fatal(err)
	}
	linux.Run(t, "dd if=%s bs=2048 skip=%d count=%d iflag=fullblock status=none | cmp - %s", r.drive.Disc, lba, st.Size()/2048, iso)
}

// TestDVDCompat: growisofs -dvd-compat closes what it can, on each medium, and
// every byte is read back by the kernel.
func TestDVDCompat(t *testing.T) {
	r := newRig(t)
	iso := r.image(1)
	for i, c := range []struct{ medium, options, state string }{
		{"dvd+r", "", "closed"},
		{"dvd-r", "", "closed"},
		{"dvd-r", "-use-the-force-luke=dao", "closed"},
		{"dvd-rw", "", "closed"},
		{"dvd+rw", "", "formatted"},
		{"dvd-ram", "", "formatted"},
		{"bd-r", "", "appendable"},
		{"bd-r", "-use-the-force-luke=spare:none", "appendable"},
		{"bd-r", "-use-the-force-luke=spare:min", "appendable"},
		{"bd-r", "-use-the-force-luke=spare:64M", "appendable"},
		{"bd-re", "", "formatted"},
		{"bd-re", "-use-the-force-luke=spare:none", "formatted"},
	} {
		t.Run(strings.TrimSpace(c.medium+" "+c.options), func(t *testing.T) {
			r.Command(t, "40", "load", fmt.Sprintf("compat%d.iso", i), c.medium)
			linux.Run(t, "growisofs -use-the-force-luke=notray %s -dvd-compat -Z %s=%s 2>&1 </dev/null", c.options, r.drive.Disc, iso)
			r.same(t, iso, 0)
			r.compare(1)
			linux.Want(t, "status", r.Command(t, "40", "status"), c.state)
			if c.state == "closed" {
				linux.Refused(t, "growisofs -use-the-force-luke=notray -M %s -quiet -R -graft-points session2/=%s/session2 2>&1 </dev/null", r.drive.Disc, r.tree)
				r.same(t, iso, 0)
			}
		})
	}
}

// TestSpares: growisofs and cdrskin with every choice of spare areas; the medium
// has the capacity that was asked for, and a second session is appended.
func TestSpares(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	for i, c := range []struct{ medium, format, capacity string }{
		// libburn 1.5.4 looks for spares also where none are wanted, and refuses
		// format_defectmgt_none for every BD-RE: the format is taken by its index.
		{"bd-re", "cdrskin dev=%[1]s -v blank=format_by_index_5", "12219392"},
		{"bd-re", "cdrskin dev=%[1]s -v blank=format_defectmgt_min", "12088320"},
		{"bd-re", "cdrskin dev=%[1]s -v blank=format_defectmgt_max", "11564032"},
		{"bd-re", "cdrskin dev=%[1]s -v blank=format_defectmgt", "11826176"},
		{"bd-re", "cdrskin dev=%[1]s -v blank=format_defectmgt_payload_24220008448", "11826176"},
		{"bd-re", "dvd+rw-format -force -ssa=none %[1]s", "12219392"},
		{"bd-re", "dvd+rw-format -force -ssa=max %[1]s", "11564032"},
		{"bd-re", "dvd+rw-format -force %[1]s", "11826176"},
		{"dvd-ram", "cdrskin dev=%[1]s -v blank=format_defectmgt_none", "2295072"},
		{"dvd-ram", "cdrskin dev=%[1]s -v blank=format_defectmgt_max", "2236704"},
		{"dvd-ram", "dvd+rw-format -force=full %[1]s", "2236704"},
		{"bd-r", "cdrskin dev=%[1]s -v blank=format_defectmgt", "11826176"},
		{"bd-r", "cdrskin dev=%[1]s -v blank=format_defectmgt_none", "12219392"},
	} {
		words := strings.Fields(strings.ReplaceAll(c.format, "%[1]s", ""))
		t.Run(c.medium+" "+words[0]+" "+words[len(words)-1], func(t *testing.T) {
			r.Command(t, "40", "load", fmt.Sprintf("spare%d.iso", i), c.medium)
			linux.Run(t, c.format+" 2>&1 </dev/null", sr)
			linux.Want(t, "dvd+rw-mediainfo", linux.Run(t, "dvd+rw-mediainfo %s 2>&1", sr), c.capacity+`\*2`)
			for s := 1; s <= 2; s++ {
				linux.Run(t, "xorriso -dev %s -map %s/session%d /session%d -commit 2>&1", sr, r.tree, s, s)
			}
			r.extract(t, 1, 2)
		})
	}
}

// TestCDRecord: xorriso -as cdrecord and cdrskin append sessions to each medium
// that is written in tracks.
func TestCDRecord(t *testing.T) {
	r := newRig(t)
	for i, program := range []string{"xorriso -as cdrecord", "cdrskin"} {
		for _, medium := range []string{"cd-r", "cd-rw", "dvd-r", "dvd-rw", "dvd+r", "bd-r"} {
			t.Run(program+" "+medium, func(t *testing.T) {
				r.Command(t, "40", "load", fmt.Sprintf("%s-%d.iso", medium, i), medium)
				first := r.image(1)
				linux.Run(t, "%s -v dev=%s -multi padsize=300k %s 2>&1 </dev/null", program, r.drive.Disc, first)
				info := strings.Fields(linux.Run(t, "%s dev=%s -msinfo 2>/dev/null </dev/null", program, r.drive.Disc))
				msinfo := info[len(info)-1]
				second := filepath.Join(r.Dir, "second.iso")
				linux.Run(t, "genisoimage -quiet -R -J -o %s -C %s -M %s -graft-points session2/=%s/session2", second, msinfo, first, r.tree)
				linux.Run(t, "%s -v dev=%s padsize=300k %s 2>&1 </dev/null", program, r.drive.Disc, second)
				r.same(t, first, 0)
				_, at, _ := strings.Cut(msinfo, ",")
				var lba int64
				if _, err := fmt.Sscan(at, &lba); err != nil {
					t.Fatalf("-msinfo says %q", msinfo)
				}
				r.same(t, second, lba)
				linux.Run(t, "mount -t iso9660 -o ro,norock %s %s", r.drive.Disc, r.mount) // the last session's tree has both
				linux.Run(t, "diff -r %s/session1 %s/session1 && diff -r %s/session2 %s/session2", r.tree, r.mount, r.tree, r.mount)
				linux.Run(t, "umount %s", r.mount)
			})
		}
	}
}

// TestWodimSessions: wodim appends to a CD-R and a CD-RW.
func TestWodimSessions(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	first := r.image(1)
	for _, medium := range []string{"cd-r", "cd-rw"} {
		t.Run(medium, func(t *testing.T) {
			r.Command(t, "40", "load", medium+".iso", medium)
			linux.Run(t, "wodim dev=%s -v -multi -tao -pad %s 2>&1 </dev/null", sr, first)
			msinfo := strings.TrimSpace(linux.Run(t, "wodim dev=%s -msinfo 2>/dev/null </dev/null | tail -1", sr))
			second := filepath.Join(r.Dir, "second.iso")
			linux.Run(t, "genisoimage -quiet -R -J -o %s -C %s -M %s -graft-points session2/=%s/session2", second, msinfo, first, r.tree)
			linux.Run(t, "wodim dev=%s -v -tao -pad %s 2>&1 </dev/null", sr, second)
			r.same(t, first, 0)
			linux.Want(t, "wodim -toc", linux.Run(t, "wodim dev=%s -toc 2>&1", sr), `track: +2 lba: +`)
			linux.Run(t, "mount -t iso9660 -o ro,norock %s %s", sr, r.mount)
			linux.Run(t, "diff -r %s/session1 %s/session1 && diff -r %s/session2 %s/session2", r.tree, r.mount, r.tree, r.mount)
			linux.Run(t, "umount %s", r.mount)
		})
	}
}

// TestCdrdao: cdrdao writes a disc at once by a toc file, blanks it, and cd-info
// tells of it; there is no audio for cdparanoia.
func TestCdrdao(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	iso := r.image(1)
	toc := filepath.Join(r.Dir, "disc.toc")
	if err := os.WriteFile(toc, fmt.Appendf(nil, "CD_ROM\nTRACK MODE1\nDATAFILE %q\n", iso), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, medium := range []string{"cd-r", "cd-rw"} {
		t.Run(medium, func(t *testing.T) {
			r.Command(t, "40", "load", medium+".iso", medium)
			linux.Want(t, "cdrdao disk-info", linux.Run(t, "cdrdao disk-info --device %s --driver generic-mmc 2>&1", sr), `CD-R empty +: yes`)
			linux.Run(t, "cdrdao write --device %s --driver generic-mmc -n --force %s 2>&1 </dev/null", sr, toc)
			r.same(t, iso, 0)
			r.compare(1)
			linux.Want(t, "cdrdao disk-info", linux.Run(t, "cdrdao disk-info --device %s --driver generic-mmc 2>&1", sr), `CD-R empty +: no`, `Appendable +: no`)
			linux.Want(t, "cd-info", linux.Run(t, "cd-info --no-device-info --no-cddb -C %s 2>&1", sr), `1: 00:02:00  000000 data`, `ISO 9660`)
			linux.Refused(t, "cdparanoia -d %s -Q 2>&1", sr)
			if medium == "cd-rw" {
				linux.Run(t, "cdrdao blank --device %s --driver generic-mmc --blank-mode minimal 2>&1 </dev/null", sr)
				linux.Want(t, "cdrdao disk-info", linux.Run(t, "cdrdao disk-info --device %s --driver generic-mmc 2>&1", sr), `CD-R empty +: yes`)
			}
		})
	}
}
