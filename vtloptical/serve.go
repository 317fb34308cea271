package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/station"
	"govtl/internal/vfs"
	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/mmc"
	"govtl/scsi/personality"
)

// maxMemory bounds the document of a drive's memory, in bytes.
const maxMemory = 64 << 10

// drive is the daemon's state.
type drive struct {
	*station.Station
	id     int
	config *config.Optical
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
		Access: d.config.Access, Reload: d.reload, Close: d.unit.Close,
	})
}

// open makes the device, with the disc in it that was there when the daemon ended.
func (d *drive) open() error {
	var ok bool
	if d.config, ok = d.Suite.OpticalDrive(d.id); !ok {
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
	if err := os.MkdirAll(d.Paths.OpticalHome(d.config), 0o750); err != nil {
		return err
	}
	d.unit, err = mmc.New(mmc.Options{
		Personality: d.model, Serial: d.config.Serial, NAA: binary.BigEndian.Uint64(naa[:]), TargetName: d.Target,
		Log: d.Log, Memory: memory(d.StateFile("json")), Events: d.event, Trace: d.Tracer.Finished, Durations: durations(d.config.Timing),
	})
	if err != nil {
		return err
	}
	// A disc that cannot be used is said, and never keeps the daemon from serving.
	if err := d.unit.Resume(context.Background()); err != nil {
		d.Log.Error("the disc in the drive cannot be used", "err", err)
	}
	return nil
}

// durations are the configured times, or the default for each.
func durations(t *config.OpticalTiming) mmc.Durations {
	if t == nil {
		t = &config.OpticalTiming{Blank: config.DefaultOpticalSeconds, Format: config.DefaultOpticalSeconds, Close: config.DefaultOpticalSeconds}
	}
	return mmc.Durations{Blank: personality.Seconds(t.Blank), Format: personality.Seconds(t.Format), Close: personality.Seconds(t.Close)}
}

// reload applies a new configuration: access can change while the drive runs.
func (d *drive) reload(_ context.Context, s *config.Suite) ([]string, error) {
	c, ok := s.OpticalDrive(d.id)
	if !ok {
		return nil, fmt.Errorf("optical drive %d is not in the configuration any more: it goes on until it is stopped", d.id)
	}
	if err := d.SetAccess(s, c.Access); err != nil {
		return nil, err
	}
	d.config = c
	return nil, nil
}

// event publishes what happens in the drive.
func (d *drive) event(e mmc.Event) {
	switch e.Kind {
	case "loaded":
		d.Event(bus.Loaded{Barcode: filepath.Base(e.File), Medium: e.Text})
	case "ejected", "unloaded":
		d.Event(bus.Unloaded{Barcode: filepath.Base(e.File), Removed: e.Kind == "unloaded"})
	case "refused":
		d.Event(bus.LoadFailed{Barcode: filepath.Base(e.File), Reason: e.Text})
	}
}

// codes is how the drive's refusals travel.
var codes = []struct {
	err  error
	code bus.Code
}{
	{mmc.ErrPrevented, bus.CodeRefused},
	{mmc.ErrBusy, bus.CodeRefused},
	{mmc.ErrEmpty, bus.CodeDriveEmpty},
	{mmc.ErrRefused, bus.CodeVolume},
	{scsi.ErrClosed, bus.CodeAbsent},
}

func coded(err error) error {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return bus.Errorf(c.code, "%v", err)
		}
	}
	return err
}

// endpoints serves what an optical drive offers on the bus.
func (d *drive) endpoints() error {
	return errors.Join(
		station.Handle(d.Station, bus.OpticalLoad(d.id), func(ctx context.Context, r bus.DiscRequest) (bus.DiscReply, error) {
			if r.File == "" {
				return bus.DiscReply{}, bus.Errorf(bus.CodeBadRequest, "no file")
			}
			file := r.File
			if !filepath.IsAbs(file) {
				file = filepath.Join(d.Paths.OpticalHome(d.config), file)
			}
			err := d.unit.Load(ctx, filepath.Clean(file), r.Medium)
			return bus.DiscReply{File: file, Medium: d.unit.Status().Medium}, coded(err)
		}),
		station.Handle(d.Station, bus.OpticalUnload(d.id), func(ctx context.Context, _ bus.Empty) (bus.DiscReply, error) {
			file, err := d.unit.Unload(ctx)
			return bus.DiscReply{File: file}, coded(err)
		}),
		station.Handle(d.Station, bus.OpticalOnline(d.id), func(ctx context.Context, r bus.SwitchRequest) (bus.Empty, error) {
			return bus.Empty{}, coded(d.unit.SetOffline(ctx, !r.On))
		}),
		station.Handle(d.Station, bus.OpticalStatus(d.id), d.status),
	)
}

// status tells everything about the drive.
func (d *drive) status(context.Context, bus.Empty) (bus.OpticalStatusReply, error) {
	s := d.unit.Status()
	return bus.OpticalStatusReply{
		ID: d.id, Model: d.config.Model, Serial: d.config.Serial, Target: d.Target, PID: os.Getpid(),
		Started: d.Started().UTC().Format(time.RFC3339), Version: daemon.Version(),
		State: s.State, File: s.File, Medium: s.Medium, Closed: s.Sessions, Tracks: s.Tracks,
		Readable: s.Readable * libdisc.BlockSize, Free: s.Free * libdisc.BlockSize, Prevented: s.Prevented, Sessions: d.Sessions(),
	}, nil
}

// memory is the file that keeps what survives a restart.
type memory string

// Load implements mmc.Memory.
func (m memory) Load() ([]byte, error) {
	b, err := vfs.OS{}.ReadFile(string(m), maxMemory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Save implements mmc.Memory.
func (m memory) Save(doc []byte) error { return vfs.ReplaceFile(vfs.OS{}, string(m), doc, 0o600) }
