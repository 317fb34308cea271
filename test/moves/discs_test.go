package moves

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/scsi/smc"
)

// command sends a CDB of an initiator, taking unit attention conditions first.
func (j *jukebox) command(u scsitest.Unit, initiator string, cdb []byte, out ...byte) scsitest.Result {
	j.t.Helper()
	for {
		res, err := u.Execute(initiator, scsitest.Command{CDB: cdb, Out: out, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil {
			j.t.Fatal(err)
		}
		if res.Status == scsi.CheckCondition && scsi.SenseKey(res.Sense[2]&0xF) == scsi.UnitAttention {
			continue
		}
		return res
	}
}

func (j *jukebox) initiator() string { return []string{"a", "b"}[j.random.IntN(2)] }

// move sends MOVE MEDIUM of one of the initiators, INVERT with it.
func (j *jukebox) move(from, to smc.Element, invert bool) string {
	cdb := make([]byte, 12)
	cdb[0] = 0xA5
	binary.BigEndian.PutUint16(cdb[4:], uint16(j.changer.Address(from)))
	binary.BigEndian.PutUint16(cdb[6:], uint16(j.changer.Address(to)))
	if invert {
		cdb[10] = 1
	}
	return sense(j.command(j.scsi, j.initiator(), cdb))
}

// exchange sends EXCHANGE MEDIUM.
func (j *jukebox) exchange(source, first, second smc.Element, invert byte) string {
	cdb := make([]byte, 12)
	cdb[0], cdb[10] = 0xA6, invert
	for at, e := range map[int]smc.Element{4: source, 6: first, 8: second} {
		binary.BigEndian.PutUint16(cdb[at:], uint16(j.changer.Address(e)))
	}
	return sense(j.command(j.scsi, j.initiator(), cdb))
}

// place is where a disc is, and which side is up.
type place struct {
	smc.Element
	inverted bool
}

// where is the place of each disc; the test fails when one is lost, in two places,
// or elsewhere than the drives say, or with another side up.
func (j *jukebox) where() map[string]place {
	j.t.Helper()
	at := map[string]place{}
	for _, e := range j.changer.Inventory() {
		if e.Volume == nil {
			continue
		}
		if other, ok := at[e.Volume.Barcode]; ok {
			j.t.Fatalf("%s is in %s and in %s", e.Volume.Barcode, other.Element, e.Element)
		}
		at[e.Volume.Barcode] = place{e.Element, e.Volume.Inverted}
	}
	for _, b := range j.barcodes {
		if _, ok := at[b]; !ok {
			j.t.Fatalf("%s is lost", b)
		}
	}
	for i, id := range opticalIDs {
		e := smc.Element{Type: smc.DataTransfer, Number: i + 1}
		s := j.drives[id].unit.Status()
		if s.Barcode != "" && (at[s.Barcode].Element != e || s.File != imageOf(s.Barcode, at[s.Barcode].inverted)) {
			j.t.Fatalf("drive %d holds %s as %s, the inventory has it in %s, inverted %v",
				id, s.Barcode, s.File, at[s.Barcode].Element, at[s.Barcode].inverted)
		}
		for b, in := range at {
			if in.Element == e && s.Barcode != b {
				j.t.Fatalf("the inventory has %s in %s, the drive holds %q", b, e, s.Barcode)
			}
		}
	}
	return at
}

// element is any slot, mail slot or drive.
func (j *jukebox) element() smc.Element {
	switch j.random.IntN(4) {
	case 0:
		return smc.Element{Type: smc.Storage, Number: 1 + j.random.IntN(6)}
	case 1:
		return smc.Element{Type: smc.ImportExport, Number: 1}
	}
	return smc.Element{Type: smc.DataTransfer, Number: 1 + j.random.IntN(len(opticalIDs))}
}

// holds reports whether the inventory has a disc in an element.
func (j *jukebox) holds(in smc.Element) bool {
	for _, e := range j.changer.Inventory() {
		if e.Element == in {
			return e.Volume != nil
		}
	}
	return false
}

// sidesOf is how many sides a disc has.
func sidesOf(barcode string) int {
	for _, s := range stock {
		if s.barcode == barcode {
			return s.sides
		}
	}
	return 0
}

// transport moves or exchanges discs at random and checks what may be known of
// the outcome.
func (j *jukebox) transport() string {
	j.t.Helper()
	before := j.where()
	barcode := j.barcodes[j.random.IntN(len(j.barcodes))]
	from, to := before[barcode].Element, j.element()
	for n := 0; n < 4 && j.holds(to) && j.random.IntN(4) > 0; n++ { // mostly one that is free
		to = j.element()
	}
	locked := func(e smc.Element) bool {
		if e.Type != smc.DataTransfer {
			return false
		}
		d := j.drives[opticalIDs[e.Number-1]]
		return len(d.locked) > 0 && d.unit.Status().Medium != ""
	}
	invert := j.random.IntN(3) == 0
	fromLocked, toLocked := locked(from), locked(to)
	if j.random.IntN(6) == 0 {
		got := j.exchange(from, to, j.element(), byte(j.random.IntN(4)))
		if got == "GOOD" && (fromLocked || toLocked) {
			j.t.Fatalf("EXCHANGE MEDIUM of %s and %s, one of which is locked: GOOD", from, to)
		}
		return got
	}
	got := j.move(from, to, invert)
	if got != "GOOD" {
		return got
	}
	if fromLocked && from != to {
		j.t.Fatalf("%s to %s, and its removal is prevented: GOOD", from, to)
	}
	if invert && sidesOf(barcode) < 2 {
		j.t.Fatalf("%s has one side, and was turned over", barcode)
	}
	if j.life.dead.Load() || j.anyDead() {
		return got
	}
	if at := j.where()[barcode]; at.Element != to || at.inverted != (before[barcode].inverted != invert) {
		j.t.Fatalf("%s to %s, inverted %v: GOOD, and %s is in %s, side B up %v", from, to, invert, barcode, at.Element, at.inverted)
	}
	return got
}

func (j *jukebox) anyDead() bool {
	for _, d := range j.drives {
		if d.life.dead.Load() {
			return true
		}
	}
	return false
}

// use does something with a drive: two initiators, an operator.
func (j *jukebox) use(d *opticalDrive) {
	j.t.Helper()
	ctx := context.Background()
	image := d.unit.Status().File
	ready := func() bool { return sense(j.command(d.scsi, "a", make([]byte, 6))) == "GOOD" }
	switch n := j.random.IntN(12); {
	case n == 0:
		who := j.initiator()
		if got := sense(j.command(d.scsi, who, []byte{0x1E, 0, 0, 0, 1, 0})); got == "GOOD" {
			d.locked[who] = true
		}
	case n == 1:
		got := sense(j.command(d.scsi, j.initiator(), []byte{0x1B, 0, 0, 0, 2, 0}))
		if got == "GOOD" && len(d.locked) > 0 {
			j.t.Fatalf("the tray opens, and %v prevent it", d.locked)
		}
	case n == 2:
		j.command(d.scsi, j.initiator(), []byte{0x1B, 0, 0, 0, 3, 0})
	case n == 3 && image != "":
		// A refusal is one too: with the lock, or with a drive that dies.
		_ = d.unit.SetOffline(ctx, true)
	case n == 4 && image != "":
		_ = d.unit.SetOffline(ctx, false)
	case n == 5 && image != "" && !j.sides[image].sequential() && ready():
		j.sync(d, image)
	case image == "":
		if got := sense(j.command(d.scsi, "a", make([]byte, 6))); got[:4] != "2/3A" && !d.life.dead.Load() {
			j.t.Fatalf("an empty drive: %s", got)
		}
	case !ready():
	default:
		if d.life.left.Load() == 0 && !d.life.dead.Load() {
			j.verify(d, image)
		}
		if d.life.left.Load() == 0 || !j.sides[image].died && !j.sides[image].blanking {
			j.write(d, image)
		}
	}
	if j.random.IntN(2) == 0 {
		j.unlock(d)
	}
}

// unlock has all initiators allow removal.
func (j *jukebox) unlock(d *opticalDrive) {
	for who := range d.locked {
		j.command(d.scsi, who, []byte{0x1E, 0, 0, 0, 0, 0})
		delete(d.locked, who)
	}
}

// TestDiscs moves discs at random between trays and real drives, turns them over,
// writes to them, and ends library and drives at random steps, or everything with
// a power cut. VTL_MOVES and VTL_SEED are as for TestMoves.
func TestDiscs(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("VTL_SEED"), 10, 64)
	if err != nil {
		seed = 20261121
	}
	j := newJukebox(t, rand.New(rand.NewPCG(seed, 6)))
	outcomes := map[string]int{}
	for range rounds(t) {
		victim := j.drives[opticalIDs[j.random.IntN(len(opticalIDs))]]
		switch j.random.IntN(4) {
		case 0:
			victim.life.left.Store(1 + j.random.Int64N(12))
		case 1:
			j.life.left.Store(1 + j.random.Int64N(24))
		}
		got := j.transport()
		if got[0] == '4' {
			t.Fatalf("HARDWARE ERROR %s", got)
		}
		outcomes[got]++
		// What is unsettled the library settles before initiators go on: they would
		// see discs come and go.
		j.revive()
		for _, id := range opticalIDs {
			for range 3 {
				if d := j.drives[id]; !d.life.dead.Load() {
					j.use(d)
				}
			}
		}
		for _, d := range j.drives {
			if !d.life.dead.Load() {
				d.life.left.Store(0)
			}
		}
		j.revive()
		if j.random.IntN(20) == 0 {
			j.powerCut()
			outcomes["power cut"]++
			j.revive()
		}
	}
	t.Log(outcomes, "blocks written with", j.numbers, "numbers")
	if outcomes["GOOD"] < rounds(t)/10 {
		t.Errorf("too few moves were good to mean anything: %v", outcomes)
	}
	j.readAll()
}

// revive starts again what has died, and has the library look around.
func (j *jukebox) revive() {
	j.t.Helper()
	if j.life.dead.Load() {
		j.restartLibrary()
	} else {
		j.life.left.Store(0)
	}
	for _, id := range opticalIDs {
		if j.drives[id].life.dead.Load() {
			j.restartDrive(id)
		}
	}
	if got := sense(j.command(j.scsi, "a", []byte{0x07, 0, 0, 0, 0, 0})); got != "GOOD" {
		j.t.Fatalf("INITIALIZE ELEMENT STATUS: %s", got)
	}
	if n := j.changer.Status().Unsettled; n != 0 {
		j.t.Fatalf("%d moves are not settled", n)
	}
}

// readAll loads each side of every disc into the first drive and verifies it.
func (j *jukebox) readAll() {
	j.t.Helper()
	first := smc.Element{Type: smc.DataTransfer, Number: 1}
	d := j.drives[opticalIDs[0]]
	for _, each := range j.drives {
		j.unlock(each)
	}
	to := func(from, to smc.Element, invert bool) {
		j.t.Helper()
		if got := j.move(from, to, invert); got != "GOOD" {
			j.t.Fatalf("%s to %s: %s", from, to, got)
		}
	}
	for _, b := range j.barcodes {
		for range sidesOf(b) {
			for other, e := range j.where() {
				if e.Element == first && other != b {
					to(first, freeSlot(j.t, j.changer), false)
				}
			}
			if e := j.where()[b]; e.Element != first {
				to(e.Element, first, false)
			}
			if s := d.unit.Status(); s.Medium == "" { // the tray is open, or an operator has hidden it
				j.must(d.unit.SetOffline(context.Background(), false))
			}
			image := d.unit.Status().File
			j.verify(d, image)
			slot := freeSlot(j.t, j.changer)
			to(first, slot, sidesOf(b) == 2)
		}
	}
}
