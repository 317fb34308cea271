package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Default is the suite of a first start: library 10, an IBM 03584 with four
// LTO-9 drives, 20 data cartridges and a cleaning cartridge.
func Default() *Suite {
	l := Library{
		ID: 10, Model: "ibm-03584", Serial: "VTL0000010",
		Slots: 40, Mailbox: 4,
		Media: []Media{{Barcodes: "VTL001L9-VTL020L9"}, {Barcodes: "CLN001CU", Kind: "clean"}},
	}
	for id := 11; id <= 14; id++ {
		l.Drives = append(l.Drives, Drive{ID: id, Model: "ibm-ult3580-td9", Serial: fmt.Sprintf("VTL00000%d", id)})
	}
	return &Suite{Version: Version, Libraries: []Library{l}}
}

// DefaultText is Default as a file with comments.
func DefaultText() string {
	s := Default()
	l := s.Libraries[0]
	var b strings.Builder
	fmt.Fprintf(&b, `# Configuration of a virtual tape library. vtl.yaml(5) has every key.
# A change is applied by 'vtlcmd reload', or by SIGHUP to the daemons.
version: %d

# The iSCSI address. One that other hosts can reach needs access control below.
#listen: 127.0.0.1:3260

# How target names begin: iqn.2026-11.local.vtl:library10
#iqn-prefix: %s

#iscsi:
#  chap: true                # with a file of secrets, mode 0600
#  secrets: secrets
#  initiators: [iqn.1993-08.org.debian:01:*]
#  addresses: [192.0.2.0/24]

# Counters of the whole suite for Prometheus, over HTTP without a password.
#metrics: {listen: 127.0.0.1:9260}

libraries:
  - id: %d
    model: %s
    serial: %s           # initiators know devices by serial: keep it
    slots: %d
    mail-slots: %d
    drives:                      # in the order of their elements
`, s.Version, DefaultIQNPrefix, l.ID, l.Model, l.Serial, l.Slots, l.Mailbox)
	for _, d := range l.Drives {
		fmt.Fprintf(&b, "      - {id: %d, model: %s, serial: %s}\n", d.ID, d.Model, d.Serial)
	}
	b.WriteString("    media:                       # made by 'vtlcmd up' when they are not there\n")
	for _, m := range l.Media {
		if m.Kind == "" {
			fmt.Fprintf(&b, "      - barcodes: %s\n", m.Barcodes)
			continue
		}
		fmt.Fprintf(&b, "      - {barcodes: %s, kind: %s}\n", m.Barcodes, m.Kind)
	}
	return b.String()
}

// WriteDefault writes the default configuration where there is none. The error
// is fs.ErrExist when there is one.
func WriteDefault(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = f.WriteString(DefaultText())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("configuration: %w", err), os.Remove(file))
	}
	return nil
}
