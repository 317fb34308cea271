//go:build e2e

package e2e

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// TestDriveWords types every word that mhVTL's operators know for a drive, and looks
// at reply, exit status, and what the drive then does.
func TestDriveWords(t *testing.T) {
	r := newRig(t, suite.Options{Config: small}, 11)
	drive := r.drives[0]
	sg := drive.Generic
	// want is what an SG_IO command must end with.
	want := func(outcome string, n int, cdb ...byte) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got, _ := linux.SCSI(t, sg, n, cdb...); got != outcome {
				t.Errorf("% X: %s, want %s", cdb, got, outcome)
			}
		}
	}
	all := func(l ...func(*testing.T)) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			for _, f := range l {
				f(t)
			}
		}
	}
	rewindImmediately := want("GOOD", 0, 0x01, 1, 0, 0, 0, 0)
	unitReady, notReady := want("GOOD", 0, 0, 0, 0, 0, 0, 0), want("2/04/07", 0, 0, 0, 0, 0, 0, 0)
	// progress: REQUEST SENSE says that the drive rewinds, and how far it is.
	progress := func(t *testing.T) {
		t.Helper()
		_, b := linux.SCSI(t, sg, 96, 0x03, 0, 0, 0, 96, 0)
		if len(b) < 18 || b[2]&0x0F != 0 || b[12] != 0 || b[13] != 0x1A || b[15] != 0x80 {
			t.Errorf("REQUEST SENSE while rewinding: % X", b)
		}
	}
	settle := func(t *testing.T) {
		t.Helper()
		linux.Eventually(t, "the drive to be ready", func() bool {
			got, _ := linux.SCSI(t, sg, 0, 0, 0, 0, 0, 0, 0)
			return got == "GOOD"
		})
	}
	attention := func(codes ...string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got := linux.Attentions(t, sg); strings.Join(got, " ") != strings.Join(codes, " ") {
				t.Errorf("unit attentions %v, want %v", got, codes)
			}
		}
	}
	written := func(t *testing.T) {
		t.Helper()
		linux.Run(t, "echo first >/run/first && dd if=/run/first of=%s bs=64 conv=sync status=none && mt -f %s rewind", drive.Tape, drive.Tape)
	}
	overwrite := "dd if=/run/first of=" + drive.Tape + " bs=64 conv=sync status=none"
	for _, c := range []struct {
		words  string
		status int
		reply  string // pattern of all that is printed
		then   func(*testing.T)
	}{
		{"load VTL001L9", 0, `^VTL001L9: slot 1 to drive 1`, settle},
		{"load NOBODY", 1, `^error: `, nil},
		{"status", 0, `VTL001L9.*\n`, written},
		{"verbose 2", 0, `^verbose 2$`, nil},
		{"verbose", 0, `^verbose \d$`, nil},
		{"verbose x", 2, `^error: `, nil},
		{"debug", 0, `^debug \d$`, nil},
		{"TapeAlert 80000", 0, `^TapeAlert: cleaning required$`, func(t *testing.T) {
			linux.Want(t, "sg_logs", linux.Run(t, "sg_logs -p 0x2e %s", sg), `(?i)clean(ing required| now): 1`)
			linux.Want(t, "sg_logs again", linux.Run(t, "sg_logs -p 0x2e %s", sg), `(?i)clean(ing required| now): 0`)
		}},
		{"TapeAlert 0", 0, `^OK$`, nil},
		{"TapeAlert monday", 2, `^error: `, nil},
		{"InquiryDataChange", 0, `^OK$`, attention("6/3F/03")},
		{"compression zlib", 0, `^compression zstd$`, nil},
		{"compression lzo", 0, `^compression lz4$`, nil},
		{"compression adaptive", 0, `^compression adaptive$`, nil},
		{"compression rar", 2, `^error: `, nil},
		{"Append Only Yes", 0, `^OK$`, all(attention("6/2A/01"), func(t *testing.T) { linux.Refused(t, "%s", overwrite) })},
		{"Append Only No", 0, `^OK$`, all(attention("6/2A/01"), func(t *testing.T) { linux.Run(t, "mt -f %s rewind && %s", drive.Tape, overwrite) })},
		{"Append Only maybe", 2, `^error: `, nil},
		{"delay rewind 2.5", 0, `^delay load 0, unload 0, rewind 2.5, position 0, thread 0$`, all(rewindImmediately, notReady, progress, settle)},
		{"delay rewind 0", 0, `rewind 0, `, all(rewindImmediately, unitReady)},
		{"delay position 0.25", 0, `position 0.25, `, nil},
		{"delay position 0", 0, `position 0, `, nil},
		{"delay load 0.5", 0, `^delay load 0.5, `, nil},
		{"delay thread 0.5", 0, `thread 0.5$`, all(want("GOOD", 0, 0x1B, 0, 0, 0, 0, 0), want("GOOD", 0, 0x1B, 1, 0, 0, 1, 0), want("2/04/01", 0, 0, 0, 0, 0, 0, 0), settle)},
		{"delay load 0", 0, `^delay load 0, `, nil},
		{"delay thread 0", 0, `thread 0$`, nil},
		{"delay rewind -1", 2, `^error: `, nil},
		{"delay rewind soon", 2, `^error: `, nil},
		{"delay spin 1", 2, `^error: `, nil},
		{"dump", 0, `VTL001L9 +loaded`, nil},
		{"unload VTL002L9", 1, `^error: .*VTL001L9`, unitReady},
		{"unload VTL001L9", 0, `^Unloaded OK: VTL001L9`, want("2/04/02", 0, 0, 0, 0, 0, 0, 0)},
		{"nonsense", 2, `^error: `, nil},
		{"exit", 0, `^OK$`, nil},
	} {
		t.Run(c.words, func(t *testing.T) {
			out, err := r.Try(append([]string{"11"}, strings.Fields(c.words)...)...)
			status := 0
			if e := (*exec.ExitError)(nil); errors.As(err, &e) {
				status = e.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if status != c.status || !regexp.MustCompile(c.reply).MatchString(strings.TrimSpace(out)) {
				t.Errorf("status %d, printed %q; want %d and %s", status, out, c.status, c.reply)
			}
			if c.then != nil {
				c.then(t)
			}
		})
	}
	linux.Eventually(t, "the drive to be back after exit", func() bool {
		out, err := r.Try("11", "status")
		return err == nil && strings.Contains(out, "VTL001L9")
	})
}

