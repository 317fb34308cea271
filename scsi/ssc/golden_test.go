package ssc

import (
	"encoding/binary"
	goflag "flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// TestModelGoldens compares INQUIRY, VPD, mode and log pages and the density
// support of each model, with its native medium loaded, to its golden file. With
// -rewrite it writes them; the difference is the review.
func TestModelGoldens(t *testing.T) {
	rewrite := goflag.Lookup("rewrite").Value.String() == "true"
	for _, name := range personality.DriveNames() {
		t.Run(name, func(t *testing.T) {
			got := describeModel(t, name)
			file := filepath.Join("testdata", "models", name+".golden")
			if rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs (rewrite with -rewrite):\n%s", file, firstDifference(string(want), got))
			}
		})
	}
}

// firstDifference is the first line that differs.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n-%s\n+%s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// hexLine is bytes in hex, a run of equal ones shortened.
func hexLine(b []byte) string {
	var s strings.Builder
	for i := 0; i < len(b); {
		n := 1
		for i+n < len(b) && b[i+n] == b[i] {
			n++
		}
		if n > 5 {
			fmt.Fprintf(&s, " %02X*%d", b[i], n)
		} else {
			s.WriteString(strings.Repeat(fmt.Sprintf(" %02X", b[i]), n))
		}
		i += n
	}
	return s.String()
}

// printable is the text within bytes.
func printable(b []byte) string {
	return strings.Join(strings.FieldsFunc(string(b), func(r rune) bool { return r <= ' ' || r > '~' }), " ")
}

// describeModel is all that a model says of itself.
func describeModel(t *testing.T, name string) string {
	r := newRig(t, name, func(o *Options) {
		o.NAA = 0x500507600F0F0F01
		o.Now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	})
	d := r.drive
	m, _ := d.model.Medium(d.model.Native)
	suffix := "L9"
	r.load(r.cartridgeOf(m, "VTL001"+suffix), "VTL001"+suffix)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n# %s\n\n", name, d.model.Title, d.model.Source)

	q := r.want(good, []byte{0x12, 0, 0, 1, 0, 0})
	fmt.Fprintf(&b, "INQUIRY:%s\n", hexLine(q))
	fmt.Fprintf(&b, "  %s\n", printable(q))
	l := r.want(good, []byte{0x05, 0, 0, 0, 0, 0})
	fmt.Fprintf(&b, "READ BLOCK LIMITS:%s\n", hexLine(l))
	l = r.want(good, []byte{0x44, 0, 0, 0, 0, 0, 0, 4, 0, 0})
	for at := 4; at+52 <= len(l); at += 52 {
		e := l[at : at+52]
		fmt.Fprintf(&b, "density %02Xh:%s\n  WRTOK %d DEFLT %d, %d bits/mm, %d tracks, %d MB, %s\n", e[0], hexLine(e), e[2]>>7, e[2]>>5&1,
			be24(e[5:]), binary.BigEndian.Uint16(e[10:]), binary.BigEndian.Uint32(e[12:]), printable(e[16:]))
	}

	b.WriteString("\n")
	pages := r.want(good, []byte{0x12, 1, 0, 1, 0, 0})
	for _, code := range pages[4:] {
		p := r.want(good, []byte{0x12, 1, code, 1, 0, 0})
		fmt.Fprintf(&b, "VPD %02Xh:%s\n", code, hexLine(p))
		if s := printable(p[4:]); len(s) > 3 {
			fmt.Fprintf(&b, "  %s\n", s)
		}
	}

	b.WriteString("\n")
	h := r.want(good, []byte{0x5A, 0, 0, 0, 0, 0, 0, 4, 0, 0})
	fmt.Fprintf(&b, "mode header:%s\n", hexLine(h))
	for _, p := range d.Modes().Pages() {
		cdb := []byte{0x5A, 8, p.Code, p.Subpage, 0, 0, 0, 4, 0, 0}
		now := page.Image(r.want(good, cdb)[8:])
		cdb[2] |= 0x40
		mask := page.Image(r.want(good, cdb)[8:])
		fmt.Fprintf(&b, "mode %s:%s\n  changeable%s\n ", p.Title(), hexLine(now), hexLine(mask[len(mask)-p.Length:]))
		for i := range p.Fields {
			if f := &p.Fields[i]; f.IsNumber() && now.Get(f) != 0 {
				fmt.Fprintf(&b, " %s=%X", f.Name, now.Get(f))
			}
		}
		b.WriteString("\n")
	}

	b.WriteString("\n")
	for _, p := range d.Logs().Pages() {
		x := r.want(good, []byte{0x4D, 0, 0x40 | p.Code, p.Subpage, 0, 0, 0, 0x10, 0, 0})
		fmt.Fprintf(&b, "log %s:%s\n", p.Title(), hexLine(x))
	}

	b.WriteString("\ncommands:\n")
	for _, c := range d.server.Table().Commands() {
		fmt.Fprintf(&b, "  %02X", c.Opcode)
		if c.HasServiceAction {
			fmt.Fprintf(&b, "/%02X", c.ServiceAction)
		}
		fmt.Fprintf(&b, " %s\n", c.Name)
	}
	return b.String()
}
