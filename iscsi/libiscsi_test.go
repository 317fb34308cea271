package iscsi_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLibiscsi runs the conformance tests of libiscsi (Debian: libiscsi-bin)
// against the RAM disk: all of its iSCSI families, SBC basics, reservations and
// multipath. testdata/libiscsi.txt lists those that do not apply, each with the
// reason; every other one must pass, and one that is listed must not.
func TestLibiscsi(t *testing.T) {
	tool, err := exec.LookPath("iscsi-test-cu")
	if err != nil {
		t.Fatal("iscsi-test-cu is missing: apt-get install libiscsi-bin")
	}
	// The tests sleep more than they work: several processes at once, each
	// with a target of its own.
	out, err := exec.Command(tool, "-l").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimSpace(line), ".")
		if len(parts) < 2 || parts[0] != "ALL" {
			continue
		}
		// LUNResetSimpleAsync connects anew only when another test was before it.
		whole := parts[1] == "iSCSITMF"
		if whole && len(parts) == 2 || !whole && len(parts) == 3 {
			tests = append(tests, strings.Join(parts, "."))
		}
	}
	var (
		group   sync.WaitGroup
		mu      sync.Mutex
		results = map[string]string{}
	)
	const processes = 8
	for i := range processes {
		w := newWorld(t)
		url := "iscsi://" + w.address + "/" + targetName + "/0"
		var match []string
		for n := i; n < len(tests); n += processes {
			match = append(match, tests[n])
		}
		group.Go(func() {
			got := runLibiscsi(t, tool, strings.Join(match, ","), url)
			if i == 0 {
				for name, r := range runLibiscsi(t, tool, "ALL.MultipathIO", url, url) {
					got[name] = r
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for name, r := range got {
				if before := results[name]; before == "" || strings.HasPrefix(before, "skipped") {
					results[name] = r
				}
			}
		})
	}
	group.Wait()
	listed := notApplicable(t)
	ran := map[string]int{}
	for name, result := range results {
		suite, _, _ := strings.Cut(name, ".")
		reason, known := listed[name]
		if !known {
			reason, known = listed[suite+".*"]
		}
		switch {
		case result == "passed" && known:
			t.Errorf("%s passed and is listed: %s", name, reason)
		case result != "passed" && !known:
			t.Errorf("%s: %s", name, result)
		}
		if kind, _, skipped := strings.Cut(result, ":"); skipped {
			result = kind
		}
		ran[result]++
	}
	t.Logf("%v", ran)
	if len(results) < 200 {
		t.Errorf("only %d tests ran", len(results))
	}
}

var (
	suiteLine = regexp.MustCompile(`^Suite: (\S+)`)
	testLine  = regexp.MustCompile(`^\s+Test: (\S+) \.\.\.(.*)`)
	failLine  = regexp.MustCompile(`(?m)^\s*\d+\. .*CU_|FAILED\s*$`)
)

// runLibiscsi runs the tests that match and returns, by name, "passed",
// "skipped: ..." or what it said.
func runLibiscsi(t *testing.T, tool, match string, urls ...string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, tool, append([]string{"-d", "-v", "-t", match}, urls...)...).CombinedOutput()
	if !bytes.Contains(out, []byte("Run Summary")) {
		t.Errorf("%s does not end: %v\n%s", tool, err, out)
	}
	texts := map[string]string{}
	suite, test := "", ""
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		line := lines.Text()
		if m := suiteLine.FindStringSubmatch(line); m != nil {
			suite, test = m[1], ""
		} else if m := testLine.FindStringSubmatch(line); m != nil {
			test = suite + "." + m[1]
			texts[test] = m[2] + "\n"
		} else if strings.HasPrefix(line, "Run Summary") {
			break
		} else if test != "" {
			texts[test] += line + "\n"
		}
	}
	for name, text := range texts {
		_, reason, skipped := strings.Cut(text, "[SKIPPED]")
		switch {
		case skipped:
			reason, _, _ = strings.Cut(reason, "\n")
			texts[name] = "skipped:" + reason
		case failLine.MatchString(text):
			texts[name] = strings.TrimSpace(text)
		default:
			texts[name] = "passed"
		}
	}
	return texts
}

// notApplicable reads the list of tests that do not apply: a name, or a suite
// and ".*", then the reason.
func notApplicable(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/libiscsi.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, ok := strings.Cut(line, " ")
		if !ok {
			t.Errorf("testdata/libiscsi.txt: %s has no reason", name)
		}
		listed[name] = strings.TrimSpace(reason)
	}
	return listed
}
