package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck: a file is in order or refused with its line, without a suite and
// without a trace.
func TestCheck(t *testing.T) {
	bin, dir := programs(t), t.TempDir()
	for name, tc := range map[string]struct{ text, want string }{
		"good.yaml":    {oneDrive, "good.yaml is in order: 1 libraries, 1 drives, 2 cartridges\n"},
		"tabs.yaml":    {oneDrive + "\tx: 1\n", "error: " + dir + "/tabs.yaml:12: "},
		"model.yaml":   {strings.Replace(oneDrive, "td9", "td99", 1), `model.yaml:9: a drive of model "ibm-ult3580-td99": `},
		"secrets.yaml": {oneDrive + "iscsi: {chap: true, secrets: none}\n", "error: " + dir + "/secrets.yaml: secrets: open " + dir + "/none: no such file"},
	} {
		file := filepath.Join(dir, name)
		write(t, file, tc.text, 0o600)
		out, err := exec.Command(filepath.Join(bin, "vtlcmd"), "check", file, "--state", filepath.Join(dir, "state")).CombinedOutput()
		if (err == nil) != (name == "good.yaml") || !strings.Contains(string(out), tc.want) {
			t.Errorf("%s: %v\n%s; want %s", name, err, out, tc.want)
		}
	}
	if made, _ := filepath.Glob(filepath.Join(dir, "state*")); len(made) > 0 {
		t.Errorf("it made %v", made)
	}
}
