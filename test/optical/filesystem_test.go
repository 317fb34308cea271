//go:build e2e

package optical

import (
	"testing"

	"govtl/test/linux"
)

// TestFileSystems: the kernel uses discs that are written anywhere as disks: ext4
// and UDF, made, filled, looked at again after the disc was out of the drive, and
// checked.
func TestFileSystems(t *testing.T) {
	r := newRig(t)
	sr := r.drive.Disc
	for _, c := range []struct{ medium, before string }{
		{"dvd-ram", ""},
		{"bd-re", "dvd+rw-format -force %s"},
		{"dvd+rw", "dvd+rw-format -force %s"},
	} {
		for _, fs := range []struct{ name, make, check string }{
			{"ext4", "mkfs.ext4 -q -F -b 2048 -O ^has_journal %s 150m", "fsck.ext4 -fn %s"},
			{"ext4", "mkfs.ext4 -q -F -b 2048 -J size=4 %s 150m", "fsck.ext4 -fn %s"},
			{"udf", "mkudffs --blocksize=2048 --media-type=hd %s 70000", "udfinfo %s"},
		} {
			t.Run(c.medium+" "+fs.name, func(t *testing.T) {
				image := c.medium + ".iso"
				if _, err := r.Try("40", "load", image); err != nil {
					r.Command(t, "40", "load", image, c.medium)
					if c.before != "" {
						linux.Run(t, c.before+" 2>&1", sr)
					}
				}
				linux.Run(t, fs.make+" 2>&1", sr)
				linux.Run(t, "mount -t %s %s %s", fs.name, sr, r.mount)
				for s := 1; s <= 2; s++ {
					linux.Run(t, "cp -r %s/session%d %s/", r.tree, s, r.mount)
				}
				linux.Run(t, "rm -r %s/session1 && cp -r %s/session3 %s/ && sync -f %s", r.mount, r.tree, r.mount, r.mount)
				if got, _ := linux.SCSI(t, r.drive.Generic, 0, 0x1B, 0, 0, 0, 2, 0); got != "5/53/02" {
					t.Errorf("ejecting a mounted disc: %s", got)
				}
				linux.Run(t, "umount %s", r.mount)
				r.Command(t, "40", "unload")
				linux.Refused(t, "mount -t %s -o ro %s %s", fs.name, sr, r.mount)
				r.Command(t, "40", "load", image)
				linux.Run(t, "mount -t %s -o ro %s %s", fs.name, sr, r.mount)
				for s := 2; s <= 3; s++ {
					linux.Run(t, "diff -r %s/session%d %s/session%d", r.tree, s, r.mount, s)
				}
				linux.Run(t, "umount %s", r.mount)
				linux.Run(t, fs.check+" 2>&1", sr)
			})
		}
	}
}
