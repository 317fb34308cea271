//go:build e2e

package optical

import (
	"os"
	"path/filepath"
	"testing"

	"govtl/test/linux"
)

// jukebox is etc/jukebox.yaml, with drives that are quick.
const jukebox = `version: 1
libraries:
  - id: 30
    model: dvd-jukebox
    serial: JUKEBOX030
    slots: 8
    mail-slots: 1
    drives: []
    optical:
      - {id: 31, model: dvd-recorder, serial: JUKEBOX031, timing: {blank: 0.1, format: 0.1, close: 0.1}}
      - {id: 32, model: dvd-recorder, serial: JUKEBOX032, timing: {blank: 0.1, format: 0.1, close: 0.1}}
    media:
      - {barcodes: DVD001-DVD003, disc: dvd+r, slot: 1}
      - {barcodes: DRW001-DRW002, disc: dvd-rw, slot: 4}
      - {barcodes: RAM001, disc: dvd-ram, sides: 2, slot: 6}
      - {barcodes: BDR001, disc: bd-r, slot: 7}
`

// TestJukebox: mtx moves discs between trays and drives, and what xorriso burned
// in one drive the kernel mounts in another; a disc that is mounted stays; both
// sides of a disc; the door.
func TestJukebox(t *testing.T) {
	r := startRig(t, jukebox)
	const prefix = "iqn.2026-11.local.vtl:"
	robot := linux.Login(t, r.Addr, prefix+"library30").Generic
	first, second := linux.Login(t, r.Addr, prefix+"optical31"), linux.Login(t, r.Addr, prefix+"optical32")
	mtx := func(words string) { t.Helper(); linux.Run(t, "mtx -f %s %s", robot, words) }
	in := func(d linux.Device) *rig { c := *r; c.drive = d; return &c }

	linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", robot), `:2 Drives, 9 Slots \( 1 Import/Export \)`,
		`Storage Element 1:Full :VolumeTag=DVD001`, `Storage Element 8:Empty`)
	if got, _ := linux.SCSI(t, first.Generic, 0, 0, 0, 0, 0, 0, 0); got != "6/29/00" && got != "2/3A/01" {
		t.Errorf("an empty drive: %s", got)
	}
	linux.Refused(t, "mount -t iso9660 -o ro %s %s", first.Disc, r.mount)

	mtx("load 1 0")
	if got := linux.Attentions(t, first.Generic); len(got) == 0 || got[len(got)-1] != "6/28/00" {
		t.Errorf("unit attention conditions of a new medium: %v", got)
	}
	linux.Run(t, "xorriso -outdev %s -map %s/session1 /session1 -close on -commit 2>&1", first.Disc, r.tree)
	in(first).compare(1)
	linux.Run(t, "mount -t iso9660 -o ro %s %s", first.Disc, r.mount)
	linux.Want(t, "mtx unload", linux.Refused(t, "mtx -f %s unload 1 0", robot), `53`)
	linux.Run(t, "umount %s", r.mount)
	mtx("unload 1 0")
	mtx("load 4 0") // another disc: the kernel must not believe in the old one
	linux.Want(t, "xorriso -toc", linux.Run(t, "xorriso -dev %s -toc 2>&1", first.Disc), `Media current: DVD-RW`, `is blank`)
	mtx("load 1 1")
	in(second).compare(1)
	mtx("unload 4 0")
	linux.Want(t, "mtx transfer", linux.Refused(t, "mtx -f %s transfer 1 8", robot), `is Empty`) // it is in the drive
	mtx("unload 8 1")
	linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", robot), `Storage Element 8:Full :VolumeTag=DVD001`)
}

// TestSides: mtx invert turns a disc with two sides over.
func TestSides(t *testing.T) {
	r := startRig(t, jukebox)
	robot := linux.Login(t, r.Addr, "iqn.2026-11.local.vtl:library30").Generic
	r.drive = linux.Login(t, r.Addr, "iqn.2026-11.local.vtl:optical31")
	mtx := func(words string) { t.Helper(); linux.Run(t, "mtx -f %s %s", robot, words) }
	burn := func(session int) {
		t.Helper()
		linux.Run(t, "xorriso -outdev %s -blank as_needed -map %s/session%d /session%d -commit 2>&1", r.drive.Disc, r.tree, session, session)
	}
	mtx("load 6 0")
	burn(1)
	mtx("unload 6 0")
	mtx("invert load 6 0")
	linux.Refused(t, "mount -t iso9660 -o ro %s %s", r.drive.Disc, r.mount)
	burn(2)
	r.compare(2)
	linux.Want(t, "inventory", r.Command(t, "30", "inventory"), `RAM001.*side B`)
	if got, _ := linux.SCSI(t, r.drive.Generic, 0, 0x1B, 0, 0, 0, 2, 0); got != "GOOD" { // the library takes it from the open tray
		t.Errorf("eject: %s", got)
	}
	linux.Want(t, "status", r.Command(t, "31", "status"), `tray open`)
	mtx("invert unload 6 0")
	mtx("load 6 0")
	r.compare(1)
	mtx("unload 6 0")
	r.Command(t, "30", "move", "RAM001", "drive", "1", "invert")
	r.compare(2)
	linux.Want(t, "a BD in a DVD drive", linux.Refused(t, "mtx -f %s load 7 1", robot), `.`)
	linux.Want(t, "inventory", r.Command(t, "30", "inventory"), `slot +7 .*BDR001`)

	r.Command(t, "30", "open", "map")
	iso := filepath.Join(r.State, "cartridges", "30", "PUT001.iso")
	linux.Run(t, "genisoimage -quiet -R -o %s -graft-points session3/=%s/session3", iso, r.tree)
	if err := os.Chmod(iso, 0o644); err != nil {
		t.Fatal(err)
	}
	r.Command(t, "30", "load", "map", "PUT001")
	r.Command(t, "30", "close", "map")
	r.Command(t, "30", "move", "RAM001", "slot", "6")
	r.Command(t, "30", "move", "PUT001", "drive", "1")
	r.compare(3)
}
