package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"govtl/bus"
	"govtl/internal/vfs"
	"govtl/scsi/smc"
)

// gateName is a file in each home of cartridges that holds nothing. Whoever has
// it locked is the only library that takes cartridges of that home in.
const gateName = ".arrivals"

// gateStep is the pause before a gate that is shut is tried again.
const gateStep = 3 * time.Millisecond

// errGate: another library was taking cartridges in for too long.
var errGate = errors.New("another library is taking a cartridge in")

// gate lets one library of the suite at a time take cartridges in from outside:
// between asking the others whether they have one inside and noting it in the
// own inventory nobody else may do the same. It locks the homes that cartridges
// come from, in one order, because that is what libraries share even when they
// do not share a host. The locks end with the process too. It waits until ctx
// ends.
func (l *library) gate(ctx context.Context) (open func(), err error) {
	homes := []string{l.home}
	s := l.suite()
	for i := range s.Libraries {
		homes = append(homes, l.Paths.LibraryHome(&s.Libraries[i]))
	}
	slices.Sort(homes)
	var held []vfs.File
	open = func() {
		for _, f := range held {
			f.Close() // ends the lock; nothing was written
		}
	}
	for _, home := range slices.Compact(homes) {
		f, err := shut(ctx, vfs.OS{}, home)
		if errors.Is(err, fs.ErrNotExist) || home != l.home && errors.Is(err, fs.ErrPermission) {
			// A library that never ran, or a home that is closed to this one, as below
			// /home where units may enter their own only: none can be had from there.
			continue
		}
		if err != nil {
			open()
			return nil, err
		}
		held = append(held, f)
	}
	return open, nil
}

// shut locks the gate of one home. In a home that cannot be written to it is the
// gate that is there, or else the directory itself.
func shut(ctx context.Context, files vfs.FS, home string) (vfs.File, error) {
	gate := filepath.Join(home, gateName)
	f, err := files.OpenFile(gate, os.O_RDWR|os.O_CREATE, 0o660)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		if f, err = files.OpenFile(gate, os.O_RDONLY, 0); err != nil {
			f, err = files.OpenFile(home, os.O_RDONLY, 0)
		}
	}
	if err != nil {
		return nil, err
	}
	for {
		err := f.TryLock()
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, vfs.ErrLocked) {
			return nil, errors.Join(fmt.Errorf("%s: %w", home, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%w, and has not finished: %s", errGate, home), f.Close())
		case <-time.After(gateStep):
		}
	}
}

// outside makes sure that no other library has a cartridge inside, which has the
// gate shut. One whose daemon does not run is asked by its files.
func (l *library) outside(ctx context.Context, barcode string) error {
	for _, other := range l.others() {
		_, err := bus.Call(ctx, l.Conn, bus.LibraryGiveUp(other), bus.GiveUpRequest{Barcode: barcode, Library: l.id, Ask: true})
		inside := errors.Is(err, bus.ErrRefused)
		if errors.Is(err, bus.ErrAbsent) {
			inside, err = l.look(other, barcode)
		}
		if inside {
			if gerr := l.changer.GiveUp(barcode, bus.LibraryDevice(other).String()); gerr != nil {
				l.Log.Debug("the shelf still lists it", "barcode", barcode, "err", gerr)
			}
		}
		if err != nil {
			return bus.Errorf(bus.CodeRefused, "library %d: %v", other, err)
		}
	}
	return nil
}

// tell has the other libraries take a cartridge off their shelves, which is inside
// here now. One that is not told lists it until somebody wants it from there.
func (l *library) tell(ctx context.Context, barcode string) {
	for _, other := range l.others() {
		_, err := bus.Call(ctx, l.Conn, bus.LibraryGiveUp(other), bus.GiveUpRequest{Barcode: barcode, Library: l.id})
		if err != nil {
			l.Log.Debug("another library was not told of a cartridge", "barcode", barcode, "library", other, "err", err)
		}
	}
}

// others are the other libraries of the suite.
func (l *library) others() (ids []int) {
	for _, o := range l.suite().Libraries {
		if o.ID != l.id {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// look reads from the files of a library that does not run whether it has a
// cartridge inside; the error says where.
func (l *library) look(id int, barcode string) (inside bool, err error) {
	held, err := smc.Held(vfs.OS{}, l.stateDirectory(id))
	if err != nil {
		return false, fmt.Errorf("whether it holds %s cannot be found out: %w", barcode, err)
	}
	if e, ok := held[barcode]; ok {
		return true, fmt.Errorf("it does not run, and %s is in its %s", barcode, e)
	}
	return false, nil
}

// elsewhere reads from the files of the other libraries which cartridges they have
// inside: what a daemon shows is in its file first. One whose files cannot be
// read holds up nothing.
func (l *library) elsewhere() map[string]int {
	m := map[string]int{}
	for _, other := range l.others() {
		held, err := smc.Held(vfs.OS{}, l.stateDirectory(other))
		if err != nil {
			l.Log.Warn("what another library holds cannot be found out", "library", other, "err", err)
			continue
		}
		for b := range held {
			m[b] = other
		}
	}
	return m
}
