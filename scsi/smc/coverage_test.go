package smc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
)

// neverRefused are the commands that nothing but their reserved bits, which
// TestReservedBits tries, can have refused on a changer.
var neverRefused = []string{"RELEASE(6)", "RELEASE(10)", "REPORT TIMESTAMP"}

// TestEveryCommandHasATranscript: each row of the command table is carried out in
// a transcript, with GOOD and with a refusal; one that is known and not done, with
// that.
func TestEveryCommandHasATranscript(t *testing.T) {
	shown, err := scsitest.ReadOutcomes("testdata", "../spc/testdata")
	if err != nil {
		t.Fatal(err)
	}
	for op, rows := range commands {
		for _, c := range rows {
			if c.Missing != "" { // transcripts do not name it
				unknown := fmt.Sprintf(`(?m)^cdb %02X .*\n\tCHECK CONDITION: .*\(5/20/00\)`, op)
				if !regexp.MustCompile(unknown).MatchString(shown.Text) {
					t.Errorf("no transcript in which %s is refused", c.Name)
				}
				continue
			}
			if !shown.Good[c.Name] {
				t.Errorf("no transcript in which %s is GOOD", c.Name)
			}
			if !shown.Refused[c.Name] && !slices.Contains(neverRefused, c.Name) {
				t.Errorf("no transcript in which %s is refused", c.Name)
			}
		}
	}
}

