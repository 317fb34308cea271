//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// twoDrives is a library for the tests of the changer.
const twoDrives = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: VTL0000010
    slots: 8
    mail-slots: 2
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: VTL0000011}
      - {id: 12, model: ibm-ult3580-td9, serial: VTL0000012}
    media:
      - barcodes: VTL001L9-VTL004L9
`

// TestMtx: every command of mtx(1), and loaderinfo, with what they print.
func TestMtx(t *testing.T) {
	r := newRig(t, suite.Options{Config: twoDrives})
	sg := r.changer.Generic
	mtx := func(words string) string {
		t.Helper()
		return linux.Run(t, "mtx -f %s %s", sg, words)
	}
	// has checks lines of mtx status; storage elements 9 and 10 are the mail slots.
	has := func(lines ...string) {
		t.Helper()
		status := mtx("status")
		for _, l := range lines {
			if !slices.ContainsFunc(strings.Split(status, "\n"), func(s string) bool {
				return strings.TrimSpace(s) == l
			}) {
				t.Errorf("mtx status has no line %q:\n%s", l, status)
			}
		}
	}
	linux.Want(t, "mtx inquiry", mtx("inquiry"), `Product Type: Medium Changer`, `Vendor ID: 'IBM +'`, `Product ID: '03584L32 +'`)
	has("Storage Changer "+sg+":2 Drives, 10 Slots ( 2 Import/Export )", "Data Transfer Element 0:Empty", "Data Transfer Element 1:Empty",
		"Storage Element 1:Full :VolumeTag=VTL001L9", "Storage Element 5:Empty", "Storage Element 9 IMPORT/EXPORT:Empty")

	linux.Want(t, "mtx load", mtx("load 1 0"), `Loading media from Storage Element 1 into drive 0\.\.\.done`)
	has("Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = VTL001L9", "Storage Element 1:Empty")
	linux.Want(t, "mtx load into a full drive", linux.Refused(t, "mtx -f %s load 2 0", sg), `Drive 0 Full \(Storage Element 1 loaded\)`)
	mtx("unload 1 0")
	has("Data Transfer Element 0:Empty", "Storage Element 1:Full :VolumeTag=VTL001L9")

	mtx("transfer 1 6")
	has("Storage Element 1:Empty", "Storage Element 6:Full :VolumeTag=VTL001L9")
	linux.Want(t, "mtx transfer from an empty slot", linux.Refused(t, "mtx -f %s transfer 1 7", sg), `Source Element Address 1024 is Empty`)
	linux.Want(t, "mtx transfer to a full slot", linux.Refused(t, "mtx -f %s transfer 6 2", sg), `Additional Sense Code = 3B|is Already Full|Full`)
	mtx("transfer 6 1")

	mtx("exchange 1 2")
	has("Storage Element 1:Full :VolumeTag=VTL002L9", "Storage Element 2:Full :VolumeTag=VTL001L9")
	mtx("exchange 1 2")
	has("Storage Element 1:Full :VolumeTag=VTL001L9", "Storage Element 2:Full :VolumeTag=VTL002L9")
	linux.Refused(t, "mtx -f %s exchange 1 7", sg) // nothing comes back from there

	for _, position := range []int{1, 2, 3} { // what to do with the import/export element
		mtx(fmt.Sprintf("eepos %d transfer 4 9", position))
		has("Storage Element 9 IMPORT/EXPORT:Full :VolumeTag=VTL004L9", "Storage Element 4:Empty")
		mtx("transfer 9 4")
	}
	mtx("inventory")
	mtx("position 3")
	mtx("position 9")
	if got, _ := linux.SCSI(t, sg, 0, 0x2B, 0, 0, 1, 0x0F, 0xFF, 0, 0, 0, 0); got != "5/21/01" {
		t.Errorf("POSITION TO ELEMENT of no element: %s", got)
	}

	for _, words := range []string{"first 1", "next 1", "next 1", "previous 1"} {
		linux.Want(t, "mtx "+words, mtx(words), `Loading media from Storage Element [1-3] into drive 1\.\.\.done`)
	}
	has("Data Transfer Element 1:Full (Storage Element 2 Loaded):VolumeTag = VTL002L9")
	mtx("unload 2 1")
	mtx("noattach load 3 1")
	mtx("noattach unload 3 1")
	has("Storage Element 3:Full :VolumeTag=VTL003L9")

	linux.Want(t, "loaderinfo", linux.Run(t, "loaderinfo -f %s", sg),
		`Product Type: Medium Changer`, `Vendor ID: 'IBM +'`, `Product ID: '03584L32 +'`,
		`Bar Code Reader: Yes`, `EAAP: Yes`,
		`Number of Medium Transport Elements: 1$`, `Number of Storage Elements: 8$`,
		`Number of Import/Export Elements: 2$`, `Number of Data Transfer Elements: 2$`,
		`Transport Geometry Descriptor Page: Yes`, `Device Configuration Page: Yes`,
		`Storage: Data Transfer, Import/Export, Storage`, `Transfer Storage: ->Data Transfer, ->Import/Export, ->Storage`,
		`Exchange Storage: <>Data Transfer, <>Import/Export, <>Storage`)
}

// TestChangerDriver: the kernel's ch driver, each of its requests.
func TestChangerDriver(t *testing.T) {
	r := newRig(t, suite.Options{Config: twoDrives}, 11)
	if r.changer.Changer == "" {
		t.Fatal("the ch driver has not taken the changer")
	}
	c, err := linux.OpenChanger(r.changer.Changer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	good := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	slot := func(n int) linux.ChangerUnit {
		return linux.ChangerUnit{Type: linux.ChangerStorage, Unit: int32(n - 1)}
	}
	drive := linux.ChangerUnit{Type: linux.ChangerDrive}
	mail := linux.ChangerUnit{Type: linux.ChangerImportExport}
	at := func(e linux.ChangerUnit, tag string, source *linux.ChangerUnit) {
		t.Helper()
		s, err := c.Element(e)
		good(err)
		if full := s.Status&linux.ChangerFull != 0; full != (tag != "") || s.Tag != tag && full {
			t.Errorf("element %v: %+v, want %q", e, s, tag)
		}
		if source != nil && (s.Source == nil || *s.Source != *source) {
			t.Errorf("element %v: it came from %v, want %v", e, s.Source, *source)
		}
	}

	transports, slots, portals, drives, err := c.Parameters()
	good(err)
	if got := [4]int{transports, slots, portals, drives}; got != [4]int{1, 8, 2, 2} {
		t.Errorf("CHIOGPARAMS: %v", got)
	}
	good(c.Initialize())
	flags, err := c.Status(linux.ChangerStorage, slots)
	good(err)
	for i, f := range flags {
		if full := f&linux.ChangerFull != 0; full != (i < 4) || f&linux.ChangerAccess == 0 {
			t.Errorf("CHIOGSTATUS: slot %d has flags %02X", i+1, f)
		}
	}
	at(slot(1), "VTL001L9", nil)
	at(slot(5), "", nil)

	good(c.Position(slot(1)))
	from := slot(1)
	good(c.Move(from, drive))
	at(drive, "VTL001L9", &from)
	at(slot(1), "", nil)
	r.ready(t, r.drives[0])
	linux.Run(t, "mt -f %s offline", r.drives[0].Tape)

	good(c.Exchange(slot(2), drive, slot(1))) // 2 into the drive, what was there to 1
	at(drive, "VTL002L9", nil)
	at(slot(1), "VTL001L9", nil)
	at(slot(2), "", nil)
	good(c.Exchange(slot(1), drive, slot(1))) // they change places
	at(drive, "VTL001L9", nil)
	at(slot(1), "VTL002L9", nil)
	r.ready(t, r.drives[0])
	good(c.Move(drive, mail))
	at(mail, "VTL001L9", nil)
	good(c.Move(mail, slot(2)))

	if err := c.Move(slot(8), slot(7)); !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EBADSLT) && !errors.Is(err, syscall.EXFULL) && !errors.Is(err, syscall.EBADE) {
		t.Errorf("a move from an empty slot: %v", err)
	}
	if err := c.Move(slot(9), slot(7)); err == nil {
		t.Error("a move from a slot that does not exist")
	}
	at(slot(2), "VTL001L9", nil)
}

// TestImportExport: the operator's door, the shelf, and what initiators see of it.
func TestImportExport(t *testing.T) {
	r := newRig(t, suite.Options{Config: twoDrives})
	sg := r.changer.Generic
	other := linux.LoginAs(t, "iqn.2026-11.test.guest:other", r.Addr, libraryName).Generic
	linux.Attentions(t, sg)
	linux.Attentions(t, other)
	said := func(words, want string) {
		t.Helper()
		if got := strings.TrimSpace(r.Command(t, strings.Fields(words)...)); got != want {
			t.Errorf("vtlcmd %s: %q, want %q", words, got, want)
		}
	}
	refused := func(words, want string) {
		t.Helper()
		if out, err := r.Try(strings.Fields(words)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("vtlcmd %s: %v, %q, want a refusal with %q", words, err, out, want)
		}
	}
	both := func(want ...string) {
		t.Helper()
		for name, sg := range map[string]string{"the first": sg, "the other": other} {
			if got := linux.Attentions(t, sg); !slices.Equal(got, want) {
				t.Errorf("%s initiator is told %v, want %v", name, got, want)
			}
		}
	}

	linux.Run(t, "mtx -f %s transfer 1 9", sg)
	refused("library empty map", "Can't empty map while MAP is closed")
	refused("library load map VTL001L9", "MAP not opened")
	said("library open map", "OK")
	both()
	out, err := linux.Try("mtx -f %s transfer 9 1", sg)
	if err == nil || !strings.Contains(out, "Not Ready") {
		t.Errorf("a move out of the open door: %v\n%s", err, out)
	}
	linux.Run(t, "mtx -f %s transfer 2 5", sg) // the rest of the library works
	said("library list map", "Contents: VTL001L9")
	said("library empty map", "OK")
	said("library list map", "Contents:")
	if text := r.Command(t, "library", "inventory"); !strings.Contains(text, "shelf") || !strings.Contains(text, "VTL001L9") {
		t.Errorf("the cartridge is not on the shelf:\n%s", text)
	}
	said("library close map", "OK")
	both("6/28/01")
	linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", sg), `Storage Element 9 IMPORT/EXPORT:Empty`, `Storage Element 1:Empty`)

	said("library open map", "OK")
	said("library load map VTL001L9", "OK")
	refused("library load map VTL001L9", "barcode already in library")
	refused("library load map NONE01L9", "no cartridge NONE01L9")
	said("library close map", "OK")
	both("6/28/01")
	linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", other), `Storage Element 9 IMPORT/EXPORT:Full :VolumeTag=VTL001L9`)
	linux.Run(t, "mtx -f %s transfer 9 1", other)

	// By SCSI: sg_raw sends OPEN/CLOSE IMPORT/EXPORT ELEMENT.
	if got, _ := linux.SCSI(t, sg, 0, 0x1B, 0, 3, 0, 0, 0); got != "GOOD" {
		t.Errorf("OPEN IMPORT/EXPORT ELEMENT: %s", got)
	}
	said("library empty map", "OK")
	if got, _ := linux.SCSI(t, sg, 0, 0x1B, 0, 3, 0, 1, 0); got != "GOOD" {
		t.Errorf("CLOSE IMPORT/EXPORT ELEMENT: %s", got)
	}
	both("6/28/01")

	// An initiator locks the door.
	if got, _ := linux.SCSI(t, sg, 0, 0x1E, 0, 0, 0, 1, 0); got != "GOOD" {
		t.Errorf("PREVENT: %s", got)
	}
	refused("library open map", "prevents medium removal")
	if got, _ := linux.SCSI(t, sg, 0, 0x1E, 0, 0, 0, 0, 0); got != "GOOD" {
		t.Errorf("ALLOW: %s", got)
	}
	said("library open map", "OK")
	said("library close map", "OK")
	both("6/28/01")
}
