//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"govtl/scsi/personality"
	"govtl/test/linux"
	"govtl/test/suite"
)

// looked are the models that TestModels looks at, one of each family, each with a
// medium of its own.
var looked = []struct{ model, medium string }{
	{"ibm-ult3580-td5", "LTO5"}, {"ibm-ult3580-tda", "LTO10"}, {"hp-ultrium-6-scsi", "LTO6"},
	{"ibm-03592e08", "E08"}, {"stk-t10000d", "T10KD"}, {"quantum-dlt8000", "DLT4"}, {"hp-dat160", "DAT160"},
}

var (
	// stumbles are words by which a tool says that it does not understand what it was
	// sent.
	stumbles = regexp.MustCompile(`(?i)parse|truncated|unexpected|malformed|too short|too long|\bbad |corrupt|garbled|overflow|exceeds|illegal|invalid|failed|not supported`)

	// harmless are lines with such words that say something else: counters of nothing,
	// and what sg_logs does not show of pages that it does not decode.
	harmless = regexp.MustCompile(`[:=] 0$|truncated after 64 of \d+ bytes`)
)

// TestModels has the tools of operators look at drives of every family: none of them
// may stumble over what the drive answers, and what they print is the model's.
func TestModels(t *testing.T) {
	home := t.TempDir()
	var config strings.Builder
	config.WriteString("version: 1\ndrives:\n")
	for i, l := range looked {
		fmt.Fprintf(&config, "  - {id: %d, model: %s, serial: VTL%07d, home: %s}\n", 11+i, l.model, 11+i, filepath.Join(home, l.model))
	}
	s := suite.Start(t, suite.Options{Config: config.String(), User: nobody})
	t.Cleanup(func() { linux.LogoutAll(t) })
	linux.Run(t, "chmod 755 %[1]s/.. %[1]s", home)
	linux.Discover(t, s.Addr)
	for i, l := range looked {
		t.Run(l.model, func(t *testing.T) {
			m, err := personality.LoadDrive(l.model)
			if err != nil {
				t.Fatal(err)
			}
			medium, _ := m.Medium(l.medium)
			dir, target := filepath.Join(home, l.model), driveName(11+i)
			linux.Run(t, "$VTL_BIN/mktape -q -H %s -m VTL001 -d %s -t data -s 256 && chown -R %d %s", dir, l.medium, nobody, dir)
			s.Command(t, fmt.Sprint(11+i), "load", "VTL001")
			look{t, linux.Login(t, s.Addr, target), m, medium, fmt.Sprintf("VTL%07d", 11+i)}.all()
			linux.Run(t, "iscsiadm -m node -T %s -p %s --logout", target, s.Addr)
		})
	}
}

// look is a drive to be looked at.
type look struct {
	*testing.T
	drive  linux.Device
	model  *personality.Drive
	medium *personality.Medium
	serial string
}

// run runs a tool, and demands lines of its output.
func (l look) run(command string, patterns ...string) string {
	l.Helper()
	out := linux.Run(l.T, "%s", command)
	for line := range strings.Lines(out) {
		if line = strings.TrimRight(line, "\n"); stumbles.MatchString(line) && !harmless.MatchString(line) {
			l.Errorf("%s: %s", command, line)
		}
	}
	linux.Want(l.T, command, out, patterns...)
	return out
}

// sg runs a tool on the drive's generic device.
func (l look) sg(command string, patterns ...string) string {
	l.Helper()
	return l.run(command+" "+l.drive.Generic, patterns...)
}

// optional is sg when the model has a command, else the tool must say that it has not.
func (l look) optional(scsi, command string, patterns ...string) {
	l.Helper()
	if slices.Contains(l.model.WithoutCommands, scsi) {
		linux.Want(l.T, command, linux.Refused(l.T, "%s %s 2>&1", command, l.drive.Generic), `(?i)not supported|illegal request|invalid opcode`)
		return
	}
	l.sg(command, patterns...)
}

func (l look) all() {
	m, q := l.model, l.model.Inquiry
	quoted := regexp.QuoteMeta
	density := fmt.Sprintf("0x%02x", l.medium.Density)
	// First st, which is to see the unit attentions.
	linux.Run(l.T, "mt -f %[1]s setblk 0 && dd if=/dev/zero of=%[1]s bs=64k count=2 status=none && mt -f %[1]s rewind", l.drive.Tape)
	l.run("mt -f "+l.drive.Tape+" status", `File number=0, block number=0, partition=0`, `Density code `+density+` `, `BOT ONLINE`)

	l.sg("sg_inq", `PDT=1 `, `RMB=1`, `Vendor identification: `+quoted(q.Vendor)+` *$`, `Product identification: `+quoted(q.Product)+` *$`,
		`Product revision level: `+quoted(q.Revision), `Unit serial number: `+l.serial)
	l.sg("sg_inq -i", `vendor id: `+quoted(q.Vendor), `designator_type: NAA`)
	l.sg("sg_vpd -a", `Unit serial number: `+l.serial, `designator type: NAA`)

	logs := l.sg("sg_logs -a")
	for _, p := range m.LogPageList() {
		if p.Subpage == 0 && !p.Unlisted {
			linux.Want(l.T, "sg_logs", logs, fmt.Sprintf(`^ +0x%02x  `, p.Code))
		}
	}
	modes := l.sg("sg_modes -a", `Density code=`+density, fmt.Sprintf(`medium type=0x%02x`, m.MediumTypeOf(l.medium.Name, personality.KindData)))
	for _, p := range m.ModePageList() {
		if p.Subpage == 0 && p.Code != 0x24 && p.Code != 0x3E { // not in what asks for all
			linux.Want(l.T, "sg_modes", modes, fmt.Sprintf(`^ 00     [%s]`, hexDigits(p.Code)))
		}
	}
	l.optional("READ ATTRIBUTE", "sg_read_attr", `Load count: \d+`, `Medium density code: `+density, `Medium length \[m\]: `+fmt.Sprint(l.medium.Length)+`$`)
	l.optional("PERSISTENT RESERVE IN, REPORT CAPABILITIES", "sg_persist -n -c -d", `Type Mask Valid\(TMV\): 1`)
	l.optional("REPORT SUPPORTED OPERATION CODES", "sg_opcodes", `^ *08 .*Read\(6\)`, `^ *34 .*Read [Pp]osition`)
	linux.Want(l.T, "sg_readcap", linux.Refused(l.T, "sg_readcap %s 2>&1", l.drive.Generic), `Invalid opcode|not supported`)

	info := l.sg("tapeinfo -f", `Product ID: '`+quoted(q.Product)+` *'`, `SerialNumber: '`+l.serial+` *'`, fmt.Sprintf(`MinBlock: %d$`, m.BlockLimits.Min),
		fmt.Sprintf(`MaxBlock: %d$`, m.BlockLimits.Max), `Density Code: `+density+`$`, `Ready: yes`, `BOP: yes`)
	if strings.Contains(info, "TapeAlert[") {
		l.Errorf("tapeinfo shows flags:\n%s", info)
	}
	if m.Has(personality.Encryption) {
		l.sg("stenc --detail -f", `Drive Encryption: +off`, `Volume Encryption: +Not encrypted`)
	}
}

// hexDigits are the first two digits of a mode page as sg_modes shows them, with PS
// and without, as a class of their first and the second one.
func hexDigits(code uint8) string {
	return fmt.Sprintf("%x%x]%x[ ", code>>4, code>>4|8, code&0x0F)
}
