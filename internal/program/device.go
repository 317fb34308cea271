// Package program is what the mains of the suite's daemons have in common: the
// command line, and how an error and an exit status come out of it.
package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/pflag"

	"govtl/internal/daemon"
)

// Exit statuses.
const (
	OK     = 0
	Failed = 1
	Usage  = 2 // the command line is wrong
)

// Device is a daemon that serves one device of the configuration.
type Device struct {
	Name string // of the program
	Kind string // what it serves: "tape drive"
	Noun string // that, where a number follows: "drive"

	// Serve serves the device with a number until it is told to stop.
	Serve func(f daemon.Flags, id int) error
}

// Main runs the daemon with command line arguments and returns its exit status.
// Errors go to stderr.
func (d Device) Main(args []string) int {
	var f daemon.Flags
	fs := pflag.NewFlagSet(d.Name, pflag.ContinueOnError)
	f.Bind(fs)
	id := fs.IntP("queue", "q", -1, d.Noun+" `NUMBER`, in place of the argument")
	about := fmt.Sprintf("usage: %s [options] NUMBER\n\nServes %s NUMBER of the configuration. Options:\n", d.Name, d.Kind)
	fifo := fs.StringP("fifo", "f", "", "")
	fs.Lookup("fifo").Hidden = true
	if done, status := parse(fs, d.Name, about, habits(args), os.Stdout, os.Stderr); done {
		return status
	}
	if *fifo != "" {
		daemon.Explain(os.Stderr, daemon.WithHint(errors.New("there are no reports to a named pipe"),
			"'vtlcmd watch' tells what happens, 'vtlcmd events' what has happened"))
		return Usage
	}
	if err := number(fs.Args(), d.Noun, id); err != nil {
		return wrong(d.Name, err, os.Stderr)
	}
	return finish(d.Serve(f, *id))
}

// number takes the number of the device from the arguments where no flag has it.
func number(args []string, noun string, id *int) error {
	if len(args) == 1 && *id < 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return fmt.Errorf("%q is no %s number", args[0], noun)
		}
		*id = n
		args = nil
	}
	if len(args) != 0 || *id < 0 {
		return fmt.Errorf("which %s? Exactly one number is needed", noun)
	}
	return nil
}

// parse reads the flags; done says that there is nothing more to do.
func parse(fs *pflag.FlagSet, name, about string, args []string, stdout, stderr io.Writer) (done bool, status int) {
	version := fs.Bool("version", false, "print the version and exit")
	fs.Usage = func() { fmt.Fprint(stderr, about, fs.FlagUsages()) }
	switch err := fs.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return true, OK
	case err != nil:
		return true, wrong(name, err, stderr)
	case *version:
		fmt.Fprintln(stdout, name, daemon.Version())
		return true, OK
	}
	return false, OK
}

// wrong tells what is wrong with the command line.
func wrong(name string, err error, stderr io.Writer) int {
	daemon.Explain(stderr, daemon.WithHint(err, "%s --help lists the options", name))
	return Usage
}

// finish tells why a daemon ended.
func finish(err error) int {
	if err != nil {
		daemon.Explain(os.Stderr, err)
		return Failed
	}
	return OK
}
