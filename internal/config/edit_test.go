package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// layouts are ways in which people write the same file.
var layouts = map[string]string{
	"default": DefaultText(),
	"block": `# top
version: 1 # one
libraries:
# before the library
- id: 10
  # the model
  model: ibm-03584
  serial: 'L10'
  slots: 40   # slots
  mail-slots: 4
  drives:
  - id: 11
    model: ibm-ult3580-td9
    serial: D11
  # the second
  - id: 12 # twelve
    model: ibm-ult3580-td9
    serial: D12
    timing:
      load: 1.5
  - id: 13
    model: ibm-ult3580-td9
    serial: D13
  media:
  - barcodes: VTL001L9-VTL020L9
  # after the media

- id: 30
  model: ibm-03584
  serial: L30
  slots: 2
  mail-slots: 0
  drives: []
# the end
`,
	"flow": `{version: 1, libraries: [{id: 10, model: "m, {x}", serial: L10, slots: 40, mail-slots: 4,
  drives: [{id: 11, model: m, serial: D11}, {id: 12, model: 'it''s', serial: D12}, {id: 13, model: m, serial: D13}]}, # ten
  {id: 30, model: m, serial: L30, slots: 2, mail-slots: 0, drives: []}]}
`,
	"no end of line": `version: 1
libraries:
    - id: 10
      model: m
      serial: L10
      slots: 40
      mail-slots: 4
      drives:
          - {id: 11, model: m, serial: D11}
          - {id: 12, model: m, serial: D12, access: {initiators: ["iqn.1993-08.org.debian:01:#x"]}} # twelve
          - {id: 13, model: m, serial: D13}
    - {id: 30, model: m, serial: L30, slots: 2, mail-slots: 0, drives: []}`,
	"lone drives": `version: 1
libraries:
  - id: 10
    model: m
    serial: L10
    slots: 40
    mail-slots: 4
    drives:
drives: # lone
  - id: 11
    model: m
    serial: D11
  - id: 12
    model: m
    serial: D12
`,
}

// edits are all changes.
func edits() map[string]Change {
	return map[string]Change{
		"slots":        SetSlots(10, 50),
		"mail slots":   SetMailSlots(10, 12),
		"add drive":    AddDrive(10, Drive{ID: 77, Model: "m", Serial: "D77"}),
		"lone drive":   AddStandAloneDrive(Drive{ID: 78, Model: "m", Serial: "D78", Timing: &Timing{Load: 2.5}}),
		"remove 11":    RemoveDrive(11),
		"remove 12":    RemoveDrive(12),
		"add library":  AddLibrary(Library{ID: 40, Model: "m", Serial: "L40", Slots: 3, Media: []Media{{Barcodes: "A001L9", Kind: "WORM"}}, Drives: []Drive{{ID: 41, Model: "m", Serial: "D41"}}}),
		"add media":    AddMedia(10, Media{Barcodes: "NEW001L9-NEW003L9", SizeMiB: 100}),
		"remove media": RemoveLibrary(30),
		"some media":   RemoveMedia(10, []string{"VTL003L9", "VTL020L9"}),
	}
}

// comments are the comments of a file.
func comments(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if i := strings.Index(line, "# "); i >= 0 {
			list = append(list, strings.TrimSpace(line[i:]))
		}
	}
	return list
}

func TestEditsKeepTheRest(t *testing.T) {
	for layout, text := range layouts {
		for name, c := range edits() {
			t.Run(layout+"/"+name, func(t *testing.T) {
				got, _, err := edited([]byte(text), "vtl.yaml", Checks{}, []Change{c})
				if err != nil {
					if strings.HasPrefix(err.Error(), "there is no") {
						return // nothing to change in this one
					}
					t.Fatalf("%v", err)
				}
				// edited has compared the meaning; here is the looks.
				left := string(got)
				for _, comment := range comments(text) {
					if comment == "# twelve" && name == "remove 12" || comment == "# the second" && name == "remove 12" {
						continue // went with its drive
					}
					i := strings.Index(left, comment)
					if i < 0 {
						t.Fatalf("the comment %q is gone, or in another place:\n%s", comment, got)
					}
					left = left[i:]
				}
				changed := 0
				was := map[string]int{}
				for line := range strings.Lines(text) {
					was[strings.TrimSpace(line)]++
				}
				for line := range strings.Lines(string(got)) {
					if was[strings.TrimSpace(line)]--; was[strings.TrimSpace(line)] < 0 {
						changed++
					}
				}
				if changed > 14 {
					t.Errorf("%d lines differ:\n%s", changed, got)
				}
			})
		}
	}
}