// TestEncryptionVendors has stenc drive the encryption of other vendors' drives.
func TestEncryptionVendors(t *testing.T) {
	r := newRig(t, suite.Options{Config: `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: VTL0000010
    slots: 4
    drives:
      - {id: 11, model: hp-ultrium-6-scsi, serial: VTL0000011}
      - {id: 12, model: ibm-03592e07, serial: VTL0000012}
      - {id: 13, model: stk-t10000c, serial: VTL0000013}
    media:
      - {barcodes: VTL001L6, size-mib: 100}
      - {barcodes: VTL002JC, size-mib: 100}
      - {barcodes: VTL003TC, size-mib: 100}
`}, 11, 12, 13)
	dir := t.TempDir()
	linux.Run(t, "echo secret >%s/secret", dir)
	for i, c := range []struct{ vendor, name string }{{"HP", "the key's name"}, {"IBM", ""}, {"STK", "the key's name"}} {
		t.Run(c.vendor, func(t *testing.T) {
			drive := r.load(t, i+1, i)
			linux.Run(t, "printf '%%s\\n%%s\\n' %s %q >%s/key", strings.Repeat("5a", 32), c.name, dir)
			linux.Run(t, "stenc -f %s -e on -a 1 -k %s/key", drive.Generic, dir)
			linux.Run(t, "tar -C %s -cf %s secret", dir, drive.Tape)
			linux.Run(t, "mt -f %s rewind", drive.Tape)
			linux.Want(t, "stenc", linux.Run(t, "stenc -f %s --detail", drive.Generic), c.vendor, `Drive Encryption: +on`, c.name)
			linux.Run(t, "mkdir -p %[1]s/out && tar -C %[1]s/out -xf %[2]s && cmp %[1]s/secret %[1]s/out/secret", dir, drive.Tape)
			linux.Run(t, "stenc -f %s -e off -a 1", drive.Generic)
			linux.Run(t, "mt -f %s rewind", drive.Tape)
			linux.Refused(t, "tar -C %s/out -xf %s", dir, drive.Tape)
		})
	}
}
