package moves

import (
	"testing"

	"govtl/scsi/smc"
)

// TestEveryStep kills the library, and the drives, at every single step of each
// kind of move in turn (a change of a file of either side, a request between
// them), starts again what died, with what was synced and with all that was
// written, and looks where the tapes are. What was on them before can be read.
func TestEveryStep(t *testing.T) {
	slot := func(n int) smc.Element { return smc.Element{Type: smc.Storage, Number: n} }
	drive := func(n int) smc.Element { return smc.Element{Type: smc.DataTransfer, Number: n} }
	for _, m := range []struct {
		name     string
		from, to smc.Element
	}{
		{"slot to drive", slot(2), drive(2)},
		{"drive to slot", drive(1), slot(8)},
		{"drive to drive", drive(1), drive(2)},
	} {
		for _, victim := range []string{"library", "library, power cut", "drive 1", "drive 2"} {
			if m.name == "slot to drive" && victim == "drive 1" || m.name == "drive to slot" && victim == "drive 2" {
				continue // it takes no part
			}
			t.Run(m.name+"/"+victim, func(t *testing.T) {
				r := newRig(t)
				if got := r.move(slot(1), drive(1)); got != "GOOD" {
					t.Fatal(got)
				}
				r.use(r.drives[driveIDs[0]], r.barcodes[0])
				for n := int64(1); ; n++ {
					at := r.where()
					tape := r.barcodes[0]
					if m.from == slot(2) {
						tape = r.barcodes[1]
					}
					if at[tape] != m.from { // as at the beginning
						if got := r.move(at[tape], m.from); got != "GOOD" {
							t.Fatalf("before step %d: %s to %s: %s", n, at[tape], m.from, got)
						}
					}
					life := r.life
					if victim == "drive 1" || victim == "drive 2" {
						life = r.drives[driveIDs[victim[6]-'1']].life
					}
					life.left.Store(n)
					got := r.move(m.from, m.to)
					if got[0] == '4' {
						t.Fatalf("step %d: HARDWARE ERROR %s", n, got)
					}
					died := life.dead.Load()
					life.left.Store(0)
					if r.life.dead.Load() {
						r.restartLibrary(victim != "library")
					}
					for _, id := range driveIDs {
						if r.drives[id].life.dead.Load() {
							r.restartDrive(id)
						}
					}
					if got := sense(r.command(r.scsi, []byte{0x07, 0, 0, 0, 0, 0})); got != "GOOD" {
						t.Fatalf("step %d: INITIALIZE ELEMENT STATUS: %s", n, got)
					}
					where := r.where()[tape]
					if where != m.from && where != m.to {
						t.Fatalf("step %d: %s is in %s", n, tape, where)
					}
					if got == "GOOD" && where != m.to {
						t.Fatalf("step %d: GOOD, and %s is in %s", n, tape, where)
					}
					if u := r.changer.Status().Unsettled; u != 0 {
						t.Fatalf("step %d: %d moves are not settled", n, u)
					}
					if !died {
						if n < 4 {
							t.Errorf("the move took %d steps: too few to be true", n)
						}
						break
					}
				}
				r.readAll()
			})
		}
	}
}
