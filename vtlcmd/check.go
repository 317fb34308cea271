package main

import (
	"context"
	"fmt"
	"path/filepath"

	"govtl/internal/config"
	"govtl/internal/models"
	"govtl/internal/station"
)

// checked is what `vtlcmd check` says of a configuration that is in order.
type checked struct {
	File      string `json:"file"`
	Libraries int    `json:"libraries"`
	Devices   int    `json:"devices"`
	Media     int    `json:"media"` // cartridges and discs that it asks for
}

// check reads a configuration as every program of the suite does, and those files
// that it names, and changes nothing: for whoever edits the file with an editor
// or makes it with a program, before it is applied.
func check(_ context.Context, c *call) error {
	var err error
	if c.paths, err = c.flags.OperatorPaths(); err != nil {
		return err
	}
	if name := c.args["FILE"]; name != "" {
		if c.paths.Config, err = filepath.Abs(name); err != nil {
			return err
		}
		c.paths.Models = filepath.Join(filepath.Dir(c.paths.Config), "models")
	}
	s, err := config.Load(c.paths.Config, models.Checks(c.paths.Models, c.flags.Listen))
	if err != nil {
		return err
	}
	if _, err := station.Policy(s, config.Access{}); err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	r := checked{File: s.File, Libraries: len(s.Libraries), Devices: len(s.Devices())}
	for i := range s.Libraries {
		placed, err := s.Libraries[i].Place()
		if err != nil {
			return err
		}
		r.Media += len(placed)
	}
	return c.print(fmt.Sprintf("%s is in order: %d libraries, %d drives, %d cartridges", r.File, r.Libraries, r.Devices-r.Libraries, r.Media), r)
}