// asking are CDBs that ask for data, and the field with how many are wanted.
var asking = map[string]struct {
	cdb       []byte
	at, width int
}{
	"REQUEST SENSE":                    {[]byte{0x03, 0, 0, 0, 0, 0}, 4, 1},
	"INQUIRY":                          {[]byte{0x12, 0, 0, 0, 0, 0}, 3, 2},
	"MODE SENSE(6)":                    {[]byte{0x1A, 8, 0x3F, 0, 0, 0}, 4, 1},
	"MODE SENSE(10)":                   {[]byte{0x5A, 0, 0x3F, 0xFF, 0, 0, 0, 0, 0, 0}, 7, 2},
	"RECEIVE DIAGNOSTIC RESULTS":       {[]byte{0x1C, 1, 0, 0, 0, 0}, 3, 2},
	"READ BUFFER":                      {[]byte{0x3C, 3, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 3},
	"LOG SENSE":                        {[]byte{0x4D, 0, 0x6E, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, READ KEYS": {[]byte{0x5E, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, READ RESERVATION":    {[]byte{0x5E, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, REPORT CAPABILITIES": {[]byte{0x5E, 2, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, READ FULL STATUS":    {[]byte{0x5E, 3, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"REPORT ELEMENT INFORMATION":                 {[]byte{0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 10, 4},
	"REPORT LUNS":                                {[]byte{0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT IDENTIFYING INFORMATION":             {[]byte{0xA3, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT TARGET PORT GROUPS":                  {[]byte{0xA3, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT SUPPORTED OPERATION CODES":           {[]byte{0xA3, 0x0C, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS": {[]byte{0xA3, 0x0D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REQUEST VOLUME ELEMENT ADDRESS":             {[]byte{0xB5, 0x10, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0}, 7, 3},
	"READ ELEMENT STATUS":                        {[]byte{0xB8, 0x10, 0, 0, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0}, 7, 3},
}

// leastAllocation are the commands that want so many bytes at least.
var leastAllocation = map[string]int{"REPORT LUNS": 16, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS": 4}

// everNew is a command whose data are different each time.
const everNew = "REPORT TIMESTAMP"

// TestAllocationLengths: each command that answers with data sends no more than it
// was asked for (nothing, one byte, some, all but one, all, more), the same data
// each time, and truncation is no error. Models that send whole element
// descriptors only may send less.
func TestAllocationLengths(t *testing.T) {
	for _, model := range []string{"ibm-03584", "hp-msl", "stk-l700"} {
		l := newLibrary(t, model)
		l.attentions("a")
		for _, c := range l.c.Server().Table().Commands() {
			if c.Data != scsi.DataIn || c.Name == everNew {
				continue
			}
			a, ok := asking[c.Name]
			if !ok {
				if c.Missing == "" {
					t.Errorf("%s: how to ask it for data is not in the test's table", c.Name)
				}
				continue
			}
			ask := func(n int) (string, []byte) {
				var b [8]byte
				binary.BigEndian.PutUint64(b[:], uint64(n))
				cdb := bytes.Clone(a.cdb)
				copy(cdb[a.at:a.at+a.width], b[8-a.width:])
				if c.Name == "REQUEST VOLUME ELEMENT ADDRESS" { // it asks for what this one has found
					send := []byte{0xB6, 0, 0, 0, 0, 5, 0, 0, 0, 40, 0, 0}
					if got := sense(l.do("a", send, tagTemplate("VTL*")...)); got != "GOOD" {
						t.Fatalf("%s: SEND VOLUME TAG: %s", model, got)
					}
				}
				r := l.do("a", cdb)
				return sense(r), r.In
			}
			most := 1<<(8*min(a.width, 3)) - 1
			got, all := ask(most)
			if got != "GOOD" || len(all) == 0 {
				t.Errorf("%s: %s: %s with %d bytes", model, c.Name, got, len(all))
				continue
			}
			whole := c.Name == "READ ELEMENT STATUS" && l.opt.Personality.Has(personality.WholeDescriptors)
			for _, n := range []int{0, 1, 3, len(all) / 2, len(all) - 1, len(all), len(all) + 1} {
				if n > most {
					continue
				}
				got, in := ask(n)
				if n < leastAllocation[c.Name] {
					if got != "5/24/00" {
						t.Errorf("%s: %s with %d bytes: %s", model, c.Name, n, got)
					}
					continue
				}
				if got != "GOOD" || len(in) > n || !bytes.HasPrefix(all, in) || !whole && len(in) != min(n, len(all)) {
					t.Errorf("%s: %s with %d bytes: %s, %d of %d sent", model, c.Name, n, got, len(in), len(all))
				}
			}
		}
	}
}

// tagTemplate is the parameter list of SEND VOLUME TAG that looks for a tag.
func tagTemplate(tag string) []byte {
	b := make([]byte, 40)
	copy(b, tag+strings.Repeat(" ", 32-len(tag)))
	return b
}

// TestReservedBits: a model that looks at reserved bits refuses each of every
// command and points to it; one that does not carries the command out.
func TestReservedBits(t *testing.T) {
	l := prepareLibrary(t, "ibm-03584", func(o *Options) {
		m := *o.Personality
		m.Capabilities = maps.Clone(m.Capabilities)
		if m.Capabilities == nil {
			m.Capabilities = map[personality.LibraryCapability]bool{}
		}
		m.Capabilities[personality.LibraryValidateReserved] = true
		o.Personality = &m
	})
	l.start()
	var vols []Volume
	for _, b := range testBarcodes {
		vols = append(vols, testVolume(b))
	}
	if _, err := l.c.AddVolumes(vols, 1); err != nil {
		t.Fatal(err)
	}
	l.attentions("a")
	tried := 0
	for op, rows := range commands {
		for _, c := range rows {
			if c.Missing != "" {
				continue
			}
			for i, usage := range c.Usage[:len(c.Usage)-1] { // not CONTROL
				for bit := range 8 {
					if usage>>bit&1 != 0 || c.HasServiceAction && i == 0 && bit < 5 {
						continue
					}
					cdb := make([]byte, 1+len(c.Usage))
					cdb[0] = byte(op)
					if c.HasServiceAction {
						cdb[1] = c.ServiceAction
					}
					cdb[1+i] |= 1 << bit
					r := l.do("a", cdb)
					tried++
					if got := sense(r); got != "5/24/00" {
						t.Errorf("%s, bit %d of byte %d: %s", c.Name, bit, 1+i, got)
						continue
					}
					if at := int(r.Sense[16])<<8 | int(r.Sense[17]); len(r.Sense) < 18 || at != 1+i || int(r.Sense[15]&7) != bit {
						t.Errorf("%s, bit %d of byte %d: it points to bit %d of byte %d", c.Name, bit, 1+i, r.Sense[15]&7, at)
					}
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d bits were tried", tried)
	}
	for b, e := range l.where() {
		if !strings.HasPrefix(e, "slot") {
			t.Errorf("%s was moved to %s by commands that were refused", b, e)
		}
	}
}
