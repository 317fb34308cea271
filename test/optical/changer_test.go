//go:build e2e

package optical

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"govtl/test/linux"
)

// TestChangerDriver: the kernel's ch driver has the jukebox: numbers of elements,
// their status and tags, moves and exchanges that turn discs over.
func TestChangerDriver(t *testing.T) {
	r := startRig(t, jukebox)
	robot := linux.Login(t, r.Addr, "iqn.2026-11.local.vtl:library30")
	r.drive = linux.Login(t, r.Addr, "iqn.2026-11.local.vtl:optical31")
	ch, err := linux.OpenChanger(robot.Changer)
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	slot := func(n int32) linux.ChangerUnit { return linux.ChangerUnit{Type: linux.ChangerStorage, Unit: n - 1} }
	drive := func(n int32) linux.ChangerUnit { return linux.ChangerUnit{Type: linux.ChangerDrive, Unit: n - 1} }
	mail := linux.ChangerUnit{Type: linux.ChangerImportExport}
	holds := func(at linux.ChangerUnit, tag string, source *linux.ChangerUnit) {
		t.Helper()
		e, err := ch.Element(at)
		must("CHIOGELEM", err)
		if e.Tag != tag || (e.Status&linux.ChangerFull != 0) != (tag != "") {
			t.Fatalf("%v holds %q with status %#x, want %q", at, e.Tag, e.Status, tag)
		}
		if source != nil && (e.Source == nil || *e.Source != *source) {
			t.Fatalf("%v: %s came from %v, want %v", at, e.Tag, e.Source, *source)
		}
	}
	side := func(want string) {
		t.Helper()
		linux.Want(t, "inventory", r.Command(t, "30", "inventory"), `RAM001.*side `+want)
	}

	transports, slots, portals, drives, err := ch.Parameters()
	must("CHIOGPARAMS", err)
	if transports != 1 || slots != 8 || portals != 1 || drives != 2 {
		t.Errorf("CHIOGPARAMS: %d transports, %d slots, %d mail slots, %d drives", transports, slots, portals, drives)
	}
	flags, err := ch.Status(linux.ChangerStorage, 8)
	must("CHIOGSTATUS", err)
	full := func(b byte) bool { return b&linux.ChangerFull != 0 }
	if slices.ContainsFunc(flags[:7], func(b byte) bool { return !full(b) }) || full(flags[7]) {
		t.Errorf("CHIOGSTATUS of slots: %v", flags)
	}
	if flags, err = ch.Status(linux.ChangerDrive, 2); err != nil || full(flags[0]) || full(flags[1]) {
		t.Errorf("CHIOGSTATUS of drives: %v, %v", flags, err)
	}
	holds(slot(1), "DVD001", nil)
	must("CHIOINITELEM", ch.Initialize())

	burn := func(session int) {
		t.Helper()
		linux.Run(t, "xorriso -outdev %s -blank as_needed -map %s/session%d /session%d -commit 2>&1", r.drive.Disc, r.tree, session, session)
	}
	from := slot(6)
	must("CHIOMOVE", ch.Move(slot(6), drive(1)))
	holds(drive(1), "RAM001", &from)
	holds(slot(6), "", nil)
	burn(1)
	must("CHIOMOVE back", ch.Move(drive(1), slot(6)))
	must("CHIOMOVE with CM_INVERT", ch.MoveFlags(slot(6), drive(1), linux.ChangerInvert))
	side("B")
	linux.Refused(t, "mount -t iso9660 -o ro %s %s", r.drive.Disc, r.mount)
	burn(2)
	r.compare(2)

	linux.Run(t, "mount -t iso9660 -o ro %s %s", r.drive.Disc, r.mount)
	if err := ch.Move(drive(1), slot(6)); err == nil {
		t.Error("a mounted disc was moved")
	}
	linux.Run(t, "umount %s", r.mount)
	for _, c := range []struct {
		what     string
		from, to linux.ChangerUnit
		flags    int32
	}{
		{"an empty slot", slot(6), drive(2), 0},
		{"a full slot", drive(1), slot(5), 0},
		{"a disc with one side that is to be turned over", slot(1), drive(2), linux.ChangerInvert},
	} {
		if err := ch.MoveFlags(c.from, c.to, c.flags); err == nil {
			t.Errorf("%s: the move was good", c.what)
		}
	}
	if err := ch.Move(slot(99), drive(1)); !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EBADSLT) {
		t.Errorf("a slot that is not there: %v", err)
	}
	holds(drive(1), "RAM001", nil)

	// DVD001 goes into the drive, RAM001 to the mail slot; the driver's flag for the
	// first destination arrives as INV2, which is of what was in the drive.
	must("CHIOEXCHANGE with CE_INVERT1", ch.ExchangeFlags(slot(1), drive(1), mail, linux.ChangerInvertFirst))
	holds(drive(1), "DVD001", nil)
	holds(mail, "RAM001", nil)
	holds(slot(1), "", nil)
	side("A")
	if err := ch.ExchangeFlags(mail, drive(1), mail, linux.ChangerInvertFirst); err == nil {
		t.Error("a disc with one side was turned over by CHIOEXCHANGE")
	}
	must("CHIOEXCHANGE with CE_INVERT2", ch.ExchangeFlags(mail, drive(1), mail, linux.ChangerInvertSecond))
	holds(drive(1), "RAM001", nil)
	side("B")
	r.compare(2)
	must("CHIOPOSITION", ch.Position(slot(3)))
	must("CHIOMOVE to the slot", ch.MoveFlags(drive(1), slot(6), linux.ChangerInvert))
	side("A")
	must("CHIOMOVE to the drive", ch.Move(slot(6), drive(1)))
	r.compare(1)
}
