package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// changed is the small file with one text in place of another.
func changed(t *testing.T, old, new string) string {
	t.Helper()
	if !strings.Contains(small, old) {
		t.Fatalf("%q is not in the file", old)
	}
	return strings.Replace(small, old, new, 1)
}

// TestHostile: files that are broken in the ways that editors, templates and
// people break them are refused with the line where it is.
func TestHostile(t *testing.T) {
	const whole = " is not a whole number in decimal digits without a leading zero"
	const public = " can be reached from other hosts"
	for _, tc := range []struct{ name, text, want string }{
		{"UTF-16", "\xFF\xFEv\x00", ":1: the file is UTF-16"},
		{"Latin-1", changed(t, "LIB10", "LIB\xC4"), ":5: the byte C4h is not UTF-8"},
		{"NUL", changed(t, "slots: 4", "slots: 4\x00"), ":6: the control character 00h"},
		{"tabs", changed(t, "    slots: 4", "\tslots: 4"), ":6: a tab where blanks have to indent"},
		{"no blank", changed(t, "slots: 4", "slots:4"), ":6: this is not KEY: VALUE"},
		{"too little indented", changed(t, "    slots: 4", "   slots: 4"), ":6: this does not belong to the list above"},
		{"too far indented", changed(t, "    slots: 4", "     slots: 4"), ":6: a key where none can be"},
		{"item too little indented", changed(t, "      - {id: 12", "     - {id: 12"), ":10: this does not belong to the keys above"},
		{"no comma", changed(t, ", serial: DRV12", " serial: DRV12"), ":10: no }, or a comma is missing"},
		{"no brace", changed(t, "DRV12}", "DRV12"), ":10: no }, or a comma is missing"},
		{"quote", changed(t, "LIB10", `"LIB10`), ":5: a quote that is not closed"},
		{"at sign", changed(t, "LIB10", "@LIB10"), ":5: a character that nothing can begin with"},
		{"YAML 1.2", "%YAML 1.2\n---\n" + small, ": the file names another version of YAML"},
		{"no such anchor", small + "drives: *d\n", ":13: *d stands for &d, which is nowhere above"},
		{"no such anchor to merge", changed(t, "slots: 4", "slots: 4\n    <<: *d"), ":7: *d stands for &d"},
		{"anchor in itself", changed(t, "slots: 4", "slots: 4\n    access: &a {initiators: *a}"), ":7: keys and values where a list belongs"},
		{"key twice", changed(t, "slots: 4", "slots: 4\n    slots: 5"), `:7: key "slots" is there twice`},
		{"deep lists", "version: " + strings.Repeat("[", 20_000), "too deep in each other"},
		{"deep keys", "version: " + strings.Repeat("{a: ", 20_000), "too deep in each other"},
		{"large", strings.Repeat("# 0123456789\n", MaxFile/12), "larger than 4 MiB"},
		{"huge", changed(t, "slots: 4", "slots: 99999999999999999999"), ":6: `9999999...` is not a whole number that fits"},
		{"fraction", changed(t, "slots: 4", "slots: 4.5"), ":6: slots: 4.5" + whole},
		{"octal", changed(t, "id: 12", "id: 012"), ":10: id: 012" + whole},
		{"hexadecimal", changed(t, "slots: 4", "slots: 0x10"), ":6: slots: 0x10" + whole},
		{"underscore", changed(t, "slots: 4", "slots: 1_0"), ":6: slots: 1_0" + whole},
		{"negative", changed(t, "slots: 4", "slots: -1"), ":6: slots -1 is not from 1 to 10000"},
		{"memory for too few", small + "iscsi: {memory-mib: 63}\n", ":13: memory-mib 63 is not from 64 to 1048576"},
		{"memory for fewer sessions", small + "iscsi: {memory-mib: 99, max-sessions: 400}\n", ":13: memory-mib 99 is not from 101 to"},
		{"memory below nothing", small + "iscsi: {memory-mib: -1}\n", ":13: memory-mib -1 is not from 64 to"},
		{"more memory than there is", small + "iscsi: {memory-mib: 9007199254740992}\n", ":13: memory-mib 9007199254740992 is not"},
		{"quoted", changed(t, "slots: 4", "slots: '4'"), ":6: `4` is not a whole number"},
		{"a list", changed(t, "slots: 4", "slots: [4]"), ":6: a list where one value belongs"},
		{"keys", small + "drives: {id: 20}\n", ":13: keys and values where a list belongs"},
		{"umlaut", changed(t, "VTL001L9-VTL003L9", "VTLÄ01L9"), `:12: barcode "VTLÄ01L9" has the character "Ä"`},
		{"endless range", changed(t, "VTL001L9-VTL003L9", "A00000000000000-A99999999999999"), ":12: the range A00000000000000-A99999999999999 has more than 100000 barcodes"},
		{"slot overflows", changed(t, "barcodes: VTL001L9-VTL003L9", "{barcodes: A1-A2, slot: 9223372036854775807}"), ":12: A1 would be in slot 9223372036854775807"},
		{"port alone", small + "listen: 3260\n", `:13: the address "3260" is not HOST:PORT, such as`},
		{"IPv6 without brackets", small + "listen: '::1:3260'\n", `:13: the address "::1:3260" is not HOST:PORT, such as`},
		{"brackets without quotes", small + "listen: [::1]:3260\n", ":13: what stands here is no value: does it need quotes?"},
		{"service name", small + "listen: 127.0.0.1:iscsi\n", ":13: the address \"127.0.0.1:iscsi\" has no port"},
		{"port too large", small + "listen: 127.0.0.1:65536\n", "has no port from 1 to 65535"},
		{"star", small + "listen: '*:3260'\n", ":13: the address \"*:3260\" does not begin with an IP address"},
		{"URL", small + "listen: tcp://127.0.0.1:3260\n", "is not HOST:PORT, such as"},
		{"a further address is public", small + "also-listen: ['[::1]:3260', '192.0.2.1:3260']\n", ":13: 192.0.2.1:3260 can be reached from other hosts"},
		{"a further address twice", small + "also-listen: ['127.0.0.1:3260']\n", ":13: 127.0.0.1:3260 is there twice"},
		{"a further address that is none", small + "also-listen: [3260]\n", "is not HOST:PORT, such as"},
		{"all addresses", small + "listen: ':3260'\n", public},
		{"all IPv6 addresses", small + "listen: '[::]:3260'\n", public},
		{"address with a zone", small + "listen: '[fe80::1%eth0]:3260'\n", public},
		{"an optical drive is open to all", "version: 1\nlisten: 0.0.0.0:3260\n" +
			"drives: [{id: 1, model: m, serial: A, access: {addresses: [192.0.2.1]}}]\noptical: [{id: 2, model: m, serial: B}]\n", public},
	} {
		s, err := Parse([]byte(tc.text), "vtl.yaml", Checks{})
		var refused *Error
		if err == nil || !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "vtl.yaml:") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %+v, %v; want %s", tc.name, s, err, tc.want)
		}
	}
}

