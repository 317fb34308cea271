package personality

import (
	"errors"
	"testing"
)

// TestRecorders: every recorder and every disc model loads, and nobody is left out.
func TestRecorders(t *testing.T) {
	used := map[string]bool{}
	for _, n := range RecorderNames() {
		r, err := LoadRecorder(n)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range r.Media {
			used[d.Name] = true
		}
	}
	for _, n := range DiscNames() {
		if _, err := LoadDisc(n); err != nil {
			t.Error(err)
		}
		if !used[n] {
			t.Errorf("no recorder takes a %s", n)
		}
	}
	if len(used) < 14 {
		t.Errorf("only %d kinds of discs", len(used))
	}
}

// TestNoName: a model without a name is not known, of whatever kind.
func TestNoName(t *testing.T) {
	_, err1 := LoadDisc("")
	_, err2 := LoadRecorder("")
	_, err3 := LoadMedium("")
	_, err4 := LoadLibrary("")
	_, err5 := LoadDrive("")
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%d: %v", i+1, err)
		}
	}
}
