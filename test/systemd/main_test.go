//go:build e2e

package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"govtl/test/guest"
)

func TestMain(m *testing.M) {
	os.Exit(guest.Harness{
		Config: guest.Config{Memory: "2G", Initiator: true, Systemd: true,
			Env: []string{"SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0"}},
		Tools: []string{"systemctl", "journalctl", "systemd-analyze", "systemd-sysusers", "iscsiadm", "lsscsi", "mtx", "mt"},
		Host: func(*guest.Config) (func(), error) {
			if _, err := os.Stat(filepath.Join("..", "..", "bin", "vtl-units")); err != nil {
				return nil, fmt.Errorf("%w (run make first)", err)
			}
			return nil, nil
		},
	}.Run(m))
}
