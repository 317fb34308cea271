//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// TestBackup is what the suite is for: a library found over iSCSI, two real
// trees on a tape, compared, kept over a restart of everything, compared again.
// It runs on the configuration that `vtlcmd up` writes by itself.
func TestBackup(t *testing.T) {
	ids := []int{11, 12, 13, 14}
	r := newRig(t, suite.Options{}, ids...)

	t.Run("discovery", func(t *testing.T) {
		want := []string{driveName(11), driveName(12), driveName(13), driveName(14), libraryName}
		if got := linux.Discover(t, r.Addr); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		announced := r.Output()
		for _, name := range want {
			if !strings.Contains(announced, name) {
				t.Errorf("vtlcmd up did not announce %s", name)
			}
		}
	})

	t.Run("devices", func(t *testing.T) {
		list := linux.Run(t, "lsscsi -g")
		linux.Want(t, "lsscsi", list, `mediumx +IBM +03584L\S+ +\S+ +/dev/sch0 +`+r.changer.Generic+`\s*$`)
		if n := strings.Count(list, "mediumx"); n != 1 {
			t.Errorf("%d changers:\n%s", n, list)
		}
		for _, d := range r.drives {
			st := strings.Replace(d.Tape, "nst", "st", 1)
			linux.Want(t, "lsscsi", list, `tape +IBM +(ULT3580-TD9|ULTRIUM-TD9|ULTRIUM-HH9) +\S+ +`+st+` +`+d.Generic+`\s*$`)
		}
	})

	t.Run("inventory", func(t *testing.T) {
		status := linux.Run(t, "mtx -f %s status", r.changer.Generic)
		linux.Want(t, "mtx status", status, `Storage Changer \S+:4 Drives, 44 Slots \( 4 Import/Export \)`,
			`Data Transfer Element 0:Empty`, `Data Transfer Element 3:Empty`,
			`Storage Element 1:Full :VolumeTag=VTL001L9 *$`, `Storage Element 20:Full :VolumeTag=VTL020L9 *$`,
			`Storage Element 40:Empty`, `Storage Element 44 IMPORT/EXPORT:Empty`)
		if n := strings.Count(status, ":Full"); n != 21 {
			t.Errorf("%d cartridges, want 20 and one for cleaning:\n%s", n, status)
		}
	})

	drive := r.load(t, 1, 0)
	t.Run("load", func(t *testing.T) {
		linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", r.changer.Generic),
			`Data Transfer Element 0:Full \(Storage Element 1 Loaded\):VolumeTag = VTL001L9`, `Storage Element 1:Empty`)
		linux.Want(t, "mt status", linux.Run(t, "mt -f %s status", drive.Tape), `BOT ONLINE`, `File number=0, block number=0`)
	})

	first, second := trees(t)
	t.Run("write", func(t *testing.T) {
		linux.Run(t, "mt -f %s setblk 0", drive.Tape)
		linux.Run(t, "tar -c -b 512 -f %s -C / %s", drive.Tape, first)
		linux.Want(t, "mt status", linux.Run(t, "mt -f %s status", drive.Tape), `File number=1, block number=0`)
		linux.Run(t, "tar -c -b 512 -f %s -C / %s", drive.Tape, second)
	})
	t.Run("compare", func(t *testing.T) { compare(t, drive) })

	t.Run("restart", func(t *testing.T) {
		linux.Run(t, "mtx -f %s unload 1 0", r.changer.Generic)
		linux.LogoutAll(t)
		r.Stop(t)
		r.Start(t)
		r.login(t)
		drive := r.load(t, 1, 0)
		compare(t, drive)
		linux.Run(t, "mt -f %s offline", drive.Tape)
		linux.Run(t, "mtx -f %s unload 1 0", r.changer.Generic)
	})
}

// compare compares both files of the tape with what they were made from.
func compare(t *testing.T, drive linux.Device) {
	t.Helper()
	linux.Run(t, "mt -f %s rewind", drive.Tape)
	linux.Run(t, "tar -d -b 512 -f %s -C /", drive.Tape)
	linux.Run(t, "mt -f %s asf 1", drive.Tape)
	linux.Run(t, "tar -d -b 512 -f %s -C /", drive.Tape)
}

// secondTree bounds what trees puts on the second file, in bytes: the host's
// programs may be any amount.
const secondTree = 400 << 20

