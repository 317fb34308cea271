package guest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Harness runs the tests of a package in a guest: their binary starts itself there,
// with the same arguments.
type Harness struct {
	// Config is the guest; its Timeout and Stdout are set by Run.
	Config Config

	// Tools are the programs that the tests need, and Install what installs them;
	// empty: make deps.
	Tools   []string
	Install string

	// Host, when not nil, prepares the host before the guest is booted, and returns
	// what undoes that, or nil. Inside does so in the guest.
	Host   func(*Config) (undo func(), err error)
	Inside func() error

	// Boot, when not nil, runs command in guests as it likes and returns its exit
	// status. Otherwise one guest does.
	Boot func(c Config, command []string) (int, error)
}

// Run is the whole of a TestMain; it returns the exit status.
func (h Harness) Run(m interface{ Run() int }) int {
	Main()
	flag.Parse()
	var status int
	var err error
	switch {
	case flag.Lookup("test.list").Value.String() != "":
		return m.Run()
	case !Inside():
		status, err = h.host()
	default:
		if h.Inside != nil {
			err = h.Inside()
		}
		if err == nil {
			return m.Run()
		}
		err = fmt.Errorf("in the guest: %w", err)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// host boots the guest with the tests in it.
func (h Harness) host() (int, error) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	for _, tool := range h.Tools {
		if _, err := exec.LookPath(tool); err != nil {
			if h.Install == "" {
				h.Install = "make deps"
			}
			return 0, fmt.Errorf("%w: run %s", err, h.Install)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool {
		return strings.HasPrefix(a, "-test.testlogfile=") // for the cache, which belongs to the host
	})
	c := h.Config
	c.Stdout, c.Timeout = os.Stdout, 10*time.Minute
	if d, err := time.ParseDuration(flag.Lookup("test.timeout").Value.String()); err == nil && d > 0 {
		c.Timeout = d + 10*time.Second // the tests' own bound shows where they hang
	}
	if h.Host != nil {
		undo, err := h.Host(&c)
		if undo != nil {
			defer undo()
		}
		if err != nil {
			return 0, err
		}
	}
	command := append([]string{self}, args...)
	if h.Boot != nil {
		return h.Boot(c, command)
	}
	return Run(context.Background(), c, command...)
}
