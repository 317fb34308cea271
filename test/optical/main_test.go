//go:build e2e

package optical

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/test/guest"
)

func TestMain(m *testing.M) {
	guest.Main()
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" || guest.Inside() {
		os.Exit(m.Run())
	}
	status, err := boot()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// boot runs this test binary in a guest, with the same arguments.
func boot() (int, error) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	for _, tool := range []string{"iscsiadm", "xorriso", "growisofs", "wodim", "cdrskin", "dvd+rw-mediainfo", "genisoimage"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, fmt.Errorf("%w: run make deps", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool { return strings.HasPrefix(a, "-test.testlogfile=") })
	limit := 10 * time.Minute
	if d, err := time.ParseDuration(flag.Lookup("test.timeout").Value.String()); err == nil && d > 0 {
		limit = d + 10*time.Second
	}
	c := guest.Config{Memory: "1G", Initiator: true, Modules: []string{"isofs"}, Timeout: limit, Stdout: os.Stdout}
	// A signal in the middle of SG_IO makes the kernel send the command again, and
	// the runtime interrupts long system calls with one: a disc takes a block once.
	return guest.Run(context.Background(), c, append([]string{"env", "GODEBUG=asyncpreemptoff=1", self}, args...)...)
}
