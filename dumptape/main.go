// Dumptape looks into cartridges, checks and repairs them, and moves files and
// whole cartridges in and out. It needs no daemon.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"govtl/internal/daemon"
)

// Exit statuses.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitDamaged = 3 // the cartridge is damaged
)

const usageText = `usage: dumptape [COMMAND] CARTRIDGE [ARGUMENT...] [options]

CARTRIDGE is a directory, or the barcode of a cartridge in any library (in one:
-l LIBRARY). -m BARCODE may be said instead. It may be an optical disc, too: its
image, or its barcode; list, verify and image are for those. Commands:

  list                 what is on it: blocks, filemarks, lengths (no command: this)
  mam [ID=VALUE...]    show the cartridge memory; set text, 0xHEX, or delete (ID=)
  verify               read everything and check every checksum
  repair               recover it, and mend its index
  extract [DIR]        write its tape files to host files DIR/file00000 and so on
  import FILE...       append host files as tape files; - is standard input
  export FILE          write all of it to one file with checksums; - is standard output
  restore ARCHIVE      make a cartridge of such a file (no CARTRIDGE; -l or --dir)
  image FILE           write a disc's image, as an ISO file; - is standard output
  protect on|off       set or clear the write-protect tab
  import-mhvtl [SOURCE...]  convert cartridges of mhVTL, of every version: those of its
                       configuration, or SOURCE... into -l LIBRARY or --dir

Examples:

  dumptape VTL001L9
  dumptape verify /var/lib/vtl/cartridges/10/VTL001L9
  dumptape extract VTL001L9 --file 2 -o - | tar t
  dumptape verify /var/lib/vtl/discs/DVD001.iso

Exit status: 0 good, 1 it failed, 2 wrong usage, 3 the cartridge is damaged.
Options:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := app{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}
	fs := pflag.NewFlagSet("dumptape", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	fs.StringVarP(&a.barcode, "barcode", "m", "", "`BARCODE` of the cartridge")
	fs.IntVarP(&a.library, "library", "l", 0, "`LIBRARY` it is in")
	fs.BoolVarP(&a.verbose, "verbose", "v", false, "list: a line for each object, and the cartridge memory")
	fs.BoolVar(&a.json, "json", false, "list, mam, verify: print JSON")
	fs.Uint8VarP(&a.partition, "partition", "p", 0, "`PARTITION` for mam, extract and import")
	fs.StringVarP(&a.output, "output", "o", "", "extract: `FILE` for the one of --file; -: standard output")
	fs.Int64Var(&a.file, "file", -1, "extract: only tape file `N`, counted from 0")
	fs.IntVarP(&a.block, "block", "b", 256<<10, "import: block size in `BYTES`")
	fs.StringVarP(&a.codec, "codec", "c", "s2", "import: compress by `CODEC`: none, lz4, s2, zstd")
	fs.StringVarP(&a.dir, "dir", "H", "", "restore: `DIR` that the cartridge is made in")
	fs.StringVar(&a.mhvtl, "mhvtl", "", "import-mhvtl: `DIR` of mhVTL's configuration (default /etc/mhvtl)")
	fs.StringVarP(&a.medium, "density", "d", "", "import-mhvtl: take them for `MEDIUM`, whatever they say")
	fs.BoolVar(&a.dirty, "dirty", false, "import-mhvtl: take cartridges that were not unloaded properly")
	fs.BoolVar(&a.partial, "partial", false, "import-mhvtl: of damaged ones take what is before the damage")
	fs.BoolVar(&a.progress, "progress", false, "print progress also when standard error is no terminal")
	fs.StringVar(&a.flags.Config, "config", "", "configuration `FILE`")
	fs.StringVar(&a.flags.State, "state", "", "state `DIR` of the suite")
	fs.BoolP("data", "D", false, "accepted: lists always read the headers of the data")
	fs.Lookup("data").Hidden = true
	version := fs.BoolP("version", "V", false, "print the version and exit")
	switch err := fs.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(stdout, usageText, fs.FlagUsages())
		return 0
	case err != nil:
		daemon.Explain(stderr, daemon.WithHint(err, "dumptape --help lists commands and options"))
		return exitUsage
	case *version:
		fmt.Fprintln(stdout, "dumptape", daemon.Version())
		return 0
	}
	err := a.do(fs.Args())
	if err == nil {
		return 0
	}
	daemon.Explain(stderr, err)
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if isDamage(err) {
		return exitDamaged
	}
	return exitFailed
}
