//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// TestTools runs what operators and support staff look at a library with.
func TestTools(t *testing.T) {
	r := newRig(t, suite.Options{}, 11, 12)
	drive := r.load(t, 3, 0)
	empty := r.drives[1]

	t.Run("inquiry", func(t *testing.T) {
		out := linux.Run(t, "sg_inq %s", drive.Generic)
		linux.Want(t, "sg_inq", out, `PDT=1 `, `RMB=1`, `CmdQue=1`, `Vendor identification: IBM`, `Product identification: UL`, `Unit serial number: \S+`)
		out = linux.Run(t, "sg_inq %s", r.changer.Generic)
		linux.Want(t, "sg_inq", out, `PDT=8 `, `Vendor identification: IBM`, `Product identification: 03584L`, `Unit serial number: \S+`)
	})
	t.Run("vital product data", func(t *testing.T) {
		for _, d := range []linux.Device{drive, r.changer} {
			pages := linux.Run(t, "sg_vpd %s", d.Generic)
			linux.Want(t, "sg_vpd", pages, `Supported VPD pages`, `Unit serial number`, `Device identification`)
			linux.Want(t, "sg_vpd -p di", linux.Run(t, "sg_vpd -p di %s", d.Generic), `designator type: T10 vendor identification`, `vendor id: IBM`)
			linux.Run(t, "sg_vpd -a %s", d.Generic)
		}
		linux.Want(t, "sg_vpd -p di", linux.Run(t, "sg_vpd -p di %s", drive.Generic), `designator type: NAA`, `Relative target port: 0x1`, `iqn\.2026-11\.local\.vtl:drive11`)
		linux.Refused(t, "sg_vpd -p 0xee %s", drive.Generic)
	})
	t.Run("the drive's serial number is in the changer's elements", func(t *testing.T) {
		serial := strings.TrimSpace(linux.Run(t, "sg_vpd -q -p sn %s | sed 's/.*: *//'", drive.Generic))
		raw := linux.Run(t, "sg_raw -r 65535 -o - %s b8 14 00 00 ff ff 01 00 ff ff 00 00 2>/dev/null | tr -c '[:print:]' '\\n'", r.changer.Generic)
		if serial == "" || !strings.Contains(raw, serial) {
			t.Errorf("serial number %q is not in READ ELEMENT STATUS with DVCID:\n%s", serial, raw)
		}
	})
	t.Run("mode pages", func(t *testing.T) {
		linux.Want(t, "sg_modes", linux.Run(t, "sg_modes -a %s", drive.Generic), `Data [Cc]ompression`, `Device configuration`, `Disconnect-[Rr]econnect`, `Control`)
		linux.Want(t, "sg_modes", linux.Run(t, "sg_modes -a -6 %s", drive.Generic), `Data [Cc]ompression`)
		linux.Want(t, "sg_modes", linux.Run(t, "sg_modes -a %s", r.changer.Generic), `Element address assignment`, `Device capabilities`)
		for control := range 3 { // changeable, default, saved
			linux.Run(t, "sg_modes -c %d -p 0xf %s", control+1, drive.Generic)
		}
		linux.Refused(t, "sg_modes -p 0x3e %s", drive.Generic)
	})
	t.Run("log pages", func(t *testing.T) {
		linux.Want(t, "sg_logs", linux.Run(t, "sg_logs %s", drive.Generic), `Supported log pages`, `[Tt]ape ?[Aa]lert`)
		linux.Run(t, "sg_logs -a %s", drive.Generic)
		linux.Want(t, "sg_logs", linux.Run(t, "sg_logs -p 0x2e %s", drive.Generic), `[Rr]ead warning: 0`)
		linux.Run(t, "sg_logs -a %s", r.changer.Generic)
	})
	t.Run("supported operation codes", func(t *testing.T) {
		out := linux.Run(t, "sg_opcodes %s", drive.Generic)
		linux.Want(t, "sg_opcodes", out, `^ *00 .*Test Unit Ready`, `^ *0a .*Write`, `^ *10 .*Write [Ff]ilemarks`, `^ *a3 +c? .*Report supported operation codes`)
		linux.Run(t, "sg_opcodes -o 0x8 %s", drive.Generic)
		linux.Run(t, "sg_opcodes %s", r.changer.Generic)
	})
	t.Run("logical units", func(t *testing.T) {
		linux.Want(t, "sg_luns", linux.Run(t, "sg_luns %s", drive.Generic), `Lun list length = 8`, `0000000000000000`)
	})
	t.Run("readiness", func(t *testing.T) {
		linux.Run(t, "sg_turs %s", drive.Generic)
		linux.Run(t, "sg_turs %s", r.changer.Generic)
		linux.Refused(t, "sg_turs %s", empty.Generic)
		linux.Want(t, "sg_requests", linux.Run(t, "sg_requests %s", drive.Generic), `No Sense|No additional sense`)
	})
	t.Run("commands of disks are refused", func(t *testing.T) {
		linux.Want(t, "sg_readcap", linux.Refused(t, "sg_readcap %s 2>&1", drive.Generic), `[Ii]llegal request|Invalid|not supported`)
		linux.Run(t, "sg_turs %s", drive.Generic)
	})
	t.Run("medium auxiliary memory", func(t *testing.T) {
		linux.Want(t, "sg_read_attr", linux.Run(t, "sg_read_attr %s", drive.Generic), `[Mm]edium serial number|Medium manufacturer|[Rr]emaining capacity`)
		linux.Refused(t, "sg_read_attr %s", empty.Generic)
	})
	t.Run("persistent reservations", func(t *testing.T) {
		sg := drive.Generic
		linux.Want(t, "sg_persist", linux.Run(t, "sg_persist -n -k -d %s", sg), `there are NO registered reservation keys`)
		linux.Want(t, "sg_persist", linux.Run(t, "sg_persist -n -c -d %s", sg), `Compatible Reservation Handling`)
		linux.Run(t, "sg_persist -n -o -G -S 0xabcd -d %s", sg)
		linux.Run(t, "sg_persist -n -o -R -K 0xabcd -T 3 -d %s", sg)
		linux.Want(t, "sg_persist", linux.Run(t, "sg_persist -n -r -d %s", sg), `Key=0xabcd`, `Exclusive Access`)
		linux.Want(t, "sg_persist", linux.Run(t, "sg_persist -n -s -d %s", sg), `Key=0xabcd`)
		linux.Refused(t, "sg_persist -n -o -L -K 0x1 -T 3 -d %s", sg)
		linux.Run(t, "sg_persist -n -o -L -K 0xabcd -T 3 -d %s", sg)
		linux.Run(t, "sg_persist -n -o -C -K 0xabcd -d %s", sg)
		linux.Want(t, "sg_persist", linux.Run(t, "sg_persist -n -k -d %s", sg), `there are NO registered reservation keys`)
	})
	t.Run("tapeinfo and loaderinfo", func(t *testing.T) {
		linux.Want(t, "tapeinfo", linux.Run(t, "tapeinfo -f %s", drive.Generic), `Product Type: Tape Drive`, `Vendor ID: 'IBM`, `SerialNumber: '`, `MinBlock: 1$`, `MaxBlock: \d+`, `Ready: yes`, `BOP: yes`)
		linux.Want(t, "loaderinfo", linux.Run(t, "loaderinfo -f %s", r.changer.Generic), `Product Type: Medium Changer`, `Number of Medium Transport Elements: 1`, `Number of Storage Elements: 40`, `Number of Import/Export Elements: 4`, `Number of Data Transfer Elements: 4`)
	})
	t.Run("mt", func(t *testing.T) {
		linux.Run(t, "mt -f %s setblk 4096", drive.Tape)
		linux.Want(t, "mt status", linux.Run(t, "mt -f %s status", drive.Tape), `Tape block size 4096 bytes`, `BOT ONLINE`)
		linux.Run(t, "dd if=/dev/zero of=%s bs=4096 count=10 status=none", drive.Tape)
		linux.Run(t, "mt -f %s setblk 0", drive.Tape)
		linux.Run(t, "mt -f %s compression 1", drive.Tape)
		linux.Run(t, "mt -f %s lock", drive.Tape)
		linux.Refused(t, "mtx -f %s unload 3 0", r.changer.Generic)
		linux.Run(t, "mt -f %s unlock", drive.Tape)
		linux.Run(t, "mt -f %s rewind", drive.Tape)
		linux.Run(t, "mt -f %s erase", drive.Tape)
		linux.Want(t, "mt status", linux.Run(t, "mt -f %s status", drive.Tape), `BOT ONLINE`)
		linux.Run(t, "mt -f %s offline", drive.Tape)
		linux.Run(t, "mtx -f %s unload 3 0", r.changer.Generic)
	})
	t.Run("mail slot and refusals", func(t *testing.T) {
		sg := r.changer.Generic
		linux.Run(t, "mtx -f %s transfer 5 41", sg)
		linux.Want(t, "mtx status", linux.Run(t, "mtx -f %s status", sg), `Storage Element 41 IMPORT/EXPORT:Full :VolumeTag=VTL005L9`, `Storage Element 5:Empty`)
		linux.Run(t, "mtx -f %s transfer 41 5", sg)
		linux.Refused(t, "mtx -f %s transfer 30 31", sg) // nothing there
		linux.Refused(t, "mtx -f %s transfer 1 2", sg)   // no room
		linux.Run(t, "mtx -f %s inventory", sg)
		linux.Run(t, "mtx -f %s position 3", sg)
	})
	t.Run("fixed blocks and dd", func(t *testing.T) {
		d := r.load(t, 4, 1)
		linux.Run(t, "mt -f %s setblk 512", d.Tape)
		linux.Run(t, "head -c 1048576 /dev/urandom > /run/random && dd if=/run/random of=%s bs=64k status=none", d.Tape)
		linux.Run(t, "mt -f %s rewind && dd if=%s bs=128k status=none | cmp - /run/random", d.Tape, d.Tape)
		linux.Run(t, "mt -f %s setblk 0 && mt -f %s rewind", d.Tape, d.Tape)
		// Variable: each block of 512 for itself; a buffer that is too short is an error.
		linux.Run(t, "test $(dd if=%s bs=64k count=1 status=none | wc -c) = 512", d.Tape)
		linux.Refused(t, "dd if=%s bs=256 count=1 of=/dev/null", d.Tape)
		linux.Run(t, "mtx -f %s unload 4 1", r.changer.Generic)
	})
}
