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
		if _, err := config.Parse([]byte(suite(name, "VTL0000010", 20, 1, 1)), "vtl.yaml", Checks("", "")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