func TestSeveralEditsAtOnce(t *testing.T) {
	got, s, err := edited([]byte(layouts["block"]), "vtl.yaml", Checks{}, []Change{
		RemoveDrive(11), SetSlots(10, 41), AddDrive(10, Drive{ID: 14, Model: "m", Serial: "D14"}), RemoveDrive(13), RemoveLibrary(30),
	})
	if err != nil {
		t.Fatal(err)
	}
	l := s.Libraries[0]
	if len(s.Libraries) != 1 || l.Slots != 41 || len(l.Drives) != 2 || l.DriveElement(0) != 2 || l.Drives[1].ID != 14 {
		t.Errorf("got %+v", s)
	}
	want := `# top
version: 1 # one
libraries:
# before the library
- id: 10
  # the model
  model: ibm-03584
  serial: 'L10'
  slots: 41   # slots
  mail-slots: 4
  drives:
  # the second
  - id: 12 # twelve
    model: ibm-ult3580-td9
    serial: D12
    timing:
      load: 1.5
    element: 2
  - id: 14
    model: m
    serial: D14
    element: 1
  media:
  - barcodes: VTL001L9-VTL020L9
  # after the media

# the end
`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
}

func TestRefusedEditWritesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vtl.yaml")
	if err := WriteDefault(file); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Change{
		"media would not fit": SetSlots(10, 20),
		"same id":             AddDrive(10, Drive{ID: 11, Model: "m", Serial: "X"}),
		"no such library":     SetSlots(11, 3),
		"no such drive":       RemoveDrive(99),
	} {
		if _, _, err := Edit(file, Checks{}, c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != DefaultText() {
		t.Errorf("the file has changed: %v\n%s", err, b)
	}
	list, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestEditKeepsModeAndCanBeUndone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vtl.yaml")
	if err := WriteDefault(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	_, undo, err := Edit(file, Checks{}, SetSlots(10, 41))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(file, Checks{})
	if err != nil || s.Libraries[0].Slots != 41 {
		t.Fatalf("got %+v, %v", s, err)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != DefaultText() {
		t.Errorf("not undone: %v\n%s", err, b)
	}
	if err := undo(); err == nil {
		t.Error("undone over a changed file")
	}
}

func TestEditsAtTheSameTimeAreAllMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vtl.yaml")
	if err := WriteDefault(file); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 10 {
		wg.Go(func() {
			serial := "N" + string(rune('A'+n))
			if _, _, err := Edit(file, Checks{}, AddDrive(10, Drive{ID: 100 + n, Model: "m", Serial: serial})); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s, err := Load(file, Checks{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Libraries[0].Drives); n != 14 {
		t.Errorf("%d drives", n)
	}
}

func TestStrangeLayoutIsLeftToItsAuthor(t *testing.T) {
	text := strings.Replace(small, "slots: 4", "slots: !!int 4", 1)
	if _, _, err := edited([]byte(text), "vtl.yaml", Checks{}, []Change{SetSlots(10, 5)}); !errors.Is(err, ErrByHand) {
		t.Errorf("got %v", err)
	}
}

// FuzzEdit: whatever the layout, the result means what it should, or nothing is
// changed.
func FuzzEdit(f *testing.F) {
	for _, text := range layouts {
		f.Add([]byte(text))
	}
	f.Add([]byte(small))
	f.Fuzz(func(t *testing.T, text []byte) {
		before, err := Parse(text, "vtl.yaml", Checks{})
		if err != nil {
			return
		}
		var list []Change
		for _, l := range before.Libraries {
			list = append(list, SetSlots(l.ID, l.Slots+1), AddDrive(l.ID, Drive{ID: 30000, Model: "m", Serial: "FUZZ"}), RemoveLibrary(l.ID))
			for _, d := range l.Drives {
				list = append(list, RemoveDrive(d.ID))
			}
		}
		for _, c := range list {
			got, s, err := edited(text, "vtl.yaml", Checks{}, []Change{c})
			if err != nil {
				continue
			}
			if again, err := Parse(got, "vtl.yaml", Checks{}); err != nil || len(again.Libraries) != len(s.Libraries) {
				t.Errorf("%v:\n%s", err, got)
			}
		}
	})
}