// trees returns two arguments for tar, with paths relative to the root, of files
// that nobody changes while the test runs: many small ones, and some large ones.
func trees(t *testing.T) (first, second string) {
	t.Helper()
	root := strings.TrimPrefix(runtime.GOROOT(), "/")
	if root == "" {
		root = strings.TrimPrefix(strings.TrimSpace(linux.Run(t, "go env GOROOT")), "/")
	}
	var list []string
	total := int64(0)
	for _, dir := range []string{filepath.Join(root, "pkg"), filepath.Join(root, "bin"), "usr/lib/uml", "usr/bin"} {
		err := fs.WalkDir(os.DirFS("/"), dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // a directory that is not there, or a link
			}
			info, err := d.Info()
			if err == nil && total+info.Size() <= secondTree {
				total += info.Size()
				list = append(list, name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if total < secondTree/4 {
		t.Fatalf("only %d bytes to write", total)
	}
	names := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(names, []byte(strings.Join(list, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Logf("second file: %d files of %d bytes", len(list), total)
	return filepath.Join(root, "src", "cmd"), "-T " + names
}

// TestPositions moves a tape of three files about with mt and by ioctl, and looks
// where it lands: by READ POSITION and by what the next block holds (SSC-4 4.2.5;
// filemarks are logical objects and count).
func TestPositions(t *testing.T) {
	r := newRig(t, suite.Options{Config: small}, 11)
	d := r.load(t, 1, 0)
	linux.Run(t, "mt -f %s setblk 0", d.Tape)
	tape, err := linux.OpenTape(d.Tape, true)
	if err != nil {
		t.Fatal(err)
	}
	// Objects 0..9 blocks, 10 filemark, 11..15 blocks, 16 filemark, 17..19 blocks, 20 filemark.
	object := 0
	for _, blocks := range []int{10, 5, 3} {
		for range blocks {
			if _, err := tape.Write(block(object)); err != nil {
				t.Fatal(err)
			}
			object++
		}
		if err := tape.WriteFilemarks(1); err != nil {
			t.Fatal(err)
		}
		object++
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		steps string
		want  int // logical object number
		fails bool
	}{
		{"rewind", 0, false},
		{"rewind, fsf 1", 11, false},
		{"rewind, fsf 1, fsr 2", 13, false},
		{"rewind, fsf 1, fsr 2, bsr 1", 12, false},
		{"rewind, fsf 1, fsr 2, bsf 1", 10, false},
		{"rewind, fsf 1, fsr 2, bsf 1, fsf 1", 11, false},
		{"rewind, fsf 2, bsfm 1", 17, false},
		{"rewind, fsf 3", 21, false},
		{"rewind, fsf 4", 21, true},
		{"rewind, eod", 21, false},
		{"eod, bsf 2", 16, false},
		{"eod, bsf 4", 0, true},
		{"asf 2", 17, false},
		{"seek 18", 18, false},
		{"seek 18, fsr 2", 20, false},
		{"seek 18, fsr 3", 21, true}, // stops behind the filemark
		{"seek 12, bsr 3", 10, true}, // stops before the filemark
		{"seek 0, bsr 1", 0, true},   // beginning of the tape
		{"seek 500", 21, true},       // end of data
		{"rewind, fsr 10, fsf 0", 10, false},
	} {
		var failed error
		steps := strings.Split(c.steps, ", ")
		for i, step := range steps {
			out, err := linux.Try("mt -f %s %s", d.Tape, step)
			if err != nil && (i < len(steps)-1 || !c.fails) {
				t.Errorf("%s: %s: %v %s", c.steps, step, err, out)
			}
			failed = err
		}
		if c.fails && failed == nil {
			t.Errorf("%s: no error", c.steps)
		}
		linux.Want(t, c.steps, linux.Run(t, "mt -f %s tell", d.Tape), fmt.Sprintf(`^At block %d\.$`, c.want))
	}
	for _, at := range []int{0, 9, 11, 15, 17, 19} {
		linux.Run(t, "mt -f %s seek %d", d.Tape, at)
		got := linux.Run(t, "dd if=%s bs=64k count=1 status=none", d.Tape)
		if got != string(block(at)) {
			t.Errorf("at object %d: read %d bytes beginning %q", at, len(got), got[:min(20, len(got))])
		}
	}
	linux.Run(t, "mt -f %s asf 2", d.Tape)
	linux.Want(t, "mt status", linux.Run(t, "mt -f %s status", d.Tape), `File number=2, block number=0`, `EOF ONLINE`)
	linux.Run(t, "mt -f %s eod", d.Tape)
	linux.Want(t, "mt status", linux.Run(t, "mt -f %s status", d.Tape), `File number=3, block number=-1`, `EOD ONLINE`)
}

// block is the content of a logical object: of a length of its own, unlike every other.
func block(object int) []byte {
	line := fmt.Sprintf("object %04d ", object)
	return []byte(strings.Repeat(line, 100+37*object))
}
