package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/bus"
)

// hooked is a suite whose move hook notes the moves, and forbids one.
const hooked = `version: 1 # one
libraries:
  - id: 10
    model: ibm-03584
    serial: L10
    slots: 6
    mail-slots: 2 # two
    move-hook: HOOK
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: D11}
    media:
      # nine
      - barcodes: VTL001L9-VTL004L9
  - id: 20
    model: stk-l700
    serial: L20
    slots: 4
    mail-slots: 1
    drives:
      - {id: 21, model: stk-t10000b, serial: D21}
drives: []
`

// newHooked starts a suite with the hook, and returns where the hook notes.
func newHooked(t *testing.T) (u *ups, noted string) {
	t.Helper()
	dir := t.TempDir()
	noted = filepath.Join(dir, "moves")
	script := "#!/bin/sh\n[ $5 != VTL004L9 ] || { echo not this one; exit 3; }\necho \"$@\" >> " + noted + "\n"
	if err := os.WriteFile(filepath.Join(dir, "hook"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	u = newUps(t, strings.Replace(hooked, "HOOK", filepath.Join(dir, "hook"), 1))
	u.start()
	return u, noted
}

// TestLibraryWords types every word of a library, as operators of virtual
// libraries know them, at a real one: what it prints and how it exits.
func TestLibraryWords(t *testing.T) {
	u, noted := newHooked(t)
	const ok, refused, usage = exitOK, exitRefused, exitUsage
	u.types([]typed{
		// The import/export door.
		{"10 list map", ok, "Contents:", ""},
		{"10 empty map", refused, "", "error: Can't empty map while MAP is closed"},
		{"10 load map VTL001L9", refused, "", "error: MAP not opened"},
		{"10 open map", ok, "OK", ""},
		{"10 open map", ok, "OK", ""},
		{"10 load map", usage, "", "there is 'load map BARCODE'"},
		{"10 load map VTL001L9", refused, "", "error: barcode already in library"},
		{"10 load map 01234567890123456", refused, "", "error: barcode length too long"},
		{"10 load map ../VTL001L9", refused, "", "error: Bad barcode"},
		{"10 load map NONE01L9", refused, "", "hint: 'mktape -l 10 -m NONE01L9' makes one"},
		{"10 close map", ok, "OK", ""},
		{"10 close map", ok, "OK", ""},

		// Moves, with the hook.
		{"10 move slot 1 map 1", ok, "VTL001L9: slot 1 to map 1", ""},
		{"10 move VTL002L9 to map 2", ok, "VTL002L9: slot 2 to map 2", ""},
		{"10 move slot 4 slot 5", refused, "", "not this one"},
		{"10 move slot 3 slot 3", refused, "", "slot 3 holds VTL003L9"},
		{"10 move slot 6 slot 5", refused, "", "slot 6 is empty"},
		{"10 move slot 60 slot 5", refused, "", "there is no slot 60 (there are 6)"},
		{"10 move NONE01L9 slot 5", refused, "", `"NONE01L9" is no element`},
		{"10 move slot 3", usage, "", "move needs a source and a destination"},
		{"10 move slot 3 drive 1", ok, "VTL003L9: slot 3 to drive 1", ""},
		{"10 move drive 1 1026", ok, "VTL003L9: drive 1 to slot 3", ""},
		{"10 list map", ok, "Contents: VTL001L9 VTL002L9", ""},
		{"10 open map", ok, "OK", ""},
		{"10 move map 1 slot 1", refused, "", "the import/export door is open"},
		{"10 load map VTL001L9", refused, "", "error: barcode already in library"},
		{"10 empty map", ok, "OK", ""},
		{"10 list map", ok, "Contents:", ""},
		{"10 load map VTL002L9", ok, "OK", ""},
		{"10 load map VTL001L9", ok, "OK", ""},
		{"10 list map", ok, "Contents: VTL002L9 VTL001L9", ""},
		{"10 empty map", ok, "OK", ""},

		// Another library: a cartridge is in one place, and of the right form.
		{"20 open map", ok, "OK", ""},
		{"20 load map VTL003L9", refused, "", "VTL003L9 is a cartridge of the form LTO (LTO-9); library 20 takes T10000"},
		{"20 add drive ibm-ult3580-td9 22", ok, "drive 22, serial VTL0000022, element 2 of library 20", ""},
		{"20 load map VTL003L9", refused, "", "library 10: barcode already in library: slot 3"},
		{"20 load map VTL001L9", ok, "OK", ""},
		{"20 list map", ok, "Contents: VTL001L9", ""},
		{"20 load map VTL002L9", refused, "", "error: MAP Full"},
		{"10 load map VTL001L9", refused, "", "library 20: barcode already in library: map 1"},
		{"20 empty map", ok, "OK", ""},
		{"10 load map VTL001L9", ok, "OK", ""},
		{"10 close map", ok, "OK", ""},
		{"10 move map 1 slot 1", ok, "VTL001L9: map 1 to slot 1", ""},

		// Availability, alerts, trace.
		{"10 offline", ok, "OK", ""},
		{"10 status", ok, "...offline...", ""},
		{"10 online", ok, "OK", ""},
		{"10 TapeAlert 80000", ok, "OK", ""},
		{"10 TapeAlert xyz", usage, "", "xyz"},
		{"10 InquiryDataChange", ok, "OK", ""},
		{"10 verbose 3", ok, "verbose 3", ""},
		{"10 verbose", ok, "verbose 2", ""},
		{"10 verbose 0", ok, "verbose 0", ""},
		{"10 debug", ok, "debug 3", ""},
		{"10 debug", ok, "debug 1", ""},
		{"10 sessions", ok, "nobody is logged in to iqn.2026-11.local.vtl:library10", ""},

		// Live changes.
		{"10 add slot", ok, "slot=7", ""},
		{"10 add slot 2", ok, "slot=9", ""},
		{"10 add slot 0", usage, "", `"0" is no number from 1 to 10000`},
		{"10 move slot 3 slot 9", ok, "VTL003L9: slot 3 to slot 9", ""},
		{"10 remove slot 1", ok, "slot=8\nVTL003L9 is on the shelf now", ""},
		{"10 remove slot 8", refused, "", "vtl.yaml"},
		{"10 add map", ok, "map=3", ""},
		{"10 remove map", ok, "map=2", ""},
		{"10 add media NEW001L9-NEW002L9", ok, "2 cartridges", ""},
		{"10 remove media NEW001L9", ok, "1 cartridges\nNEW001L9 is on the shelf now", ""},
		{"10 remove media NEW001L9", refused, "", "there is no cartridge NEW001L9 in the configuration of library 10"},
		{"10 move NEW002L9 drive 1", ok, "NEW002L9: slot 6 to drive 1", ""},
		{"10 remove media NEW002L9", refused, "", "NEW002L9 is in drive 1: move it out first"},
		{"10 remove drive 11", refused, "", "drive 11 holds NEW002L9"},
		{"11 unload", ok, "...", ""},
		{"10 add drive ibm-ult3580-td8 15", ok, "drive 15, serial VTL0000015, element 2 of library 10", ""},
		{"10 remove drive 15", ok, "OK", ""},
		{"remove library 20", ok, "OK", ""},
		{"20 status", refused, "", "there is no library or drive 20"},
		{"10 reload", ok, "OK, nothing changed", ""},
		{"10 inventory", ok, "...shelf...NEW001L9...", ""},
		{"10 status", ok, "...slots...", ""},

		// What is no word of a library.
		{"10 delay load 1", usage, "", "it is a command for a drive"},
		{"10 move 1 2", refused, "", "hint: slots and drives are named so: 'move slot 1 drive 2'"},
		{"open map", usage, "", "hint: it is a command for a library: 'vtlcmd library open map'"},
		{"unload", usage, "", "hint: it is a command for a drive: 'vtlcmd DRIVE unload'"},
		{"load 11 VTL001L9", usage, "", "hint: the number stands in front: 'vtlcmd 11 load VTL001L9'"},
		{"status 10", usage, "", "hint: the number stands in front: 'vtlcmd 10 status'"},
		{"10 load VTL001L9", usage, "", "hint: it is a command for a drive"},
		{"10 fly", usage, "", `"fly" is no command for library 10`},
		{"10", usage, "", "no command for library 10"},
		{"99 status", refused, "", "there is no library or drive 99"},
	})
	// What the hook was told, in the words of mhVTL.
	b, err := os.ReadFile(noted)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Storage 1 MAP 1 VTL001L9", "Storage 2 MAP 2 VTL002L9", "Storage 3 Drive 1 VTL003L9", "Drive 1 Storage 3 VTL003L9",
		"MAP 1 Storage 1 VTL001L9", "Storage 3 Storage 9 VTL003L9", "Storage 6 Drive 1 NEW002L9",
	}
	if got := strings.Split(strings.TrimSpace(string(b)), "\n"); !slices.Equal(got, want) {
		t.Errorf("the hook was told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// The file has its comments still, in their order.
	text, err := os.ReadFile(filepath.Join(u.dir, "vtl.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !fits(string(text), "version: 1 # one\n...mail-slots: 2 # two\n...# nine\n      - barcodes: VTL001L9-VTL004L9\n...NEW002L9\n...") {
		t.Errorf("the file is now\n%s", text)
	}
	// And "exit": the supervisor starts the library again, and it is as it was.
	u.do("10", "open", "map")
	u.do("10", "offline")
	before := u.daemons()["vtllibrary 10"]
	u.do("10", "exit")
	for u.daemons()["vtllibrary 10"] == before || u.daemons()["vtllibrary 10"] == 0 {
		time.Sleep(5 * time.Millisecond) // nothing tells of another's child
	}
	for limit := time.Now().Add(30 * time.Second); ; {
		out, err := u.command("10", "status").Output()
		if err == nil && fits(string(out), "...offline...open...") {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("after its restart: %v\n%s", err, out)
		}
	}
}

// typed is a command, and what it prints and how it exits.
type typed struct {
	words  string
	exit   int
	stdout string // exactly; "..." is any text
	stderr string // in it
}

// types types commands one after the other. Those that change nothing are typed
// again, with --json.
func (u *ups) types(all []typed) {
	u.t.Helper()
	place := []string{"--config", filepath.Join(u.dir, "vtl.yaml"), "--state", filepath.Join(u.dir, "state")}
	for _, tc := range all {
		args := strings.Fields(tc.words)
		if tc.exit == exitOK && !changes(args) {
			var stdout, stderr bytes.Buffer
			status := run(u.t.Context(), slices.Concat(place, []string{"--json"}, args), &stdout, &stderr)
			if status != exitOK || !json.Valid(stdout.Bytes()) {
				u.t.Errorf("%s --json: status %d, %q, %q", tc.words, status, &stdout, &stderr)
			}
		}
		var stdout, stderr bytes.Buffer
		status := run(u.t.Context(), slices.Concat(place, args), &stdout, &stderr)
		if status != tc.exit || !fits(strings.TrimSuffix(stdout.String(), "\n"), tc.stdout) || !strings.Contains(stderr.String(), tc.stderr) {
			u.t.Errorf("vtlcmd %s: status %d, want %d\nstdout %q\n  want %q\nstderr %q\n  want %q",
				tc.words, status, tc.exit, stdout.String(), tc.stdout, stderr.String(), tc.stderr)
		}
	}
}

// changes tells whether words change something, so that they are said once only.
func changes(words []string) bool {
	for _, w := range []string{"move", "load", "unload", "add", "remove", "debug", "verbose", "empty"} {
		if slices.Contains(words, w) {
			return true
		}
	}
	return false
}

// fits tells whether a text is what a pattern says, in which "..." is any text.
func fits(text, pattern string) bool {
	first, rest, any := strings.Cut(pattern, "...")
	text, ok := strings.CutPrefix(text, first)
	if !ok || !any {
		return ok && text == ""
	}
	for i := range len(text) + 1 {
		if fits(text[i:], rest) {
			return true
		}
	}
	return false
}

// TestWatch: every move, load, door, alert and login is told, as it happens.
func TestWatch(t *testing.T) {
	u, _ := newHooked(t)
	place := []string{"--config", filepath.Join(u.dir, "vtl.yaml"), "--state", filepath.Join(u.dir, "state")}
	cmd := u.command("--json", "watch")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	limit := time.AfterFunc(5*time.Minute, func() { cmd.Process.Kill() })
	t.Cleanup(func() { limit.Stop() })
	events := json.NewDecoder(out)
	said := func(words, want string) {
		t.Helper()
		var out bytes.Buffer
		run(t.Context(), slices.Concat(place, strings.Fields(words)), &out, &out)
		for {
			var e bus.Event
			if err := events.Decode(&e); err != nil {
				t.Fatalf("%s: %v", words, err)
			}
			if fits(e.Source.String()+": "+e.What.String(), want) {
				return
			}
		}
	}
	// The watcher is there when it sees something.
	for began := false; !began; {
		seen := make(chan bool, 1)
		go func() {
			var e bus.Event
			seen <- events.Decode(&e) == nil
		}()
		for !began {
			u.command("10", "InquiryDataChange").Run()
			u.do("10", "open", "map")
			u.do("10", "close", "map")
			select {
			case began = <-seen:
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	for _, tc := range []struct{ words, want string }{
		{"10 open map", "library 10: ...open..."},
		{"10 close map", "library 10: ...close..."},
		{"10 move slot 1 slot 6", "library 10: moved VTL001L9 from slot 1 to slot 6, asked by operator"},
		{"10 move slot 5 slot 1", "library 10: ...slot 5 is empty..."},
		{"10 move slot 2 drive 1", "drive 11: loaded VTL002L9..."},
		{"11 unload", "drive 11: unloaded VTL002L9..."},
		{"10 TapeAlert 80000", "library 10: TapeAlert 80000h..."},
		{"11 TapeAlert 80000", "drive 11: TapeAlert..."},
		{"10 offline", "library 10: offline..."},
		{"10 online", "library 10: online..."},
		{"10 add slot", "library 10: configuration applied: slots: 6 to 7"},
		{"doctor", "...: login of ...:vtlcmd0 from 127.0.0.1:..."},
	} {
		said(tc.words, tc.want)
	}
}
