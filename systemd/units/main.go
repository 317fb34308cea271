// Units tells systemd which devices a suite has. As a generator
// (systemd.generator(7), three directories as arguments) it turns the
// configuration into instances of vtllibrary@.service, vtltape@.service and
// vtloptical@.service;
// as `vtl-units apply`, which a path unit runs, it starts and stops what a
// changed configuration has gained and lost.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/models"
)

func main() {
	paths, err := config.ResolvePaths(config.PathOptions{Getuid: func() int { return 0 }})
	if err == nil {
		err = run(context.Background(), paths, os.Args[1:], os.Stdout)
	}
	if err != nil {
		daemon.Explain(os.Stderr, err)
		os.Exit(1)
	}
}

// usage is what is printed when it is asked for.
const usage = `usage: vtl-units apply
       vtl-units NORMAL-DIR EARLY-DIR LATE-DIR

Makes the units of systemd those of the configuration: the first starts and stops
daemons, the second is for systemd itself, as a generator. Options:
      --version   print the version and exit
`

// run does what the arguments say.
func run(ctx context.Context, paths config.Paths, args []string, stdout io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "--version":
		_, err := fmt.Fprintln(stdout, "vtl-units", daemon.Version())
		return err
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h"):
		_, err := io.WriteString(stdout, usage)
		return err
	case len(args) == 1 && args[0] == "apply", len(args) == 3:
	default:
		return daemon.WithHint(fmt.Errorf("neither 'apply' nor three directories"), "vtl-units --help")
	}
	if len(args) == 3 {
		s, err := load(paths)
		if err != nil {
			return err
		}
		return generate(s, args[0])
	}
	// The file may change while what it was is applied; the path unit does not
	// tell of that.
	for {
		before := stamp(paths.Config)
		s, err := load(paths)
		if err == nil {
			err = apply(ctx, s)
		}
		if stamp(paths.Config) == before {
			return err
		}
	}
}

func load(paths config.Paths) (*config.Suite, error) {
	return config.Load(paths.Config, models.Checks(paths.Models, ""))
}

// stamp differs when a file was changed or replaced.
func stamp(file string) (s struct {
	inode uint64
	time  time.Time
	size  int64
}) {
	fi, err := os.Stat(file)
	if err != nil {
		return s
	}
	s.time, s.size = fi.ModTime(), fi.Size()
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		s.inode = st.Ino
	}
	return s
}
