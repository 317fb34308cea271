// Package etc holds the example configurations. Its tests load each of them.
package etc

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"govtl/internal/config"
	"govtl/internal/models"
	"govtl/scsi/personality"
)

var rewrite = flag.Bool("rewrite", false, "rewrite vtl.yaml")

// TestExamples: every example is a configuration, and each library can read with
// one of its drives every cartridge that it is given.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		s, err := config.Load(file, models.Checks("", ""))
		if err != nil {
			t.Error(err)
			continue
		}
		for i := range s.Libraries {
			checkLibrary(t, file, &s.Libraries[i])
		}
	}
}

func checkLibrary(t *testing.T, file string, l *config.Library) {
	t.Helper()
	var drives []*personality.Drive
	for _, d := range l.Drives {
		m, err := personality.LoadDrive(d.Model)
		if err != nil {
			t.Fatal(err)
		}
		drives = append(drives, m)
	}
	var recorders []*personality.Recorder
	for _, o := range l.Optical {
		m, err := personality.LoadRecorder(o.Model)
		if err != nil {
			t.Fatal(err)
		}
		recorders = append(recorders, m)
	}
	placed, err := l.Place()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, p := range placed {
		if d := p.Media.Disc; d != "" {
			if !slices.ContainsFunc(recorders, func(r *personality.Recorder) bool { return r.Find(d) != nil }) {
				t.Errorf("%s: library %d has no drive for %s (%s)", file, l.ID, p.Barcode, d)
			}
			continue
		}
		medium, kind, err := models.Medium(p.Media, p.Barcode, "")
		if err != nil {
			t.Fatal(err)
		}
		if known[medium.Name] || kind == personality.KindClean {
			continue
		}
		known[medium.Name] = true
		readable := false
		for _, d := range drives {
			_, ok := d.Medium(medium.Name)
			readable = readable || ok
		}
		if !readable {
			t.Errorf("%s: library %d has no drive for %s (%s)", file, l.ID, p.Barcode, medium.Name)
		}
	}
}

// TestDefault: the configuration that an installation begins with is the one
// that a first start writes.
func TestDefault(t *testing.T) {
	if *rewrite {
		if err := os.WriteFile("vtl.yaml", []byte(config.DefaultText()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("vtl.yaml")
	if err != nil || string(got) != config.DefaultText() {
		t.Errorf("etc/vtl.yaml is not the default configuration (%v): 'make golden' makes it so", err)
	}
}
