package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"govtl/bus"
	"govtl/internal/daemon"
	"govtl/internal/station"
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/ssc"
)

// codes is how the drive's refusals travel.
var codes = station.Codes{
	{ssc.ErrIncompatible, bus.CodeIncompatible},
	{ssc.ErrFull, bus.CodeDriveFull},
	{ssc.ErrEmpty, bus.CodeDriveEmpty},
	{ssc.ErrVolume, bus.CodeVolume},
	{ssc.ErrPrevented, bus.CodeRefused},
	{ssc.ErrUnsupported, bus.CodeRefused},
	{ssc.ErrValue, bus.CodeBadRequest},
	{scsi.ErrClosed, bus.CodeAbsent},
}

// endpoints serves what a drive offers on the bus.
func (d *drive) endpoints() error {
	return errors.Join(
		station.Handle(d.Station, bus.DriveInsert(d.id), func(ctx context.Context, r bus.InsertRequest) (bus.Empty, error) {
			return bus.Empty{}, codes.Coded(d.unit.Insert(ctx, r.Volume.Dir, r.Volume.Barcode, r.MoveID))
		}),
		station.Handle(d.Station, bus.DriveRemove(d.id), func(ctx context.Context, r bus.RemoveRequest) (bus.Empty, error) {
			return bus.Empty{}, codes.Coded(d.unit.Remove(ctx, r.Barcode, r.MoveID))
		}),
		station.Handle(d.Station, bus.DriveState(d.id), func(ctx context.Context, _ bus.Empty) (bus.DriveHolds, error) {
			s, err := d.unit.Holds(ctx)
			return holds(s), codes.Coded(err)
		}),
		station.Handle(d.Station, bus.DriveLoad(d.id), d.load),
		station.Handle(d.Station, bus.DriveUnload(d.id), d.unload),
		station.Handle(d.Station, bus.DriveStatus(d.id), d.status),
		station.Handle(d.Station, bus.DriveDump(d.id), func(context.Context, bus.Empty) (bus.LoadHistory, error) {
			all := d.history.list()
			for _, r := range all {
				d.Log.Info("load history", "time", r.Time, "barcode", r.Barcode, "what", r.What, "reason", r.Reason)
			}
			return bus.LoadHistory{Loads: all}, nil
		}),
		station.Handle(d.Station, bus.DriveCompression(d.id), func(ctx context.Context, r bus.CompressionRequest) (bus.Empty, error) {
			return bus.Empty{}, codes.Coded(d.unit.SetCompression(ctx, r.Codec))
		}),
		station.Handle(d.Station, bus.DriveAppendOnly(d.id), func(ctx context.Context, r bus.SwitchRequest) (bus.Empty, error) {
			return bus.Empty{}, codes.Coded(d.unit.SetAppendOnly(ctx, r.On))
		}),
		station.Handle(d.Station, bus.DriveDelay(d.id), func(ctx context.Context, r bus.DelayRequest) (bus.Delays, error) {
			all, err := d.unit.SetDelay(ctx, r.Operation, time.Duration(r.Seconds*float64(time.Second)))
			return seconds(all), codes.Coded(err)
		}),
		station.Handle(d.Station, bus.TapeAlert(d.Device), func(ctx context.Context, r bus.AlertRequest) (bus.AlertReply, error) {
			flags, err := d.unit.SetTapeAlert(ctx, r.Flags)
			return bus.AlertReply{Flags: flags, Names: ssc.AlertNames(flags)}, codes.Coded(err)
		}),
		station.Handle(d.Station, bus.InquiryDataChanged(d.Device), func(context.Context, bus.Empty) (bus.Empty, error) {
			d.unit.InquiryDataChanged()
			return bus.Empty{}, nil
		}),
	)
}

