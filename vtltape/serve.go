package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/station"
	"govtl/scsi/personality"
	"govtl/scsi/ssc"
)

// drive is the daemon's state.
type drive struct {
	*station.Station
	id      int
	config  *config.Drive
	library *config.Library // nil: stands alone
	model   *personality.Drive
	unit    *ssc.Drive
	history history
	tally   tally
}

// serve runs drive id until a signal or an error.
func serve(f daemon.Flags, id int) error {
	st, err := station.Open(station.Options{Device: bus.DriveDevice(id), Description: "tape drive", Flags: f})
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

// open makes the device, with the medium in it that was there when the daemon
// ended.
func (d *drive) open() error {
	var ok bool
	if d.config, d.library, ok = d.Suite.Drive(d.id); !ok {
		return fmt.Errorf("%s: there is no drive %d", d.Suite.File, d.id)
	}
	var err error
	if d.model, err = personality.LoadDrive(d.config.Model, d.Paths.Models); err != nil {
		return err
	}
	naa, err := d.config.Identifier()
	if err != nil {
		return err
	}
	o := ssc.Options{
		Personality: d.model, Serial: d.config.Serial, NAA: binary.BigEndian.Uint64(naa[:]), TargetName: d.Target,
		Log: d.Log, Memory: d.Memory(), Events: d.event, Trace: d.Tracer.Finished,
		BufferSize: int64(d.config.BufferMiB) << 20, Media: []string{d.Paths.Models},
		Delays: delays(d.config, d.model),
	}
	if d.config.MinFreeMiB != nil {
		if o.MinFree = int64(*d.config.MinFreeMiB) << 20; o.MinFree == 0 {
			o.MinFree = -1
		}
	}
	if d.library != nil {
		o.LibrarySerial = d.library.Serial
		changer, err := personality.LoadLibrary(d.library.Model, d.Paths.Models)
		if err != nil {
			return err
		}
		o.Element = changer.Elements.DataTransfer + uint16(d.library.ElementOf(d.id)-1)
	}
	if d.unit, err = ssc.New(o); err != nil {
		return err
	}
	ctx := context.Background()
	if err := d.unit.SetCompression(ctx, d.config.Compression); err != nil {
		return errors.Join(err, d.unit.Close())
	}
	// What cannot be resumed is said, and never keeps the daemon from serving.
	if err := d.unit.Resume(ctx); err != nil {
		d.Log.Error("what was in the drive is not known", "err", err)
	}
	return nil
}

// delays are the drive's times: none, the model's, or single ones of the
// configuration.
func delays(c *config.Drive, m *personality.Drive) ssc.Delays {
	t := c.Timing
	if t == nil {
		return ssc.Delays{}
	}
	one := func(own, model float64) time.Duration {
		if own == 0 && t.Model {
			own = model
		}
		return personality.Seconds(own)
	}
	rate := 0.0
	if t.Model {
		rate = m.Timing.MBps * 1e6
	}
	return ssc.Delays{
		Rate: rate, Load: one(t.Load, m.Timing.Load), Unload: one(t.Unload, m.Timing.Unload), Rewind: one(t.Rewind, m.Timing.Rewind),
		Position: one(t.Position, m.Timing.Position), Thread: one(t.Thread, m.Timing.Thread),
	}
}

// reload applies a new configuration: what can change while the drive runs is
// access and compression.
func (d *drive) reload(ctx context.Context, s *config.Suite) ([]string, error) {
	c, _, ok := s.Drive(d.id)
	if !ok {
		return nil, fmt.Errorf("drive %d is not in the configuration any more: it goes on until it is stopped", d.id)
	}
	policy, err := station.Policy(s, c.Access)
	if err != nil {
		return nil, err
	}
	var changes []string
	if c.Compression != d.config.Compression {
		if err := d.unit.SetCompression(ctx, c.Compression); err != nil {
			return nil, err
		}
		changes = append(changes, "compression is "+c.Compression)
	}
	d.config = c
	return changes, d.SetPolicy(policy)
}
