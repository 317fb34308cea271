package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/mhvtl"
)

// importMHVTL makes vtl.yaml of mhVTL's configuration. A file that is the
// default one, as a first start or a package writes it, is replaced; any other
// stays.
func importMHVTL(_ context.Context, c *call) error {
	paths, err := c.flags.Paths()
	if err != nil {
		return err
	}
	i, err := mhvtl.ImportConfig(mhvtl.ConfigOptions{Dir: c.args["DIR"], Models: paths.Models})
	if errors.Is(err, fs.ErrNotExist) {
		return daemon.WithHint(err, "'vtlcmd import-mhvtl DIR' names the directory of mhVTL's device.conf")
	}
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(paths.Config); err == nil && string(old) == config.DefaultText() {
		if err := os.Remove(paths.Config); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	if err := i.Write(paths.Config); err != nil {
		return daemon.WithHint(err, "move %s away, or write another one with --config FILE", paths.Config)
	}
	return c.print(importText(paths.Config, i), i)
}

// importText is what was done, for people.
func importText(file string, i *mhvtl.Imported) string {
	var b strings.Builder
	drives := len(i.Suite.Drives)
	for _, l := range i.Suite.Libraries {
		drives += len(l.Drives)
	}
	fmt.Fprintf(&b, "wrote %s: %d libraries, %d drives, %d cartridges\n", file, len(i.Suite.Libraries), drives, len(i.Cartridges))
	for _, n := range i.Notes {
		fmt.Fprintf(&b, "not as it was: %s\n", n)
	}
	there := 0
	for _, f := range i.Cartridges {
		if f.Path != "" {
			there++
		}
	}
	if there > 0 {
		fmt.Fprintf(&b, "%d cartridges can be converted, before the suite starts: dumptape import-mhvtl\n", there)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