// load loads a cartridge of the home directory into a stand-alone drive.
func (d *drive) load(ctx context.Context, r bus.LoadRequest) (bus.VolumeReply, error) {
	if d.library != nil {
		return bus.VolumeReply{}, bus.Errorf(bus.CodeRefused,
			"drive %d is in library %d, which moves cartridges: vtlcmd %d move %s \"drive %d\"", d.id, d.library.ID, d.library.ID, r.Barcode, d.library.ElementOf(d.id))
	}
	if r.Barcode == "" || r.Barcode != filepath.Base(r.Barcode) || r.Barcode == ".." || r.Barcode == "." {
		return bus.VolumeReply{}, bus.Errorf(bus.CodeBadRequest, "%q is no barcode", r.Barcode)
	}
	dir := filepath.Join(d.Paths.DriveHome(d.config, nil), r.Barcode)
	if _, err := os.Stat(dir); err != nil {
		return bus.VolumeReply{}, bus.Errorf(bus.CodeNotFound, "no cartridge %s: %v", r.Barcode, err)
	}
	if err := d.unit.Insert(ctx, dir, r.Barcode, ""); err != nil {
		return bus.VolumeReply{}, codes.Coded(err)
	}
	return bus.VolumeReply{Barcode: r.Barcode}, nil
}

// unload ejects: a stand-alone drive lets go of the cartridge.
func (d *drive) unload(ctx context.Context, r bus.UnloadRequest) (bus.VolumeReply, error) {
	in := d.unit.State().Barcode
	if err := d.unit.Eject(ctx, r.Barcode); err != nil {
		return bus.VolumeReply{}, codes.Coded(err)
	}
	if d.library == nil {
		if err := d.unit.Remove(ctx, in, ""); err != nil {
			return bus.VolumeReply{}, codes.Coded(err)
		}
	}
	return bus.VolumeReply{Barcode: in}, nil
}

func holds(s ssc.State) bus.DriveHolds {
	return bus.DriveHolds{Barcode: s.Barcode, Loaded: s.Loaded, MoveID: s.MoveID, RemovalPrevented: s.RemovalPrevented}
}

func seconds(d ssc.Delays) bus.Delays {
	return bus.Delays{
		Load: d.Load.Seconds(), Unload: d.Unload.Seconds(), Rewind: d.Rewind.Seconds(),
		Position: d.Position.Seconds(), Thread: d.Thread.Seconds(),
	}
}

// status tells everything about the drive.
func (d *drive) status(ctx context.Context, _ bus.Empty) (bus.DriveStatusReply, error) {
	s, err := d.unit.Status(ctx)
	if err != nil {
		return bus.DriveStatusReply{}, codes.Coded(err)
	}
	r := bus.DriveStatusReply{
		ID: d.id, Model: d.config.Model, Vendor: d.model.Inquiry.Vendor, Product: d.model.Inquiry.Product,
		Revision: d.model.Inquiry.Revision, Serial: d.config.Serial, Target: d.Target,
		PID: os.Getpid(), Started: d.Started().UTC().Format(time.RFC3339), Version: daemon.Version(),
		State: s.Word, Holds: holds(s.State), Medium: s.Medium, Kind: s.Kind,
		Position:  bus.TapePosition{Partition: s.Position.Partition, Object: s.Position.Object, Filemarks: s.Position.Filemarks, Lost: s.Lost},
		WriteProt: s.WriteProtected, BlockSize: s.BlockLength, Compression: s.Compression, AppendOnly: s.AppendOnly,
		Delays: seconds(s.Delays), TapeAlert: s.TapeAlert, Alerts: ssc.AlertNames(s.TapeAlert), Prevented: s.RemovalPrevented,
		Sessions: d.Sessions(), Counters: counters(s.Counters), LastError: d.tally.lastError(), Note: s.Recovery.Note,
	}
	r.Counters.Commands, r.Counters.CheckConditions = d.Tracer.Counts()
	if d.library != nil {
		r.Library, r.Element = d.library.ID, d.library.ElementOf(d.id)
	}
	for _, c := range s.Capacity {
		r.Capacity = append(r.Capacity, bus.TapeCapacity{Max: c.Max, Used: c.Used, Remaining: c.Remaining})
	}
	return r, nil
}

func counters(c libcart.Counters) bus.DriveCounters {
	return bus.DriveCounters{
		Loads: c.Loads, HostBytesWritten: c.HostBytesWritten, HostBytesRead: c.HostBytesRead,
		StoredBytesWritten: c.StoredBytesWritten, StoredBytesRead: c.StoredBytesRead,
		BlocksWritten: c.BlocksWritten, BlocksRead: c.BlocksRead, Filemarks: c.FilemarksWritten, SyncPoints: c.SyncPoints,
	}
}
