package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestExpandBarcodes(t *testing.T) {
	for in, want := range map[string]string{
		"VTL001L9":                          "VTL001L9",
		"VTL009L9-VTL011L9":                 "VTL009L9 VTL010L9 VTL011L9",
		"A1-A3, B7":                         "A1 A2 A3 B7",
		"VTL001L9-VTL001L9":                 "VTL001L9",
		"1-3":                               "1 2 3",
		"000098L9 - 000101L9":               "000098L9 000099L9 000100L9 000101L9",
		"A1L9-A9L9":                         "A1L9 A2L9 A3L9 A4L9 A5L9 A6L9 A7L9 A8L9 A9L9",
		"9999999999999998-9999999999999999": "9999999999999998 9999999999999999",
	} {
		got, err := ExpandBarcodes(in)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s became %v, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"":                      "empty",
		"A,,B":                  "empty",
		"A1-":                   "empty",
		"A1-A10":                "different lengths",
		"A1B1-A2B2":             "more than one number",
		"AXX-AYY":               "more than one number",
		"A2-A1":                 "backwards",
		"00000001-99999999":     "more than 100000",
		"A B":                   "character",
		"A/B":                   "character",
		".A":                    "dot",
		strings.Repeat("A", 17): "longer",
		"A000000-A099999, B":    "more than 100000",
	} {
		if got, err := ExpandBarcodes(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s became %d barcodes, %v", in, len(got), err)
		}
	}
}

func TestPlaceKeepsGivenSlotsFree(t *testing.T) {
	l := Library{Slots: 6, Media: []Media{{Barcodes: "A1-A3"}, {Barcodes: "B1-B2", Slot: 2}}}
	placed, err := l.Place()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range placed {
		got = append(got, fmt.Sprintf("%s:%d", p.Barcode, p.Slot))
	}
	if want := []string{"A1:1", "A2:4", "A3:5", "B1:2", "B2:3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzExpandBarcodes(f *testing.F) {
	f.Add("VTL001L9-VTL020L9, CLN001CU")
	f.Add("9-1")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ExpandBarcodes(s)
		if err != nil {
			return
		}
		for _, b := range list {
			if err := CheckBarcode(b); err != nil {
				t.Errorf("%q has %v", s, err)
			}
		}
	})
}

func FuzzParseNAA(f *testing.F) {
	f.Add("50:01:02:03:04:05:06:40")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNAA(s)
		if err != nil {
			return
		}
		if again, err := ParseNAA(n.String()); err != nil || again != n {
			t.Errorf("%q: %v became %v, %v", s, n, again, err)
		}
	})
}