// TestNoSecretInRefusal: what is said of a bus address does not quote its password.
func TestNoSecretInRefusal(t *testing.T) {
	for _, url := range []string{"nats://u:s3cr3t@%zz:1", "nats://u:s3cr3t%pw@h:1", "http://u:s3cr3t@h:x", "nats://u:s3cr3t pw@h:1", "http://u:s3cr3t@h:1", "nats://u:s3cr3t@:1"} {
		_, err := Parse([]byte(small+"bus: {url: '"+url+"'}\n"), "vtl.yaml", Checks{})
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestForeignLayoutsAreKept: files as other editors write them stay so when a
// number is changed and a drive is added.
func TestForeignLayoutsAreKept(t *testing.T) {
	commented := strings.Replace(small, "    slots: 4\n", "    # how many there are\n    slots: 4 # of 40\n", 1)
	for name, text := range map[string]string{
		"as we write it": commented,
		"CRLF":           strings.ReplaceAll(commented, "\n", "\r\n"),
		"BOM":            byteOrderMark + commented,
		"no last line":   strings.TrimSuffix(commented, "\n"),
		"in one line":    byteOrderMark + "{version: 1, libraries: [{id: 10, model: m, serial: L, slots: 4, mail-slots: 1, drives: [{id: 11, model: m, serial: D}]}]} # how many there are # of 40\n",
		"anchors":        strings.Replace(commented, "{id: 11, model: ibm-ult3580-td9", "&d {id: 11, model: ibm-ult3580-td9", 1) + "drives:\n  - <<: *d\n    id: 20\n    serial: LONE\n",
	} {
		file := filepath.Join(t.TempDir(), "vtl.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		changes := []Change{SetSlots(10, 44), AddDrive(10, Drive{ID: 500, Model: "m", Serial: "S500"})}
		if name == "anchors" {
			changes = changes[:1] // a list with an anchor is changed by hand
		}
		s, _, err := Edit(file, Checks{}, changes...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if l := s.Libraries[0]; l.Slots != 44 || name != "anchors" && l.Drives[len(l.Drives)-1].ID != 500 {
			t.Errorf("%s: it means %+v", name, l)
		}
		for _, kept := range []string{"# how many there are", "# of 40"} {
			if !strings.Contains(string(got), kept) {
				t.Errorf("%s: %q is gone:\n%s", name, kept, got)
			}
		}
		if n := strings.Count(string(got), "\r\n"); name == "CRLF" && n != strings.Count(string(got), "\n") {
			t.Errorf("%s: %d lines end otherwise:\n%q", name, n, got)
		}
		if strings.HasPrefix(text, byteOrderMark) != strings.HasPrefix(string(got), byteOrderMark) {
			t.Errorf("%s: the byte order mark: %q", name, got)
		}
	}
}

// TestLargest: the largest library that there can be is read, and changed; one
// more of anything is refused.
func TestLargest(t *testing.T) {
	file := func(drives, slots int, media string) []byte {
		var b strings.Builder
		fmt.Fprintf(&b, "version: 1\nlibraries:\n  - id: 0\n    model: m\n    serial: L\n    slots: %d\n    mail-slots: 200\n    drives:\n", slots)
		for n := range drives {
			fmt.Fprintf(&b, "      - {id: %d, model: m, serial: D%d}\n", n+1, n)
		}
		b.WriteString("    media:\n" + media)
		return []byte(b.String())
	}
	var each strings.Builder
	for n := range MaxSlots {
		fmt.Fprintf(&each, "      - {barcodes: A%05dL9}\n", n)
	}
	text := file(MaxDrives, MaxSlots, each.String())
	got, s, err := edited(text, "vtl.yaml", Checks{}, []Change{RemoveMedia(0, []string{"A09999L9"}), SetSlots(0, MaxSlots-1)})
	if err != nil {
		t.Fatal(err)
	}
	if placed, err := s.Libraries[0].Place(); err != nil || len(placed) != MaxSlots-1 || len(got) >= len(text) {
		t.Errorf("%d cartridges, %v", len(placed), err)
	}
	for want, text := range map[string][]byte{
		":8: 256 drives: a library has at most 255":      file(MaxDrives+1, 10, "      - {barcodes: A1}\n"),
		":6: slots 10001 is not from 1 to 10000":         file(1, MaxSlots+1, "      - {barcodes: A1}\n"),
		":11: 10001 cartridges do not fit into 10000 sl": file(1, MaxSlots, "      - {barcodes: A00000-A10000}\n"),
	} {
		if _, err := Parse(text, "vtl.yaml", Checks{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
