package ssc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi/personality"
)

// use is what a drive does with a medium, a line of testdata/media.table.
type use struct {
	access     personality.Access
	density    byte
	data, worm int // medium types; -1: refused
}

// readMediaTable reads testdata/media.table: by product and medium.
func readMediaTable(t *testing.T) map[string]map[string]use {
	b, err := os.ReadFile("testdata/media.table")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]map[string]use{}
	var group map[string]use
	for i, line := range strings.Split(string(b), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if line[0] != '\t' {
			group = map[string]use{}
			if f[0] == "Ultrium" { // the products of HP have a blank in them
				f = []string{line}
			}
			for _, product := range f {
				if table[product] != nil {
					t.Fatalf("line %d: %s is there twice", i+1, product)
				}
				table[product] = group
			}
			continue
		}
		hex := func(s string) int {
			if s == "-" {
				return -1
			}
			n, err := strconv.ParseUint(s, 16, 8)
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			return int(n)
		}
		group[f[0]] = use{personality.Access(f[1]), byte(hex(f[2])), hex(f[3]), hex(f[4])}
	}
	return table
}

// TestMediaTable holds every drive to testdata/media.table with every medium, data
// and WORM: what loads and what is refused, the density and medium type that it
// reports, what reading and writing say, and what REPORT DENSITY SUPPORT lists.
func TestMediaTable(t *testing.T) {
	table := readMediaTable(t)
	unused := map[string]bool{}
	for product := range table {
		unused[product] = true
	}
	shelf := &vfs.Memory{} // of all drives: what is refused stays as it is
	for _, name := range personality.DriveNames() {
		r := newRig(t, name, func(o *Options) { o.Codec, o.FS = libcart.Stored, shelf })
		product := r.drive.model.Inquiry.Product
		uses, ok := table[product]
		if !ok {
			t.Errorf("%s: product %q is not in the table", name, product)
			continue
		}
		delete(unused, product)
		for _, medium := range personality.MediumNames() {
			m, err := personality.LoadMedium(medium)
			if err != nil {
				t.Fatal(err)
			}
			if m.Clean {
				continue
			}
			u, listed := uses[medium]
			for _, kind := range []libcart.Kind{libcart.Data, libcart.WORM} {
				mediumType := u.data
				if kind == libcart.WORM {
					mediumType = u.worm
					if !m.WORM {
						if listed && u.worm >= 0 {
							t.Errorf("%s: there is no WORM %s", name, medium)
						}
						continue
					}
				}
				if why := tryMedium(r, m, kind, u, listed && mediumType >= 0, mediumType); why != "" {
					t.Errorf("%s, %s %s: %s", name, medium, kindName(kind), why)
				}
			}
		}
		compareDensities(r, name, uses)
	}
	for product := range unused {
		t.Errorf("no model has the product %q of the table", product)
	}
}

