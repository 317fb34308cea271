package main

import (
	"context"
	"fmt"
	"strconv"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/scsi/personality"
)

// isRecorder reports whether a model is that of an optical drive.
func (c *call) isRecorder(model string) bool {
	_, err := personality.LoadRecorder(model, c.paths.Models)
	return err == nil
}

// newOptical gives an optical drive its number and serial.
func (c *call) newOptical(model string, from int) (config.Optical, error) {
	d, err := c.newDrive(model, from)
	return config.Optical{ID: d.ID, Model: d.Model, Serial: d.Serial}, err
}

// addLibraryOptical adds an optical drive to a library.
func (c *call) addLibraryOptical(ctx context.Context, l *config.Library, model string, from int) error {
	o, err := c.newOptical(model, from)
	if err != nil {
		return err
	}
	after, err := c.edit(ctx, config.AddOptical(l.ID, o))
	if err != nil {
		return err
	}
	in, _ := after.Library(l.ID)
	return c.print(fmt.Sprintf("optical %d, serial %s, element %d of library %d", o.ID, o.Serial, in.ElementOf(o.ID), l.ID), o)
}

// addLoneOptical adds an optical drive without a library.
func (c *call) addLoneOptical(ctx context.Context) error {
	o, err := c.newOptical(c.args["MODEL"], 1)
	if err != nil {
		return err
	}
	if _, err := c.edit(ctx, config.AddStandAloneOptical(o)); err != nil {
		return err
	}
	return c.print(fmt.Sprintf("optical %d, serial %s", o.ID, o.Serial), o)
}

// removeOptical removes an optical drive that the changer has nothing in.
func (c *call) removeOptical(ctx context.Context, id int) error {
	if err := c.mustBeEmpty(ctx, id, bus.OpticalState(id)); err != nil {
		return err
	}
	if _, err := c.edit(ctx, config.RemoveOptical(id)); err != nil {
		return err
	}
	return c.done(nil)
}

// addDisc gives new discs to a library.
func addDisc(ctx context.Context, c *call) error {
	m := config.Media{Barcodes: c.args["BARCODES"], Disc: c.args["MEDIUM"]}
	if s, ok := c.args["SIDES"]; ok {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 2 {
			return usageError{fmt.Sprintf("%q sides: a disc has 1 or 2", s)}
		}
		m.Sides = n
	}
	codes, err := config.ExpandBarcodes(m.Barcodes)
	if err != nil {
		return usageError{err.Error()}
	}
	if _, err := c.edit(ctx, config.AddMedia(c.device.ID, m)); err != nil {
		return err
	}
	return c.print(fmt.Sprintf("%d discs", len(codes)), m)
}
