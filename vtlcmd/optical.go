package main

import (
	"context"
	"fmt"
	"strconv"

	"govtl/bus"
)

// opticalState is an optical drive in the status of the suite.
type opticalState struct {
	ID     int                     `json:"id"`
	Error  string                  `json:"error,omitempty"`
	Status *bus.OpticalStatusReply `json:"status,omitempty"`
}

// opticalCommands are those of an optical drive.
func opticalCommands() []row {
	return []row{
		{"load FILE [MEDIUM]", "put a disc into the drive; with a medium, such as dvd-rw, make a blank one; in a library FILE is a barcode", opticalLoad},
		{"unload", "take the disc out", opticalUnload},
		{"online|offline", "show initiators the disc, or an empty drive", opticalOnline},
		{"status", "the whole state of the drive", opticalStatus},
	}
}

func opticalLoad(ctx context.Context, c *call) error {
	if _, in, ok := c.suite.OpticalIn(c.device.ID); ok && in != nil && c.args["MEDIUM"] == "" {
		// FILE is the barcode of a disc: the library moves it.
		to := "drive " + strconv.Itoa(in.ElementOf(c.device.ID))
		return c.move(ctx, bus.LibraryDevice(in.ID), bus.MoveRequest{From: c.args["FILE"], To: to})
	}
	r, err := ask(ctx, c.app, slow, bus.OpticalLoad(c.device.ID), bus.DiscRequest{File: c.args["FILE"], Medium: c.args["MEDIUM"]})
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("Loaded OK: %s (%s)", r.File, r.Medium), r)
}

func opticalUnload(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, slow, bus.OpticalUnload(c.device.ID), bus.Empty{})
	if err != nil {
		return err
	}
	return c.print("Unloaded OK: "+r.File, r)
}

func opticalOnline(ctx context.Context, c *call) error {
	_, err := ask(ctx, c.app, slow, bus.OpticalOnline(c.device.ID), bus.SwitchRequest{On: c.args["online"] == "online"})
	return c.done(err)
}

func opticalStatus(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.OpticalStatus(c.device.ID), bus.Empty{})
	if err != nil {
		return err
	}
	text := fmt.Sprintf("optical %d: %s, serial %s\n", r.ID, r.Model, r.Serial)
	if r.Library != 0 {
		text += fmt.Sprintf("  library %d, drive element %d\n", r.Library, r.Element)
	}
	return c.print(text+"  "+opticalLine(r), r)
}

// opticalLine is what an optical drive holds, in one line.
func opticalLine(r bus.OpticalStatusReply) string {
	text := r.State
	if r.Medium != "" {
		text = r.Medium + ", " + text
	}
	if r.Closed > 0 {
		text += fmt.Sprintf(", %d sessions", r.Closed)
	}
	if r.Readable > 0 {
		text += fmt.Sprintf(", %d MB readable", r.Readable/1_000_000)
	}
	if r.Free > 0 {
		text += fmt.Sprintf(", %d MB free", r.Free/1_000_000)
	}
	if r.Prevented {
		text += ", locked by an initiator"
	}
	if r.Holds.Barcode != "" {
		text += ", " + r.Holds.Barcode
	}
	if r.File != "" {
		text += ", " + r.File
	}
	return text
}
