// Mktape makes cartridges. It needs no daemon.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"govtl/internal/daemon"
)

// Exit statuses.
const (
	exitUsage  = 1 // wrong options, or a medium that does not exist
	exitFailed = 2 // a cartridge could not be made
)

const usageText = `usage: mktape -l LIBRARY -m BARCODE [options]

Makes the cartridge BARCODE of library LIBRARY, or several: a range
(VTL001L9-VTL020L9), a list with commas, or --count N from BARCODE on. What
exists already stays as it is. Discs for optical drives are made too: -t disc -d
MEDIUM, in a jukebox's directory or, without -l, in that of drives that stand
alone. Examples:

  mktape -l 10 -m VTL021L9 -s 0 -t data -d LTO9
  mktape -l 30 -m DVD011-DVD020 -t disc -d dvd-rw

Options:
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program without its process.
func run(args []string, stdout, stderr io.Writer) int {
	var o options
	var f daemon.Flags
	fs := pflag.NewFlagSet("mktape", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	fs.IntVarP(&o.library, "library", "l", 0, "`LIBRARY` that the cartridge belongs to")
	fs.StringVarP(&o.barcodes, "barcode", "m", "", "`BARCODE`, at most 16 characters; a range or a list")
	fs.IntVar(&o.count, "count", 1, "make `N` cartridges, counting up from BARCODE")
	fs.Int64VarP(&o.size, "size", "s", 0, "native capacity in `MiB`; 0: that of the medium")
	fs.StringVarP(&o.kind, "type", "t", "", "`KIND`: data, clean, WORM, NULL or disc; without it the barcode says")
	fs.StringVarP(&o.density, "density", "d", "", "`MEDIUM`, such as LTO9; without it the barcode says; of a disc such as dvd-rw")
	fs.IntVar(&o.sides, "sides", 1, "`N` sides of a disc, 1 or 2")
	fs.StringVarP(&o.dir, "dir", "H", "", "`DIR` for the cartridges, in place of the library's")
	fs.StringVar(&f.Config, "config", "", "configuration `FILE`")
	fs.StringVarP(&o.configDir, "config-dir", "C", "", "`DIR` of the configuration file vtl.yaml")
	fs.StringVar(&f.State, "state", "", "state `DIR` of the suite")
	quiet := fs.BoolP("quiet", "q", false, "print nothing but errors")
	fs.BoolP("verbose", "v", false, "accepted; what is made is always printed")
	fs.CountP("debug", "D", "accepted and ignored")
	fs.Lookup("debug").Hidden = true
	version := fs.BoolP("version", "V", false, "print the version and exit")
	for i, a := range args { // -D9, as mhVTL's takes it
		if a == "--" {
			break
		}
		if digits, ok := strings.CutPrefix(a, "-D"); ok && strings.Trim(digits, "0123456789") == "" {
			args = slices.Delete(slices.Clone(args), i, i+1)
			break
		}
	}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(stdout, usageText, fs.FlagUsages())
		return 0
	case err == nil && *version:
		fmt.Fprintln(stdout, "mktape", daemon.Version())
		return 0
	case err == nil && fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err != nil {
		daemon.Explain(stderr, daemon.WithHint(err, "mktape --help lists the options"))
		return exitUsage
	}
	if *quiet {
		stdout = io.Discard
	}
	o.flags = f
	if err := o.make(stdout); err != nil {
		daemon.Explain(stderr, err)
		if _, ok := errors.AsType[*usageError](err); ok {
			return exitUsage
		}
		return exitFailed
	}
	return 0
}
