package provision

import (
	"os"
	"path/filepath"
	"testing"

	"govtl/internal/config"
)

// TestOwn: what root makes in the state directory of another user becomes that
// user's; without root nothing changes.
func TestOwn(t *testing.T) {
	p := config.Paths{State: filepath.Join(t.TempDir(), "state")}
	dir := filepath.Join(p.State, "cartridges", "10", "VTL001L9")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "data")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	want := os.Geteuid()
	if want == 0 {
		want = 12345
		if err := os.Chown(p.State, want, want); err != nil {
			t.Fatal(err)
		}
	}
	if err := Own(p, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{p.State, filepath.Join(p.State, "cartridges"), filepath.Dir(dir), dir, file} {
		if uid, _, err := ownerOf(name); err != nil || uid != want {
			t.Errorf("%s belongs to %d, %v; want %d", name, uid, err, want)
		}
	}
	if err := Own(config.Paths{State: filepath.Join(p.State, "none")}, dir); err != nil {
		t.Errorf("without a state directory: %v", err)
	}
}
