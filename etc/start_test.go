//go:build e2e

package etc

import (
	"os"
	"path/filepath"
	"testing"

	"govtl/test/suite"
)

// TestStart starts the suite of each example: every target answers.
func TestStart(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			secrets := "initiator backup1 correct-horse-battery *\n"
			if err := os.WriteFile(filepath.Join(dir, "secrets"), []byte(secrets), 0o600); err != nil {
				t.Fatal(err)
			}
			suite.Start(t, suite.Options{Dir: dir, Config: string(text)})
		})
	}
}
