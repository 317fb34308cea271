//go:build e2e

package optical

import (
	"os"
	"testing"

	"govtl/test/guest"
)

func TestMain(m *testing.M) {
	os.Exit(guest.Harness{
		Config: guest.Config{Memory: "1G", Initiator: true, Modules: []string{"isofs", "udf"}},
		Tools:  []string{"iscsiadm", "xorriso", "growisofs", "wodim", "cdrskin", "dvd+rw-mediainfo", "genisoimage", "cdrdao", "cd-info", "cdparanoia", "mkudffs"},
	}.Run(m))
}
