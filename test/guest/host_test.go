package guest

import (
	"slices"
	"testing"
)

func TestModulesLoadAfterWhatTheyNeed(t *testing.T) {
	tree := parseModules("/m", `kernel/a.ko: kernel/b-x.ko kernel/c.ko
kernel/b-x.ko: kernel/c.ko
kernel/c.ko:
kernel/d.ko: kernel/c.ko
`)
	got, err := tree.resolve("a", "d", "b_x")
	want := []string{"/m/kernel/c.ko", "/m/kernel/b-x.ko", "/m/kernel/a.ko", "/m/kernel/d.ko"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := tree.resolve("e"); err == nil {
		t.Error("a module that is not there resolves")
	}
}

func TestMemorySize(t *testing.T) {
	for text, want := range map[string]int64{"": 7, "512M": 512 << 20, "2G": 2 << 30, "2g": 2 << 30, "1024K": 1 << 20, "1": -1, "G": -1, "-1G": -1, "0M": -1, "9999999999999G": -1} {
		got, err := parseSize(text, 7)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
