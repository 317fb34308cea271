package models

import (
	"fmt"
	"strings"
	"testing"

	"govtl/internal/config"
	"govtl/scsi/personality"
)

// suite is a configuration with one library.
func suite(model, serial string, slots, mail, pickers int) string {
	return fmt.Sprintf(`version: 1
libraries:
  - id: 10
    model: %s
    serial: %s
    slots: %d
    mail-slots: %d
    pickers: %d
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: D11}
`, model, serial, slots, mail, pickers)
}

// TestLibraryFitsItsModel: what the daemon would refuse at its start is refused
// with the line when the file is checked.
func TestLibraryFitsItsModel(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"serial", suite("ibm-03584", "VTL00000010", 8, 1, 1),
			`vtl.yaml:5: library 10: serial "VTL00000010" is longer than the 10 characters that a library of model ibm-03584 shows`},
		{"slots", suite("hp-msl", "VTL0000010", 417, 1, 1), "vtl.yaml:6: library 10: 417 slots: the element addresses of a library of model hp-msl have room for 416"},
		{"mail slots", suite("hp-msl", "VTL0000010", 8, 33, 1), "vtl.yaml:7: library 10: 33 mail slots: the element addresses of a library of model hp-msl have room for 32"},
		{"pickers", suite("overland-neo", "VTL0000010", 8, 1, 2), "vtl.yaml:8: library 10: 2 pickers: the element addresses of a library of model overland-neo have room for 1"},
		{"drives", strings.Replace(suite("spectra-gator", "VTL0000010", 8, 1, 1), "serial: D11", "serial: D11, element: 33", 1),
			"vtl.yaml:9: library 10: 33 drive elements: the element addresses of a library of model spectra-gator have room for 32"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := config.Parse([]byte(tc.text), "vtl.yaml", Checks("", ""))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
		})
	}
	for _, name := range personality.LibraryNames() {
		m, err := personality.LoadLibrary(name)
		if err != nil {
			t.Fatal(err)
		}
		text := suite(name, "VTL0000010", 20, 1, 1)
		if !m.Has(personality.LibraryTapeDrives) {
			text = jukebox("optical: [{id: 11, model: dvd-recorder, serial: D11}]")
		}
		if _, err := config.Parse([]byte(text), "vtl.yaml", Checks("", "")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// jukebox is a configuration with a library of the model dvd-jukebox.
func jukebox(keys ...string) string {
	text := "version: 1\nlibraries:\n  - id: 10\n    model: dvd-jukebox\n    serial: JUKEBOX010\n    slots: 8\n    mail-slots: 1\n"
	for _, k := range keys {
		text += "    " + k + "\n"
	}
	return text
}

// TestJukebox: drives and discs are where a library's model has them.
func TestJukebox(t *testing.T) {
	tapes := func(model string) string {
		return strings.Replace(suite(model, "VTL0000010", 8, 1, 1), "D11}", "D11}\n", 1)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"tape drive", tapes("dvd-jukebox"), "library 10: a library of model dvd-jukebox has optical drives only"},
		{"tape", jukebox("media: [{barcodes: VTL001L9}]"), "VTL001L9: a library of model dvd-jukebox takes discs only (say disc:)"},
		{"optical drive", tapes("ibm-03584") + "    optical: [{id: 12, model: dvd-recorder, serial: D12, element: 2}]\n", "a library of model ibm-03584 has no optical drives"},
		{"disc", tapes("ibm-03584") + "    media: [{barcodes: DVD001, disc: dvd-r}]\n", "DVD001: a library of model ibm-03584 takes no discs"},
		{"model of disc", jukebox("media: [{barcodes: DVD001, disc: floppy}]"), `:8: a disc of model "floppy"`},
		{"ROM", jukebox("media: [{barcodes: DVD001, disc: dvd-rom}]"), "there is no blank one"},
		{"sides", jukebox("media: [{barcodes: DVD001, disc: dvd-r, sides: 3}]"), ":8: 3 sides"},
		{"sides of a tape", jukebox("media: [{barcodes: DVD001, sides: 2}]"), ":8: only discs have sides"},
		{"size", jukebox("media: [{barcodes: DVD001, disc: dvd-r, size-mib: 3}]"), ":8: a disc has no size-mib"},
		{"element", tapes("vtl-mixed") + "    optical: [{id: 12, model: dvd-recorder, serial: D12}]\n", "needs its element"},
		{"one element", tapes("vtl-mixed") + "    optical: [{id: 12, model: dvd-recorder, serial: D12, element: 1}]\n", "drives 11 and 12 are both in element 1"},
		{"home", jukebox("optical: [{id: 12, model: dvd-recorder, serial: D12, home: x}]"), "uses the library's home"},
		{"too many", jukebox("optical: [{id: 12, model: dvd-recorder, serial: D12, element: 16}]"), "have room for 15"},
	} {
		_, err := config.Parse([]byte(tc.text), "vtl.yaml", Checks("", ""))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v\nwant %s", tc.name, err, tc.want)
		}
	}
}

// TestLargestLibrary: the limits are what a configuration can have, all at once.
func TestLargestLibrary(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nlibraries:\n  - id: 10\n    model: stk-l700\n    serial: VTL0000010\n    slots: 10000\n    mail-slots: 200\n    drives:\n")
	for id := 11; id < 11+config.MaxDrives; id++ {
		fmt.Fprintf(&b, "      - {id: %d, model: ibm-ult3580-td9, serial: VTL%07d}\n", id, id)
	}
	b.WriteString("    media:\n      - barcodes: B00001L9-B10000L9\n")
	s, err := config.Parse([]byte(b.String()), "vtl.yaml", Checks("", ""))
	if err != nil {
		t.Fatal(err)
	}
	if placed, err := s.Libraries[0].Place(); err != nil || len(placed) != 10000 || len(s.Libraries[0].Drives) != 255 {
		t.Errorf("%d cartridges, %d drives, %v", len(placed), len(s.Libraries[0].Drives), err)
	}
}
