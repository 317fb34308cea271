package smc

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
)

// TestTranscripts runs testdata/*.txt on a library as newLibrary makes it. A
// transcript named after a model runs on that.
func TestTranscripts(t *testing.T) {
	scsitest.RunFiles(t, "testdata/*.txt", func(t *testing.T) *scsitest.Env {
		l := newLibrary(t, "ibm-03584")
		return &scsitest.Env{Unit: current{l}, Steps: l.steps()}
	})
}

// current is the unit of a library as it is now: it changes with a restart.
type current struct{ l *library }

func (u current) Execute(nexus string, c scsitest.Command) (scsitest.Result, error) {
	return u.l.unit.Execute(nexus, c)
}

func (u current) Manage(nexus string, fn scsi.TaskManagement) (scsi.TaskManagementResponse, error) {
	return u.l.unit.Manage(nexus, fn)
}

func (u current) Logout(nexus string) error    { return u.l.unit.Logout(nexus) }
func (u current) Reconnect(nexus string) error { return u.l.unit.Reconnect(nexus) }

// reply is what a step says: its text, or why not.
func reply(text string, err error) (string, error) {
	if err != nil {
		return err.Error(), nil
	}
	return text, nil
}

// steps are the words of the operator and of the drives' own initiators.
func (l *library) steps() map[string]func([]string) (string, error) {
	ctx := context.Background()
	return map[string]func([]string) (string, error){
		"list": func([]string) (string, error) { return "Contents: " + strings.Join(l.c.ListMap(), " "), nil },
		"open": func([]string) (string, error) { return reply("OK", l.c.OpenMap()) },
		"close": func([]string) (string, error) {
			l.c.CloseMap()
			return "OK", nil
		},
		"empty": func([]string) (string, error) {
			taken, err := l.c.EmptyMap()
			return reply("OK "+strings.Join(taken, " "), err)
		},
		"load": func(a []string) (string, error) { // load map BARCODE
			v := Volume{}
			if len(a) > 1 {
				v = Volume{Barcode: a[1], Dir: "/cartridges/" + a[1], Kind: personality.KindData, Medium: "LTO8"}
			}
			at, err := l.c.LoadMap(v)
			return reply("OK "+at.String(), err)
		},
		"online":  func([]string) (string, error) { l.c.SetOnline(true); return "", nil },
		"offline": func([]string) (string, error) { l.c.SetOnline(false); return "", nil },
		"alerts": func(a []string) (string, error) {
			mask, err := strconv.ParseUint(a[0], 16, 64)
			if err != nil {
				return "", err
			}
			return "", l.c.SetAlerts(ctx, mask)
		},
		"move": func(a []string) (string, error) { // move slot 1 to drive 1
			from, err := l.c.ParseElement(strings.Join(a[:2], " "))
			if err != nil {
				return err.Error(), nil
			}
			to, err := l.c.ParseElement(strings.Join(a[3:], " "))
			if err != nil {
				return err.Error(), nil
			}
			return reply(l.c.Move(ctx, from, to))
		},
		"slots": func(a []string) (string, error) {
			n, err := strconv.Atoi(a[0])
			if err != nil {
				return "", err
			}
			cfg := l.opt.Configuration
			cfg.Slots = n
			return reply("OK", l.c.Reconfigure(ctx, cfg))
		},
		"drive": func(a []string) (string, error) { // drive 11 eject
			id, err := strconv.Atoi(a[0])
			if err != nil {
				return "", err
			}
			err = l.bay.change(id, func(d *bayDrive) error {
				switch a[1] {
				case "eject":
					d.loaded = false
				case "load":
					d.loaded = true
				case "prevent":
					d.prevented = true
				case "allow":
					d.prevented = false
				case "refuses":
					d.takes = map[string]bool{"LTO9": true}
				default:
					return fmt.Errorf("what is %q?", a[1])
				}
				return nil
			})
			l.sync()
			return "", err
		},
		"drives": func(a []string) (string, error) { // drives dead, drives work
			var f func(int, string, int) fault
			if a[0] == "dead" {
				f = func(int, string, int) fault { return dead }
			}
			l.bay.setFault(f)
			return "", nil
		},
		"shelf": func([]string) (string, error) {
			var s []string
			for _, v := range l.c.Shelf() {
				s = append(s, v.Barcode)
			}
			return strings.Join(s, " "), nil
		},
		"restart": func([]string) (string, error) {
			l.restart()
			return "", nil
		},
		"why": func([]string) (string, error) { return l.c.Status().LastError, nil },
	}
}

