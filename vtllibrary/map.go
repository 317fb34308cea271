package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"govtl/bus"
	"govtl/scsi/personality"
	"govtl/scsi/smc"
)

// mapLoad puts a cartridge of a shelf, or a new one from the disk, into the MAP.
func (l *library) mapLoad(ctx context.Context, r bus.MapLoadRequest) (bus.Element, error) {
	if err := l.changer.MayLoadMap(r.Barcode); err != nil {
		return bus.Element{}, coded(err)
	}
	v, ok := l.find(r.Barcode)
	if !ok {
		shelf := l.changer.Shelf()
		i := slices.IndexFunc(shelf, func(s smc.Volume) bool { return s.Barcode == r.Barcode })
		if i < 0 {
			return bus.Element{}, bus.Errorf(bus.CodeNotFound, "no cartridge %s in %s", r.Barcode, l.home)
		}
		v = shelf[i] // the shelf knows where it is
	}
	if err := l.takes(v); err != nil {
		return bus.Element{}, bus.Errorf(bus.CodeRefused, "%v", err)
	}
	open, err := l.gate(ctx)
	if err != nil {
		return bus.Element{}, bus.Errorf(bus.CodeBusy, "%v", err)
	}
	defer open()
	if err := l.outside(ctx, v.Barcode); err != nil {
		return bus.Element{}, err
	}
	v.Elsewhere = ""
	at, err := l.changer.LoadMap(v)
	if err != nil {
		return bus.Element{}, coded(err)
	}
	l.tell(ctx, v.Barcode)
	return bus.Element{Type: at.Type.String(), Number: at.Number, Address: int(l.changer.Address(at)), Full: true, Barcode: v.Barcode}, nil
}

// takes refuses a cartridge that the library's robot cannot hold: one of another
// form than those of its drives. A library without drives takes all, and so do
// all libraries a medium whose form is not known.
func (l *library) takes(v smc.Volume) error {
	if v.Kind == personality.KindDisc {
		return nil // find looks for discs only where they can be used
	}
	if !l.model.Has(personality.LibraryTapeDrives) {
		return fmt.Errorf("%s is a tape cartridge; library %d takes discs", v.Barcode, l.id)
	}
	m, err := personality.LoadMedium(v.Medium, l.Paths.Models)
	if err != nil || m.Cartridge == "" {
		return nil
	}
	var forms []string
	for _, d := range l.config().Drives {
		model, err := personality.LoadDrive(d.Model, l.Paths.Models)
		if err != nil {
			return nil // not a drive for tapes
		}
		for _, n := range model.MediaByDensity() {
			switch {
			case n.Cartridge == m.Cartridge:
				return nil
			case n.Cartridge != "" && !slices.Contains(forms, n.Cartridge):
				forms = append(forms, n.Cartridge)
			}
		}
	}
	if len(forms) == 0 {
		return nil
	}
	return fmt.Errorf("%s is a cartridge of the form %s (%s); library %d takes %s", v.Barcode, m.Cartridge, m.Title, l.id, strings.Join(forms, ", "))
}
