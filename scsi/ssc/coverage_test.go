package ssc

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"govtl/scsi"
	"govtl/scsi/scsitest"
)

// neverRefused are the commands that nothing but their reserved bits, which
// TestReservedBits tries, can have refused.
var neverRefused = []string{"RELEASE(6)", "RELEASE(10)", "RECEIVE DIAGNOSTIC RESULTS"}

// TestEveryCommandHasATranscript: each row of the command table is carried out in
// a transcript, with GOOD and with a refusal.
func TestEveryCommandHasATranscript(t *testing.T) {
	shown, err := scsitest.ReadOutcomes("testdata", "testdata/*", "../spc/testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range commands {
		for _, c := range rows {
			if !shown.Good[c.Name] {
				t.Errorf("no transcript in which %s is GOOD", c.Name)
			}
			if !shown.Refused[c.Name] && !slices.Contains(neverRefused, c.Name) {
				t.Errorf("no transcript in which %s is refused", c.Name)
			}
		}
	}
}

// allocation is a CDB that asks for data, and the field with how many are wanted.
type allocation struct {
	cdb       []byte
	at, width int
}

// put is the CDB with a length.
func (a allocation) put(n uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	c := bytes.Clone(a.cdb)
	copy(c[a.at:a.at+a.width], b[8-a.width:])
	return c
}

// allocations are these of each command that answers with data.
var allocations = map[string]allocation{
	"REQUEST SENSE":                                        {[]byte{0x03, 0, 0, 0, 0, 0}, 4, 1},
	"INQUIRY":                                              {[]byte{0x12, 0, 0, 0, 0, 0}, 3, 2},
	"MODE SENSE(6)":                                        {[]byte{0x1A, 0, 0x10, 0, 0, 0}, 4, 1},
	"MODE SENSE(10)":                                       {[]byte{0x5A, 0, 0x3F, 0xFF, 0, 0, 0, 0, 0, 0}, 7, 2},
	"RECEIVE DIAGNOSTIC RESULTS":                           {[]byte{0x1C, 1, 0, 0, 0, 0}, 3, 2},
	"READ POSITION":                                        {[]byte{0x34, 8, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"READ BUFFER":                                          {[]byte{0x3C, 2, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 3},
	"REPORT DENSITY SUPPORT":                               {[]byte{0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"LOG SENSE":                                            {[]byte{0x4D, 0, 0x57, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, READ KEYS":                     {[]byte{0x5E, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, READ RESERVATION":              {[]byte{0x5E, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, REPORT CAPABILITIES":           {[]byte{0x5E, 2, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"PERSISTENT RESERVE IN, READ FULL STATUS":              {[]byte{0x5E, 3, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2},
	"READ ATTRIBUTE":                                       {[]byte{0x8C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 10, 4},
	"REPORT LUNS":                                          {[]byte{0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"SECURITY PROTOCOL IN":                                 {[]byte{0xA2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT IDENTIFYING INFORMATION":                       {[]byte{0xA3, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT TARGET PORT GROUPS":                            {[]byte{0xA3, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT SUPPORTED OPERATION CODES":                     {[]byte{0xA3, 0x0C, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS":           {[]byte{0xA3, 0x0D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"REPORT TIMESTAMP":                                     {[]byte{0xA3, 0x0F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"READ MEDIA SERIAL NUMBER":                             {[]byte{0xAB, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	"READ DYNAMIC RUNTIME ATTRIBUTE":                       {[]byte{0xA3, 0x1E, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0}, 6, 4},
	"READ DYNAMIC RUNTIME ATTRIBUTE, legacy":               {[]byte{0xD1, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0}, 6, 4},
	"READ END OF WRAP POSITION, READ LOGGED-IN HOST TABLE": {[]byte{0xA3, 0x1F, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
	receiveOrder:                                           {[]byte{0xA3, 0x1D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 4},
}

// withoutAllocation are the commands whose data have a length of their own, or that
// of the transfer; least are those that want so much at least.
var (
	withoutAllocation = []string{"READ(6)", "READ(16)", "READ REVERSE(6)", "READ REVERSE(16)", "RECOVER BUFFERED DATA", "READ BLOCK LIMITS"}
	leastAllocation   = map[string]uint64{"REPORT LUNS": 16, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS": 4}
)

// TestAllocationLengths: each command that answers with data sends no more than it
// was asked for (nothing, one byte, some, all but one, all, more), the same data
// each time, and truncation is no error.
func TestAllocationLengths(t *testing.T) {
	for _, model := range []string{"generic", "ibm-ult3580-td9", "hp-ultrium-6-scsi"} {
		r := newRig(t, model, fixedClock)
		m, _ := r.drive.model.Medium(r.drive.model.Native)
		r.load(r.cartridgeOf(m, "VTL001L9"), "VTL001L9")
		for _, c := range r.drive.server.Table().Commands() {
			if c.Data != scsi.DataIn || slices.Contains(withoutAllocation, c.Name) {
				continue
			}
			a, ok := allocations[c.Name]
			if !ok {
				t.Errorf("%s: how to ask it for data is not in the test's table", c.Name)
				continue
			}
			most := uint64(1)<<(8*min(a.width, 3)) - 1
			all := r.want(good, a.put(most))
			if len(all) == 0 {
				t.Errorf("%s: %s answers with nothing", model, c.Name)
			}
			n := uint64(len(all))
			for _, want := range []uint64{0, 1, 3, n / 2, n - 1, n, n + 1} {
				if want > most {
					continue
				}
				if least := leastAllocation[c.Name]; want < least {
					if x := r.do(a.put(want)); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInCDB {
						t.Errorf("%s: %s with %d bytes: %s", model, c.Name, want, x)
					}
					continue
				}
				if got := r.want(good, a.put(want)); !bytes.Equal(got, all[:min(want, n)]) {
					t.Errorf("%s: %s with %d bytes sends %d other ones", model, c.Name, want, len(got))
				}
			}
		}
	}
}
