//go:build e2e

package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sh runs a shell command from the top of the work tree and returns what it
// prints.
func sh(t *testing.T, command string) (string, error) {
	t.Helper()
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must is sh for a command that succeeds.
func must(t *testing.T, command string) string {
	t.Helper()
	out, err := sh(t, command)
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", command, err, out, journal(t))
	}
	return out
}

// journal is the end of what the suite and systemd have logged.
func journal(t *testing.T) string {
	out, _ := sh(t, "journalctl -u 'vtl*' -o cat --no-pager | tail -40; systemctl list-units 'vtl*' --all --no-legend --plain")
	return out
}

// eventually waits until a command prints what is wanted.
func eventually(t *testing.T, command, want string) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		out, _ := sh(t, command)
		if out == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still\n%s\nwant\n%s\n%s", command, out, want, journal(t))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// running lists the running units.
const running = "systemctl list-units 'vtl*.service' --state=active --plain --no-legend | awk '{print $1}' | paste -sd ' '"

const five = "vtllibrary@10.service vtlportal.service vtltape@11.service vtltape@12.service vtltape@13.service vtltape@14.service"

// TestService is the life of an installed suite. Its parts follow one another.
func TestService(t *testing.T) {
	must(t, "PREFIX=/usr scripts/install install && systemd-sysusers && systemctl daemon-reload")
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"start", start}, {"udev", udev}, {"hardened", hardened}, {"backup", backup}, {"stop under load", stopUnderLoad}, {"crash", crash}, {"hang", hang},
		{"reload", reload}, {"devices", devices}, {"bundle", bundle}, {"home", home}, {"refused", refused}, {"broken device", brokenDevice}, {"stop", stop},
		{"uninstall", uninstall},
	} {
		if !t.Run(part.name, part.run) {
			return
		}
	}
}

