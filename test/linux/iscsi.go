package linux

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// Discover asks an address for its targets (SendTargets) and returns their names, sorted.
func Discover(t testing.TB, addr string) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(Run(t, "iscsiadm -m discovery -t sendtargets -p %s", addr)) {
		if f := strings.Fields(line); len(f) == 2 {
			names = append(names, f[1])
		}
	}
	sort.Strings(names)
	return names
}

// Login logs in to one target that was discovered, or made with NewNode.
func Login(t testing.TB, addr, target string) Device {
	t.Helper()
	Run(t, "iscsiadm -m node -T %s -p %s --login", target, addr)
	return Find(t, target)
}

// LoginAs logs in to a target with another initiator name than the machine's, so
// that it is another initiator to the target.
func LoginAs(t testing.TB, initiator, addr, target string) Device {
	t.Helper()
	if _, err := Try("iscsiadm -m iface -I %s", interfaceName(initiator)); err != nil {
		Run(t, "iscsiadm -m iface -I %s -o new", interfaceName(initiator))
		Run(t, "iscsiadm -m iface -I %s -o update -n iface.initiatorname -v %s", interfaceName(initiator), initiator)
	}
	Run(t, "iscsiadm -m node -I %s -T %s -p %s,1 -o new", interfaceName(initiator), target, addr)
	Run(t, "iscsiadm -m node -I %s -T %s -p %s --login", interfaceName(initiator), target, addr)
	return FindAs(t, initiator, target)
}

// interfaceName is the name of the record that holds an initiator name.
func interfaceName(initiator string) string {
	return initiator[strings.LastIndexByte(initiator, ':')+1:]
}

// NewNode makes a record of a target without discovery, with settings as
// name=value.
func NewNode(t testing.TB, addr, target string, settings ...string) {
	t.Helper()
	Try("iscsiadm -m node -T %s -p %s -o delete", target, addr)
	Run(t, "iscsiadm -m node -T %s -p %s,1 -o new", target, addr)
	Set(t, addr, target, settings...)
}

// Set changes settings of a target's record.
func Set(t testing.TB, addr, target string, settings ...string) {
	t.Helper()
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		Run(t, "iscsiadm -m node -T %s -p %s -o update -n %s -v %s", target, addr, name, value)
	}
}

// LogoutAll ends all sessions and forgets all targets, and the initiators that
// LoginAs has made.
func LogoutAll(t testing.TB) {
	t.Helper()
	if sessions, _ := filepath.Glob("/sys/class/iscsi_session/session*"); len(sessions) > 0 {
		Run(t, "iscsiadm -m node -u")
	}
	Try("iscsiadm -m node -o delete")
	Try("iscsiadm -m discoverydb -o delete")
	// Discovery would bind what it finds to each of them, and a login would be
	// one of each.
	made, _ := filepath.Glob("/etc/iscsi/ifaces/*")
	for _, name := range made {
		if filepath.Base(name) != "iface.example" {
			Try("iscsiadm -m iface -I %s -o delete", filepath.Base(name))
		}
	}
}

// Device is the logical unit of one session as the kernel's drivers show it.
// A name is empty when that driver does not have the device.
type Device struct {
	Target  string
	Session string // directory in /sys
	Tape    string // /dev/nst0
	Changer string // /dev/sch0
	Disc    string // /dev/sr0
	Generic string // /dev/sg0
}

// Find waits for the devices of a session to a target.
func Find(t testing.TB, target string) Device {
	t.Helper()
	return FindAs(t, "", target)
}

// FindAs is Find for the session of an initiator name; empty: of any.
func FindAs(t testing.TB, initiator, target string) Device {
	t.Helper()
	var d Device
	Eventually(t, "devices of "+target, func() bool {
		var ok bool
		d, ok = find(initiator, target)
		return ok
	})
	return d
}

// find looks for the devices of a session to a target.
func find(initiator, target string) (Device, bool) {
	sessions, _ := filepath.Glob("/sys/class/iscsi_session/session*")
	for _, s := range sessions {
		if attribute(s, "targetname") != target || initiator != "" && attribute(s, "initiatorname") != initiator {
			continue
		}
		d := Device{Target: target, Session: s}
		d.Tape = node(s, "scsi_tape/nst[0-9]*", "nst0", "nst1", "nst2", "nst3", "nst4", "nst5", "nst6", "nst7")
		d.Changer = node(s, "scsi_changer/sch*")
		d.Disc = node(s, "block/sr[0-9]*")
		d.Generic = node(s, "scsi_generic/sg*")
		if d.Generic != "" && (d.Tape != "" || d.Changer != "" || d.Disc != "") {
			return d, true
		}
	}
	return Device{}, false
}

// node finds a device node below a session; only lists the names that will do.
func node(session, pattern string, only ...string) string {
	all, _ := filepath.Glob(session + "/device/target*/*/" + pattern)
	for _, path := range all {
		name := filepath.Base(path)
		fits := len(only) == 0
		for _, o := range only {
			fits = fits || name == o
		}
		if dev := "/dev/" + name; fits && exists(dev) {
			return dev
		}
	}
	return ""
}

// State is the state of the session as the kernel has it, such as LOGGED_IN.
func (d Device) State() string { return attribute(d.Session, "state") }

// Connection returns an attribute of the session's connection, such as header_digest.
func (d Device) Connection(name string) string {
	all, _ := filepath.Glob(d.Session + "/device/connection*/iscsi_connection/connection*")
	if len(all) == 0 {
		return ""
	}
	return attribute(all[0], name)
}

// attribute reads a file of /sys; it is empty when there is none.
func attribute(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
