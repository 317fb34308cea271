package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewerConfiguration: every program refuses a configuration of a newer
// version, with the line and both versions, and changes nothing.
func TestNewerConfiguration(t *testing.T) {
	bin, dir := programs(t), t.TempDir()
	file := filepath.Join(dir, "vtl.yaml")
	text := strings.Replace(oneDrive, "version: 1", "version: 2", 1)
	write(t, file, text, 0o644)
	for _, line := range []string{
		"vtlcmd status", "vtlcmd up", "vtlcmd doctor", "vtlcmd library add slot", "vtlcmd 11 load VTL001L9", "vtlportal", "vtllibrary 10", "vtltape 11", "vtloptical 30",
		"vtlcmd check", "mktape -l 10 -m DVD001 -t disc -d dvd-rw",
		"mktape -l 10 -m VTL009L9", "dumptape VTL001L9",
	} {
		words := strings.Fields(line)
		cmd := exec.Command(filepath.Join(bin, words[0]), append(words[1:], "--config", file, "--state", filepath.Join(dir, "state"))...)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "vtl.yaml:1: version 2 is not known to this program, which reads version 1") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != text {
		t.Errorf("the file became\n%s (%v)", got, err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "state", "*")); len(names) > 0 {
		t.Errorf("they made %q", names)
	}
}
