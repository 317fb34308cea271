//go:build e2e

package packages

import (
	"fmt"
	"os"
	"testing"

	"govtl/test/guest"
)

func TestMain(m *testing.M) {
	os.Exit(guest.Harness{
		Config: guest.Config{Memory: "2G", Initiator: true, Systemd: true,
			Env: []string{"SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0"}},
		Tools: []string{"systemctl", "journalctl", "systemd-sysusers", "dpkg", "iscsiadm", "lsscsi", "mtx", "mt"},
		Host: func(*guest.Config) (func(), error) {
			for _, version := range []string{older, newer} {
				if _, err := os.Stat(deb(version)); err != nil {
					return nil, fmt.Errorf("%w (make packages builds it)", err)
				}
			}
			return nil, nil
		},
	}.Run(m))
}
