//go:build e2e

package software

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// page is where the programs are that need no configuration.
const page = "tape-programs.md"

// prepare puts the page's scripts where it says, makes file systems with files, and
// loads the cartridge of a slot, if any.
func prepare(t *testing.T, slot int) {
	t.Helper()
	attach(t)
	if slot > 0 {
		unload(t)
		must(t, fmt.Sprintf("rm -rf /restore/* && mtx -f /dev/tape/by-id/scsi-VTL0000010_0400 load %d 0", slot))
	}
	if _, err := os.Stat("/srv/letters"); err == nil {
		return
	}
	write(t, "/usr/local/sbin/next-tape", stanza(t, page, "#!/bin/sh\nmtx"))
	write(t, "/usr/local/sbin/restore-tape", stanza(t, page, "#!/bin/sh\ntest"))
	must(t, "chmod 755 /usr/local/sbin/*-tape; mkdir -p /srv /data /restore && mount /dev/ubdb /srv && mount /dev/ubdc /data && rmdir /srv/lost+found")
	for _, dir := range []string{"/srv", "/data"} {
		must(t, `cd `+dir+` && mkdir -p letters pictures/old && seq 300000 >letters/long && : >letters/empty && ln -s long letters/link && ln letters/long letters/hard &&
for i in 1 2 3 4 5; do head -c 19000000 /dev/urandom >pictures/$i; done && truncate -s 3M pictures/old/sparse && echo end >>pictures/old/sparse &&
for i in $(seq 200); do echo $i >"letters/a letter, number $i"; done && chmod 640 letters/empty && chown 1:2 letters/empty && touch -d 2001-02-03 pictures/1`)
	}
}

// follow types what a block of the page has its readers type.
func follow(t *testing.T, first string) string {
	t.Helper()
	return must(t, shell(t, first))
}

// shell is the lines of a block of the page, with the variables set.
func shell(t *testing.T, first string) string {
	t.Helper()
	command := "set -e -o pipefail\n"
	for _, s := range []string{stanza(t, page, "# export TAPE"), stanza(t, page, first)} {
		for line := range strings.Lines(s) {
			command += strings.TrimPrefix(line, "# ")
		}
	}
	return command
}

// same wants two directories to be the same: names, kinds, modes, owners, links,
// times of files, and every byte.
func same(t *testing.T, a, b string) {
	t.Helper()
	list := func(dir string) string {
		return "(cd " + dir + ` && find . -mindepth 1 ! -name xfsrestorehousekeepingdir ! -path '*/xfsrestorehousekeepingdir/*' ! -name restoresymtable -printf '%P %y %m %U %G %n %l' \( -type f -printf ' %s %Ts' -o -true \) -printf '\n' | sort)`
	}
	must(t, "diff <"+list(a)+" <"+list(b)+" && diff -r --no-dereference -x xfsrestorehousekeepingdir -x restoresymtable "+a+" "+b)
}

// TestPrograms follows the page on programs that write a tape by themselves. Those
// that change cartridges begin with a small one, others have one that is not.
func TestPrograms(t *testing.T) {
	const large, small = 2, 22
	for _, c := range []struct {
		name string
		slot int
		do   func(t *testing.T)
	}{
		{"tar", large, func(t *testing.T) {
			follow(t, "# tar -c -b")
		}},
		{"tar -M", small, func(t *testing.T) {
			changed(t, follow(t, "# tar -c -M"))
			same(t, "/srv", "/restore/srv")
		}},
		{"cpio", large, func(t *testing.T) {
			follow(t, "# cd /\n# find")
			same(t, "/srv", "/restore/srv")
		}},
		{"cpio -M", small, func(t *testing.T) {
			next := prompt{asks: ", then RETURN", do: nextTape, keys: "\n"}
			converse(t, shell(t, "# cd /\n# find srv -depth -print0 | cpio -o -0 -H crc -C 262144 -M"), next)
			firstTape(t)
			converse(t, shell(t, "# cd /restore\n# cpio"), next)
			same(t, "/srv", "/restore/srv")
		}},
		{"dump", small, func(t *testing.T) {
			changed(t, follow(t, "# dump"))
			same(t, "/srv", "/restore")
		}},
		{"xfsdump", large, func(t *testing.T) {
			follow(t, "# xfsdump -F -l")
			same(t, "/data", "/restore")
		}},
		{"xfsdump, long", small, func(t *testing.T) {
			label := prompt{about: "please enter label for media", asks: "-> ", keys: "tape2\n"}
			next := prompt{about: "please change media", asks: "-> ", do: nextTape, keys: "\n"}
			over := prompt{about: "overwrite data on media", asks: "-> ", keys: "2\n"}
			converse(t, shell(t, "# xfsdump -l 0 -L long"), over, label, next)
			firstTape(t)
			converse(t, shell(t, "# xfsrestore -L long"), next)
			same(t, "/data", "/restore")
		}},
		{"xfsdump -m", large, func(t *testing.T) {
			follow(t, "# xfsdump -F -o")
			same(t, "/data", "/restore")
		}},
		{"mbuffer", small, func(t *testing.T) {
			changed(t, follow(t, "# tar -c -f - -C"))
			same(t, "/srv", "/restore/srv")
		}},
		{"dar", large, func(t *testing.T) {
			follow(t, "# dar")
			same(t, "/srv", "/restore")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			prepare(t, c.slot)
			c.do(t)
		})
	}
	t.Run("mtx", func(t *testing.T) {
		prepare(t, large)
		unload(t)
		wantAll(t, "mt status", follow(t, "# mtx -f $CHANGER load"), "ONLINE")
		out := follow(t, "# export GENERIC")
		wantAll(t, "tapeinfo and loaderinfo", out, "Vendor ID: 'IBM", "Product ID: 'ULT3580-TD9", "Ready: yes", "Number of Storage Elements: 40")
		wantAll(t, "mt status", must(t, "mt -f /dev/tape/by-id/scsi-VTL0000011-nst eod; mt -f /dev/tape/by-id/scsi-VTL0000011-nst status"), "File number=3,")
	})
}

// nextTape and firstTape change the cartridge as an operator does whom a program asks.
func nextTape(t *testing.T) { must(t, "CHANGER=/dev/tape/by-id/scsi-VTL0000010_0400 next-tape") }
func firstTape(t *testing.T) {
	must(t, "mtx -f /dev/tape/by-id/scsi-VTL0000010_0400 unload 23 0 && mtx -f /dev/tape/by-id/scsi-VTL0000010_0400 load 22 0")
}

// changed wants what mtx says of two changes of cartridges: one while it was
// written, one while it was read.
func changed(t *testing.T, out string) {
	t.Helper()
	if n := strings.Count(out, "Loading media from Storage Element 23 into drive 0"); n != 2 {
		t.Errorf("the second cartridge was loaded %d times, want 2:\n%s", n, out)
	}
}
