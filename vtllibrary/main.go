// Vtllibrary is one tape library: one iSCSI target with one media changer.
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
	fs := pflag.NewFlagSet("vtllibrary", pflag.ContinueOnError)
	f.Bind(fs)
	id := fs.IntP("queue", "q", -1, "library `NUMBER`, in place of the argument")
	version := fs.Bool("version", false, "print the version and exit")
	fs.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: vtllibrary [options] NUMBER\n\nServes tape library NUMBER of the configuration. Options:\n%s", fs.FlagUsages())
	}
	switch err := fs.Parse(os.Args[1:]); {
	case err == pflag.ErrHelp:
		return
	case err != nil:
		usage(err)
	case *version:
		fmt.Println("vtllibrary", daemon.Version())
		return
	}
	if fs.NArg() == 1 && *id < 0 {
		n, err := strconv.Atoi(fs.Arg(0))
		if err != nil {
			usage(fmt.Errorf("%q is no library number", fs.Arg(0)))
		}
		*id = n
	} else if fs.NArg() != 0 || *id < 0 {
		usage(fmt.Errorf("which library? Exactly one number is needed"))
	}
	if err := serve(f, *id); err != nil {
		daemon.Explain(os.Stderr, err)
		os.Exit(1)
	}
}

func usage(err error) {
	daemon.Explain(os.Stderr, daemon.WithHint(err, "vtllibrary --help lists the options"))
	os.Exit(2)
}
