package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"govtl/libcart"
	"govtl/libcart/tool"
)

// extract writes tape files to host files.
func (a *app) extract(dir string, args []string) error {
	return a.with(dir, false, func(c *libcart.Cartridge) error {
		if a.file < 0 {
			if a.output != "" {
				return usagef("-o is for one tape file: say --file N")
			}
			to := c.Info().Barcode
			if len(args) > 0 {
				to = args[0]
			}
			return tool.ExtractAll(c, a.partition, to, func(name string, n int64) {
				fmt.Fprintf(a.stdout, "%s: %d bytes\n", name, n)
			})
		}
		name := a.output
		if name == "" {
			name = fmt.Sprintf("file%05d", a.file)
			if len(args) > 0 {
				name = filepath.Join(args[0], name)
			}
		}
		return output(name, a.stdout, func(w io.Writer) error {
			n, err := tool.Extract(c, a.partition, uint64(a.file), w)
			if err == io.EOF {
				return fmt.Errorf("there is no tape file %d", a.file)
			}
			if err == nil && name != "-" {
				fmt.Fprintf(a.stdout, "%s: %d bytes\n", name, n)
			}
			return err
		})
	})
}

// output writes a new file, which is gone again when that fails; "-" is standard
// output.
func output(name string, stdout io.Writer, write func(io.Writer) error) error {
	if name == "-" {
		out := bufio.NewWriterSize(stdout, 1<<20)
		return errors.Join(write(out), out.Flush())
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}

// importFiles appends host files as tape files.
func (a *app) importFiles(dir string, args []string) error {
	return a.with(dir, true, func(c *libcart.Cartridge) error {
		for _, name := range args {
			n, err := a.importFile(c, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(a.stdout, "%s: %d bytes as tape file %d\n", name, n, c.Position().Filemarks-1)
		}
		return nil
	})
}

func (a *app) importFile(c *libcart.Cartridge, name string) (int64, error) {
	if name == "-" {
		return tool.Import(a.ctx, c, a.partition, a.stdin, a.block)
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return tool.Import(a.ctx, c, a.partition, f, a.block)
}

// export writes a whole cartridge to one file.
func (a *app) export(dir string, args []string) error {
	return output(args[0], a.stdout, func(w io.Writer) error {
		return tool.Export(a.ctx, dir, libcart.Options{Holder: "dumptape"}, w, a.meter())
	})
}

// restore makes a cartridge of an exported one.
func (a *app) restore(archive string) error {
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
	in := a.stdin
	if archive != "-" {
		f, err := os.Open(archive)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	dir, err := tool.Restore(a.ctx, home, libcart.Options{Holder: "dumptape"}, bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		return err
	}
	if err := a.own(dir); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "made %s: %s\n", filepath.Base(dir), dir)
	return nil
}
