package mhvtl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/internal/config"
	"govtl/internal/models"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi/personality"
)

const sampleDevices = `# comment
VERSION: 5

Library: 10 CHANNEL: 00 TARGET: 00 LUN: 00
 Vendor identification: STK
 Product identification: L700
 Unit serial number: XYZZY_A
 NAA: 10:22:33:44:ab:00:00:00
 Home directory: /srv/tapes/10
 PERSIST: yes
 Backoff: 400
 movecommand: /usr/local/bin/on-move
 commandtimeout: 30

Drive: 11 CHANNEL: 00 TARGET: 01 LUN: 00
 Library ID: 10 Slot: 01
 Vendor identification: IBM
 Product identification: ULT3580-TD6
 Unit serial number: XYZZY_A1
 NAA: 10:22:33:44:ab:00:01:00
 Compression: factor 1 enabled 1
 Compression type: lzo
 Backoff: 400

Drive: 12 CHANNEL: 00 TARGET: 02 LUN: 00
 Library ID: 10 Slot: 02
 Vendor identification: ACME
 Product identification: ULTRIUM-TD5
 Product revision level: G36F
 Unit serial number: XYZZY_A2
 fifo: /var/tmp/mhvtl

Drive: 13 CHANNEL: 00 TARGET: 03 LUN: 00
 Library ID: 10 Slot: 04
 Vendor identification: STK
 Product identification: T10000Z
 Unit serial number: XYZZY_A3

Drive: 14 CHANNEL: 00 TARGET: 04 LUN: 00
 Library ID: 10 Slot: 06
 Vendor identification: HP
 Product identification: Ultrium 6-SCSI
 Unit serial number: A4

Library: 30 CHANNEL: 00 TARGET: 05 LUN: 00
 Vendor identification: NOBODY
 Product identification: PYTHON
 Unit serial number: XYZZY_B
 Home directory: /srv/tapes/30

Drive: 31 CHANNEL: 00 TARGET: 06 LUN: 00
 Vendor identification: IBM
 Product identification: ULT3580-TD8
 Unit serial number: XYZZY_B1
`

const sampleContents = `VERSION: 2

Drive 1:
Drive 2:
Drive 3:
Drive 4:
Drive 6:

Picker 1:

MAP 1:
MAP 2: F01007L6

Slot 1: F01001L6
Slot 2: F01002L6
Slot 3: F01003L6
Slot 5: CLN001L6
Slot 6: W01001L6
Slot 7: BAD/CODE
Slot 8: NOSUFFIX
Slot 10:
`

