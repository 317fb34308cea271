package smc

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"govtl/scsi"
	"govtl/scsi/personality"
)

// TestParseElement: what operators type is understood.
func TestParseElement(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	for s, want := range map[string]string{
		"slot 5": "slot 5", "Slot 5": "slot 5", "storage 5": "slot 5", "mailslot 1": "map 1", "drive 2": "drive 2",
		"picker 1": "picker 1", "VTL003L8": "slot 3", "0x101": "drive 1", "1025": "slot 2", " map  2 ": "map 2",
	} {
		if e, err := l.c.ParseElement(s); err != nil || e.String() != want {
			t.Errorf("%q is %v, %v", s, e, err)
		}
	}
	for _, s := range []string{"", "slot", "slot 0", "slot 9", "drive 3", "shelf 1", "NOBODY", "0x9000", "slot -1", "slot 70000"} {
		if e, err := l.c.ParseElement(s); err == nil {
			t.Errorf("%q is taken as %v", s, e)
		}
	}
}

// TestStatus: status and inventory say what READ ELEMENT STATUS says.
func TestStatus(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.move("slot 1", "drive 1")
	l.move("slot 2", "map 1")
	s := l.c.Status()
	if !s.Online || s.DoorOpen || s.Slots != 8 || s.SlotsFull != 4 || s.Mail != 2 || s.MailFull != 1 || s.Pickers != 1 ||
		s.Moves != 2 || s.Unsettled != 0 || len(s.Drives) != 2 {
		t.Errorf("status %+v", s)
	}
	if d := s.Drives[0]; d.ID != 11 || d.Element != 1 || d.Barcode != "VTL001L8" || !d.Loaded || !d.Reachable || !d.Checked {
		t.Errorf("drive %+v", d)
	}
	report := checkReport(t, l.do("a", []byte{0xB8, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0}).In, true)
	var listed []int
	for _, e := range l.c.Inventory() {
		listed = append(listed, int(e.Address))
		if e.Element == (Element{DataTransfer, 1}) && (e.Access || e.Volume.Barcode != "VTL001L8" || e.Drive != 11 ||
			e.Source != (Element{Storage, 1})) {
			t.Errorf("drive element %+v", e)
		}
	}
	if !slices.Equal(listed, report) {
		t.Errorf("the inventory lists %v, READ ELEMENT STATUS %v", listed, report)
	}
	l.bay.setFault(func(int, string, int) fault { return dead })
	l.move("drive 1", "slot 1")
	if d := l.c.Status().Drives[0]; d.Reachable || d.Fault == "" {
		t.Errorf("a drive that does not answer: %+v", d)
	}
	for _, e := range l.c.Inventory() {
		if e.Element == (Element{DataTransfer, 1}) && e.Fault == "" {
			t.Errorf("the element of a drive that does not answer: %+v", e)
		}
	}
}

