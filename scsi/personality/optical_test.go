package personality

import "testing"

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
