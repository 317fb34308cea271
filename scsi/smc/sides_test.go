package smc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"govtl/scsi"
	"govtl/scsi/personality"
)

// disc is a volume with two sides.
func disc(barcode string) Volume {
	return Volume{Barcode: barcode, Dir: "/discs/" + barcode + ".iso", Kind: personality.KindDisc, Medium: "dvd-r", Sides: 2}
}

// newJukebox is a library that turns media over, with a disc of two sides in
// slot 7 and one of one side in slot 8.
func newJukebox(t *testing.T) *library {
	l := newLibrary(t, "dvd-jukebox")
	one := disc("DISC0002")
	one.Sides = 1
	for slot, v := range map[int]Volume{7: disc("DISC0001"), 8: one} {
		if _, err := l.c.AddVolume(v, slot); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// move is MOVE MEDIUM between elements.
func (l *library) moveCDB(from, to Element, flags byte) []byte {
	f, to16 := l.c.Address(from), l.c.Address(to)
	return []byte{0xA5, 0, 0, 0, byte(f >> 8), byte(f), byte(to16 >> 8), byte(to16), 0, 0, flags, 0}
}

// side is what a drive of the bay was given.
func (b *bay) side(id int) (barcode string, inverted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drives[id].volume.Barcode, b.drives[id].volume.Inverted
}

// TestSides: INVERT of MOVE MEDIUM turns a disc over, the drive gets the side that
// is up, READ ELEMENT STATUS tells it, and a restart knows it.
func TestSides(t *testing.T) {
	l := newJukebox(t)
	slot, drive := Element{Storage, 7}, Element{DataTransfer, 1}
	status := func(e Element) byte {
		a := l.c.Address(e)
		r := l.do("a", []byte{0xB8, 0x10 | byte(e.Type), byte(a >> 8), byte(a), 0, 1, 0, 0, 1, 0, 0, 0})
		if r.Status != scsi.Good {
			t.Fatal(sense(r))
		}
		return r.In[16+9]
	}
	for _, step := range []struct {
		from, to Element
		flags    byte
		inverted bool
		origin   byte // SVALID, INVERT and MEDIUM TYPE of the descriptor
	}{
		{slot, drive, 0, false, 0x81},
		{drive, slot, 0, false, 0x81},
		{slot, drive, 1, true, 0xC1},
		{drive, slot, 0, true, 0x81}, // it lies in its slot as it lay in the drive
		{slot, drive, 0, true, 0x81},
		{drive, slot, 1, false, 0xC1},
		{slot, slot, 1, true, 0xC1},
		{slot, drive, 1, false, 0xC1},
	} {
		if r := l.do("a", l.moveCDB(step.from, step.to, step.flags)); r.Status != scsi.Good {
			t.Fatalf("%v to %v: %s", step.from, step.to, sense(r))
		}
		if got := status(step.to); got != step.origin {
			t.Errorf("%v to %v: descriptor byte 9 is %02Xh, not %02Xh", step.from, step.to, got, step.origin)
		}
		if step.to == drive {
			if b, inverted := l.bay.side(11); b != "DISC0001" || inverted != step.inverted {
				t.Errorf("%v to %v: the drive got %s, inverted %v", step.from, step.to, b, inverted)
			}
		}
		l.restart()
		inv, _ := l.c.snapshot()
		if v := inv.volume(step.to); v == nil || v.Inverted != step.inverted || v.Sides != 2 {
			t.Fatalf("%v to %v: the inventory has %+v", step.from, step.to, v)
		}
	}
}

// TestSidesRefused: what has one side is not turned over, nor anything by a
// library that cannot, nor a disc in the drive it is in.
func TestSidesRefused(t *testing.T) {
	l := newJukebox(t)
	drive := Element{DataTransfer, 1}
	if r := l.do("a", l.moveCDB(Element{Storage, 8}, drive, 1)); !strings.HasPrefix(sense(r), "5/24/00") {
		t.Errorf("one side: %s", sense(r))
	}
	if _, err := l.c.MoveInverted(context.Background(), Element{Storage, 7}, drive); err != nil {
		t.Fatal(err)
	}
	if b, inverted := l.bay.side(11); b != "DISC0001" || !inverted {
		t.Errorf("the operator's move: %s, inverted %v", b, inverted)
	}
	if r := l.do("a", l.moveCDB(drive, drive, 1)); !strings.HasPrefix(sense(r), "5/24/00") {
		t.Errorf("in the drive: %s", sense(r))
	}
	tapes := newLibrary(t, "ibm-03584")
	if r := tapes.do("a", tapes.moveCDB(Element{Storage, 1}, drive, 1)); !strings.HasPrefix(sense(r), "5/24/00") {
		t.Errorf("a tape library: %s", sense(r))
	}
	if _, err := tapes.c.MoveInverted(context.Background(), Element{Storage, 1}, drive); err == nil {
		t.Error("a tape library turns a tape over")
	}
}

// TestSidesExchange: INV1 and INV2 are for one medium each.
func TestSidesExchange(t *testing.T) {
	l := newJukebox(t)
	drive := Element{DataTransfer, 1}
	at := Element{Storage, 1}
	if got := l.move("slot 1", "map 1"); got != "GOOD" {
		t.Fatal(got)
	}
	if e, err := l.c.AddVolume(disc("DISC0003"), 1); err != nil || e != at {
		t.Fatal(e, err)
	}
	if r := l.do("a", l.moveCDB(Element{Storage, 7}, drive, 0)); r.Status != scsi.Good {
		t.Fatal(sense(r))
	}
	from, to := l.c.Address(at), l.c.Address(drive)
	cdb := []byte{0xA6, 0, 0, 0, byte(from >> 8), byte(from), byte(to >> 8), byte(to), byte(from >> 8), byte(from), 0x02, 0}
	if r := l.do("a", cdb); r.Status != scsi.Good {
		t.Fatal(sense(r))
	}
	inv, _ := l.c.snapshot()
	if a, b := inv.volume(drive), inv.volume(at); !a.Inverted || b.Inverted || a.Barcode != "DISC0003" {
		t.Errorf("in the drive %+v, in the slot %+v", a, b)
	}
}

// TestSidesInterrupted: a move that turned a disc over and whose drive did not
// answer is settled with the side that the drive has; one that was refused leaves
// the disc as it lay.
func TestSidesInterrupted(t *testing.T) {
	for _, f := range []fault{lostReply, dead, refuses} {
		l := newJukebox(t)
		l.bay.setFault(func(_ int, op string, _ int) fault {
			if op == "insert" {
				return f
			}
			return works
		})
		_, err := l.c.MoveInverted(context.Background(), Element{Storage, 7}, Element{DataTransfer, 1})
		if err == nil || f == refuses != errors.Is(err, ErrIncompatible) {
			t.Fatalf("fault %d: %v", f, err)
		}
		l.bay.setFault(nil)
		l.restart()
		inv, _ := l.c.snapshot()
		e, _ := inv.find("DISC0001")
		if v := inv.volume(e); v.Inverted != (f == lostReply) || (e.Type == DataTransfer) != (f == lostReply) {
			t.Errorf("fault %d: %v has %+v", f, e, v)
		}
	}
}