// site writes a configuration of mhVTL below a directory.
func site(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func sampleSite(t testing.TB) string {
	return site(t, map[string]string{
		"etc/mhvtl/mhvtl.conf":          "# x\nMHVTL_CONFIG_PATH=/etc/mhvtl\nMHVTL_HOME_PATH=\"/opt/mhvtl\"\nCAPACITY=500\n",
		"etc/mhvtl/device.conf":         sampleDevices,
		"etc/mhvtl/library_contents.10": sampleContents,
		"etc/mhvtl/library_contents.30": "Slot 1: F01001L6\nSlot 2: B00001L8\nSlot 3: B00002L8\nSlot 4: B00003L8\n",
	})
}

// move moves the files of a cartridge to where the site has it.
func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func importSite(t testing.TB, root string) *Imported {
	t.Helper()
	i, err := ImportConfig(ConfigOptions{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestImportConfig: what initiators know a device by stays as it was.
func TestImportConfig(t *testing.T) {
	root := sampleSite(t)
	m := randomModel(1, 1)
	m.capacity = 300 << 20
	move(t, m.write(t, Version6, false), filepath.Join(root, "srv/tapes/10/F01001L6"))
	m.kind = kindClean
	move(t, m.write(t, Version6, false), filepath.Join(root, "srv/tapes/10/CLN001L6"))
	m.kind = kindWORM
	move(t, m.write(t, Version3, false), filepath.Join(root, "opt/mhvtl/W01001L6"))
	m.kind = kindData
	move(t, m.write(t, Version3, false), filepath.Join(root, "opt/mhvtl/10/NOSUFFIX"))
	i := importSite(t, root)

	want := []config.Library{{
		ID: 10, Model: "stk-l700", Serial: "XYZZY_A", NAA: "50:22:33:44:ab:00:00:00", Slots: 10, Mailbox: 2,
		MoveHook: "/usr/local/bin/on-move",
		Drives: []config.Drive{
			{ID: 11, Model: "ibm-ult3580-td6", Serial: "XYZZY_A1", NAA: "50:22:33:44:ab:00:01:00"},
			{ID: 12, Model: "mhvtl-acme-ultrium-td5-g36f", Serial: "XYZZY_A2", NAA: "58:59:5a:5a:59:5f:41:32", Compression: "off"},
			{ID: 13, Model: "mhvtl-stk-t10000z-0001", Serial: "XYZZY_A3", NAA: "58:59:5a:5a:59:5f:41:33", Element: 4, Compression: "off"},
			{ID: 14, Model: "hp-ultrium-6-scsi", Serial: "A4", Element: 6, Compression: "off"},
		},
		Media: []config.Media{
			{Barcodes: "F01001L6", SizeMiB: 300, Slot: 1},
			{Barcodes: "F01002L6, F01003L6, F01007L6", Slot: 2},
			{Barcodes: "CLN001L6", Density: "LTOCLEAN", Kind: "clean", Slot: 5},
			{Barcodes: "W01001L6", Kind: "WORM", SizeMiB: 300, Slot: 6},
			{Barcodes: "NOSUFFIX", Density: "LTO6", SizeMiB: 300, Slot: 8},
		},
	}, {
		ID: 30, Model: "mhvtl-nobody-python-0108", Serial: "XYZZY_B", Slots: 4, Drives: []config.Drive{},
		Media: []config.Media{{Barcodes: "B00001L8-B00003L8", Slot: 2}},
	}}
	if len(i.Suite.Libraries) != 2 || !reflect.DeepEqual(i.Suite.Libraries[0], want[0]) || !reflect.DeepEqual(i.Suite.Libraries[1], want[1]) {
		t.Errorf("got  %+v\nwant %+v", i.Suite.Libraries, want)
	}
	drives := []config.Drive{{ID: 31, Model: "ibm-ult3580-td8", Serial: "XYZZY_B1", NAA: "58:59:5a:5a:59:5f:42:31", Compression: "off"}}
	if !reflect.DeepEqual(i.Suite.Drives, drives) {
		t.Errorf("drives %+v, want %+v", i.Suite.Drives, drives)
	}
	all := joined(i.Notes)
	for _, n := range []string{
		`drive 12: the model mhvtl-acme-ultrium-td5-g36f.yaml is made for it: ibm-ultrium-td5, but it shows itself as "ACME" "ULTRIUM-TD5" "G36F"`,
		"drive 13: the model mhvtl-stk-t10000z-0001.yaml is made for it: generic", "drive 12: fifo", "library 10: commandtimeout", "drive 11: compression lzo becomes adaptive",
		"library 30: the model mhvtl-nobody-python-0108.yaml is made for it: vtl", "library 10: drive element 3 has no drive",
		"library 10: F01007L6 of mail slot 2 begins in slot 4", "library 10: left out: barcode \"BAD/CODE\"",
		"library 30: F01001L6 is left out: library 10 has it already", "drive 14: its NAA identifier changes", "B00001L8: its files are missing",
	} {
		if !strings.Contains(all, n) {
			t.Errorf("no note says %q", n)
		}
	}
	for _, unwanted := range []string{"Backoff", "W01001L6:"} {
		if strings.Contains(all, unwanted) {
			t.Errorf("a note says %q", unwanted)
		}
	}
	if c := i.Cartridges[0]; c != (Found{10, "F01001L6", filepath.Join(root, "srv/tapes/10/F01001L6")}) {
		t.Errorf("first cartridge: %+v", c)
	}
	if n := slices.IndexFunc(i.Cartridges, func(f Found) bool { return f.Barcode == "F01002L6" }); n < 0 || i.Cartridges[n].Path != "" {
		t.Errorf("a cartridge without files: %+v", i.Cartridges)
	}
}

// TestImportedFile: the file that is written is the suite, and no file is
// overwritten.
func TestImportedFile(t *testing.T) {
	i := importSite(t, sampleSite(t))
	file := filepath.Join(t.TempDir(), "vtl", "vtl.yaml")
	if err := i.Write(file); err != nil {
		t.Fatal(err)
	}
	s, err := config.Load(file, models.Checks(filepath.Join(filepath.Dir(file), "models"), ""))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.Libraries, i.Suite.Libraries) || !reflect.DeepEqual(s.Drives, i.Suite.Drives) {
		t.Errorf("read back: %+v", s)
	}
	for _, n := range i.Notes {
		if !strings.Contains(string(i.Text), n.String()) {
			t.Errorf("the file does not say %q", n)
		}
	}
	l, err := personality.LoadLibrary(s.Libraries[1].Model, filepath.Join(filepath.Dir(file), "models"))
	if err != nil {
		t.Fatal(err)
	}
	if l.Inquiry.Vendor != "NOBODY" || l.Inquiry.Product != "PYTHON" || l.Elements.Storage != 0x400 || l.Elements.DataTransfer != 1 {
		t.Errorf("the model that was made: %+v", l)
	}
	d, err := personality.LoadDrive(s.Libraries[0].Drives[1].Model, filepath.Join(filepath.Dir(file), "models"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Inquiry.Vendor != "ACME" || d.Inquiry.Product != "ULTRIUM-TD5" || d.Inquiry.Revision != "G36F" || d.Native != "LTO5" {
		t.Errorf("the model that was made: %+v", d.Inquiry)
	}
	if err := i.Write(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}

// TestPersist: the inventory that the library daemon saved counts when it is not
// older than the one that an operator edits.
func TestPersist(t *testing.T) {
	root := sampleSite(t)
	base := filepath.Join(root, "etc/mhvtl/library_contents.10")
	if err := os.WriteFile(base+".persist", []byte("Slot 3: F01001L6\n\nMAP 1:\n\nPicker 1:\n\nDrive 1:\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		age  time.Duration // of the saved one, against the other
		want int
	}{{0, 3}, {time.Minute, 10}, {-time.Minute, 3}} {
		if err := errors.Join(os.Chtimes(base, now, now), os.Chtimes(base+".persist", now, now.Add(-c.age))); err != nil {
			t.Fatal(err)
		}
		if got := importSite(t, root).Suite.Libraries[0].Slots; got != c.want {
			t.Errorf("saved %v before: %d slots, want %d", c.age, got, c.want)
		}
	}
}

// TestImportClashes: two devices with the same number, serial or NAA.
func TestImportClashes(t *testing.T) {
	root := site(t, map[string]string{"etc/mhvtl/device.conf": `
Library: 1 CHANNEL: 0 TARGET: 0 LUN: 0
 Vendor identification: IBM
 Product identification: 03584L32
 Unit serial number: SAME0001
 NAA: 50:00:00:00:00:00:00:01
Drive: 1 CHANNEL: 0 TARGET: 1 LUN: 0
 Product identification: ULT3580-TD6
 Vendor identification: IBM
Drive: 2 CHANNEL: 0 TARGET: 1 LUN: 0
 Library ID: 1 Slot: 1
 Product identification: ULT3580-TD6
 Vendor identification: IBM
 Unit serial number: SAME0001
 NAA: 30:00:00:00:00:00:00:01
Drive: 3 CHANNEL: 0 TARGET: 1 LUN: 0
 Library ID: 1 Slot: 1
 Product identification: ULT3580-TD6
 Vendor identification: IBM
 Unit serial number: with blanks and more than fits
 what is this: 1
Drive: 4 CHANNEL: 0 TARGET: 1 LUN: 0
 Library ID: 9 Slot: 1
 Product identification: ULT3580-TD6
 Vendor identification: IBM
`})
	i := importSite(t, root)
	l := i.Suite.Libraries[0]
	if len(l.Drives) != 2 || l.Drives[0].Serial != "SAME0001_2" || l.Drives[0].NAA != "" || l.Drives[1].Serial != "with_blanks_and_" || l.DriveElement(1) != 2 {
		t.Errorf("drives %+v", l.Drives)
	}
	if len(i.Suite.Drives) != 1 || i.Suite.Drives[0].Serial != "VTL4" {
		t.Errorf("drives without a library: %+v", i.Suite.Drives)
	}
	all := joined(i.Notes)
	for _, n := range []string{"drive 1: left out: library 1 has that number", `the serial number "SAME0001" becomes SAME0001_2`, "belongs to library 1 too",
		"drive element 1 of library 1 is not free", "there is no library 9", `"what is this: 1" is not known`, "library_contents.1 is missing"} {
		if !strings.Contains(all, n) {
			t.Errorf("no note says %q in %s", n, all)
		}
	}
}

func TestImportNothing(t *testing.T) {
	if _, err := ImportConfig(ConfigOptions{Dir: t.TempDir()}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	for _, text := range []string{"", "VERSION: 5\n", "\x00\xff"} {
		root := site(t, map[string]string{"etc/mhvtl/device.conf": text})
		if _, err := ImportConfig(ConfigOptions{Root: root}); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestImportElsewhere: mhvtl.conf names the directory of the other files.
func TestImportElsewhere(t *testing.T) {
	root := site(t, map[string]string{
		"etc/mhvtl/mhvtl.conf":         "MHVTL_CONFIG_PATH = /srv/conf\n",
		"srv/conf/device.conf":         sampleDevices,
		"srv/conf/library_contents.10": sampleContents,
	})
	if i := importSite(t, root); i.Suite.Libraries[0].Slots != 10 {
		t.Errorf("%+v", i.Suite.Libraries[0])
	}
}

// TestImportAll imports a site and its cartridges, and finds them where the suite
// looks for them.
func TestImportAll(t *testing.T) {
	root := sampleSite(t)
	m := randomModel(7, 1)
	move(t, m.write(t, Version3, false), filepath.Join(root, "srv/tapes/10/F01001L6"))
	i := importSite(t, root)
	fsys := &vfs.Memory{}
	for _, c := range i.Cartridges {
		if c.Path == "" {
			continue
		}
		dir := filepath.Join("/state/cartridges/10", c.Barcode)
		if _, err := Convert(t.Context(), c.Path, dir, ConvertOptions{FS: fsys}); err != nil {
			t.Fatal(err)
		}
		cart, err := libcart.Open(dir, libcart.Options{FS: fsys, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		same(t, cart, 0, m.parts[0])
		cart.Close()
	}
}

// TestFamilies: libraries keep the addresses of their elements, whichever model
// they get.
func TestFamilies(t *testing.T) {
	known, err := loadCatalogue("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		vendor, product, model string
		storage                uint16
		derived                bool
	}{
		{"STK", "L700", "stk-l700", 0x3E8, false},
		{"STK", "SL500", "stk-sl500", 0x3E8, false},
		{"IBM", "03584L32", "ibm-03584", 0x400, false},
		{"IBM", "03584L22", "ibm-03584", 0x400, true},
		{"IBM", "3573-TL", "ibm-3573-tl", 0x1000, false},
		{"HP", "MSL6000 Series", "hp-msl", 0x020, true},
		{"ADIC", "Scalar i500", "adic-scalar-i500", 0x400, true},
		{"SPECTRA", "PYTHON", "spectra-python", 0x1000, false},
		{"stk", "l180x", "stk-l700", 0x3E8, true},
	} {
		m, f := known.library(c.vendor, c.product)
		if m.Name != c.model || f.elements.Storage != c.storage {
			t.Errorf("%s %s: model %s, storage %X", c.vendor, c.product, m.Name, f.elements.Storage)
		}
		r := &record{library: true, id: 1, keys: []setting{{key: "Vendor identification", value: c.vendor}, {key: "Product identification", value: c.product}}}
		i := &importer{known: known, made: map[string][]byte{}}
		if name, _ := i.libraryModel(r); (name != c.model) != c.derived {
			t.Errorf("%s %s became %s", c.vendor, c.product, name)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(sampleDevices, sampleContents)
	f.Add("Library: 10 x\n NAA: 1:2:3:4:5:6:7:8\n movecommand: a\"b\\c\x07: # {\n", "Slot 5: A\nMAP 1: B000L6\nPicker 2:\n")
	f.Add("Drive: 1 x\n Unit serial number: 0x12\n Product identification: ULT3580-TD6\nDrive: 2 x\n Unit serial number: ~\n Product identification: ULT3580-HH6\n", "")
	known, err := loadCatalogue("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, devices, contents string) {
		root := site(t, map[string]string{"etc/mhvtl/device.conf": devices, "etc/mhvtl/library_contents.10": contents})
		_, err := importConfig(ConfigOptions{Root: root}, known)
		if err == nil {
			return
		}
		if strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "read back") {
			t.Error(err)
		}
	})
}
