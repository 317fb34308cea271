package moves

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/scsi/smc"
)

// rounds is how many moves TestMoves makes; VTL_MOVES changes it, VTL_SEED what
// they are.
func rounds(t *testing.T) int {
	s := os.Getenv("VTL_MOVES")
	if s == "" {
		return 300
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("VTL_MOVES: %q is no number of moves", s)
	}
	return n
}

// command sends a CDB, taking unit attention conditions first.
func (r *rig) command(u scsitest.Unit, cdb []byte, out ...byte) scsitest.Result {
	r.t.Helper()
	for {
		res, err := u.Execute("a", scsitest.Command{CDB: cdb, Out: out, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil {
			r.t.Fatal(err)
		}
		if res.Status == scsi.CheckCondition && scsi.SenseKey(res.Sense[2]&0xF) == scsi.UnitAttention {
			continue
		}
		return res
	}
}

func sense(r scsitest.Result) string {
	if r.Status != scsi.CheckCondition {
		return r.Status.String()
	}
	return fmt.Sprintf("%X/%02X/%02X", r.Sense[2]&0xF, r.Sense[12], r.Sense[13])
}

// move sends MOVE MEDIUM.
func (r *rig) move(from, to smc.Element) string {
	cdb := make([]byte, 12)
	cdb[0] = 0xA5
	binary.BigEndian.PutUint16(cdb[4:], uint16(r.changer.Address(from)))
	binary.BigEndian.PutUint16(cdb[6:], uint16(r.changer.Address(to)))
	return sense(r.command(r.scsi, cdb))
}

// where is the element of each barcode; the test fails when one is lost, in two
// places, or elsewhere than the drives say.
func (r *rig) where() map[string]smc.Element {
	r.t.Helper()
	at := map[string]smc.Element{}
	for _, e := range r.changer.Inventory() {
		if e.Volume == nil {
			continue
		}
		if other, ok := at[e.Volume.Barcode]; ok {
			r.t.Fatalf("%s is in %s and in %s", e.Volume.Barcode, other, e.Element)
		}
		at[e.Volume.Barcode] = e.Element
	}
	for _, b := range r.barcodes {
		if _, ok := at[b]; !ok {
			r.t.Fatalf("%s is lost", b)
		}
	}
	for i, id := range driveIDs {
		e := smc.Element{Type: smc.DataTransfer, Number: i + 1}
		held := r.drives[id].unit.State().Barcode
		if held != "" && at[held] != e {
			r.t.Fatalf("drive %d holds %s, the inventory has it in %s", id, held, at[held])
		}
		for b, in := range at {
			if in == e && held != b {
				r.t.Fatalf("the inventory has %s in %s, the drive holds %q", b, e, held)
			}
		}
	}
	return at
}

func record(barcode string, n int) []byte { return fmt.Appendf(nil, "%s record %08d", barcode, n) }

// verify reads a loaded tape from its beginning. Records stand in the order in
// which they were written; each that was acknowledged by its filemark is there,
// and none that was never written. The tape stands at its end afterwards.
func (r *rig) verify(d *drive, barcode string) {
	r.t.Helper()
	if got := sense(r.command(d.scsi, []byte{0x01, 0, 0, 0, 0, 0})); got != "GOOD" {
		r.t.Fatalf("REWIND of %s: %s", barcode, got)
	}
	left := r.acknowledged[barcode]
	next := 0
	for {
		res := r.command(d.scsi, []byte{0x08, 0x02, 0, 1, 0, 0})
		switch got := sense(res); got {
		case "8/00/05": // end of data
			if len(left) > 0 {
				r.t.Fatalf("%s ends without records %v, which were acknowledged", barcode, left)
			}
			return
		case "0/00/01": // filemark
			continue
		case "GOOD":
		default:
			r.t.Fatalf("READ of %s behind record %d: %s", barcode, next-1, got)
		}
		for next < r.begun[barcode] && string(res.In) != string(record(barcode, next)) {
			next++
		}
		if next == r.begun[barcode] {
			r.t.Fatalf("%s: %q is no record, or not in its place", barcode, res.In)
		}
		if len(left) > 0 && left[0] < next {
			r.t.Fatalf("%s: record %d, which was acknowledged, is not there", barcode, left[0])
		}
		if len(left) > 0 && left[0] == next {
			left = left[1:]
		}
		next++
	}
}

// write appends a record and a filemark to a tape that stands at its end.
func (r *rig) write(d *drive, barcode string) {
	r.t.Helper()
	n := r.begun[barcode]
	b := record(barcode, n)
	r.begun[barcode]++
	for _, c := range []struct {
		cdb []byte
		out []byte
	}{{[]byte{0x0A, 0, 0, 0, byte(len(b)), 0}, b}, {[]byte{0x10, 0, 0, 0, 1, 0}, nil}} {
		if got := sense(r.command(d.scsi, c.cdb, c.out...)); got != "GOOD" {
			if !d.life.dead.Load() {
				r.t.Fatalf("command %02Xh to %s: %s", c.cdb[0], barcode, got)
			}
			return
		}
	}
	r.acknowledged[barcode] = append(r.acknowledged[barcode], n)
}

// TestMoves moves tapes at random between slots and real drives, writes to them,
// and kills the library and the drives at random steps.
func TestMoves(t *testing.T) {
	r := newRig(t)
	seed, err := strconv.ParseUint(os.Getenv("VTL_SEED"), 10, 64)
	if err != nil {
		seed = 20261121
	}
	random := rand.New(rand.NewPCG(seed, 5))
	outcomes := map[string]int{}
	for range rounds(t) {
		at := r.where()
		from := at[r.barcodes[random.IntN(len(r.barcodes))]]
		to := smc.Element{Type: smc.DataTransfer, Number: 1 + random.IntN(len(driveIDs))}
		if random.IntN(3) == 0 {
			to = smc.Element{Type: smc.Storage, Number: 1 + random.IntN(slots)}
		}
		victim := r.drives[driveIDs[random.IntN(len(driveIDs))]]
		switch random.IntN(4) {
		case 0:
			victim.life.left.Store(1 + random.Int64N(12))
		case 1:
			r.life.left.Store(1 + random.Int64N(24))
		}
		got := r.move(from, to)
		if got[0] == '4' {
			t.Fatalf("%s to %s: HARDWARE ERROR %s", from, to, got)
		}
		outcomes[got]++
		if r.life.dead.Load() {
			r.restartLibrary(random.IntN(2) == 0)
		} else {
			r.life.left.Store(0)
		}
		for _, id := range driveIDs {
			d := r.drives[id]
			if random.IntN(4) == 0 && !d.life.dead.Load() {
				if s := d.unit.State(); s.Loaded {
					r.use(d, s.Barcode)
				}
			}
			if d.life.dead.Load() {
				r.restartDrive(id)
			} else {
				d.life.left.Store(0)
			}
		}
		if got := sense(r.command(r.scsi, []byte{0x07, 0, 0, 0, 0, 0})); got != "GOOD" {
			t.Fatalf("INITIALIZE ELEMENT STATUS: %s", got)
		}
		if n := r.changer.Status().Unsettled; n != 0 {
			t.Fatalf("%d moves are not settled", n)
		}
	}
	t.Log(outcomes)
	if outcomes["GOOD"] < rounds(t)/10 {
		t.Errorf("too few moves were good to mean anything: %v", outcomes)
	}
	r.readAll()
}

// use writes to the tape in a drive, after reading what is there. A drive that
// is about to die may do so at any command: it is only sent to the end.
func (r *rig) use(d *drive, barcode string) {
	if d.life.left.Load() == 0 {
		r.verify(d, barcode)
	} else if sense(r.command(d.scsi, []byte{0x11, 0x03, 0, 0, 0, 0})) != "GOOD" {
		return
	}
	r.write(d, barcode)
}

// freeSlot is a storage element with nothing in it.
func freeSlot(t *testing.T, c *smc.Changer) smc.Element {
	t.Helper()
	for _, e := range c.Inventory() {
		if e.Element.Type == smc.Storage && e.Volume == nil {
			return e.Element
		}
	}
	t.Fatal("no free slot")
	return smc.Element{}
}

// readAll loads every tape into the first drive and verifies it.
func (r *rig) readAll() {
	r.t.Helper()
	first := smc.Element{Type: smc.DataTransfer, Number: 1}
	for _, b := range r.barcodes {
		at := r.where()
		for other, e := range at {
			if e == first && other != b {
				if got := r.move(e, freeSlot(r.t, r.changer)); got != "GOOD" {
					r.t.Fatal(got)
				}
			}
		}
		if at[b] != first {
			if got := r.move(at[b], first); got != "GOOD" {
				r.t.Fatalf("%s to drive 1: %s", b, got)
			}
		}
		r.verify(r.drives[driveIDs[0]], b)
	}
}
