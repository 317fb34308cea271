//go:build e2e

package initiators

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/test/suite"
)

// target is the name of a target of the default configuration.
func target(name string) string { return "iqn.2026-11.local.vtl:" + name }

// run runs a program of libiscsi, bounded in time.
func run(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%v: run make deps", err)
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%s %s hangs", name, strings.Join(args, " "))
	}
	return string(out), err
}

// loopback6 is a free port of the IPv6 loopback address, empty when there is none.
func loopback6(t *testing.T) string {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Logf("this host has no IPv6: %v", err)
		return ""
	}
	defer l.Close()
	return l.Addr().String()
}

// TestLibiscsiTools looks at the suite with iscsi-ls and iscsi-inq, over IPv6 where
// there is any, and then with the programs that are for disks: they end, and harm nobody.
func TestLibiscsiTools(t *testing.T) {
	s := suite.Start(t, suite.Options{Listen: loopback6(t)})
	out, err := run(t, nil, "iscsi-ls", "--show-luns", "iscsi://"+s.Addr)
	if err != nil {
		t.Fatalf("iscsi-ls: %v\n%s", err, out)
	}
	for _, name := range []string{"library10", "drive11", "drive12", "drive13", "drive14"} {
		if !strings.Contains(out, "Target:"+target(name)+" Portal:"+s.Addr+",1") {
			t.Errorf("iscsi-ls does not list %s at %s:\n%s", name, s.Addr, out)
		}
	}
	for kind, n := range map[string]int{"Type:SEQUENTIAL_ACCESS": 4, "Type:MEDIA_CHANGER": 1} {
		if got := strings.Count(out, kind); got != n {
			t.Errorf("iscsi-ls shows %d of %s, want %d:\n%s", got, kind, n, out)
		}
	}
	for name, want := range map[string]string{"library10": "MEDIA_CHANGER", "drive11": "SEQUENTIAL_ACCESS"} {
		out, err := run(t, nil, "iscsi-inq", "iscsi://"+s.Addr+"/"+target(name)+"/0")
		if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "Vendor:IBM") {
			t.Errorf("iscsi-inq %s: %v\n%s", name, err, out)
		}
		if out, err := run(t, nil, "iscsi-inq", "-e", "1", "-c", "0x83", "iscsi://"+s.Addr+"/"+target(name)+"/0"); err != nil {
			t.Errorf("iscsi-inq of page 83h, %s: %v\n%s", name, err, out)
		}
	}
	s.Command(t, "11", "load", "VTL001L9")
	before := s.Daemons(t)
	for _, name := range []string{"library10", "drive11"} {
		url := "iscsi://" + s.Addr + "/" + target(name) + "/0"
		for _, args := range [][]string{{"iscsi-swp"}, {"iscsi-swp", "--swp", "on"}, {"iscsi-swp", "--swp", "off"}, {"iscsi-readcapacity16"}, {"iscsi-perf", "-t", "1"}} {
			out, err := run(t, nil, args[0], append(args[1:], url)...)
			var exit *exec.ExitError
			if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
				t.Errorf("%v %s: %v\n%s", args, name, err, out)
			}
		}
		if out, err := run(t, nil, "iscsi-swp", url); err != nil || !strings.Contains(out, "SWP:0") {
			t.Errorf("iscsi-swp %s: %v\n%s", name, err, out)
		}
		if out, err := run(t, nil, "iscsi-inq", url); err != nil || !strings.Contains(out, "Vendor:IBM") {
			t.Errorf("iscsi-inq %s afterwards: %v\n%s", name, err, out)
		}
	}
	for _, d := range before {
		if !d.Alive() {
			t.Errorf("%v is gone", d)
		}
	}
}

// conformanceSuite has the two kinds of LTO drives, which differ in what they
// reserve, two libraries, one of an old SPC version and one of a new, and an
// optical drive, the only device here whose 1Bh is START STOP UNIT.
const conformanceSuite = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: CONF000010
    slots: 4
    mail-slots: 1
    drives:
      - {id: 11, model: ibm-ult3580-td6, serial: CONF000011}
      - {id: 12, model: hp-ultrium-6-scsi, serial: CONF000012}
    media:
      - barcodes: CON001L6-CON002L6
  - id: 20
    model: vtl-mixed
    serial: CONF000020
    slots: 4
    drives:
      - {id: 21, model: hpe-ultrium-9-scsi, serial: CONF000021}
    optical:
      - {id: 22, model: bd-recorder, serial: CONF000022, element: 2}
    media:
      - {barcodes: CON003, disc: bd-re}
