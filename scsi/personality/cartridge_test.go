package personality

import "testing"

// TestCartridgeForms: every medium says what form its cartridge has, and those of
// one drive have the same, but for the generic drive, which takes them all.
func TestCartridgeForms(t *testing.T) {
	for _, name := range MediumNames() {
		m, err := LoadMedium(name)
		if err != nil {
			t.Fatal(err)
		}
		if m.Cartridge == "" && name != "DEFAULT" {
			t.Errorf("%s: no cartridge", name)
		}
	}
	for _, name := range DriveNames() {
		d, err := LoadDrive(name)
		if err != nil {
			t.Fatal(err)
		}
		forms := map[string]string{}
		for _, m := range d.MediaByDensity() {
			if m.Cartridge != "" {
				forms[m.Cartridge] = m.Name
			}
		}
		if len(forms) > 1 && name != "generic" {
			t.Errorf("%s takes cartridges of several forms: %v", name, forms)
		}
	}
}
