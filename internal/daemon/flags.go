package daemon

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"govtl/internal/config"
)

// FlagSet is the part of a flag package that Bind needs; those of the standard
// library and of pflag have it.
type FlagSet interface {
	StringVar(p *string, name, value, usage string)
	IntVar(p *int, name string, value int, usage string)
}

// Flags are the options that every program of the suite has.
type Flags struct {
	Config  string
	State   string
	Listen  string // only where BindListen was called
	Verbose int
}

// Bind declares --config, --state and --verbose.
func (f *Flags) Bind(fs FlagSet) {
	fs.StringVar(&f.Config, "config", f.Config, "configuration `FILE`")
	fs.StringVar(&f.State, "state", f.State, "`DIR` for cartridges, inventory and sockets")
	fs.IntVar(&f.Verbose, "verbose", 1, "log `LEVEL`: 0 warnings, 1 state changes, 2 debug, 3 everything")
}

// BindListen declares --listen.
func (f *Flags) BindListen(fs FlagSet) {
	fs.StringVar(&f.Listen, "listen", f.Listen, "iSCSI `ADDR`, HOST:PORT, in place of the configuration's")
}

// Paths finds the places of the suite.
func (f *Flags) Paths() (config.Paths, error) {
	return config.ResolvePaths(config.PathOptions{Config: f.Config, State: f.State})
}

// OperatorPaths finds the places for a command of an operator: a plain user
// without a suite of his own means the system's.
func (f *Flags) OperatorPaths() (config.Paths, error) {
	return config.ResolvePaths(config.PathOptions{Config: f.Config, State: f.State, FallBack: true})
}

// hinted is an error with advice.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// WithHint adds what to do about an error; nil stays nil.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return hinted{err, fmt.Sprintf(format, args...)}
}

// Hint is the advice that WithHint added, or empty.
func Hint(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// Explain writes an error as every program of the suite does: a line for each
// line of it that begins with "error:", and what to do in one with "hint:".
func Explain(w io.Writer, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(w, "error: %s\n", line)
	}
	if hint := Hint(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}
