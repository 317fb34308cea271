package personality

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLibraries loads every library model.
func TestLibraries(t *testing.T) {
	names := LibraryNames()
	if len(names) < 13 {
		t.Errorf("%d library models: %v", len(names), names)
	}
	for _, name := range names {
		l, err := LoadLibrary(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if l.Title == "" || l.Captured == "" || l.Barcode.Max < 8 {
			t.Errorf("%s: title %q, captured %q, barcode max %d", name, l.Title, l.Captured, l.Barcode.Max)
		}
		if p, ok := l.VPD(0x80, Identity{Serial: "0123456789AB"}); !ok || !strings.Contains(string(p), "0123456789") {
			t.Errorf("%s: unit serial number page % X, %v", name, p, ok)
		}
	}
}

// TestLibraryRefused: what is wrong in a model file is told with the file.
func TestLibraryRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"base: ibm-03584\nsurprise: 1\n", "surprise"},
		{"base: ibm-03584\nabstract: true\n", "only a base"},
		{"base: ibm-03584\ndevice: tape\n", "not changer"},
		{"base: ibm-03584\nelements: {storage: 1}\n", "same address"},
		{"base: ibm-03584\ndvcid: {form: half}\n", "neither full nor serial"},
		{"base: ibm-03584\ndvcid: {length: 300}\n", "dvcid: length"},
		{"base: ibm-03584\ndvcid: {length: 20}\n", "dvcid: length"},
		{"base: ibm-03584\nbarcode: {max: 40}\n", "barcode"},
		{"base: ibm-03584\ninquiry: {vendor: TOO-LONG-A-NAME}\n", "longer than its field"},
		{"base: ibm-03584\ninquiry: {length: 300}\n", "inquiry: length"},
		{"base: ibm-03584\ninquiry: {bytes: {70: 1}}\n", "does not exist"},
		{"base: ibm-03584\ninquiry-parts: [{at: 50, serial: 40}]\n", "inquiry-parts"},
		{"base: ibm-03584\nvpd-pages: {\"8\": {length: 1}}\n", "two hex digits"},
		{"base: ibm-03584\nvpd-pages: {\"80\": {length: 4, parts: [{at: 4, serial: 1000000000}]}}\n", "longer than the page"},
		{"base: ibm-03584\nvpd-pages: {\"80\": {length: 4, parts: [{at: 4, hex: zz}]}}\n", "invalid byte"},
		{"base: ibm-03584\nvpd-pages: {\"80\": {length: 4, parts: [{at: 4, hex: aa, text: b}]}}\n", "2 things"},
		{"base: ibm-03584\ncapabilities: {fly: true}\n", "unknown"},
		{"base: nobody\n", "nobody"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadLibrary("mine", dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "mine") {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

// FuzzLibrary: no model file crashes the loader.
func FuzzLibrary(f *testing.F) {
	entries, err := embedded.ReadDir("libraries")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		data, err := embedded.ReadFile("libraries/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := LoadLibrary("mine", dir)
		if err != nil {
			return
		}
		for code := range 256 {
			l.VPD(uint8(code), Identity{Serial: "S"})
		}
	})
}
