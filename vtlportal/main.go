// Vtlportal is the front door of a suite: it listens on the one iSCSI address,
// answers discovery, hands each connection to the daemon that owns its target,
// and runs the message bus.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"govtl/internal/daemon"
)

func main() {
	var f daemon.Flags
	fs := pflag.NewFlagSet("vtlportal", pflag.ContinueOnError)
	f.Bind(fs)
	f.BindListen(fs)
	version := fs.Bool("version", false, "print the version and exit")
	fs.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: vtlportal [options]\n\nThe iSCSI address and the message bus of a suite. Options:\n%s", fs.FlagUsages())
	}
	switch err := fs.Parse(os.Args[1:]); {
	case err == pflag.ErrHelp:
		return
	case err != nil || fs.NArg() > 0:
		if err == nil {
			err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
		}
		daemon.Explain(os.Stderr, daemon.WithHint(err, "vtlportal --help lists the options"))
		os.Exit(2)
	case *version:
		fmt.Println("vtlportal", daemon.Version())
		return
	}
	level := new(slog.LevelVar)
	level.Set(daemon.Level(f.Verbose))
	log := daemon.NewLogger(os.Stderr, level, os.Getenv)
	if err := serve(f, log); err != nil {
		daemon.Explain(os.Stderr, err)
		os.Exit(1)
	}
}
