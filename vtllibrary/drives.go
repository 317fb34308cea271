package main

import (
	"context"
	"errors"
	"fmt"

	"govtl/bus"
	"govtl/scsi/personality"
	"govtl/scsi/smc"
)

// drives reaches the library's drives by the message bus: smc.Drives.
type drives struct {
	conn    *bus.Conn
	optical func(id int) bool // which of them are optical
}

// refusals is what the answers of a drive mean to a changer. An answer that did
// not come, or that the drive's daemon did not give, leaves open whether
// the request was carried out.
var refusals = []struct {
	from error
	to   error
}{
	{bus.ErrIncompatible, smc.ErrIncompatible},
	{bus.ErrDriveFull, smc.ErrDriveFull},
	{bus.ErrDriveEmpty, smc.ErrDriveEmpty},
	{bus.ErrVolume, smc.ErrVolume},
	{bus.ErrRefused, smc.ErrRemovalPrevented},
}

// meaning turns a bus error into one of package smc.
func meaning(drive int, err error) error {
	if err == nil {
		return nil
	}
	for _, r := range refusals {
		if errors.Is(err, r.from) {
			return fmt.Errorf("%w: drive %d: %v", r.to, drive, err)
		}
	}
	return fmt.Errorf("%w: drive %d: %v", smc.ErrUnreachable, drive, err)
}

// Insert implements smc.Drives.
func (d drives) Insert(ctx context.Context, drive int, v smc.Volume, moveID string) error {
	optical, disc := d.optical(drive), v.Kind == personality.KindDisc
	switch {
	case disc && !optical:
		return fmt.Errorf("%w: drive %d is a tape drive, and %s is a disc", smc.ErrIncompatible, drive, v.Barcode)
	case !disc && optical:
		return fmt.Errorf("%w: drive %d is an optical drive, and %s is a tape", smc.ErrIncompatible, drive, v.Barcode)
	}
	to := bus.DriveInsert(drive)
	if optical {
		to = bus.OpticalInsert(drive)
	}
	_, err := bus.Call(ctx, d.conn, to, bus.InsertRequest{Volume: bus.Volume{
		Barcode: v.Barcode, Dir: v.Dir, Kind: v.Kind, Medium: v.Medium, Inverted: v.Inverted}, MoveID: moveID})
	return meaning(drive, err)
}

// Remove implements smc.Drives.
func (d drives) Remove(ctx context.Context, drive int, barcode, moveID string) error {
	from := bus.DriveRemove(drive)
	if d.optical(drive) {
		from = bus.OpticalRemove(drive)
	}
	_, err := bus.Call(ctx, d.conn, from, bus.RemoveRequest{Barcode: barcode, MoveID: moveID})
	return meaning(drive, err)
}

// State implements smc.Drives.
func (d drives) State(ctx context.Context, drive int) (smc.DriveState, error) {
	of := bus.DriveState(drive)
	if d.optical(drive) {
		of = bus.OpticalState(drive)
	}
	s, err := bus.Call(ctx, d.conn, of, bus.Empty{})
	if err != nil {
		return smc.DriveState{}, meaning(drive, err)
	}
	return smc.DriveState{Barcode: s.Barcode, Loaded: s.Loaded, MoveID: s.MoveID, RemovalPrevented: s.RemovalPrevented}, nil
}

// Alive is smc.Options.Alive.
func (d drives) Alive(ctx context.Context, drive int) (instance string, err error) {
	device := bus.DriveDevice(drive)
	if d.optical(drive) {
		device = bus.OpticalDevice(drive)
	}
	s, err := bus.Call(ctx, d.conn, bus.TargetStatus(device), bus.Empty{})
	return s.Instance, meaning(drive, err)
}
