package smc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"

	"govtl/internal/vfs"
	"govtl/scsi"
	"govtl/scsi/scsitest"
)

// moves is how many random moves TestRandomMoves makes; VTL_MOVES changes it.
func moves(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("VTL_MOVES"))
	if os.Getenv("VTL_MOVES") == "" {
		return 10000
	}
	if err != nil || n < 1 {
		t.Fatalf("VTL_MOVES: %q is no number of moves", os.Getenv("VTL_MOVES"))
	}
	return n
}

// seed is the seed of random tests; VTL_SEED changes it.
func seed() uint64 {
	n, err := strconv.ParseUint(os.Getenv("VTL_SEED"), 10, 64)
	if err != nil {
		return 20261121
	}
	return n
}

// TestRandomMoves has two initiators move and exchange volumes at random while
// drives fail in every way, operators open the MAP and the library loses its
// power. No command ends with HARDWARE ERROR, or not at all; no volume is lost,
// and none is in two places.
func TestRandomMoves(t *testing.T) {
	const round = 100 // moves of each initiator between two looks
	total := moves(t)
	r := rand.New(rand.NewPCG(seed(), 1))
	mem := &vfs.Memory{}
	l := prepareLibrary(t, "ibm-03584", func(o *Options) {
		o.FS, o.Dir, o.Slots, o.Mail = mem, "/state", 12, 3
		o.DriveElements = append(o.DriveElements, testDrive(13), testDrive(14))
	})
	l.bay = newBay(11, 12, 13, 14)
	l.bay.drives[14].takes = map[string]bool{"LTO8": true}
	l.opt.Drives = l.bay
	l.start()
	var vols []Volume
	for i := range 10 {
		vols = append(vols, testVolume(fmt.Sprintf("RND%03dL8", i)))
	}
	vols = append(vols, testVolume("CLN001L1"))
	if _, err := l.c.AddVolumes(vols, 1); err != nil {
		t.Fatal(err)
	}
	var barcodes []string
	for _, v := range vols {
		barcodes = append(barcodes, v.Barcode)
	}
	outcomes := map[string]int{}
	for done := 0; done < total; done += 2 * round {
		l.do("a", []byte{0, 0, 0, 0, 0, 0})
		l.do("b", []byte{0, 0, 0, 0, 0, 0})
		l.misbehave(r.Uint64())
		var wait sync.WaitGroup
		var mu sync.Mutex
		for _, nexus := range []string{"a", "b"} {
			own := rand.New(rand.NewPCG(r.Uint64(), 2))
			wait.Go(func() {
				for range round {
					got := l.randomMove(nexus, own)
					mu.Lock()
					outcomes[got]++
					mu.Unlock()
				}
			})
		}
		operator := rand.New(rand.NewPCG(r.Uint64(), 3))
		wait.Go(func() { l.operate(operator, vols) })
		wait.Wait()
		switch r.IntN(4) {
		case 0: // the power goes while moves are not settled
			after := mem.Crash(r, float64(r.IntN(3))/2)
			l.c.Close()
			mem.Become(after)
			l.bay.setFault(nil)
			l.start()
		case 1:
			l.c.Close()
			l.bay.setFault(nil)
			l.start()
		default:
			l.bay.setFault(nil)
		}
		for id := range l.bay.drives {
			l.bay.change(id, func(d *bayDrive) error { d.prevented = false; return nil })
		}
		if got := sense(l.do("a", []byte{7, 0, 0, 0, 0, 0})); got != "GOOD" {
			t.Fatalf("INITIALIZE ELEMENT STATUS: %s", got)
		}
		l.where(barcodes...)
		if n := l.c.Status().Unsettled; n != 0 {
			t.Fatalf("%d moves are not settled although all drives answer", n)
		}
	}
	for got, n := range outcomes {
		if got[0] == '4' || got == scsi.Busy.String() {
			t.Errorf("%d commands ended with %s", n, got)
		}
	}
	if outcomes["GOOD"] < total/20 {
		t.Errorf("too few moves were good to mean anything: %v", outcomes)
	}
	t.Log(outcomes)
}

// misbehave has the drives fail at random.
func (l *library) misbehave(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	deadDrive, deadUntil := 0, 0
	l.bay.setFault(func(call int, op string, id int) fault {
		if id == deadDrive && call < deadUntil {
			return dead
		}
		switch n := r.IntN(1000); {
		case n < 5:
			deadDrive, deadUntil = id, call+r.IntN(20)
			return dead
		case n < 15:
			return lostReply
		case n < 16:
			return late
		case n < 17:
			return lateDone
		case n < 40:
			return refuses
		case n < 45:
			return restarted
		}
		return works
	})
}

// randomMove moves or exchanges something and returns the outcome.
func (l *library) randomMove(nexus string, r *rand.Rand) string {
	_, lay := l.c.snapshot()
	at := func() ElementAddress {
		t := []ElementType{Storage, Storage, DataTransfer, DataTransfer, ImportExport, MediumTransport}[r.IntN(6)]
		if r.IntN(50) == 0 {
			return ElementAddress(r.IntN(maxElements))
		}
		return lay.address(Element{t, 1 + r.IntN(lay.count[t])})
	}
	source := func() ElementAddress { // mostly one that is full
		inv, _ := l.c.snapshot()
		var full []Element
		for t := MediumTransport; t <= DataTransfer; t++ {
			for i := range inv.places[t] {
				if inv.places[t][i].volume != nil {
					full = append(full, Element{t, i + 1})
				}
			}
		}
		if len(full) == 0 || r.IntN(10) == 0 {
			return at()
		}
		return lay.address(full[r.IntN(len(full))])
	}
	cdb := moveCDB(source(), at())
	switch r.IntN(12) {
	case 0, 1, 2:
		s := source()
		second := at()
		if r.IntN(2) == 0 {
			second = s
		}
		cdb = exchangeCDB(s, source(), second)
	case 3:
		cdb = []byte{0xB8, 0x10, 0, 0, 0xFF, 0xFF, 1, 0, 0xFF, 0xFF, 0, 0}
	}
	for {
		res, err := l.unit.Execute(nexus, scsitest.Command{CDB: cdb, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil {
			l.t.Error(err)
			return "4/no status"
		}
		if got := sense(res); got[0] != '6' {
			return got
		}
	}
}

// operate does what operators do, and what the drives' own initiators do.
func (l *library) operate(r *rand.Rand, vols []Volume) {
	for range 20 {
		switch r.IntN(6) {
		case 0:
			if l.c.OpenMap() == nil {
				if r.IntN(2) == 0 {
					l.c.EmptyMap()
				}
				for range r.IntN(3) {
					if shelf := l.c.Shelf(); len(shelf) > 0 {
						l.c.LoadMap(Volume{Barcode: shelf[r.IntN(len(shelf))].Barcode})
					}
				}
				l.c.CloseMap()
			}
		case 1:
			l.c.AddVolume(vols[r.IntN(len(vols))], 0) // it is there already
		default:
			l.bay.change(11+r.IntN(4), func(d *bayDrive) error {
				switch r.IntN(4) {
				case 0:
					d.loaded = false
				case 1:
					d.loaded = d.volume.Barcode != ""
				case 2:
					d.prevented = true
				case 3:
					d.prevented = false
				}
				return nil
			})
		}
	}
}
