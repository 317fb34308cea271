//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/test/guest"
)

// tools are the programs that the tests run; make deps installs them.
var tools = []string{"iscsiadm", "iscsid", "mtx", "tapeinfo", "loaderinfo", "mt", "tar", "lsscsi", "tc",
	"sg_inq", "sg_vpd", "sg_modes", "sg_logs", "sg_opcodes", "sg_luns", "sg_turs", "sg_persist", "sg_readcap", "sg_read_attr", "stenc"}

func TestMain(m *testing.M) {
	os.Exit(guest.Harness{
		Config: guest.Config{Memory: "1536M", Initiator: true, Modules: []string{"sch_netem"}},
		Tools:  tools,
		Inside: prepare,
		Boot:   boot,
	}.Run(m))
}

// boot shares the tests between two guests where the host has more than one
// processor: a guest has one.
func boot(c guest.Config, command []string) (int, error) {
	shares, err := share(command[0])
	if err != nil {
		return 0, err
	}
	if len(shares) < 2 {
		return guest.Run(context.Background(), c, command...)
	}
	type result struct {
		out    bytes.Buffer
		status int
		err    error
	}
	results := make([]result, len(shares))
	var guests sync.WaitGroup
	for i, tests := range shares {
		guests.Go(func() {
			r, c := &results[i], c
			c.Stdout = &r.out
			only := "-test.run=^(" + strings.Join(tests, "|") + ")$"
			r.status, r.err = guest.Run(context.Background(), c, slices.Concat(command, []string{only})...)
		})
	}
	guests.Wait()
	worst := 0
	for i := range results {
		os.Stdout.Write(results[i].out.Bytes())
		worst, err = max(worst, results[i].status), errors.Join(err, results[i].err)
	}
	return worst, err
}

// share deals the tests that are to run out to two guests, the longest first. It
// returns nil when there is nothing to share.
func share(self string) ([][]string, error) {
	pattern := flag.Lookup("test.run").Value.String()
	if runtime.NumCPU() < 2 || strings.Contains(pattern, "/") {
		return nil, nil
	}
	out, err := exec.Command(self, "-test.list", cmp.Or(pattern, ".")).Output()
	if err != nil {
		return nil, err
	}
	tests := slices.DeleteFunc(strings.Fields(string(out)), func(s string) bool { return !strings.HasPrefix(s, "Test") })
	if len(tests) < 2 {
		return nil, nil
	}
	long := []string{"TestConnections", "TestBackup", "TestKill", "TestDriveAway"}
	slices.SortStableFunc(tests, func(a, b string) int { return slices.Index(long, b) - slices.Index(long, a) })
	shares := make([][]string, 2)
	for i, name := range tests {
		shares[i%2] = append(shares[i%2], name)
	}
	return shares, nil
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