// tryMedium puts a cartridge with one block on it into the drive, and says what is not
// as it should be.
func tryMedium(r *rig, m *personality.Medium, kind libcart.Kind, u use, loads bool, mediumType int) string {
	block := pattern(1, 500)
	barcode := fmt.Sprintf("%s-%d", m.Name, kind)
	if loads {
		barcode += "-" + r.drive.model.Name
	}
	dir, err := recorded(r, m, barcode, kind, block)
	if err != nil {
		return err.Error()
	}
	err = r.drive.Insert(r.t.Context(), dir, barcode, "in"+barcode)
	r.nexus.TakeAttention()
	flags := r.drive.alerts.Active()
	r.drive.alerts.ClearMask(flags)
	if !loads {
		if !errors.Is(err, ErrIncompatible) {
			return fmt.Sprintf("loads, or is refused for another reason: %v", err)
		}
		if !strings.Contains(err.Error(), m.Title) && kind != libcart.WORM {
			return fmt.Sprintf("the refusal does not name it: %v", err)
		}
		if flags != 1<<(alertUnsupportedFormat-1) {
			return fmt.Sprintf("TapeAlert flags %016X", flags)
		}
		if x := r.do(unitOK); x.String() != "NOT READY, MEDIUM NOT PRESENT (2/3A/00)" {
			return "TEST UNIT READY: " + x.String()
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	defer func() {
		if err := r.drive.Remove(r.t.Context(), barcode, "out"+barcode); err != nil {
			r.t.Error(err)
		}
	}()
	readOnly := u.access == personality.ReadOnly
	if want := uint64(flag(readOnly, 1)) << (alertReadOnlyGeneration - 1); flags != want {
		return fmt.Sprintf("TapeAlert flags %016X at the load, want %016X", flags, want)
	}
	h := r.want(good, []byte{0x1A, 0, 0, 0, 12, 0})
	if h[1] != byte(mediumType) || h[2]&0x80 != flag(readOnly, 0x80) || h[4] != u.density {
		return fmt.Sprintf("mode header and descriptor % X: want medium type %02X, density %02X, %s", h, mediumType, u.density, u.access)
	}
	if x := r.do(read6v(500)); x.String() != good || !bytes.Equal(x.data, block) {
		return fmt.Sprintf("READ: %s, %d bytes", x, len(x.data))
	}
	write := good
	if readOnly {
		write = "DATA PROTECT, CANNOT WRITE MEDIUM - INCOMPATIBLE FORMAT (7/30/05)"
	}
	r.want("NO SENSE, FILEMARK DETECTED (0/00/01) FILEMARK information 500", read6v(500)) // where WORM media may be written
	for _, cdb := range [][]byte{write6v(4), filemarks(1)} {
		var out []byte
		if cdb[0] == 0x0A {
			out = []byte("more")
		}
		if x := r.do(cdb, out...); x.String() != write {
			return fmt.Sprintf("%02Xh: %s, want %s", cdb[0], x, write)
		}
	}
	if readOnly != (r.drive.alerts.Active()&(1<<(alertWriteProtect-1)) != 0) {
		return fmt.Sprintf("TapeAlert flags %016X after the write", r.drive.alerts.Active())
	}
	if readOnly || kind == libcart.Data {
		return ""
	}
	r.want(good, rewind)
	r.want(good, read6v(500))
	if x := r.do(write6v(4), []byte("over")...); x.String() != "DATA PROTECT, WORM MEDIUM - OVERWRITE ATTEMPTED (7/30/0C)" {
		return "WRITE over what is there: " + x.String()
	}
	return ""
}

// recorded is the directory of a cartridge with one block and a filemark on it, made
// when it is not there.
func recorded(r *rig, m *personality.Medium, barcode string, kind libcart.Kind, block []byte) (string, error) {
	dir := filepath.Join(r.dir, barcode)
	if _, err := r.fs.Stat(dir); err == nil {
		return dir, nil
	}
	r.cartridgeOf(m, barcode, func(s *libcart.Spec) { s.Kind, s.Capacity = kind, 64<<20 })
	c, err := libcart.Open(dir, libcart.Options{FS: r.fs, MinFree: -1})
	if err != nil {
		return "", err
	}
	if _, err = c.Append(block); err == nil {
		_, err = c.WriteFilemarks(1)
	}
	return dir, errors.Join(err, c.Close())
}

// compareDensities compares what REPORT DENSITY SUPPORT lists with the table.
func compareDensities(r *rig, name string, uses map[string]use) {
	want := map[byte]bool{}
	for _, u := range uses {
		want[u.density] = want[u.density] || u.access == personality.ReadWrite
	}
	got := map[byte]bool{}
	var codes []byte
	b := r.want(good, []byte{0x44, 0, 0, 0, 0, 0, 0, 0x20, 0, 0})
	for b = b[4:]; len(b) >= 52; b = b[52:] {
		got[b[0]] = got[b[0]] || b[2]&0x80 != 0
		codes = append(codes, b[0])
	}
	if !slices.IsSortedFunc(codes, cmp.Compare[byte]) || fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("%s: REPORT DENSITY SUPPORT lists % X, writable %v, want %v", name, codes, got, want)
	}
}
