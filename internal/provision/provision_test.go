package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/internal/config"
	"govtl/libcart"
	"govtl/scsi/personality"
)

func medium(t *testing.T, name string) *personality.Medium {
	t.Helper()
	m, err := personality.LoadMedium(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSpecWritesTheMakersMemory(t *testing.T) {
	made := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	m := medium(t, "LTO9")
	s, err := Spec(Order{Barcode: "VTL001L9", Medium: m, Made: made, Serial: "ABC"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind != libcart.Data || s.Capacity != 18_000_000_000_000 || s.Density != 0x60 || s.Medium != "LTO9" {
		t.Errorf("got %+v", s)
	}
	var got []string
	for _, a := range s.Attributes {
		v := fmt.Sprintf("% X", a.Value)
		if a.Format == 1 {
			v = fmt.Sprintf("%q", a.Value)
		}
		got = append(got, fmt.Sprintf("%04X %s", a.ID, v))
	}
	want := []string{
		`0400 "VTL     "`, `0401 "ABC                             "`, "0402 00 00 04 0B", "0403 00 00 00 7F", `0404 "LTO-CVE "`, "0405 60",
		`0406 "20261121"`, fmt.Sprintf("0407 00 00 00 00 00 00 %02X %02X", byte(m.MAM>>8), byte(m.MAM)), "0408 00", "0409 00 00", `0806 "VTL001L9                        "`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSpecOfKinds(t *testing.T) {
	for _, tc := range []struct {
		medium, kind string
		size         int64
		want         string
	}{
		{"LTO9", "WORM", 0, "kind 80 type 80 information 0000 capacity 18000000000000"},
		{"LTO9", "NULL", 100, "kind F0 type 00 information 0000 capacity 104857600"},
		{"LTOCLEAN", "clean", 0, "kind 01 type 01 information 0032 capacity 1048576"},
		{"LTOCLEAN", "data", 0, "is a cleaning cartridge and holds no data"},
		{"LTO1", "WORM", 0, "does not come as WORM cartridge"},
		{"LTO9", "paper", 0, `kind "paper" is none of data, clean, WORM, NULL`},
	} {
		s, err := Spec(Order{Barcode: "X", Medium: medium(t, tc.medium), Kind: tc.kind, SizeMiB: tc.size})
		if err != nil {
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s %s: %v", tc.medium, tc.kind, err)
			}
			continue
		}
		value := func(id uint16) []byte {
			i := slices.IndexFunc(s.Attributes, func(a libcart.Attribute) bool { return a.ID == id })
			return s.Attributes[i].Value
		}
		if got := fmt.Sprintf("kind %02X type %02X information %04X capacity %d", s.Kind, value(0x0408), value(0x0409), s.Capacity); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.medium, tc.kind, got, tc.want)
		}
	}
}

func TestCartridgesAreMadeOnce(t *testing.T) {
	p := config.Paths{State: t.TempDir()}
	l := &config.Library{ID: 10, Slots: 10, Media: []config.Media{{Barcodes: "VTL001L9-VTL003L9", SizeMiB: 10}, {Barcodes: "CLN001CU", Kind: "clean"}}}
	made, err := Library(p, l)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"VTL001L9", "VTL002L9", "VTL003L9", "CLN001CU"}; !slices.Equal(made, want) {
		t.Errorf("made %v", made)
	}
	home := p.LibraryHome(l)
	c, err := libcart.Open(filepath.Join(home, "VTL002L9"), libcart.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if i := c.Info(); i.Barcode != "VTL002L9" || i.Capacity != 10<<20 {
		t.Errorf("got %+v", i)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	// One is taken away, one entry is new.
	if err := os.RemoveAll(filepath.Join(home, "VTL001L9")); err != nil {
		t.Fatal(err)
	}
	l.Media = append(l.Media, config.Media{Barcodes: "NEW001L9"})
	made, err = Library(p, l)
	if err != nil || !slices.Equal(made, []string{"NEW001L9"}) {
		t.Errorf("made %v, %v", made, err)
	}
	if _, err := os.Stat(filepath.Join(home, "VTL001L9")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made again: %v", err)
	}
	if made, err := Library(p, l); len(made) > 0 || err != nil {
		t.Errorf("made %v, %v", made, err)
	}
}

func TestCrashBeforeTheNoteMakesTheRest(t *testing.T) {
	p := config.Paths{State: t.TempDir()}
	l := &config.Library{ID: 10, Slots: 10, Media: []config.Media{{Barcodes: "VTL001L9-VTL003L9"}}}
	if _, err := Library(p, l); err != nil {
		t.Fatal(err)
	}
	// As if the process had died after two cartridges.
	if err := os.Remove(filepath.Join(p.State, "library10.media")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(p.LibraryHome(l), "VTL003L9")); err != nil {
		t.Fatal(err)
	}
	made, err := Library(p, l)
	if err != nil || !slices.Equal(made, []string{"VTL003L9"}) {
		t.Errorf("made %v, %v", made, err)
	}
}