// udev: the rules of the documentation make the names that it says.
func udev(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "attach", "by-id.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rules strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "    ") && strings.Contains(line, "==") {
			rules.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	if err := os.WriteFile("/etc/udev/rules.d/70-vtl.rules", []byte(rules.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "udevadm control --reload && udevadm trigger && udevadm settle")
	if got := must(t, "ls /dev/vtl | LC_ALL=C sort | paste -sd ' '"); got != "VTL0000011 VTL0000011-sg VTL0000012 VTL0000012-sg VTL0000013 VTL0000013-sg VTL0000014 VTL0000014-sg library10" {
		t.Errorf("/dev/vtl has %s", got)
	}
	must(t, "test -e /dev/tape/by-id/scsi-VTL0000011-nst && test -e /dev/tape/by-id/scsi-VTL0000010_0400")
}

// start: when systemctl returns every target answers.
func start(t *testing.T) {
	must(t, "systemctl start vtl.target")
	if got := must(t, running); got != five {
		t.Errorf("running: %s", got)
	}
	must(t, "iscsiadm -m discovery -t sendtargets -p 127.0.0.1 && iscsiadm -m node --login")
	if got := must(t, "lsscsi | grep -c -e mediumx -e tape"); got != "5" {
		t.Errorf("%s devices", got)
	}
	if got := must(t, "ps -C vtlportal,vtllibrary,vtltape -o user= | sort -u"); got != "vtl" {
		t.Errorf("they run as %q", got)
	}
	if got := must(t, "stat -c '%U %a' /run/vtl /var/lib/vtl | paste -sd ' '"); got != "vtl 700 vtl 750" {
		t.Errorf("directories: %s", got)
	}
}

// hardened: the units forbid what they can.
func hardened(t *testing.T) {
	for _, unit := range []string{"vtlportal", "vtllibrary@10", "vtltape@11", "vtloptical@30", "vtl-reconfigure"} {
		out, err := sh(t, "systemd-analyze security --threshold=25 "+unit)
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
	}
}

// changer finds the changer's device.
const changer = "$(lsscsi -g | awk '/mediumx/ {print $NF}')"

// backup: with all that is forbidden a backup works.
func backup(t *testing.T) {
	must(t, "mtx -f "+changer+" load 1 0")
	must(t, `for d in /dev/nst?; do mt -f $d status | grep -q ONLINE && ln -sf $d /run/drive; done; test -e /run/drive`)
	must(t, "tar -b 512 -cf /run/drive scripts docs && mt -f /run/drive rewind && tar -b 512 -df /run/drive")
	must(t, "mt -f /run/drive offline && mtx -f "+changer+" unload 1 0")
}

// stopUnderLoad: while a stream of blocks goes to a tape, all daemons end by
// themselves within their ten seconds. What was synced before is there afterwards.
func stopUnderLoad(t *testing.T) {
	must(t, "mtx -f "+changer+" load 2 0")
	must(t, `for d in /dev/nst?; do mt -f $d status | grep -q ONLINE && ln -sf $d /run/drive; done; tar -b 512 -cf /run/drive scripts docs`)
	must(t, "systemd-run -q --unit=stream dd if=/dev/urandom of=/run/drive bs=256k")
	data := "/var/lib/vtl/cartridges/10/VTL002L9/data"
	synced := must(t, "stat -c %s "+data)
	eventually(t, "test $(stat -c %s "+data+") -gt $(("+synced+" + 8000000)) && echo flows", "flows")
	must(t, "timeout 15 systemctl stop vtl.target")
	if got := must(t, "systemctl show -p Result --value vtltape@11 vtllibrary@10 vtlportal | paste -sd ' '"); got != "success  success  success" {
		t.Errorf("they ended with %s", got)
	}
	must(t, "systemctl start vtl.target")
	eventually(t, "systemctl is-active stream | grep -v ^active", "failed")
	must(t, "mt -f /run/drive rewind && tar -b 512 -df /run/drive && mt -f /run/drive offline && mtx -f "+changer+" unload 2 0")
	must(t, "dumptape verify VTL002L9")
}

// crash: a daemon that dies comes back, and its target answers.
func crash(t *testing.T) {
	before := must(t, "systemctl show -p MainPID --value vtltape@11")
	must(t, "systemctl kill -s KILL vtltape@11")
	eventually(t, "test $(systemctl show -p MainPID --value vtltape@11) != "+before+" && systemctl is-active vtltape@11", "active")
	eventually(t, "vtlcmd 11 status | grep -c '^target'", "1")
}

// hang: so does one that does nothing any more.
func hang(t *testing.T) {
	must(t, "mkdir -p /run/systemd/system/vtltape@12.service.d && printf '[Service]\\nWatchdogSec=3\\n' > /run/systemd/system/vtltape@12.service.d/test.conf && systemctl daemon-reload && systemctl restart vtltape@12")
	before := must(t, "systemctl show -p MainPID --value vtltape@12")
	must(t, "kill -STOP "+before)
	eventually(t, "test $(systemctl show -p MainPID --value vtltape@12) != "+before+" && systemctl is-active vtltape@12", "active")
	must(t, "rm -r /run/systemd/system/vtltape@12.service.d && systemctl daemon-reload && systemctl restart vtltape@12")
}

// reload: the reload of the portal is everybody's, and ends no session.
func reload(t *testing.T) {
	before := must(t, "systemctl show -p MainPID --value vtltape@13 vtllibrary@10 vtlportal | paste -sd ' '")
	must(t, "sed -i 's/mail-slots: 4/mail-slots: 5/' /etc/vtl/vtl.yaml && systemctl reload vtlportal")
	eventually(t, "mtx -f "+changer+" status | grep -c IMPORT/EXPORT", "5")
	if after := must(t, "systemctl show -p MainPID --value vtltape@13 vtllibrary@10 vtlportal | paste -sd ' '"); after != before {
		t.Errorf("processes were %s, are %s", before, after)
	}
	eventually(t, "systemctl is-active vtl-reconfigure.service", "inactive")
}

// devices: a drive that the configuration gains is started, one that it loses
// stopped, the moment that it is written.
func devices(t *testing.T) {
	must(t, "vtlcmd library add drive")
	eventually(t, running, strings.Replace(five, "vtltape@14.service", "vtltape@14.service vtltape@15.service", 1))
	eventually(t, "mtx -f "+changer+" status | grep -c 'Data Transfer Element'", "5")
	must(t, "vtlcmd library remove drive 15")
	eventually(t, running, five)
	eventually(t, "systemctl is-active vtl-reconfigure.service", "inactive")
}

// bundle: a support bundle has what the journal has of the suite, without the
// secrets that came into it.
func bundle(t *testing.T) {
	const canary = "canary-in-the-journal"
	must(t, "cp /etc/vtl/vtl.yaml /run/vtl.yaml && install -o vtl -g vtl -m 600 /dev/null /etc/vtl/secrets && echo 'initiator iqn.canary "+canary+" *' > /etc/vtl/secrets")
	must(t, "echo 'iscsi: {secrets: secrets}' >> /etc/vtl/vtl.yaml && systemd-run -q --wait --unit=vtl-canary echo 'here sings the "+canary+" today'")
	must(t, "journalctl --sync && vtlcmd support-bundle /run/bundle.tar.gz")
	text := must(t, "tar -xzOf /run/bundle.tar.gz vtl-support/journal.txt")
	for _, want := range []string{"here sings the (removed) today", "msg=ready", "Started vtltape@11.service"} {
		if !strings.Contains(text, want) {
			t.Errorf("the journal in the bundle has no %q:\n%.3000s", want, text)
		}
	}
	if out, err := sh(t, "tar -xzOf /run/bundle.tar.gz | grep -a "+canary); err == nil {
		t.Errorf("a secret is in the bundle: %s", out)
	}
	must(t, "cp /run/vtl.yaml /etc/vtl/vtl.yaml && rm /etc/vtl/secrets")
	eventually(t, "systemctl is-active vtl-reconfigure.service", "inactive")
}

// home: a library may have its cartridges where its unit otherwise could not
// write.
func home(t *testing.T) {
	must(t, "install -d -o vtl -g vtl /srv/tapes /root/tapes && cp /etc/vtl/vtl.yaml /run/vtl.yaml")
	must(t, `cat >> /etc/vtl/vtl.yaml <<'E'
  - {id: 30, model: stk-l700, serial: LIB30, slots: 4, mail-slots: 1, home: /srv/tapes, drives: [{id: 31, model: ibm-ult3580-td8, serial: DRV31}], media: [{barcodes: SRV001L8}]}
  - {id: 40, model: stk-l700, serial: LIB40, slots: 4, mail-slots: 1, home: /root/tapes, drives: [{id: 41, model: ibm-ult3580-td8, serial: DRV41}], media: [{barcodes: HOM001L8}]}
E`)
	eventually(t, "systemctl is-active vtllibrary@30 vtltape@31 vtllibrary@40 vtltape@41 | paste -sd ' '", "active active active active")
	must(t, "vtlcmd 31 load SRV001L8 && vtlcmd 41 load HOM001L8")
	must(t, "test -s /srv/tapes/SRV001L8/meta && test -s /root/tapes/HOM001L8/meta")
	must(t, "vtlcmd 31 unload && vtlcmd 41 unload")
	must(t, "cp /run/vtl.yaml /etc/vtl/vtl.yaml")
	eventually(t, running, five)
	eventually(t, "systemctl is-active vtl-reconfigure.service", "inactive")
}

// refused: a configuration that is wrong changes nothing that runs, and does not
// start; the reason and the line are in the journal.
func refused(t *testing.T) {
	must(t, "cp /etc/vtl/vtl.yaml /run/vtl.yaml && sed -i 's/slots: 40/slots: forty/' /etc/vtl/vtl.yaml")
	eventually(t, "systemctl is-failed vtl-reconfigure.service", "failed")
	must(t, "systemctl daemon-reload")
	if got := must(t, running); got != five {
		t.Errorf("running: %s", got)
	}
	must(t, "systemctl stop vtl.target")
	sh(t, "systemctl start vtl.target")
	if out, err := sh(t, "systemctl is-active vtlportal"); err == nil {
		t.Errorf("the portal is %s", out)
	}
	must(t, "systemctl status --no-pager vtlportal | grep -q 'vtl.yaml:[0-9]*: .*forty' || journalctl -u vtlportal | grep -q 'vtl.yaml:[0-9]*: .*forty'")
	must(t, "systemctl stop vtl.target; cp /run/vtl.yaml /etc/vtl/vtl.yaml && systemctl reset-failed && systemctl daemon-reload && systemctl start vtl.target")
	eventually(t, running, five)
}

// brokenDevice: a device that does not come up fails with the reason, and alone.
func brokenDevice(t *testing.T) {
	must(t, "systemctl stop vtllibrary@10 && mv /var/lib/vtl/library10.d /run/ && touch /var/lib/vtl/library10.d")
	if out, err := sh(t, "systemctl start vtllibrary@10"); err == nil {
		t.Errorf("it started: %s", out)
	}
	must(t, "journalctl -u vtllibrary@10 -o cat | grep -q 'error:.*library10.d'")
	if got, _ := sh(t, "systemctl is-active vtltape@11 vtltape@14 vtlportal | paste -sd ' '"); got != "active active active" {
		t.Errorf("the others are %s", got)
	}
	must(t, "rm /var/lib/vtl/library10.d && mv /run/library10.d /var/lib/vtl/ && systemctl reset-failed && systemctl start vtllibrary@10")
}

// stop: all end within ten seconds, by themselves.
func stop(t *testing.T) {
	must(t, "iscsiadm -m node --logout")
	must(t, "timeout 15 systemctl stop vtl.target")
	if got := must(t, running); got != "" {
		t.Errorf("running: %s", got)
	}
	if out, err := sh(t, "journalctl -u 'vtl*' -o cat | grep -i 'timed out\\|sigkill'"); err == nil && strings.Contains(out, "stop-sigterm") {
		t.Errorf("the journal says: %s", out)
	}
}

// uninstall: the configuration and the cartridges stay.
func uninstall(t *testing.T) {
	must(t, "PREFIX=/usr scripts/install uninstall && systemctl daemon-reload")
	if out := must(t, "find /usr/lib/systemd /usr/bin /usr/lib/vtl /usr/share/man /usr/share/doc/vtl -name '*vtl*' 2>/dev/null; true"); out != "" {
		t.Errorf("left: %s", out)
	}
	for _, file := range []string{"/etc/vtl/vtl.yaml", "/var/lib/vtl/cartridges/10/VTL001L9/data"} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}
