package ssc

import (
	"context"
	"fmt"
	"time"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// SetTapeAlert raises the TapeAlert flags of a mask, in which bit 0 is flag 1, and
// returns all that are set. A mask of 0 lowers all.
func (d *Drive) SetTapeAlert(ctx context.Context, mask uint64) (active uint64, err error) {
	err = d.server.Do(ctx, func(*Drive) error {
		if mask == 0 {
			d.alerts.ClearMask(d.alerts.Active())
		}
		d.alerts.SetMask(mask)
		active = d.alerts.Active()
		d.event("tapealert", "", "%016X", active)
		return nil
	})
	return active, err
}

// SetDelay sets how long a motion takes: load, unload, rewind, position or
// thread. It returns the delays that hold.
func (d *Drive) SetDelay(ctx context.Context, motion string, takes time.Duration) (all Delays, err error) {
	err = d.server.Do(ctx, func(*Drive) error {
		if takes < 0 || takes > 24*time.Hour {
			return fmt.Errorf("%w: a delay of %v", ErrValue, takes)
		}
		switch motion {
		case "load":
			d.delays.Load = takes
		case "unload":
			d.delays.Unload = takes
		case "rewind":
			d.delays.Rewind = takes
		case "position":
			d.delays.Position = takes
		case "thread":
			d.delays.Thread = takes
		default:
			return fmt.Errorf("%w: no motion is called %q", ErrValue, motion)
		}
		all = d.delays
		return nil
	})
	return all, err
}

// SetCompression chooses the codec for what is written while the initiator has
// compression on: adaptive, lz4, s2, zstd or off.
func (d *Drive) SetCompression(ctx context.Context, name string) error {
	return d.server.Do(ctx, func(*Drive) error {
		c, err := codecByName(name)
		if err != nil {
			return err
		}
		d.codec = c
		if d.in.loaded() {
			d.in.cart.SetCodec(d.effectiveCodec())
		}
		return nil
	})
}

// codecByName is the codec of a name in vtl.yaml or vtlcmd.
func codecByName(name string) (codecChoice, error) {
	switch name {
	case "", "adaptive":
		return codecChoice{libcart.S2, true, "adaptive"}, nil
	case "lz4":
		return codecChoice{libcart.LZ4, false, name}, nil
	case "s2":
		return codecChoice{libcart.S2, false, name}, nil
	case "zstd":
		return codecChoice{libcart.Zstd, false, name}, nil
	case "off", "no":
		return codecChoice{libcart.Stored, false, "off"}, nil
	}
	return codecChoice{}, fmt.Errorf("%w: compression %q is not adaptive, lz4, s2, zstd or off", ErrValue, name)
}

// SetAppendOnly turns the append-only mode on or off, as the operator may also
// with a medium loaded. ErrUnsupported: the model has none.
func (d *Drive) SetAppendOnly(ctx context.Context, on bool) error {
	return d.server.Do(ctx, func(*Drive) error {
		if !d.model.Has(personality.AppendOnly) {
			return fmt.Errorf("%w: append-only mode", ErrUnsupported)
		}
		d.Modes().Set(0x10, 0x01, "WRITE MODE", uint64(flag(on, 1)))
		d.takeModes()
		d.Attend(scsi.ModeParametersChanged, nil)
		return nil
	})
}
