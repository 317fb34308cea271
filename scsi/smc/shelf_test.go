package smc

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestGiveUp: what another library takes in is known here and not on the shelf,
// until it comes back.
func TestGiveUp(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	err := l.c.GiveUp("VTL001L8", "library 20")
	if !errors.Is(err, ErrBarcodePresent) || !strings.Contains(err.Error(), "slot 1") {
		t.Errorf("a volume that is inside: %v", err)
	}
	if err := l.c.GiveUp("NONE01L8", "library 20"); err != nil {
		t.Errorf("a volume that is not known: %v", err)
	}
	if got := l.move("slot 1", "map 1"); got != "GOOD" {
		t.Fatal(got)
	}
	if err := l.c.OpenMap(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.c.EmptyMap(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.c.GiveUp("VTL001L8", "library 20"); err != nil {
			t.Fatal(err)
		}
	}
	l.restart()
	elsewhere := func() bool {
		return slices.ContainsFunc(l.c.Shelf(), func(v Volume) bool {
			return v.Barcode == "VTL001L8" && v.Elsewhere == "library 20"
		})
	}
	if s := l.c.Status(); s.Shelf != 0 || !elsewhere() {
		t.Errorf("%d volumes on the shelf, of %v", s.Shelf, l.c.Shelf())
	}
	// It is not put back into its slot because the configuration has it.
	if e, err := l.c.AddVolume(testVolume("VTL001L8"), 1); err != nil || e != (Element{}) || !elsewhere() {
		t.Errorf("added again: %v, %v, %v", e, err, l.c.Shelf())
	}
	if _, err := l.c.LoadMap(Volume{Barcode: "VTL001L8"}); err != nil {
		t.Fatal(err)
	}
	if v := l.c.inventory().volume(Element{ImportExport, 1}); v == nil || v.Elsewhere != "" || v.Dir != testVolume("VTL001L8").Dir {
		t.Errorf("it came back as %+v", v)
	}
}
