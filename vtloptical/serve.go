package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/station"
	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/mmc"
	"govtl/scsi/personality"
)

// drive is the daemon's state.
type drive struct {
	*station.Station
	id     int
	config *config.Optical
	in     *config.Library // nil: it stands alone
	model  *personality.Recorder
	unit   *mmc.Drive
}

// serve runs drive id until a signal or an error.
func serve(f daemon.Flags, id int) error {
	st, err := station.Open(station.Options{Device: bus.OpticalDevice(id), Description: "optical drive", Flags: f})
	if err != nil {
		return err
	}
	d := &drive{Station: st, id: id}
	if err := d.open(); err != nil {
		return err
	}
	if err := d.endpoints(); err != nil {
		return errors.Join(err, d.unit.Close())
	}
	return d.Run(station.Serve{
		Unit: d.unit.Unit(), Alias: fmt.Sprintf("%s %s", d.model.Title, d.config.Serial),
		Access: d.config.Access, Reload: d.reload, Metrics: d.metrics, Close: d.unit.Close,
	})
}

// open makes the device, with the disc in it that was there when the daemon ended.
func (d *drive) open() error {
	var ok bool
	if d.config, d.in, ok = d.Suite.OpticalIn(d.id); !ok {
		return fmt.Errorf("%s: there is no optical drive %d", d.Suite.File, d.id)
	}
	var err error
	if d.model, err = personality.LoadRecorder(d.config.Model, d.Paths.Models); err != nil {
		return err
	}
	naa, err := d.config.Identifier()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.home(), 0o750); err != nil {
		return err
	}
	d.unit, err = mmc.New(mmc.Options{
		Personality: d.model, Serial: d.config.Serial, NAA: binary.BigEndian.Uint64(naa[:]), TargetName: d.Target,
		Log: d.Log, Memory: d.Memory(), Events: d.event, Trace: d.Tracer.Finished, Durations: durations(d.config.Timing),
	})
	if err != nil {
		return err
	}
	// A disc that cannot be used is said, and never keeps the daemon from serving.
	if err := d.unit.Resume(context.Background()); err != nil {
		d.Log.Error("the disc in the drive cannot be used", "err", err)
	}
	// What an operator had put into it before it came into a library is not the
	// library's.
	if s := d.unit.Status(); d.in != nil && s.File != "" && s.Barcode == "" {
		if _, err := d.unit.Unload(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// home is where the images of discs are.
func (d *drive) home() string { return d.Paths.OpticalHome(d.config, d.in) }

// durations are the configured times, or the default for each.
func durations(t *config.OpticalTiming) mmc.Durations {
	if t == nil {
		t = &config.OpticalTiming{Blank: config.DefaultOpticalSeconds, Format: config.DefaultOpticalSeconds, Close: config.DefaultOpticalSeconds}
	}
	return mmc.Durations{Blank: personality.Seconds(t.Blank), Format: personality.Seconds(t.Format), Close: personality.Seconds(t.Close)}
}

// reload applies a new configuration: access can change while the drive runs.
func (d *drive) reload(_ context.Context, s *config.Suite) ([]string, error) {
	c, in, ok := s.OpticalIn(d.id)
	if !ok {
		return nil, fmt.Errorf("optical drive %d is not in the configuration any more: it goes on until it is stopped", d.id)
	}
	if err := d.SetAccess(s, c.Access); err != nil {
		return nil, err
	}
	d.config, d.in = c, in
	return nil, nil
}

// event publishes what happens in the drive.
func (d *drive) event(e mmc.Event) {
	switch e.Kind {
	case "loaded":
		d.Event(bus.Loaded{Barcode: name(e), Medium: e.Text})
	case "ejected", "unloaded":
		d.Event(bus.Unloaded{Barcode: name(e), Removed: e.Kind == "unloaded"})
	case "refused":
		d.Event(bus.LoadFailed{Barcode: name(e), Reason: e.Text})
	}
}

// name is what the disc of an event is called: the barcode of one that a library
// has, else its file.
func name(e mmc.Event) string {
	if e.Barcode != "" {
		return e.Barcode
	}
	return filepath.Base(e.File)
}

// codes is how the drive's refusals travel.
var codes = station.Codes{
	{mmc.ErrPrevented, bus.CodeRefused},
	{mmc.ErrBusy, bus.CodeRefused},
	{mmc.ErrEmpty, bus.CodeDriveEmpty},
	{mmc.ErrFull, bus.CodeDriveFull},
	{mmc.ErrIncompatible, bus.CodeIncompatible},
	{mmc.ErrMemory, bus.CodeVolume},
	{mmc.ErrRefused, bus.CodeVolume},
	{scsi.ErrClosed, bus.CodeAbsent},
}

// endpoints serves what an optical drive offers on the bus.
func (d *drive) endpoints() error {
	return errors.Join(
		station.Handle(d.Station, bus.OpticalLoad(d.id), func(ctx context.Context, r bus.DiscRequest) (bus.DiscReply, error) {
			if d.in != nil {
				return bus.DiscReply{}, bus.Errorf(bus.CodeRefused, "drive %d is in library %d, which moves discs: vtlcmd %d move BARCODE \"drive %d\"",
					d.id, d.in.ID, d.in.ID, d.in.ElementOf(d.id))
			}
			if r.File == "" {
				return bus.DiscReply{}, bus.Errorf(bus.CodeBadRequest, "no file")
			}
			file := r.File
			if !filepath.IsAbs(file) {
				file = filepath.Join(d.home(), file)
			}
			err := d.unit.Load(ctx, filepath.Clean(file), r.Medium)
			return bus.DiscReply{File: file, Medium: d.unit.Status().Medium}, codes.Coded(err)
		}),
		station.Handle(d.Station, bus.OpticalUnload(d.id), func(ctx context.Context, _ bus.Empty) (bus.DiscReply, error) {
			unload := d.unit.Unload
			if d.in != nil { // the disc stays on the tray until the library takes it
				unload = d.unit.Eject
			}
			file, err := unload(ctx)
			return bus.DiscReply{File: file}, codes.Coded(err)
		}),
		station.Handle(d.Station, bus.OpticalOnline(d.id), func(ctx context.Context, r bus.SwitchRequest) (bus.Empty, error) {
			return bus.Empty{}, codes.Coded(d.unit.SetOffline(ctx, !r.On))
		}),
		station.Handle(d.Station, bus.OpticalStatus(d.id), d.status),
		station.Handle(d.Station, bus.OpticalInsert(d.id), func(ctx context.Context, r bus.InsertRequest) (bus.Empty, error) {
			image := r.Volume.Dir
			if r.Volume.Inverted {
				image = libdisc.SecondSide(image)
			}
			if !filepath.IsAbs(image) {
				return bus.Empty{}, bus.Errorf(bus.CodeBadRequest, "%q is not an absolute path", image)
			}
			return bus.Empty{}, codes.Coded(d.unit.Insert(ctx, filepath.Clean(image), r.Volume.Barcode, r.MoveID))
		}),
		station.Handle(d.Station, bus.OpticalRemove(d.id), func(ctx context.Context, r bus.RemoveRequest) (bus.Empty, error) {
			return bus.Empty{}, codes.Coded(d.unit.Remove(ctx, r.Barcode, r.MoveID))
		}),
		station.Handle(d.Station, bus.OpticalState(d.id), func(context.Context, bus.Empty) (bus.DriveHolds, error) {
			return holds(d.unit.Status()), nil
		}),
	)
}

func holds(s mmc.Status) bus.DriveHolds {
	return bus.DriveHolds{Barcode: s.Barcode, Loaded: s.Loaded, MoveID: s.MoveID, RemovalPrevented: s.Prevented && s.Loaded}
}

// status tells everything about the drive.
func (d *drive) status(context.Context, bus.Empty) (bus.OpticalStatusReply, error) {
	s := d.unit.Status()
	r := bus.OpticalStatusReply{
		Holds: holds(s),
		ID:    d.id, Model: d.config.Model, Serial: d.config.Serial, Target: d.Target, PID: os.Getpid(),
		Started: d.Started().UTC().Format(time.RFC3339), Version: daemon.Version(),
		State: s.State, File: s.File, Medium: s.Medium, Closed: s.Sessions, Tracks: s.Tracks,
		Readable: s.Readable * libdisc.BlockSize, Free: s.Free * libdisc.BlockSize, Prevented: s.Prevented, Sessions: d.Sessions(),
	}
	if d.in != nil {
		r.Library, r.Element = d.in.ID, d.in.ElementOf(d.id)
	}
	return r, nil
}

// metrics adds what the drive counts.
func (d *drive) metrics(_ context.Context, r *bus.MetricsReply) {
	t, s := d.unit.Totals(), d.unit.Status()
	r.Optical = &bus.OpticalMetrics{
		BytesWritten: t.BytesWritten, BytesRead: t.BytesRead, WriteErrors: t.WriteErrors, ReadErrors: t.ReadErrors,
		Loads: t.Loads, LoadsRefused: t.Refused, Blanks: t.Blanks, Formats: t.Formats, Closes: t.Closes, Busy: t.Busy,
		Loaded: s.Medium != "", Readable: s.Readable * libdisc.BlockSize, Free: s.Free * libdisc.BlockSize,
	}
}
