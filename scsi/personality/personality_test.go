package personality

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryModelLoads loads every embedded drive and medium.
func TestEveryModelLoads(t *testing.T) {
	for _, n := range DriveNames() {
		d, err := LoadDrive(n)
		if err != nil {
			t.Errorf("%s: %v", n, err)
			continue
		}
		if m, ok := d.Medium(d.Native); !ok || d.Media[d.Native] != ReadWrite {
			t.Errorf("%s: native medium %v is not writable", n, m)
		}
	}
	for _, n := range MediumNames() {
		if _, err := LoadMedium(n); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	if n := len(DriveNames()); n < 12 {
		t.Errorf("%d drive models", n)
	}
}

func TestInheritance(t *testing.T) {
	d, err := LoadDrive("ibm-ult3580-hh9")
	if err != nil {
		t.Fatal(err)
	}
	if d.Inquiry.Vendor != "IBM" || d.Inquiry.Product != "ULT3580-HH9" || d.Inquiry.Format != 0x12 || !d.Has(LBPCRC32C) {
		t.Errorf("inherited %+v", d.Inquiry)
	}
	if len(d.MediaByDensity()) != 2 || d.Media["LTO8"] != ReadWrite {
		t.Errorf("media %v", d.Media)
	}
	if got := d.MediumTypeOf("LTO9", KindWORM); got != 0x9C {
		t.Errorf("medium type %02X", got)
	}
}

func TestBarcodeSuffixes(t *testing.T) {
	for barcode, want := range map[string]string{
		"VTL001L9": "LTO9 data", "VTL001LZ": "LTO9 WORM", "CLN001CU": "LTOCLEAN clean", "CLN101L8": "LTO8 clean",
		"A00001M8": "LTO7M8 data", "A00001LT": "LTO3 WORM", "A00001LA": "LTO10 data",
	} {
		m, kind, err := MediumByBarcode(barcode)
		if err != nil {
			t.Errorf("%s: %v", barcode, err)
		} else if got := m.Name + " " + kind; got != want {
			t.Errorf("%s: %s, want %s", barcode, got, want)
		}
	}
	if _, _, err := MediumByBarcode("ABCDEFQQ"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown suffix: %v", err)
	}
}

// TestOwnModels loads models from an operator's directory and refuses wrong ones.
func TestOwnModels(t *testing.T) {
	const good = "base: ibm-ult3580-td9\nsource: test\ninquiry: {product: MY-DRIVE}\n"
	for name, c := range map[string]struct{ text, want string }{
		"good":      {good, ""},
		"unknown":   {good + "colour: blue\n", "field colour not found"},
		"wide":      {good + "block-limits: {max: 0x1FFFFFF}\n", "block-limits"},
		"overflow":  {"base: ibm-ult3580-td9\nsource: test\ninquiry: {version: 256}\n", "256"},
		"vendor":    {"base: ibm-lto\nsource: test\ninquiry: {vendor: TOOLONGVENDOR, product: X}\n", "longer than its field"},
		"medium":    {good + "media: {LTO77: rw}\n", "LTO77"},
		"access":    {good + "media: {LTO9: wo}\n", "neither rw"},
		"self":      {"base: self\n", "own base"},
		"two":       {good + "---\nx: 1\n", "more than one document"},
		"ability":   {good + "capabilities: {flying: true}\n", "unknown"},
		"nosource":  {"device: tape\ninquiry: {vendor: A, product: B}\nblock-limits: {max: 100}\n", "source"},
		"basegone":  {"base: nobody\n", "nobody"},
		"notmapped": {"- 1\n- 2\n", "yaml"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := LoadDrive(name, dir)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "" && d.Inquiry.Product != "MY-DRIVE":
			t.Errorf("%s: %+v", name, d.Inquiry)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := LoadDrive("../../etc/passwd"); !errors.Is(err, ErrUnknown) {
		t.Errorf("path as name: %v", err)
	}
}

func TestDriveByProduct(t *testing.T) {
	for _, c := range []struct{ vendor, product, want string }{
		{"IBM", "ULTRIUM-HH7", "ibm-ultrium-hh7"},
		{"QUANTUM", "ULTRIUM-HH7", "quantum-ultrium-hh7"},
		{"", "T9840C", "stk-t9840c"},
	} {
		if d, err := DriveByProduct(c.vendor, c.product); err != nil || d.Name != c.want {
			t.Errorf("%s %s: %v, %v", c.vendor, c.product, d, err)
		}
	}
	if _, err := DriveByProduct("HP", "nothing"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// TestEveryFileNamesItsSource: each file of a drive or medium says itself where its values are
// from, also when it has a base.
func TestEveryFileNamesItsSource(t *testing.T) {
	for _, dir := range []string{"models", "media"} {
		files, err := filepath.Glob(dir + "/*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`(?m)^source: \S`).Match(b) {
				t.Errorf("%s names no source", f)
			}
		}
	}
}
