package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"govtl/bus"
)

// driveCommands are those of a drive.
func driveCommands() []row {
	return []row{
		{"load BARCODE", "load a cartridge; in a library the library moves it", driveLoad},
		{"unload [BARCODE]", "unload what is in the drive", driveUnload},
		{"status", "the whole state of the drive", driveStatus},
		{"append only yes|no|on|off", "append-only mode", driveAppendOnly},
		{"compression adaptive|lz4|s2|zstd|off|lzo|zlib", "codec for what is written from now on", driveCompression},
		{"delay load|unload|rewind|position|thread SECONDS", "how long it takes; fractions are possible", driveDelay},
		{"dump", "the drive's load list, here and in its log", driveDump},
	}
}

func driveLoad(ctx context.Context, c *call) error {
	barcode := c.args["BARCODE"]
	_, in, _ := c.suite.Drive(c.device.ID)
	if in != nil {
		return c.move(ctx, bus.LibraryDevice(in.ID), bus.MoveRequest{From: barcode, To: "drive " + strconv.Itoa(in.ElementOf(c.device.ID))})
	}
	r, err := ask(ctx, c.app, slow, bus.DriveLoad(c.device.ID), bus.LoadRequest{Barcode: barcode})
	if err != nil {
		return err
	}
	return c.print(withNote("Loaded OK: "+r.Barcode, r.Note), r)
}

func driveUnload(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, slow, bus.DriveUnload(c.device.ID), bus.UnloadRequest{Barcode: c.args["BARCODE"]})
	if err != nil {
		return err
	}
	return c.print(withNote(strings.TrimSpace("Unloaded OK: "+r.Barcode), r.Note), r)
}

func withNote(text, note string) string {
	if note == "" {
		return text
	}
	return text + " (" + note + ")"
}

func driveAppendOnly(ctx context.Context, c *call) error {
	on := c.args["yes"] == "yes" || c.args["yes"] == "on"
	_, err := ask(ctx, c.app, quick, bus.DriveAppendOnly(c.device.ID), bus.SwitchRequest{On: on})
	return c.done(err)
}

func driveCompression(ctx context.Context, c *call) error {
	codec := c.args["adaptive"]
	switch codec { // the words of mhVTL, for what takes their place here
	case "lzo":
		codec = "lz4"
	case "zlib":
		codec = "zstd"
	}
	_, err := ask(ctx, c.app, quick, bus.DriveCompression(c.device.ID), bus.CompressionRequest{Codec: codec})
	if err != nil {
		return err
	}
	return c.print("compression "+codec, bus.CompressionRequest{Codec: codec})
}

// maxDelay is the longest delay in seconds.
const maxDelay = 3600

func driveDelay(ctx context.Context, c *call) error {
	seconds, err := strconv.ParseFloat(c.args["SECONDS"], 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > maxDelay {
		return usageError{fmt.Sprintf("%q is no number of seconds from 0 to %d", c.args["SECONDS"], maxDelay)}
	}
	r, err := ask(ctx, c.app, quick, bus.DriveDelay(c.device.ID), bus.DelayRequest{Operation: c.args["load"], Seconds: seconds})
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("delay load %g, unload %g, rewind %g, position %g, thread %g", r.Load, r.Unload, r.Rewind, r.Position, r.Thread), r)
}

func driveDump(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.DriveDump(c.device.ID), bus.Empty{})
	if err != nil {
		return err
	}
	if len(r.Loads) == 0 {
		return c.print("nothing was loaded since the daemon started", r)
	}
	var b strings.Builder
	for i, l := range r.Loads {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  %-16s %s", l.Time, l.Barcode, l.What)
		if l.Reason != "" {
			fmt.Fprintf(&b, ": %s", l.Reason)
		}
	}
	return c.print(b.String(), r)
}

func driveStatus(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.DriveStatus(c.device.ID), bus.Empty{})
	if err != nil {
		return err
	}
	return c.print(driveText(r), r)
}
