//go:build e2e

package software

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What of Bacula's configuration has nothing to do with the suite.
const (
	baculaStorage = `Storage { Name = sd; SDPort = 9103; SDAddress = 127.0.0.1; WorkingDirectory = /var/lib/bacula; PidDirectory = /run/bacula; Maximum Concurrent Jobs = 5 }
Director { Name = dir; Password = "secret-of-the-storage-daemon" }
Messages { Name = Standard; director = dir = all }
`
	baculaDirector = `Director { Name = dir; DIRport = 9101; DirAddress = 127.0.0.1; QueryFile = /etc/bacula/scripts/query.sql; WorkingDirectory = /var/lib/bacula
  PidDirectory = /run/bacula; Maximum Concurrent Jobs = 5; Password = "console"; Messages = Standard }
Catalog { Name = catalog; dbname = bacula; dbuser = ""; dbpassword = "" }
Client { Name = fd; Address = 127.0.0.1; FDPort = 9102; Catalog = catalog; Password = "files" }
FileSet { Name = files; Include { Options { signature = SHA1 } File = /etc/bacula/scripts; File = /usr/sbin/btape; File = /usr/lib/bacula } }
Messages { Name = Standard; console = all, !skipped; append = "/var/log/bacula/bacula.log" = all, !skipped }
Pool { Name = Default; Pool Type = Backup; Recycle = yes }
Pool { Name = Scratch; Pool Type = Backup }
Pool { Name = Single; Pool Type = Backup; Maximum Volume Jobs = 1 }
Pool { Name = Small; Pool Type = Backup }
FileSet { Name = long; Include { Options { signature = SHA1 } File = /srv } }
Job { Name = single; Type = Backup; Level = Full; Client = fd; FileSet = files; Storage = vtl10; Pool = Single; Messages = Standard }
Job { Name = long; Type = Backup; Level = Full; Client = fd; FileSet = long; Storage = vtl10; Pool = Small; Messages = Standard }
Job { Name = backup; Type = Backup; Level = Full; Client = fd; FileSet = files; Storage = vtl10; Pool = Default; Messages = Standard }
Job { Name = restore; Type = Restore; Client = fd; FileSet = files; Storage = vtl10; Pool = Default; Messages = Standard; Where = /run/restored }
`
	baculaFiles   = `FileDaemon { Name = fd; FDport = 9102; FDAddress = 127.0.0.1; WorkingDirectory = /var/lib/bacula; Pid Directory = /run/bacula }` + "\n" + `Director { Name = dir; Password = "files" }` + "\n" + `Messages { Name = Standard; director = dir = all }` + "\n"
	baculaConsole = `Director { Name = dir; DIRport = 9101; address = 127.0.0.1; Password = "console" }` + "\n"
)

// TestBacula: its tape test passes on a drive, its daemons see the library as it
// is, label cartridges by their barcodes, back up onto two of them and restore
// what is the same.
func TestBacula(t *testing.T) {
	attach(t)
	write(t, "/etc/bacula/bacula-sd.conf", baculaStorage+stanza(t, "bacula.md", "Autochanger"))
	write(t, "/etc/bacula/bacula-dir.conf", baculaDirector+strings.Replace(stanza(t, "bacula.md", "Storage"), "sd.example.com", "127.0.0.1", 1))
	write(t, "/etc/bacula/bacula-fd.conf", baculaFiles)
	write(t, "/etc/bacula/bconsole.conf", baculaConsole)
	must(t, "install -d -o bacula -g bacula /run/bacula")
	t.Run("btape", btape)
	daemons(t)
	t.Run("jobs", baculaJobs)
	t.Run("single", baculaSingle)
	t.Run("long", baculaLong)
	must(t, "systemctl stop director bacula-fd bacula-sd")
	must(t, "vtlcmd 11 unload; vtlcmd 12 unload; dumptape verify VTL001L9 && dumptape verify VTL002L9")
	must(t, "for b in VTL001L9 VTL002L9; do dumptape extract $b --file 0 -o - | grep -aq 'BB02' || exit 1; done")
}

// daemons starts Bacula's three, with an empty catalog.
func daemons(t *testing.T) {
	t.Helper()
	must(t, "sed s/XXX_DBNAME_XXX/bacula/ /usr/share/bacula-director/make_sqlite3_tables | runuser -u bacula -- sh >/run/tables 2>&1")
	// The director's own unit comes after multi-user.target, which these tests are part of.
	must(t, "systemctl start bacula-sd bacula-fd && systemd-run -q --unit=director --uid=bacula --gid=bacula bacula-dir -f -c /etc/bacula/bacula-dir.conf")
	must(t, "for i in $(seq 120); do echo quit | timeout 10 bconsole -c /etc/bacula/bconsole.conf | grep -q '1000 OK' && exit 0; sleep 0.5; done; journalctl -u director -o cat; false")
}

