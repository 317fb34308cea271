package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"govtl/bus"
)

// TestEvents: what happened in two runs of a suite is told when neither runs any
// more, also with a configuration that is refused.
func TestEvents(t *testing.T) {
	u := newUps(t, oneDrive)
	if got := u.do("events"); got != "" {
		t.Errorf("before the first start:\n%s", got)
	}
	u.start()
	u.do("11", "load", "VTL001L9")
	u.do("library", "move", "drive", "1", "map", "1")
	u.stop()
	u.start()
	u.do("library", "open", "map")
	u.do("library", "empty", "map")
	u.do("library", "close", "map")
	if out, err := u.command("library", "move", "slot", "1", "drive", "1").CombinedOutput(); err == nil {
		t.Errorf("an empty slot was moved: %s", out)
	}
	u.stop()

	var told []string
	for line := range strings.Lines(u.do("events", "all")) {
		// 2026-11-21 12:00:00 library 10: moved ...
		m := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)\n$`).FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("a line of another form: %q", line)
		}
		told = append(told, m[1])
	}
	next := 0
	for _, want := range []string{
		`^drive 11: started, pid \d+$`,
		`^drive 11: ready: iqn\.2026-11\.local\.vtl:drive11$`,
		`^library 10: moved VTL001L9 from slot 1 to drive 1, asked by operator$`,
		`^library 10: moved VTL001L9 from drive 1 to map 1, asked by operator$`,
		`^drive 11: stopped`,
		`^drive 11: started, pid \d+$`,
		`^library 10: map opened$`,
		`^library 10: VTL001L9 taken out of the map$`,
		`^library 10: map closed$`,
		`^library 10: cannot move from slot 1 to drive 1, asked by operator: slot 1 is empty$`,
	} {
		found := false
		for ; next < len(told) && !found; next++ {
			found = regexp.MustCompile(want).MatchString(told[next])
		}
		if !found {
			t.Fatalf("no %s, or too early, in\n%s", want, strings.Join(told, "\n"))
		}
	}

	for _, tc := range []struct {
		words string
		want  string // the first line, without its time
	}{
		{"events vtl001l9 1", "library 10: VTL001L9 taken out of the map"},
		{"library events 3", "library 10: cannot move from slot 1 to drive 1, asked by operator: slot 1 is empty"},
		{"11 events VTL001L9 1", "drive 11: unloaded VTL001L9"},
		{"events VTL002L9", ""},
	} {
		got, _, _ := strings.Cut(u.do(strings.Fields(tc.words)...), "\n")
		if _, rest, ok := strings.Cut(got, " "); ok {
			_, got, _ = strings.Cut(rest, " ")
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.words, got, tc.want)
		}
	}
	var decoded []bus.Event
	if err := json.Unmarshal([]byte(u.do("--json", "events", "VTL001L9", "all")), &decoded); err != nil || len(decoded) < 5 {
		t.Errorf("as JSON: %v, %v", decoded, err)
	}
	if got := u.do("--json", "events", "VTL002L9"); got != "[]\n" {
		t.Errorf("none as JSON: %q", got)
	}
	for _, words := range []string{"events 0", "events -3", "events a/b"} {
		if out, err := u.command(strings.Fields(words)...).CombinedOutput(); err == nil || !strings.Contains(string(out), "error: ") {
			t.Errorf("%s: %v\n%s", words, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(u.dir, "vtl.yaml"), []byte("version: 99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := u.do("events", "1"); got == "" {
		t.Error("nothing is told while the configuration is refused")
	}
}
