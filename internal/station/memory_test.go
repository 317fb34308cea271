package station

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestMemory(t *testing.T) {
	m := Memory(filepath.Join(t.TempDir(), "drive11.json"))
	if b, err := m.Load(); b != nil || err != nil {
		t.Errorf("before the first Save: %q, %v", b, err)
	}
	for _, doc := range []string{`{"a":1}`, `{"a":2}`} {
		if err := m.Save([]byte(doc)); err != nil {
			t.Fatal(err)
		}
		if b, err := m.Load(); string(b) != doc || err != nil {
			t.Errorf("Load: %q, %v; want %q", b, err, doc)
		}
	}
	if err := m.Save([]byte(strings.Repeat("x", maxMemory+1))); err != nil {
		t.Fatal(err)
	}
	if b, err := m.Load(); err == nil {
		t.Errorf("%d bytes were read", len(b))
	}
}
