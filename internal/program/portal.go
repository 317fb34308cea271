package program

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"govtl/internal/daemon"
)

// Portal is the daemon in front of all others.
type Portal struct {
	Name  string
	Serve func(f daemon.Flags) error
}

// Main runs the daemon with command line arguments and returns its exit status.
func (p Portal) Main(args []string) int {
	var f daemon.Flags
	fs := pflag.NewFlagSet(p.Name, pflag.ContinueOnError)
	f.Bind(fs)
	f.BindListen(fs)
	about := fmt.Sprintf("usage: %s [options]\n\nThe iSCSI address and the message bus of a suite. Options:\n", p.Name)
	if done, status := parse(fs, p.Name, about, args, os.Stdout, os.Stderr); done {
		return status
	}
	if fs.NArg() > 0 {
		return wrong(p.Name, fmt.Errorf("unexpected argument %q", fs.Arg(0)), os.Stderr)
	}
	return finish(p.Serve(f))
}
