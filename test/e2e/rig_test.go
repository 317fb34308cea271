//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// nobody is the user that the suite runs as: it needs no privileges.
const nobody = 65534

// Target names of the default configuration.
const libraryName = "iqn.2026-11.local.vtl:library10"

func driveName(id int) string { return fmt.Sprintf("iqn.2026-11.local.vtl:drive%d", id) }

// small is a suite with one drive: it starts sooner than the default one.
const small = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: VTL0000010
    slots: 4
    mail-slots: 1
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: VTL0000011}
    media:
      - barcodes: VTL001L9-VTL002L9
`

// rig is a suite and the kernel's initiator, logged in to the library and to
// some of its drives.
type rig struct {
	*suite.Suite
	changer linux.Device
	drives  []linux.Device
	ids     []int
}

// newRig starts a suite and logs in to the library and the drives with these numbers.
func newRig(t *testing.T, o suite.Options, ids ...int) *rig {
	t.Helper()
	o.User = nobody
	r := &rig{Suite: suite.Start(t, o), ids: ids}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the kernel's log (its last lines):\n%s", linux.KernelLog(30))
		}
		linux.LogoutAll(t)
	})
	r.login(t)
	return r
}

// login discovers the targets and logs in.
func (r *rig) login(t *testing.T) {
	t.Helper()
	linux.Discover(t, r.Addr)
	r.changer = linux.Login(t, r.Addr, libraryName)
	r.drives = nil
	for _, id := range r.ids {
		r.drives = append(r.drives, linux.Login(t, r.Addr, driveName(id)))
	}
}

// load moves a cartridge from a slot into the nth drive and waits until it is ready.
func (r *rig) load(t *testing.T, slot, drive int) linux.Device {
	t.Helper()
	linux.Run(t, "mtx -f %s load %d %d", r.changer.Generic, slot, drive)
	for _, d := range r.drives {
		if d.Target == driveName(11+drive) {
			r.ready(t, d)
			return d
		}
	}
	t.Fatalf("not logged in to drive %d", 11+drive)
	return linux.Device{}
}

// ready waits until a drive is ready. It asks the st driver, which is to see the
// unit attentions.
func (r *rig) ready(t *testing.T, d linux.Device) {
	t.Helper()
	linux.Eventually(t, d.Target+" to be ready", func() bool {
		out, err := linux.Try("mt -f %s status", d.Tape)
		return err == nil && strings.Contains(out, " ONLINE")
	})
}