var rewrite = flag.Lookup("rewrite")

// golden compares with a file of testdata, or rewrites it with -rewrite.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if rewrite.Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (rewrite with -rewrite):\n%s", file, got)
	}
}

// TestModels writes down what each model answers: INQUIRY, VPD pages, mode pages
// and READ ELEMENT STATUS of a library with a volume in each type of element.
func TestModels(t *testing.T) {
	for _, name := range personality.LibraryNames() {
		t.Run(name, func(t *testing.T) {
			l := prepareLibrary(t, name, func(o *Options) { o.Mail = 1; o.Slots = 3 })
			l.start()
			vols := []Volume{testVolume("VTL001L8"), testVolume("VTL002L8"), testVolume("CLN001L1")}
			if _, err := l.c.AddVolumes(vols, 1); err != nil {
				t.Fatal(err)
			}
			if got := l.move("slot 2", "drive 1"); got != "GOOD" {
				t.Fatal(got)
			}
			if got := l.move("slot 3", "map 1"); got != "GOOD" {
				t.Fatal(got)
			}
			var b bytes.Buffer
			show := func(title string, cdb ...byte) scsitest.Result {
				r := l.do("a", cdb)
				fmt.Fprintf(&b, "# %s\n", title)
				if r.Status != scsi.Good {
					fmt.Fprintf(&b, "%s\n\n", sense(r))
					return r
				}
				fmt.Fprintf(&b, "%s\n", hex.Dump(r.In))
				return r
			}
			show("INQUIRY", 0x12, 0, 0, 1, 4, 0)
			pages := show("VPD 00h", 0x12, 1, 0, 1, 4, 0).In
			for _, code := range pages[5:] {
				show(fmt.Sprintf("VPD %02Xh", code), 0x12, 1, code, 1, 4, 0)
			}
			show("MODE SENSE(6), all pages", 0x1A, 8, 0x3F, 0, 255, 0)
			show("READ ELEMENT STATUS", 0xB8, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0)
			r := show("READ ELEMENT STATUS, VOLTAG, DVCID", 0xB8, 0x10, 0, 0, 0xFF, 0xFF, 1, 0, 0xFF, 0xFF, 0, 0)
			checkReport(t, r.In, true)
			for _, d := range l.opt.DriveElements {
				if !bytes.Contains(r.In, []byte(d.Identity.Serial)) {
					t.Errorf("the serial number of drive %d is not in the report", d.ID)
				}
			}
			golden(t, filepath.Join("models", name+".golden"), b.Bytes())
		})
	}
}

// checkReport walks an element status report and fails when a length is wrong.
func checkReport(t *testing.T, b []byte, whole bool) (addresses []int) {
	t.Helper()
	if len(b) < 8 {
		t.Fatalf("a report of %d bytes", len(b))
	}
	first, count := int(b[0])<<8|int(b[1]), int(b[2])<<8|int(b[3])
	size := int(b[5])<<16 | int(b[6])<<8 | int(b[7])
	if whole && size != len(b)-8 {
		t.Fatalf("byte count %d, %d bytes follow", size, len(b)-8)
	}
	for rest := b[8:]; len(rest) > 0; {
		if len(rest) < 8 {
			t.Fatal("a page header is cut")
		}
		length, n := int(rest[2])<<8|int(rest[3]), int(rest[5])<<16|int(rest[6])<<8|int(rest[7])
		if length < 16 || n%length != 0 || 8+n > len(rest) {
			t.Fatalf("page of type %d: descriptors of %d bytes, %d bytes in all, %d left", rest[0], length, n, len(rest))
		}
		for at := 8; at < 8+n; at += length {
			addresses = append(addresses, int(rest[at])<<8|int(rest[at+1]))
		}
		rest = rest[8+n:]
	}
	if len(addresses) != count || count > 0 && addresses[0] != first {
		t.Fatalf("header: %d elements from %d; there are %d: %v", count, first, len(addresses), addresses)
	}
	if !slices.IsSorted(addresses) {
		t.Fatalf("addresses do not ascend: %v", addresses)
	}
	return addresses
}
