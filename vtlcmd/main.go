// Vtlcmd is the operator's command line: it runs the suite, tells its state, and
// sends what operators type to the daemons. It never touches a cartridge that a
// daemon may have open.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"govtl/internal/daemon"
)

// Exit statuses.
const (
	exitOK      = 0
	exitRefused = 1 // refused or failed; stderr has error: and perhaps hint:
	exitUsage   = 2
)

// maxTimeout is the largest --timeout in seconds.
const maxTimeout = 86400

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage marks errors that end with exitUsage.
var errUsage = errors.New("usage")

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }
func (usageError) Is(t error) bool { return t == errUsage }

// run runs one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	fs := pflag.NewFlagSet("vtlcmd", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	a.flags.Bind(fs)
	a.flags.BindListen(fs)
	fs.BoolVar(&a.json, "json", false, "print replies as JSON")
	timeout := fs.Float64("timeout", 0, "give up on a daemon after so many `SECONDS` (default 10; moves and loads 120)")
	version := fs.BoolP("version", "V", false, "print the version and exit")
	old := fs.BoolP("v", "v", false, "the same")
	hideFlag(fs, "v")
	help := fs.BoolP("help", "h", false, "print this text and exit")
	if len(args) == 1 && args[0] == "-help" { // as mhVTL's takes it
		args = []string{"--help"}
	}
	err := fs.Parse(args)
	words := fs.Args()
	switch {
	case err != nil:
		err = usageError{err.Error()}
	case !(*timeout >= 0 && *timeout <= maxTimeout):
		err = usageError{fmt.Sprintf("--timeout is from 0 to %d seconds", maxTimeout)}
	case *version || *old:
		fmt.Fprintln(stdout, "vtlcmd", daemon.Version())
		return exitOK
	case *help, len(words) == 1 && (words[0] == "help" || words[0] == "/h"):
		fmt.Fprint(stdout, helpText(fs.FlagUsages()))
		return exitOK
	case len(words) == 0:
		fmt.Fprint(stderr, helpText(fs.FlagUsages()))
		return exitUsage
	default:
		a.timeout = time.Duration(*timeout * float64(time.Second))
		err = a.dispatch(ctx, words)
	}
	a.close()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		if daemon.Hint(err) == "" {
			err = daemon.WithHint(err, "'vtlcmd help' lists the commands")
		}
		daemon.Explain(stderr, err)
		return exitUsage
	}
	daemon.Explain(stderr, err)
	return exitRefused
}

// hideFlag keeps a flag out of the help.
func hideFlag(fs *pflag.FlagSet, name string) {
	if f := fs.Lookup(name); f != nil {
		f.Hidden = true
	}
}
