//go:build e2e

package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The versions that `make packages` builds.
const (
	older = "0.0.1-test.1"
	newer = "0.0.1-test.2"
)

// deb is the package file of a version.
func deb(version string) string {
	return filepath.Join("..", "..", "dist", "govtl_"+strings.Replace(version, "-", "~", 1)+"_amd64.deb")
}

// sh runs a shell command and returns what it prints. Before it the guest forgets
// files that nobody has open: its kernel keeps each of them open on the host, and
// dpkg reads very many.
func sh(command string) (string, error) {
	_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
	out, err := exec.Command("bash", "-c", command).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must is sh for a command that succeeds.
func must(t *testing.T, command string) string {
	t.Helper()
	out, err := sh(command)
	if err != nil {
		log, _ := sh("journalctl -u 'vtl*' -o cat --no-pager | tail -30")
		t.Fatalf("%s: %v\n%s\n%s", command, err, out, log)
	}
	return out
}

// state is a digest of every file of the configuration and of the cartridges'
// recordings, and who owns them.
const state = "cd / && find etc/vtl var/lib/vtl/cartridges -type f ! -name lock ! -name meta | LC_ALL=C sort | xargs stat -c '%n %U %a %s' | sha256sum; cd / && find etc/vtl var/lib/vtl/cartridges -type f ! -name lock ! -name meta | LC_ALL=C sort | xargs sha256sum | sha256sum"

// TestDebian: installed, started and written to, upgraded with everything kept,
// removed, and even purged without a cartridge lost.
func TestDebian(t *testing.T) {
	must(t, "dpkg -i "+deb(older))
	if got := must(t, "vtlcmd --version"); !strings.Contains(got, older) {
		t.Errorf("installed: %s", got)
	}
	if out, err := sh("systemctl is-active vtl.target"); err == nil {
		t.Errorf("it started by itself: %s", out)
	}
	must(t, "echo '# a comment of the administrator' >> /etc/vtl/vtl.yaml && systemctl enable --now vtl.target")
	must(t, "iscsiadm -m discovery -t sendtargets -p 127.0.0.1 && iscsiadm -m node --login")
	changer := "$(lsscsi -g | awk '/mediumx/ {print $NF}')"
	must(t, "mtx -f "+changer+" load 1 0 && for d in /dev/nst?; do mt -f $d status | grep -q ONLINE && ln -sf $d /run/drive; done; tar -b 512 -cf /run/drive /usr/share/doc/vtl 2>&1 && mt -f /run/drive offline && mtx -f "+changer+" unload 1 0")
	must(t, "mktape -l 10 -m NEW001L9 && stat -c %U /var/lib/vtl/cartridges/10/NEW001L9/data | grep -qx vtl")
	before := must(t, state)
	pid := must(t, "systemctl show -p MainPID --value vtltape@11")

	out := must(t, "dpkg -i "+deb(newer))
	if !strings.Contains(out, "systemctl restart vtl.target") {
		t.Errorf("the upgrade does not say that a restart is needed:\n%s", out)
	}
	if after := must(t, state); after != before {
		t.Errorf("the upgrade changed files:\n%s\n%s", before, after)
	}
	if got := must(t, "systemctl show -p MainPID --value vtltape@11"); got != pid {
		t.Errorf("the upgrade restarted a drive: process %s, was %s", got, pid)
	}
	must(t, "iscsiadm -m node --logout; systemctl restart vtl.target && vtlcmd status && vtlcmd --version | grep -q "+newer)
	must(t, "iscsiadm -m node --login")
	must(t, "mtx -f "+changer+" load 1 0 && for d in /dev/nst?; do mt -f $d status | grep -q ONLINE && ln -sf $d /run/drive; done; tar -b 512 -tf /run/drive | grep -q FORMAT.md && mt -f /run/drive offline && mtx -f "+changer+" unload 1 0")
	must(t, "dumptape verify VTL001L9")
	must(t, "iscsiadm -m node --logout")
	before = must(t, state)

	must(t, "dpkg -r govtl")
	if out, err := sh("systemctl is-active vtl.target vtlportal vtltape@11"); err == nil {
		t.Errorf("still running: %s", out)
	}
	if out := must(t, "ls /usr/bin/vtl* /usr/lib/systemd/system/vtl* 2>/dev/null; true"); out != "" {
		t.Errorf("left: %s", out)
	}
	if after := must(t, state); after != before {
		t.Errorf("removal changed files")
	}
	must(t, "dpkg -P govtl")
	if _, err := os.Stat("/var/lib/vtl/cartridges/10/VTL001L9/data"); err != nil {
		t.Errorf("purging lost a cartridge: %v", err)
	}
	if _, err := os.Stat("/etc/vtl/vtl.yaml"); err == nil {
		t.Error("purging left the configuration")
	}
}
