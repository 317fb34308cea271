//go:build e2e

package software

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limit bounds one command: a backup program that waits for an answer is to fail
// its test and not to hang it.
const limit = 8 * time.Minute

// sh runs a shell command with something to read and returns what it prints.
func sh(input, command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = filepath.Join("..", ".."), strings.NewReader(input), time.Second
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), errors.Join(err, ctx.Err())
}

// must is sh for a command that succeeds.
func must(t *testing.T, command string) string {
	t.Helper()
	return answer(t, "", command)
}

// answer is must for a command that asks.
func answer(t *testing.T, input, command string) string {
	t.Helper()
	out, err := sh(input, command)
	if err != nil {
		log, _ := sh("", "journalctl -u 'vtl*' -o cat --no-pager | tail -40; dmesg | tail -20")
		t.Fatalf("%s: %v\n%s\n%s", command, err, out, log)
	}
	return out
}

// attach brings the suite up with its default configuration and, in slots 22 to 30,
// cartridges that are full soon; its devices are under the names that the pages use.
func attach(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/dev/tape/by-id/scsi-VTL0000010_0400"); err == nil {
		return
	}
	must(t, "PREFIX=/usr scripts/install install && sed -i 's/.*CLN001CU.*/&\\n      - {barcodes: SML001L9-SML009L9, size-mib: 64}/' /etc/vtl/vtl.yaml && systemd-sysusers && install -d -o vtl -g vtl -m 750 /var/lib/vtl && mount /dev/ubda /var/lib/vtl && chown vtl:vtl /var/lib/vtl && systemctl daemon-reload && systemctl start vtl.target")
	must(t, "vtlcmd attach")
	must(t, "test -e /dev/tape/by-id/scsi-VTL0000010_0400 && test -e /dev/tape/by-id/scsi-VTL0000011-nst")
}

// unload puts what is in the first two drives, which the programs use, back where it
// came from. Bacula locks a drive whose cartridge it has mounted, and leaves it so
// when it is stopped.
func unload(t *testing.T) {
	t.Helper()
	must(t, `changer=/dev/tape/by-id/scsi-VTL0000010_0400
status=$(mtx -f $changer status) || exit 1
for drive in 0 1; do
	slot=$(sed -n "s/^Data Transfer Element $drive:Full (Storage Element \([0-9]*\) .*/\1/p" <<<"$status")
	test -z "$slot" && continue
	mt -f /dev/tape/by-id/scsi-VTL000001$((drive+1))-nst unlock
	mtx -f $changer unload $slot $drive || exit 1
done`)
}

// stanzas are the indented blocks of a page, in their order.
func stanzas(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "attach", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	var b strings.Builder
	for line := range strings.Lines(string(text) + "end\n") {
		rest, in := strings.CutPrefix(line, "    ")
		switch {
		case in:
			b.WriteString(rest)
		case strings.TrimSpace(line) == "":
			b.WriteString(line)
		case strings.TrimSpace(b.String()) != "":
			all = append(all, strings.TrimSpace(b.String())+"\n")
			b.Reset()
		default:
			b.Reset()
		}
	}
	return all
}

// stanza is the block of a page that begins with a word.
func stanza(t *testing.T, page, first string) string {
	t.Helper()
	for _, s := range stanzas(t, page) {
		if strings.HasPrefix(s, first) {
			return s
		}
	}
	t.Fatalf("docs/attach/%s has no block that begins with %q", page, first)
	return ""
}

// write writes a file.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// wantAll wants texts in an output, in their order.
func wantAll(t *testing.T, what, out string, texts ...string) {
	t.Helper()
	rest := out
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			t.Fatalf("%s: no %q in\n%s", what, text, out)
		}
		rest = after
	}
}