// TestMoveErrors: an operator's move fails with the error itself.
func TestMoveErrors(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.bay.drives[12].takes = map[string]bool{}
	slot, drive := Element{Storage, 1}, Element{DataTransfer, 2}
	if b, err := l.c.Move(t.Context(), slot, drive); b != "VTL001L8" || !errors.Is(err, ErrIncompatible) {
		t.Errorf("%s, %v", b, err)
	}
	l.bay.setFault(func(int, string, int) fault { return dead })
	if _, err := l.c.Move(t.Context(), slot, drive); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	var sense *scsi.Sense
	if _, err := l.c.Move(t.Context(), Element{Storage, 8}, slot); !errors.As(err, &sense) || sense.ASC != scsi.MediumSourceElementEmpty {
		t.Error(err)
	}
	l.c.Close()
	if _, err := l.c.Move(t.Context(), slot, drive); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := l.c.Audit(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	l.c = nil
}

// TestAddVolumes: where volumes come to be, and that none is there twice.
func TestAddVolumes(t *testing.T) {
	l := prepareLibrary(t, "ibm-03584")
	l.start()
	l.attentions("a")
	var vols []Volume
	for i := range 12 {
		vols = append(vols, testVolume(fmt.Sprintf("ADD%03dL8", i%11)))
	}
	at, err := l.c.AddVolumes(vols, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range at {
		got = append(got, e.String())
	}
	want := []string{"slot 4", "slot 5", "slot 6", "slot 7", "slot 8", "slot 1", "slot 2", "slot 3", "shelf", "shelf", "shelf", "slot 4"}
	if !slices.Equal(got, want) {
		t.Errorf("volumes are in %v", got)
	}
	if got := l.attentions("a"); !slices.Equal(got, []string{scsi.NotReadyToReadyChange.String()}) {
		t.Errorf("unit attention conditions: %v", got)
	}
	moved := testVolume("ADD000L8")
	moved.Dir = "/elsewhere"
	if e, err := l.c.AddVolume(moved, 1); err != nil || e != (Element{Storage, 4}) || l.c.inventory().volume(e).Dir != "/elsewhere" {
		t.Errorf("a volume that is there: %v, %v", e, err)
	}
	for _, b := range []string{"", "WITH BLANK", "A/B", "..\\..", "12345678901234567", "\x7f"} {
		if _, err := l.c.AddVolume(Volume{Barcode: b}, 1); err == nil {
			t.Errorf("barcode %q is taken", b)
		}
	}
	if err := l.c.ForgetVolume("ADD010L8"); err != nil {
		t.Error(err)
	}
	if err := l.c.ForgetVolume("ADD000L8"); err == nil {
		t.Error("a volume that is in the library is forgotten")
	}
	if s := l.c.Shelf(); len(s) != 2 {
		t.Errorf("shelf %v", s)
	}
}

// TestMediumTypes: the kinds of cartridges in READ ELEMENT STATUS.
func TestMediumTypes(t *testing.T) {
	l := prepareLibrary(t, "stk-l700")
	l.start()
	for i, kind := range []string{personality.KindData, personality.KindClean, personality.KindWORM, personality.KindNull, ""} {
		v := Volume{Barcode: fmt.Sprintf("KIND%dL8", i), Kind: kind}
		if _, err := l.c.AddVolume(v, i+1); err != nil {
			t.Fatal(err)
		}
	}
	r := l.do("a", []byte{0xB8, 2, 0, 0, 0, 5, 0, 0, 0xFF, 0xFF, 0, 0})
	var got []byte
	for i := range 5 {
		got = append(got, r.In[16+16*i+9])
	}
	if !slices.Equal(got, []byte{1, 2, 4, 1, 0}) {
		t.Errorf("medium types % X", got)
	}
	// This model cuts its data behind a whole descriptor.
	for allocation, want := range map[int]int{8: 8, 15: 8, 31: 8, 32: 32, 47: 32, 48: 48, 95: 80, 96: 96, 255: 96, 7: 7} {
		r := l.do("a", []byte{0xB8, 2, 0, 0, 0, 5, 0, 0, 0, byte(allocation), 0, 0})
		if len(r.In) != want {
			t.Errorf("allocation length %d: %d bytes, not %d", allocation, len(r.In), want)
		}
	}
}

// TestResetAndLogout: a reset and the end of a session give back what the
// initiator held.
func TestResetAndLogout(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	hold := func() {
		for _, c := range []struct {
			cdb []byte
			out []byte
		}{
			{[]byte{0x1E, 0, 0, 0, 1, 0}, nil},
			{[]byte{0x16, 1, 0, 0, 6, 0}, []byte{0, 0, 0, 1, 4, 0}},
		} {
			if got := sense(l.do("a", c.cdb, c.out...)); got != "GOOD" {
				t.Fatalf("% X: %s", c.cdb, got)
			}
		}
		if got := sense(l.do("b", moveCDB(l.at("slot 1"), l.at("slot 8")))); got != scsi.ReservationConflict.String() {
			t.Fatalf("a move of what another reserved: %s", got)
		}
		if l.c.OpenMap() == nil || !l.c.Status().Prevented {
			t.Fatal("the door opens although an initiator prevents it")
		}
	}
	free := func(how string) {
		if err := l.c.OpenMap(); err != nil {
			t.Errorf("after %s: %v", how, err)
		}
		l.c.CloseMap()
		for _, m := range [][2]string{{"slot 1", "slot 8"}, {"slot 8", "slot 1"}} {
			if got := sense(l.do("b", moveCDB(l.at(m[0]), l.at(m[1])))); got != "GOOD" {
				t.Errorf("after %s: %s", how, got)
			}
		}
	}
	hold()
	if r, err := l.unit.Manage("b", scsi.LogicalUnitReset); err != nil || r != scsi.FunctionComplete {
		t.Fatal(r, err)
	}
	free("a reset")
	hold()
	if err := l.unit.Logout("a"); err != nil {
		t.Fatal(err)
	}
	free("a logout")
}

// TestRefusedAtStart: a drive has lost the volume in it and refuses it now: it
// gets another element, and initiators are told.
func TestRefusedAtStart(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.move("slot 1", "drive 1")
	l.c.Close()
	l.bay.drives[11].volume = Volume{}
	l.bay.drives[11].takes = map[string]bool{}
	l.start()
	if w := l.where(); w["VTL001L8"] != "slot 1" {
		t.Errorf("the volume is in %s", w["VTL001L8"])
	}
	if !slices.Contains(l.kinds(), Reconciled) {
		t.Error("no event tells of it")
	}
}

// TestWhoMoved: events of moves and of refused ones name the initiator, or the
// operator; a move that a crash has interrupted is still known to be whose.
func TestWhoMoved(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	by := func() (list []string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, e := range l.events {
			if e.Kind == Moved || e.Kind == MoveFailed {
				list = append(list, string(e.Kind)+" "+e.By)
			}
		}
		l.events = nil
		return list
	}
	if got := l.move("slot 1", "drive 1"); got != "GOOD" {
		t.Fatal(got)
	}
	if got := l.move("slot 1", "drive 2"); got == "GOOD" {
		t.Fatal("an empty slot was moved")
	}
	if _, err := l.c.Move(t.Context(), Element{DataTransfer, 1}, Element{Storage, 1}); err != nil {
		t.Fatal(err)
	}
	died := false
	l.bay.setFault(func(_ int, op string, _ int) fault {
		switch {
		case died:
			return dead
		case op == "insert":
			died = true
			return lostReply
		}
		return works
	})
	if _, err := l.c.Move(t.Context(), Element{Storage, 2}, Element{DataTransfer, 2}); err == nil {
		t.Fatal("moved to a drive that is gone")
	}
	l.bay.setFault(nil)
	l.restart()
	const a = "iqn.2026-11.test.initiator:a"
	if got, want := by(), []string{"moved " + a, "move-failed " + a, "moved operator", "move-failed operator", "moved operator"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}
