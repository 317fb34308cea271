package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bothKinds is a suite with a jukebox, and a library with tape and optical drives.
const bothKinds = `version: 1
libraries:
  - id: 30
    model: dvd-jukebox
    serial: JUKEBOX030
    slots: 6
    mail-slots: 1
    drives: []
    optical:
      - {id: 31, model: dvd-recorder, serial: J31}
    media:
      - {barcodes: DVD001-DVD002, disc: dvd+r}
      - {barcodes: RAM001, disc: dvd-ram, sides: 2}
      - {barcodes: BDR001, disc: bd-r}
  - id: 50
    model: vtl-mixed
    serial: L50
    slots: 4
    mail-slots: 1
    drives:
      - {id: 51, model: ibm-ult3580-td8, serial: D51}
    optical:
      - {id: 52, model: bd-recorder, serial: D52, element: 2}
    media:
      - {barcodes: TAP001L8}
      - {barcodes: BDE001, disc: bd-re}
`

// TestJukeboxWords types the words for jukeboxes at real daemons, and ends the
// daemons in between.
func TestJukeboxWords(t *testing.T) {
	u := newUps(t, bothKinds)
	u.start()
	home := filepath.Join(u.dir, "state", "cartridges", "30")
	if err := os.WriteFile(filepath.Join(home, "PUT001.iso"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	const ok, refused, usage = exitOK, exitRefused, exitUsage
	u.types([]typed{
		{"30 move slot 1 drive 1", ok, "DVD001: slot 1 to drive 1", ""},
		{"31 status", ok, "...library 30, drive element 1...DVD+R, blank...DVD001...", ""},
		{"30 move DVD002 drive 1", refused, "", "drive 1 holds DVD001"},
		{"31 unload", ok, "Unloaded OK: ...DVD001.iso", ""},
		{"31 status", ok, "...tray open...", ""},
		{"30 move drive 1 slot 1", ok, "DVD001: drive 1 to slot 1", ""},
		{"31 load RAM001", ok, "RAM001: slot 3 to drive 1", ""},
		{"30 move drive 1 slot 3 invert", ok, "RAM001: drive 1 to slot 3, turned over", ""},
		{"30 inventory", ok, "...RAM001, side B up...", ""},
		{"30 move RAM001 drive 1", ok, "RAM001: slot 3 to drive 1", ""},
		{"31 status", ok, "...RAM001-B.iso", ""},
		{"30 move RAM001 slot 3 over", usage, "", `"over" follows the destination`},
		{"30 move RAM001 slot 3 invert", ok, "RAM001: drive 1 to slot 3, turned over", ""},
		{"30 move DVD001 drive 1 invert", refused, "", "DVD001 has one side"},
		{"30 move BDR001 drive 1", refused, "", "takes no bd-r"},
		{"30 inventory", ok, "...slot   4 ...BDR001...", ""},
		{"30 open map", ok, "OK", ""},
		{"30 load map NONE01", refused, "", "no cartridge NONE01"},
		{"30 load map PUT001", ok, "OK", ""},
		{"30 close map", ok, "OK", ""},
		{"30 move PUT001 drive 1", ok, "PUT001: map 1 to drive 1", ""},
		{"31 status", ok, "...read-only...", ""},
		{"31 offline", ok, "OK", ""},
		{"31 online", ok, "OK", ""},
		{"30 remove drive 31", refused, "", "drive 31 holds PUT001"},
		{"30 move drive 1 slot 6", ok, "PUT001: drive 1 to slot 6", ""},
		{"30 add disc NEW001 dvd-rw", ok, "1 discs", ""},
		{"30 add disc NEW002-NEW003 dvd-rw", refused, "", "do not fit"},
		{"30 add slot", ok, "slot=7", ""},
		{"30 add disc NEW002 dvd-r 2", ok, "1 discs", ""},
		{"30 add disc NEW003 floppy", refused, "", `a disc of model "floppy"`},
		{"30 add disc NEW003 dvd-r 3", usage, "", "a disc has 1 or 2"},
		{"30 add media VTL001L9", refused, "", "takes discs only"},
		{"30 add drive", ok, "optical 32, serial VTL0000032, element 2 of library 30", ""},
		{"30 add drive ibm-ult3580-td9", refused, "", "needs its element"},
		{"30 remove drive 32", ok, "OK", ""},
		{"50 move TAP001L8 drive 2", refused, "", "is an optical drive, and TAP001L8 is a tape"},
		{"50 move BDE001 drive 1", refused, "", "is a tape drive, and BDE001 is a disc"},
		{"50 move TAP001L8 drive 1", ok, "TAP001L8: slot 1 to drive 1", ""},
		{"50 move BDE001 drive 2", ok, "BDE001: slot 2 to drive 2", ""},
		{"50 status", ok, "...drive 1 ...TAP001L8 loaded...drive 2 ...BDE001 loaded...", ""},
		{"50 move drive 2 drive 1", refused, "", "drive 1 holds TAP001L8"},
		{"add drive cd-recorder", ok, "optical 1, serial VTL0000001", ""},
		{"remove drive 1", ok, "OK", ""},
		{"doctor", ok, "...cartridges 30...", ""},
	})

	// The drive, then the library end without warning: the disc is where it was.
	u.do("30", "move", "DVD001", "drive", "1")
	for _, name := range []string{"vtloptical 31", "vtllibrary 30"} {
		pid := u.daemons()[name]
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for limit := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // nothing tells of its return
			out, _ := u.command("30", "status").CombinedOutput()
			if now := u.daemons()[name]; now != 0 && now != pid && strings.Contains(string(out), "DVD001 loaded") {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("%s was ended: %s", name, out)
			}
		}
	}
	u.do("30", "move", "drive", "1", "slot", "1")
	if got := u.do("30", "inventory"); strings.Count(got, "DVD001") != 1 {
		t.Error(got)
	}
}
