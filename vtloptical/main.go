// Vtloptical is one optical drive: one iSCSI target with one MMC device.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/pflag"

	"govtl/internal/daemon"
)

func main() {
	var f daemon.Flags
	fs := pflag.NewFlagSet("vtloptical", pflag.ContinueOnError)
	f.Bind(fs)
	id := fs.IntP("queue", "q", -1, "drive `NUMBER`, in place of the argument")
	version := fs.Bool("version", false, "print the version and exit")
	fs.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: vtloptical [options] NUMBER\n\nServes optical drive NUMBER of the configuration. Options:\n%s", fs.FlagUsages())
	}
	switch err := fs.Parse(os.Args[1:]); {
	case err == pflag.ErrHelp:
		return
	case err != nil:
		usage(err)
	case *version:
		fmt.Println("vtloptical", daemon.Version())
		return
	}
	if fs.NArg() == 1 && *id < 0 {
		n, err := strconv.Atoi(fs.Arg(0))
		if err != nil {
			usage(fmt.Errorf("%q is no drive number", fs.Arg(0)))
		}
		*id = n
	} else if fs.NArg() != 0 || *id < 0 {
		usage(fmt.Errorf("which drive? Exactly one number is needed"))
	}
	if err := serve(f, *id); err != nil {
		daemon.Explain(os.Stderr, err)
		os.Exit(1)
	}
}

func usage(err error) {
	daemon.Explain(os.Stderr, daemon.WithHint(err, "vtloptical --help lists the options"))
	os.Exit(2)
}
