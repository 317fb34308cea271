//go:build e2e

package optical

import (
	"os"
	"testing"

	"govtl/test/guest"
)

func TestMain(m *testing.M) {
	os.Exit(guest.Harness{
		// A signal in the middle of SG_IO makes the kernel send the command again, and
		// the runtime interrupts long system calls with one: a disc takes a block once.
		Config: guest.Config{Memory: "1G", Initiator: true, Modules: []string{"isofs"}, Env: []string{"GODEBUG=asyncpreemptoff=1"}},
		Tools:  []string{"iscsiadm", "xorriso", "growisofs", "wodim", "cdrskin", "dvd+rw-mediainfo", "genisoimage"},
	}.Run(m))
}
