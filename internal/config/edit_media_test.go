package config

import (
	"slices"
	"strings"
	"testing"
)

func TestRemoveMedia(t *testing.T) {
	const text = `version: 1
libraries:
  - id: 10
    model: m
    serial: L10
    slots: 40
    mail-slots: 4
    drives: [{id: 11, model: m, serial: D11}]
    media:
      # the first lot
      - barcodes: VTL001L9-VTL010L9 # ten
        slot: 5
      - {barcodes: "CLN001CU", kind: clean}
      # worm
      - barcodes: 'WRM001L9, WRM003L9-WRM004L9'
        kind: WORM
`
	for _, tc := range []struct{ remove, want string }{
		{"VTL010L9", "VTL001L9-VTL009L9 # ten"},
		{"VTL001L9", "VTL002L9-VTL010L9 # ten"},
		{"VTL004L9,VTL006L9", "'VTL001L9-VTL003L9, VTL005L9, VTL007L9-VTL010L9' # ten"},
		{"WRM001L9", "- barcodes: WRM003L9-WRM004L9\n        kind: WORM"},
		{"WRM003L9,WRM001L9,WRM004L9,VTL001L9", "VTL002L9-VTL010L9 # ten\n        slot: 5\n      - {barcodes: \"CLN001CU\", kind: clean}\n"},
		{"CLN001CU", "slot: 5\n      # worm\n"},
		{"NONE01L9", ""},
	} {
		got, after, err := edited([]byte(text), "vtl.yaml", Checks{}, []Change{RemoveMedia(10, strings.Split(tc.remove, ","))})
		if tc.want == "" {
			if err == nil || !strings.Contains(err.Error(), "there is no cartridge NONE01L9") {
				t.Errorf("%s: %v", tc.remove, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.remove, err)
			continue
		}
		if !strings.Contains(string(got), tc.want) {
			t.Errorf("%s: no %q in\n%s", tc.remove, tc.want, got)
		}
		placed, err := after.Libraries[0].Place()
		if err != nil {
			t.Fatal(err)
		}
		if n := 14 - 1 - strings.Count(tc.remove, ","); len(placed) != n {
			t.Errorf("%s: %d cartridges are left, not %d", tc.remove, len(placed), n)
		}
	}
}

func TestCompactBarcodes(t *testing.T) {
	for _, s := range []string{
		"A001L9", "A001L9-A009L9", "A001L9, B001L9", "A099L9-A102L9", "A1-A9, A10-A12", "A1B1-A1B3, A2B1", "A001L8, A001L9",
	} {
		codes, err := ExpandBarcodes(s)
		if err != nil {
			t.Fatal(err)
		}
		got := CompactBarcodes(codes)
		again, err := ExpandBarcodes(got)
		if err != nil || !slices.Equal(codes, again) {
			t.Errorf("%s became %s: %v, %v", s, got, again, err)
		}
		if len(got) > len(s) {
			t.Errorf("%s became the longer %s", s, got)
		}
	}
}
