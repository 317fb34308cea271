package proxmox

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"govtl/libcart"
	"govtl/scsi/personality"
	"govtl/test/ltfs"
)

// TestStory tells the story of a tape on each kind of drive that the program works
// with: LTO-4 and later.
func TestStory(t *testing.T) {
	for _, model := range []string{
		"ibm-ult3580-td4", "ibm-ult3580-td5", "ibm-ult3580-hh6", "ibm-ult3580-td7", "ibm-ult3580-td8", "ibm-ult3580-td9", "ibm-ult3580-hh9", "ibm-ult3580-tda",
		"hp-ultrium-4-scsi", "hp-ultrium-5-scsi", "hp-ultrium-6-scsi", "hp-ultrium-7-scsi", "hp-ultrium-8-scsi", "hpe-ultrium-8-scsi", "hpe-ultrium-9-scsi",
		"quantum-ultrium-hh5", "quantum-ultrium-hh6", "quantum-ultrium-hh7", "quantum-ultrium-hh8", "quantum-ultrium-hh9",
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			p, err := personality.LoadDrive(model)
			if err != nil {
				t.Fatal(err)
			}
			m, _ := p.Medium(p.Native)
			r := newShelf(t)
			d := r.drive(p, 11)
			if err := d.Insert(context.Background(), r.cartridge(m, "PBS001"), "PBS001", "1"); err != nil {
				t.Fatal(err)
			}
			if err := Story(ltfs.InProcess(d.Unit())); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestWORM: a cartridge that can be written once is formatted by being empty, and is
// not formatted when it is not.
func TestWORM(t *testing.T) {
	for _, model := range []string{"ibm-ult3580-td5", "ibm-ult3580-td8", "ibm-ult3580-td9", "hp-ultrium-6-scsi", "hpe-ultrium-9-scsi"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			p, err := personality.LoadDrive(model)
			if err != nil {
				t.Fatal(err)
			}
			m, _ := p.Medium(p.Native)
			r := newShelf(t)
			d := r.drive(p, 11)
			dir := r.cartridge(m, "PBS001", func(s *libcart.Spec) { s.Kind = libcart.WORM })
			if err := d.Insert(context.Background(), dir, "PBS001", "1"); err != nil {
				t.Fatal(err)
			}
			o, err := open(ltfs.InProcess(d.Unit()))
			if err != nil {
				t.Fatal(err)
			}
			s := &set{drive: o}
			if st, err := s.status(true); err != nil || !st.WORM {
				t.Fatalf("%+v, %v", st, err)
			}
			if err := firstError(s.format(), s.label(), s.setLabel(), s.readLabels()); err != nil {
				t.Fatal(err)
			}
			if err := s.format(); err == nil {
				t.Error("it is formatted")
			}
			if err := s.readLabels(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLibraries takes stock of every model of library and has it move cartridges,
// into a drive whose serial number the library tells and out of it again.
func TestLibraries(t *testing.T) {
	p, err := personality.LoadDrive("ibm-ult3580-td8")
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range personality.LibraryNames() {
		if strings.HasPrefix(model, "dvd-") {
			continue
		}
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			u, drives := newShelf(t).library(model, p, 12, 1, "PBS001L8", "PBS002L8", "PBS003L8")
			if err := LibraryStory(u, "PBS001L8", "VTL0000012", func() error {
				d := ltfs.InProcess(drives[12].Unit())
				o, err := open(d)
				if err != nil {
					return err
				}
				return o.eject()
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestManySlots takes stock of libraries whose slots the program asks for in more
// than one command, exactly full ones among them.
func TestManySlots(t *testing.T) {
	p, err := personality.LoadDrive("ibm-ult3580-td8")
	if err != nil {
		t.Fatal(err)
	}
	for _, slots := range []int{999, 1000, 1001, 2000, 2500} {
		t.Run(fmt.Sprint(slots), func(t *testing.T) {
			t.Parallel()
			u, _ := newShelf(t).library("ibm-03584", p, slots, 3, "PBS001L8")
			v, err := OpenChanger(u).Inventory()
			if err != nil {
				t.Fatal(err)
			}
			if n := len(v.Slots); n != slots+3 {
				t.Errorf("%d slots, want %d", n, slots+3)
			}
			for i := 1; i < len(v.Slots); i++ {
				if v.Slots[i].Portal == v.Slots[i-1].Portal && v.Slots[i].Address != v.Slots[i-1].Address+1 {
					t.Fatalf("after the slot %d comes %d", v.Slots[i-1].Address, v.Slots[i].Address)
				}
			}
		})
	}
}
