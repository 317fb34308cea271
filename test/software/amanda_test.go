//go:build e2e

package software

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// amandaRest is what of Amanda's configuration has nothing to do with the suite.
const amandaRest = `org "test"
mailto ""
infofile "/var/lib/amanda/CONFIG/info"
logdir "/var/lib/amanda/CONFIG/log"
indexdir "/var/lib/amanda/CONFIG/index"
tapelist "/etc/amanda/CONFIG/tapelist"
tapecycle 6
runtapes 2
dumpcycle 0
define application-tool gtar {
  plugin "amgtar"
  property "ONE-FILE-SYSTEM" "no" # in the guest's overlay files are of another device than their directories
}
define dumptype local {
  auth "local"
  program "APPLICATION"
  application "gtar"
  compress none
  index yes
  holdingdisk never
  strategy noinc
}
`

// amanda is a command of Amanda's user.
func amanda(command string) string { return "runuser -u backup -- " + command }

// amandaConfig makes a configuration with the page's changer, with some of its text
// replaced, and a list of directories.
func amandaConfig(t *testing.T, name string, dirs []string, replace ...string) {
	t.Helper()
	must(t, strings.ReplaceAll("install -d -o backup -g backup /etc/amanda/CONFIG /var/lib/amanda/CONFIG /var/lib/amanda/CONFIG/info /var/lib/amanda/CONFIG/log /var/lib/amanda/CONFIG/index", "CONFIG", name))
	write(t, "/etc/amanda/"+name+"/amanda.conf", strings.ReplaceAll(amandaRest, "CONFIG", name)+strings.NewReplacer(replace...).Replace(stanza(t, "amanda.md", "define changer")))
	var list strings.Builder
	for _, dir := range dirs {
		list.WriteString("localhost " + dir + " local\n")
	}
	write(t, "/etc/amanda/"+name+"/disklist", list.String())
	must(t, strings.ReplaceAll("chown -R backup:backup /etc/amanda/CONFIG && runuser -u backup -- touch /etc/amanda/CONFIG/tapelist", "CONFIG", name))
	// Without an address beside the loopback's nothing resolves, not even localhost.
	must(t, "ip address show dev lo | grep -q 192.0.2.1 || { ip address add 192.0.2.1/32 dev lo; echo 127.0.0.1 localhost guest >> /etc/hosts; }")
}

// fetched restores the last dumps of a configuration and wants its directories to
// be what they were.
func fetched(t *testing.T, config string, dirs []string) {
	t.Helper()
	must(t, "rm -rf /run/fetched && install -d -o backup -g backup /run/fetched && cd /run/fetched && runuser -u backup -- amfetchdump -a "+config+" localhost </dev/null 2>&1 && ls -la")
	for _, dir := range dirs {
		archive := "/run/fetched/localhost." + strings.ReplaceAll(dir, "/", "_") + ".*"
		must(t, "mkdir /run/unpacked && for f in "+archive+"; do tar -xf $f -C /run/unpacked || exit 1; done && diff -r --no-dereference "+dir+" /run/unpacked && rm -r /run/unpacked")
	}
}

// TestAmanda: it lists the library as it is, labels cartridges, finds nothing
// wrong, dumps onto two of them, one labelled by hand and one by itself, and
// restores what is the same.
func TestAmanda(t *testing.T) {
	attach(t)
	dirs := []string{"/usr/lib/amanda/rest-server", "/usr/lib/amanda/application"}
	amandaConfig(t, "vtl", dirs, `"1-20"`, `"1-3"`) // each is loaded, several times
	for i, line := range strings.Split(strings.TrimSpace(stanza(t, "amanda.md", "$ amtape")), "\n") {
		out := must(t, amanda(strings.Replace(strings.TrimPrefix(line, "$ "), "CONFIG", "vtl", 1)+" 2>&1"))
		switch i {
		case 0:
			wantAll(t, line, out, "slot 1:", "barcode VTL001L9", "slot 3:", "barcode VTL003L9")
		case 2:
			wantAll(t, line, out, "Writing label 'VTL001L9'", "Success!")
		}
		if regexp.MustCompile(`(?m)^(ERROR|WARNING)`).MatchString(out) {
			t.Errorf("%s: %s", line, out)
		}
	}
	for _, barcode := range []string{"VTL001L9", "VTL002L9"} {
		out := must(t, amanda("amdump vtl; status=$?; runuser -u backup -- amreport vtl; exit $status"))
		wantAll(t, "amreport", out, barcode)
	}
	fetched(t, "vtl", dirs)
	t.Run("span", amandaSpan)
}

// amandaSpan: a dump that is longer than a cartridge goes on with the next, by
// itself, and comes back from both; and amtapetype finds the length of one.
func amandaSpan(t *testing.T) {
	prepare(t, 0)
	amandaConfig(t, "small", []string{"/srv"}, `"1-20"`, `"23-25"`, "^VTL", "^SML", "18000 gbytes", "64 mbytes")
	out := must(t, amanda("amdump small; status=$?; runuser -u backup -- amreport small; exit $status"))
	wantAll(t, "amreport", out, "SML002L9", "SML003L9")
	fetched(t, "small", []string{"/srv"})
	unload(t)
	must(t, "mtx -f /dev/tape/by-id/scsi-VTL0000010_0400 load 26 0")
	out = must(t, amanda("amtapetype -f -b 256k -t SMALL /dev/tape/by-id/scsi-VTL0000011-nst 2>&1"))
	length := regexp.MustCompile(`length (\d+) kbytes`).FindStringSubmatch(out)
	if n, _ := strconv.Atoi(append(length, "", "")[1]); n < 50<<10 || n > 70<<10 {
		t.Errorf("a cartridge of 64 MiB:\n%s", out)
	}
	wantAll(t, "amtapetype", out, "define tapetype SMALL {")
	unload(t)
}
