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

// TestTakeOut: volumes go from their elements to the shelf, all or none.
func TestTakeOut(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.attentions("a")
	if got := l.move("slot 1", "drive 1"); got != "GOOD" {
		t.Fatal(got)
	}
	if _, err := l.c.TakeOut([]string{"VTL002L8", "VTL001L8"}); err == nil || !strings.Contains(err.Error(), "VTL001L8 is in drive 1") {
		t.Errorf("one is in a drive: %v", err)
	}
	if w := l.where(); w["VTL002L8"] != "slot 2" {
		t.Errorf("it was refused, and volumes are at %v", w)
	}
	if got := l.attentions("a"); len(got) != 0 {
		t.Errorf("it was refused, and initiators are told %v", got)
	}
	l.kinds()
	taken, err := l.c.TakeOut([]string{"VTL002L8", "NONE01L8", "VTL003L8"})
	if err != nil || !slices.Equal(taken, []string{"VTL002L8", "VTL003L8"}) {
		t.Errorf("taken out %v, %v", taken, err)
	}
	if k := l.kinds(); !slices.Equal(k, []EventKind{Exported, Exported}) {
		t.Errorf("events %v", k)
	}
	if got := l.attentions("a"); len(got) != 1 {
		t.Errorf("initiators are told %v", got)
	}
	if w := l.where(); w["VTL002L8"] != "shelf" || w["VTL003L8"] != "shelf" {
		t.Errorf("volumes are at %v", w)
	}
}
