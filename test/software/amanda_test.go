//go:build e2e

package software

import (
	"regexp"
	"strings"
	"testing"
)

// amandaRest is what of Amanda's configuration has nothing to do with the suite.
const amandaRest = `org "test"
mailto ""
infofile "/var/lib/amanda/vtl/info"
logdir "/var/lib/amanda/vtl/log"
indexdir "/var/lib/amanda/vtl/index"
tapelist "/etc/amanda/vtl/tapelist"
tapecycle 6
runtapes 1
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

// TestAmanda: it lists the library as it is, labels cartridges, finds nothing
// wrong, dumps onto two of them, one labelled by hand and one by itself, and
// restores what is the same.
func TestAmanda(t *testing.T) {
	attach(t)
	must(t, "install -d -o backup -g backup /etc/amanda/vtl /var/lib/amanda/vtl /var/lib/amanda/vtl/info /var/lib/amanda/vtl/log /var/lib/amanda/vtl/index /run/restored-amanda")
	write(t, "/etc/amanda/vtl/amanda.conf", amandaRest+strings.Replace(stanza(t, "amanda.md", "define changer"), `"1-20"`, `"1-3"`, 1)) // each is loaded, several times
	write(t, "/etc/amanda/vtl/disklist", "localhost /usr/lib/amanda/rest-server local\nlocalhost /usr/lib/amanda/application local\n")
	// Without an address beside the loopback's nothing resolves, not even localhost.
	must(t, "ip address add 192.0.2.1/32 dev lo; echo 127.0.0.1 localhost guest >> /etc/hosts; chown -R backup:backup /etc/amanda/vtl && runuser -u backup -- touch /etc/amanda/vtl/tapelist")
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
	must(t, "cd /run/restored-amanda && runuser -u backup -- amfetchdump -a vtl localhost </dev/null 2>&1 && ls -la")
	for _, dir := range []string{"/usr/lib/amanda/rest-server", "/usr/lib/amanda/application"} {
		archive := "/run/restored-amanda/localhost." + strings.ReplaceAll(dir, "/", "_") + ".*"
		must(t, "mkdir /run/unpacked && for f in "+archive+"; do tar -xf $f -C /run/unpacked || exit 1; done && diff -r --no-dereference "+dir+" /run/unpacked && rm -r /run/unpacked")
	}
}
