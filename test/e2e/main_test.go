//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"govtl/test/guest"
)

// tools are the programs that the tests run; make deps installs them.
var tools = []string{"iscsiadm", "iscsid", "mtx", "tapeinfo", "loaderinfo", "mt", "tar", "lsscsi", "tc",
	"sg_inq", "sg_vpd", "sg_modes", "sg_logs", "sg_opcodes", "sg_luns", "sg_turs", "sg_persist", "sg_readcap", "sg_read_attr"}

func TestMain(m *testing.M) {
	guest.Main()
	flag.Parse()
	switch {
	case flag.Lookup("test.list").Value.String() != "":
		os.Exit(m.Run())
	case guest.Inside():
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "in the guest:", err)
			os.Exit(1)
		}
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
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, fmt.Errorf("%w: run make deps", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool {
		return strings.HasPrefix(a, "-test.testlogfile=") // for the cache, which belongs to the host
	})
	limit := 10 * time.Minute
	if d, err := time.ParseDuration(flag.Lookup("test.timeout").Value.String()); err == nil && d > 0 {
		limit = d + 10*time.Second // the tests' own bound shows where they hang
	}
	c := guest.Config{Memory: "2G", Initiator: true, Timeout: limit, Modules: []string{"sch_netem"}, Stdout: os.Stdout}
	return guest.Run(context.Background(), c, append([]string{self}, args...)...)
}

// prepare makes the programs reachable for the user that the suite runs as, to
// whom the way to bin/ may be closed.
func prepare() error {
	bin := os.Getenv("VTL_BIN")
	if bin == "" {
		var err error
		if bin, err = filepath.Abs("../../bin"); err != nil {
			return err
		}
	}
	if err := os.Mkdir("/run/bin", 0o755); err != nil {
		return err
	}
	if err := unix.Mount(bin, "/run/bin", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w (run make first)", bin, err)
	}
	return os.Setenv("VTL_BIN", "/run/bin")
}