`

// recorder is the optical drive of conformanceSuite.
const recorder = "optical22"

// TestLibiscsiConformance runs the tests of libiscsi's iscsi-test-cu against
// drives with a medium and against a changer. Which of them do not apply to such
// a device, and why, is in testdata/not-applicable.txt.
func TestLibiscsiConformance(t *testing.T) {
	shim := filepath.Join(t.TempDir(), "capacity.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-Wall", "-o", shim, "testdata/capacity.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("the shim for iscsi-test-cu (run make deps): %v\n%s", err, out)
	}
	excused := readExcuses(t)
	all := conformanceTests(t)
	s := suite.Start(t, suite.Options{Config: conformanceSuite})
	s.Command(t, "11", "load", "CON001L6")
	s.Command(t, "12", "load", "CON002L6")
	s.Command(t, "22", "load", "CON003")
	for _, device := range []string{"drive11", "drive12", "library10", "library20", recorder} {
		t.Run(device, func(t *testing.T) {
			t.Parallel() // the tests sleep more than they work
			ran := 0
			for _, name := range all {
				if excused.covers(device, name) || device == recorder && !strings.HasPrefix(name, "SCSI.StartStopUnit.") {
					continue
				}
				ran++
				t.Run(name, func(t *testing.T) {
					out, err := run(t, []string{"LD_PRELOAD=" + shim}, "iscsi-test-cu", "--dataloss", "--fail", "--normal", "--test="+name, "iscsi://"+s.Addr+"/"+target(device)+"/0")
					if device == recorder { // the program asks for reservations by itself before and behind a test
						out = strings.ReplaceAll(out, "[SKIPPED] PERSISTENT RESERVE IN", "")
					}
					if result := verdict(out); err != nil || result != "" {
						t.Errorf("%v %s\n%s", err, result, out)
					}
				})
			}
			t.Logf("%s: %d tests of libiscsi apply", device, ran)
		})
	}
}

// conformanceTests lists the tests by their full names.
func conformanceTests(t *testing.T) []string {
	t.Helper()
	out, err := run(t, nil, "iscsi-test-cu", "--list")
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out) {
		if name := strings.TrimSpace(line); strings.Count(name, ".") == 2 && (strings.HasPrefix(name, "SCSI.") || strings.HasPrefix(name, "iSCSI.")) {
			names = append(names, name)
		}
	}
	if len(names) < 100 {
		t.Fatalf("iscsi-test-cu lists only %d tests:\n%s", len(names), out)
	}
	return names
}

var (
	skipped = regexp.MustCompile(`(?m)\[SKIPPED\].*$`)
	summary = regexp.MustCompile(`(?m)^\s*tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)`) // total, ran, passed, failed
)

// verdict says what is wrong about a test's output, or nothing.
func verdict(out string) string {
	// Before the tests begin the program asks for a capacity as disks have it.
	_, out, _ = strings.Cut(out, "cunit.sourceforge.net")
	if found := skipped.FindString(out); found != "" {
		return "it is skipped and not excused: " + found
	}
	m := summary.FindStringSubmatch(out)
	if m == nil {
		return "there is no summary: it died"
	}
	if m[2] == "0" || m[4] != "0" {
		return "ran " + m[2] + ", failed " + m[4]
	}
	return ""
}

// excuses are the tests that do not apply, by device and beginning of the name.
type excuses map[string][]string

func (e excuses) covers(device, name string) bool {
	for _, prefix := range slices.Concat(e["all"], e[device]) {
		if name == prefix || strings.HasPrefix(name, prefix+".") {
			return true
		}
	}
	return false
}

// readExcuses reads testdata/not-applicable.txt: device, test or its beginning, reason.
func readExcuses(t *testing.T) excuses {
	t.Helper()
	f, err := os.Open("testdata/not-applicable.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e := excuses{}
	for scan := bufio.NewScanner(f); scan.Scan(); {
		line := strings.TrimSpace(scan.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 3 {
			t.Fatalf("%s: %q: want a device, a test and a reason", f.Name(), line)
		}
		e[words[0]] = append(e[words[0]], words[1])
	}
	return e
}