// btape is Bacula's own test of a drive: records, files, positions, appending.
func btape(t *testing.T) {
	unload(t)
	check := stanza(t, "bacula.md", "# mtx")
	lines := strings.Split(strings.TrimSpace(check), "\n")
	must(t, strings.TrimPrefix(lines[0], "# "))
	var typed strings.Builder
	for _, line := range lines[2:] {
		typed.WriteString(strings.TrimPrefix(line, "*") + "\n")
	}
	// It asks whether to go on with the changer, and a cartridge that may be written in slot 1.
	input := strings.Replace(typed.String(), "test\n", "test\ny\n", 1)
	out := answer(t, input, "runuser -u bacula -g tape -- "+strings.TrimPrefix(lines[1], "# "))
	wantAll(t, "btape", out, "=== Test Succeeded. End Write, rewind, and re-read test ===", "=== Test Succeeded. End Write, rewind, and re-read test ===",
		"We should be in file 3. I am at file 3. This is correct!", "Total files=4, blocks=7", "We should be in file 4. I am at file 4. This is correct!",
		"Block re-read correct. Test succeeded!", "We should be in file 5. I am at file 5. This is correct!",
		`3303 Autochanger "load 1 0" status is OK`, "The test autochanger worked!!")
	if said := regexp.MustCompile(`(?im)^.*(NOT correct|failed|error).*$`).FindAllString(out, -1); len(said) > 1 { // one says what there should not be
		t.Errorf("btape says %q in\n%s", said, out)
	}
	unload(t)
}

// console runs commands of bconsole and returns what it says.
func console(t *testing.T, commands ...string) string {
	t.Helper()
	return answer(t, strings.Join(commands, "\n")+"\nquit\n", "bconsole -c /etc/bacula/bconsole.conf")
}

// baculaJobs: what the page has its readers type, and then jobs: two backups, the
// second behind the first, and a restore of the second.
func baculaJobs(t *testing.T) {
	var typed []string
	for line := range strings.Lines(stanza(t, "bacula.md", "* update")) {
		typed = append(typed, strings.TrimPrefix(strings.TrimSpace(line), "* "))
	}
	typed[1] = strings.Replace(typed[1], "slots=1-20", "slots=1-2\nyes", 1) // not all of them: each is loaded
	out := console(t, append(typed, "list media")...)
	wantAll(t, "bconsole", out, `Device "vtl10" has 44 slots`, `3000 OK label`, "VTL001L9", `3000 OK label`, "VTL002L9")
	out = console(t, "run job=backup yes", "wait", "run job=backup yes", "wait", "messages", "list jobs", "list media")
	if n := strings.Count(out, "Termination:            Backup OK"); n != 2 {
		t.Errorf("%d backups are fine, want 2:\n%s", n, out)
	}
	out = console(t, "restore client=fd jobid=2 all done yes", "wait", "messages")
	wantAll(t, "restore", out, "Termination:            Restore OK")
	for _, dir := range []string{"/etc/bacula/scripts", "/usr/sbin/btape", "/usr/lib/bacula"} {
		must(t, "diff -r --no-dereference "+dir+" /run/restored"+dir)
	}
	if got := must(t, "vtlcmd library inventory | grep -c 'VTL00[12]L9'"); got != "2" {
		t.Errorf("the library has %s of the two cartridges", got)
	}
}

// volumes are the volumes of each job that a console reports as fine, in order.
func volumes(t *testing.T, out string) (all []string) {
	t.Helper()
	for _, report := range strings.Split(out, "Build OS:")[1:] {
		names := regexp.MustCompile(`Volume name\(s\): +(\S+)`).FindStringSubmatch(report)
		if names == nil || !strings.Contains(report, "Termination:            Backup OK") {
			t.Errorf("a backup failed:\n%s", report)
			continue
		}
		all = append(all, names[1])
	}
	return all
}

// baculaSingle: a job for each volume, so that the library changes cartridges
// before each; and each of them restored.
func baculaSingle(t *testing.T) {
	console(t, "label barcodes storage=vtl10 pool=Single drive=0 slots=3-5", "yes")
	run := []string{"messages"}
	for range 3 {
		run = append(run, "run job=single yes", "wait")
	}
	out := console(t, append(run, "messages")...)
	got := volumes(t, out)
	slices.Sort(got)
	if want := []string{"VTL003L9", "VTL004L9", "VTL005L9"}; !slices.Equal(got, want) {
		t.Fatalf("jobs on %v, want %v:\n%s", got, want, out)
	}
}

// baculaLong: a job that is longer than a cartridge goes on with the next, by
// itself, and is restored from both.
func baculaLong(t *testing.T) {
	prepare(t, 0)
	console(t, "label barcodes storage=vtl10 pool=Small drive=0 slots=22-24", "yes")
	out := console(t, "messages", "run job=long yes", "wait", "messages")
	got := volumes(t, out)
	if len(got) != 1 || strings.Count(got[0], "|") != 1 {
		t.Fatalf("a job on the volumes %q, want two:\n%s", got, out)
	}
	id := regexp.MustCompile(`Job queued. JobId=(\d+)`).FindStringSubmatch(out)
	if id == nil {
		t.Fatalf("no job:\n%s", out)
	}
	must(t, "rm -rf /run/restored")
	out = console(t, "restore client=fd jobid="+id[1]+" all done yes", "wait", "messages")
	wantAll(t, "restore", out, "Termination:            Restore OK")
	same(t, "/srv", "/run/restored/srv")
}
