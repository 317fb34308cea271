//go:build e2e

package software

import (
	"errors"
	"regexp"
	"testing"

	"govtl/test/linux"
	"govtl/test/proxmox"
)

// proxmoxRule gives drives the names that Proxmox Backup Server finds them by, as
// its package does.
const proxmoxRule = `SUBSYSTEM=="scsi_generic", ATTRS{type}=="1", IMPORT{program}="/lib/udev/scsi_id --sg-version=3 --export --whitelisted -d $devnode"
SUBSYSTEM=="scsi_generic", ATTRS{type}=="1", ENV{ID_SCSI_SERIAL}=="?*", SYMLINK+="tape/by-id/scsi-$env{ID_SCSI_SERIAL}-sg"
`

// TestProxmox has the commands of Proxmox Backup Server's tape code go through the
// kernel to the devices whose names the page gives, one small cartridge long.
func TestProxmox(t *testing.T) {
	attach(t)
	unload(t)
	write(t, "/etc/udev/rules.d/60-proxmox.rules", proxmoxRule)
	must(t, "udevadm control --reload && udevadm trigger --settle -s scsi_generic")
	open := func(path string) *linux.Generic {
		g, err := linux.OpenGeneric(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { g.Close() })
		return g
	}
	paths := regexp.MustCompile(`--path (\S+)`).FindAllStringSubmatch(stanza(t, "proxmox.md", "# proxmox-tape changer scan"), -1)
	if len(paths) != 3 {
		t.Fatalf("the page has %d paths, want those of a changer and two drives", len(paths))
	}
	changer, drive := open(paths[0][1]), open(paths[1][1])
	for _, path := range paths {
		// It asks udev for the serial number, and takes no device whose path it is not in.
		must(t, "udevadm info -q property "+path[1]+` | sed -n 's/^ID_SCSI_SERIAL=//p' | grep -q . && udevadm info -q property `+path[1]+` | grep -q ^ID_MODEL=`)
	}
	err := proxmox.LibraryStory(changer, "SML009L9", "VTL0000011", func() error {
		return proxmox.Story(drive)
	})
	if err != nil {
		log, _ := sh("", "journalctl -u 'vtl*' -o cat --no-pager | tail -40; dmesg | tail -20")
		t.Fatal(errors.Join(err, errors.New(log)))
	}
}
