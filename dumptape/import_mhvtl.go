package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/mhvtl"
	"govtl/libcart"
)

// importMHVTL converts cartridges of mhVTL: those named, or all that its
// configuration knows. One that is there already is left, so that it may be run
// again.
func (a *app) importMHVTL(sources []string) error {
	paths, err := a.flags.OperatorPaths()
	if err != nil {
		return err
	}
	type job struct{ source, dir string }
	var jobs []job
	if len(sources) > 0 {
		home := a.dir
		if home == "" {
			if a.library == 0 {
				return usagef("where to? -l LIBRARY or --dir DIR is needed")
			}
			homes, err := a.homes()
			if err != nil {
				return err
			}
			home = homes[0]
		}
		for _, s := range sources {
			s = filepath.Clean(s)
			jobs = append(jobs, job{s, filepath.Join(home, filepath.Base(s))})
		}
	} else {
		found, err := mhvtl.ImportConfig(mhvtl.ConfigOptions{Dir: a.mhvtl, Models: paths.Models})
		if err != nil {
			return daemon.WithHint(err, "--mhvtl DIR says where mhVTL's configuration is; or name the cartridges")
		}
		suite, err := config.Load(paths.Config, config.Checks{})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, f := range found.Cartridges {
			if f.Path == "" || a.library != 0 && f.Library != a.library {
				continue
			}
			l := &config.Library{ID: f.Library}
			if suite != nil {
				if known, ok := suite.Library(f.Library); ok {
					l = known
				}
			}
			home := paths.LibraryHome(l)
			if a.dir != "" {
				home = a.dir
			}
			jobs = append(jobs, job{f.Path, filepath.Join(home, f.Barcode)})
		}
		if len(jobs) == 0 {
			return errors.New("mhVTL's libraries have no cartridges whose files are there")
		}
	}
	var failed []error
	for _, j := range jobs {
		if err := a.importOne(j.source, j.dir, paths.Models); err != nil {
			if a.ctx.Err() != nil {
				return err
			}
			daemon.Explain(a.stderr, err)
			failed = append(failed, err)
		}
	}
	if n := len(failed); n > 0 {
		return &notImported{n, len(jobs), failed}
	}
	return nil
}

// notImported is that some cartridges were not converted; the reasons were
// printed.
type notImported struct {
	n, of   int
	reasons []error
}

func (e *notImported) Error() string {
	return fmt.Sprintf("%d of %d cartridges were not converted", e.n, e.of)
}

// Is finds what one of the reasons is.
func (e *notImported) Is(target error) bool {
	return slices.ContainsFunc(e.reasons, func(r error) bool { return errors.Is(r, target) })
}

// importOne converts one cartridge and tells what became of it.
func (a *app) importOne(source, dir, models string) error {
	codec, err := libcart.ParseCodec(a.codec)
	if err != nil {
		return &usageError{err}
	}
	barcode := filepath.Base(dir)
	if err := config.CheckBarcode(barcode); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	o := mhvtl.ConvertOptions{Barcode: barcode, Medium: a.medium, Models: models, Codec: codec, Dirty: a.dirty, Partial: a.partial}
	if meter := a.meter(); meter != nil {
		o.Progress = func(p mhvtl.Progress) { meter(p.Done, p.Total) }
	}
	r, err := mhvtl.Convert(a.ctx, source, dir, o)
	switch {
	case errors.Is(err, libcart.ErrExists):
		fmt.Fprintf(a.stdout, "%s is there already, unchanged: %s\n", barcode, dir)
		return nil
	case errors.Is(err, mhvtl.ErrDirty):
		return daemon.WithHint(err, "stop mhVTL first; --dirty takes a cartridge of a host that went down")
	case errors.Is(err, mhvtl.ErrMedium):
		return daemon.WithHint(err, "--density MEDIUM says what to make of it")
	case errors.Is(err, mhvtl.ErrDamaged):
		return daemon.WithHint(err, "--partial takes what is before the damage")
	case err != nil:
		return err
	}
	if err := a.own(dir); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	fmt.Fprintf(a.stdout, "made %s: %s, of format %q: %s\n", barcode, r.Medium, r.Version, dir)
	for i, p := range r.Partitions {
		fmt.Fprintf(a.stdout, "  partition %d: %d blocks, %d filemarks, %d bytes; read back and compared; %d had a checksum\n",
			i, p.Blocks, p.Filemarks, p.Bytes, p.Checked)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(a.stdout, "  not as it was: %s\n", n)
	}
	return nil
}
