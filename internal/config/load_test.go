package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// small is the beginning of a good file; tests add to it or change it.
const small = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: LIB10
    slots: 4
    mail-slots: 2
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: DRV11}
      - {id: 12, model: ibm-ult3580-td9, serial: DRV12}
    media:
      - barcodes: VTL001L9-VTL003L9
`

func TestDefaultTextIsDefault(t *testing.T) {
	got, err := Parse([]byte(DefaultText()), "vtl.yaml", Checks{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File = "vtl.yaml"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var names []string
	for _, d := range got.Devices() {
		names = append(names, d.Target)
	}
	if s := strings.Join(names, " "); s != "iqn.2026-11.local.vtl:library10 iqn.2026-11.local.vtl:drive11 iqn.2026-11.local.vtl:drive12 "+
		"iqn.2026-11.local.vtl:drive13 iqn.2026-11.local.vtl:drive14" {
		t.Errorf("targets %s", s)
	}
	placed, err := got.Libraries[0].Place()
	if err != nil {
		t.Fatal(err)
	}
	if len(placed) != 21 || placed[0].Barcode != "VTL001L9" || placed[20].Barcode != "CLN001CU" || placed[20].Slot != 21 {
		t.Errorf("placed %+v", placed)
	}
}

func TestWriteDefaultNeverOverwrites(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "vtl.yaml")
	if err := WriteDefault(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteDefault(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("the file has %q, %v", b, err)
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "vtl.yaml"), Checks{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestRefusals: each row changes the small file and names the whole error.
func TestRefusals(t *testing.T) {
	replace := func(old, new string) string {
		if !strings.Contains(small, old) {
			t.Fatalf("%q is not in the file", old)
		}
		return strings.Replace(small, old, new, 1)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "the file is empty"},
		{"not YAML", "version: [1", "vtl.yaml:1: no ], or a comma is missing"},
		{"tab", "version: 1\n\tx: 2\n", "vtl.yaml:2: a tab where blanks have to indent"},
		{"a list", "- 1\n", "vtl.yaml:1: the file is not a list of keys and values"},
		{"two documents", small + "---\nversion: 1\n", "vtl.yaml:13: a second document; there is only one"},
		{"unknown key", small + "colour: blue\n", "vtl.yaml:13: unknown key colour"},
		{"unknown key of a drive", replace("serial: DRV12}", "serial: DRV12, colour: blue}"), "vtl.yaml:10: unknown key colour"},
		{"key twice", small + "version: 1\n", `vtl.yaml:13: key "version" is there twice`},
		{"no number", replace("slots: 4", "slots: many"), "vtl.yaml:6: `many` is not a whole number that fits"},
		{"no list", replace("      - barcodes: VTL001L9-VTL003L9", "      VTL001L9"), "vtl.yaml:12: `VTL001L9` where a list belongs"},
		{"no version", replace("version: 1\n", ""), "vtl.yaml:1: version is missing: this program writes version 1"},
		{"newer version", replace("version: 1", "version: 2"), "vtl.yaml:1: version 2 is not known to this program, which reads version 1"},
		{"nothing in it", "version: 1\n", "vtl.yaml:1: there is neither a library nor a drive"},
		{"same id", replace("id: 12", "id: 10"), "vtl.yaml:10: id 10 belongs to library 10 already: libraries and drives share the numbers"},
		{"id too large", replace("id: 12", "id: 32768"), "vtl.yaml:10: id 32768 is not from 0 to 32767"},
		{"same serial", replace("DRV12", "LIB10"), "vtl.yaml:10: serial LIB10 belongs to library 10 already"},
		{"no serial", replace(", serial: DRV12", ""), "vtl.yaml:10: drive 12: serial is missing"},
		{"long serial", replace("DRV12", "DRV12345678901234"), `vtl.yaml:10: drive 12: serial "DRV12345678901234" is longer than 16 characters`},
		{"strange serial", replace("DRV12", `"DRV 12"`), `vtl.yaml:10: drive 12: serial "DRV 12" has the character " "; letters, digits, _ and - are possible`},
		{"no model", replace("model: ibm-03584", ""), "vtl.yaml:3: model is missing"},
		{"no slots", replace("slots: 4", "slots: 0"), "vtl.yaml:6: slots 0 is not from 1 to 10000"},
		{"many mail slots", replace("mail-slots: 2", "mail-slots: 201"), "vtl.yaml:7: mail-slots 201 is not from 0 to 200"},
		{"media do not fit", replace("VTL003L9", "VTL005L9"), "vtl.yaml:12: 5 cartridges do not fit into 4 slots"},
		{"barcode twice", small + "      - barcodes: VTL002L9\n", "vtl.yaml:13: barcode VTL002L9 is there twice"},
		{"range backwards", replace("VTL001L9-VTL003L9", "VTL003L9-VTL001L9"), "vtl.yaml:12: the range VTL003L9-VTL001L9 runs backwards"},
		{"strange barcode", replace("VTL001L9-VTL003L9", "../etc"), `vtl.yaml:12: barcode "../etc" begins with a dot`},
		{"slot beyond", replace("barcodes: VTL001L9-VTL003L9", "{barcodes: VTL001L9, slot: 5}"), "vtl.yaml:12: VTL001L9 would be in slot 5, the library has 4"},
		{"strange kind", replace("barcodes: VTL001L9-VTL003L9", "{barcodes: VTL001L9, kind: worm}"), `vtl.yaml:12: kind "worm" is none of data, clean, WORM, NULL`},
		{"same element", replace("serial: DRV12}", "serial: DRV12, element: 1}"), "vtl.yaml:10: drives 11 and 12 are both in element 1"},
		{"bad NAA", replace("serial: DRV12}", "serial: DRV12, naa: 60:00:00:00:00:00:00:01}"), `vtl.yaml:10: NAA "60:00:00:00:00:00:00:01" begins with 6: use 2, 3 (locally assigned) or 5`},
		{"codec", replace("serial: DRV12}", "serial: DRV12, compression: lzo}"), `vtl.yaml:10: compression "lzo" is none of adaptive, lz4, s2, zstd, off`},
		{"delay", replace("serial: DRV12}", "serial: DRV12, timing: {load: .nan}}"), "vtl.yaml:10: load takes from 0 to 3600 seconds"},
		{"home in a library", replace("serial: DRV12}", "serial: DRV12, home: /x}"), "vtl.yaml:10: a drive in a library uses the library's home"},
		{"element of a lone drive", small + "drives:\n  - {id: 20, model: m, serial: D20, element: 1}\n", "vtl.yaml:14: a drive without a library has no element"},
		{"address", small + "listen: here\n", `vtl.yaml:13: the address "here" is not HOST:PORT, such as 127.0.0.1:3260 or [::1]:3260`},
		{"metrics without port", small + "metrics:\n  listen: 127.0.0.1\n", `vtl.yaml:14: the address "127.0.0.1" is not HOST:PORT, such as 127.0.0.1:3260 or [::1]:3260`},
		{"metrics on the iSCSI address", small + "metrics: {listen: \"127.0.0.1:3260\"}\n", "vtl.yaml:13: 127.0.0.1:3260 is the iSCSI address"},
		{"metrics password", small + "metrics: {listen: \"127.0.0.1:9260\", password: x}\n", "vtl.yaml:13: unknown key password"},
		{"port", small + "listen: 127.0.0.1:0\n", `vtl.yaml:13: the address "127.0.0.1:0" has no port from 1 to 65535`},
		{"host name", small + "listen: tape.example:3260\n", `vtl.yaml:13: the address "tape.example:3260" does not begin with an IP address`},
		{"public", small + "listen: 0.0.0.0:3260\n", "vtl.yaml:13: 0.0.0.0:3260 can be reached from other hosts, and everybody could log in: set iscsi: chap, or list " +
			"iscsi: initiators or addresses, or say allow-public-without-authentication: true under iscsi"},
		{"prefix", small + "iqn-prefix: vtl\n", `vtl.yaml:13: iqn-prefix "vtl" is not of the form iqn.YYYY-MM.reversed.domain (RFC 7143 4.2.7.4)`},
		{"chap without secrets", small + "iscsi: {chap: true}\n", "vtl.yaml:13: chap needs a file with the secrets (iscsi: secrets)"},
		{"initiator", small + "iscsi: {initiators: [me]}\n", `vtl.yaml:13: "me" is no iSCSI name: it begins with iqn., eui. or naa.`},
		{"network", small + "iscsi:\n  addresses:\n    - 192.0.2.0/33\n", `vtl.yaml:15: "192.0.2.0/33" is no network such as 192.0.2.0/24`},
		{"bus", small + "bus: {url: \"http://x\"}\n", `vtl.yaml:13: the url begins with "http": use nats://, tls://, ws:// or wss://`},
		{"ca without url", small + "bus: {ca: ca.pem}\n", "vtl.yaml:13: ca without a url: the suite's own bus has no certificate"},
		{"two at once", replace("slots: 4", "slots: 0") + "listen: here\n", "vtl.yaml:6: slots 0 is not from 1 to 10000\n" + `vtl.yaml:13: the address "here" is not HOST:PORT, such as 127.0.0.1:3260 or [::1]:3260`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.text), "vtl.yaml", Checks{})
			if err == nil {
				t.Fatal("accepted")
			}
			want := tc.want
			if !strings.HasPrefix(want, "vtl.yaml") {
				want = "vtl.yaml: " + want
			}
			if err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("error of type %T", err)
			}
		})
	}
}

func TestGoodFiles(t *testing.T) {
	for name, add := range map[string]string{
		"small":             "",
		"public with chap":  "listen: 0.0.0.0:3260\niscsi: {chap: true, secrets: s}\n",
		"public with list":  "listen: '[::]:3260'\niscsi: {addresses: [192.0.2.0/24, '2001:db8::1']}\n",
		"public said twice": "listen: ':3260'\niscsi: {allow-public-without-authentication: true}\n",
		"loopback":          "listen: '[::1]:13260'\n",
		"initiators":        "iscsi: {initiators: ['iqn.1993-08.org.debian:01:*', '*', eui.0123456789ABCDEF]}\n",
		"no cold reset":     "iscsi: {refuse-cold-reset: true}\n",
		"external bus":      "bus: {url: 'tls://a:4222, tls://b:4222', credentials: c, ca: d}\n",
		"lone drive":        "drives: [{id: 20, model: m, serial: D20, naa: '50:01:02:03:04:05:06:40', home: tapes}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte(small+add), "/etc/vtl/vtl.yaml", Checks{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{s.Bus.CA, s.Bus.Credentials, s.ISCSI.Secrets} {
				if p != "" && !strings.HasPrefix(p, "/etc/vtl/") {
					t.Errorf("path %s is not relative to the file", p)
				}
			}
		})
	}
}

func TestChecksOfModels(t *testing.T) {
	bad := errors.New("there is no such thing")
	_, err := Parse([]byte(small), "vtl.yaml", Checks{
		LibraryModel: func(string) error { return bad },
		DriveModel:   func(string) error { return bad },
		Medium:       func(Media, string) error { return bad },
		Listen:       "0.0.0.0:1",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`vtl.yaml:4: a library of model "ibm-03584": there is no such thing`,
		`vtl.yaml:9: a drive of model "ibm-ult3580-td9": there is no such thing`,
		"vtl.yaml:12: VTL001L9: there is no such thing",
		"vtl.yaml:1: 0.0.0.0:1 can be reached",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	text := small + "drives:\n" + strings.Repeat("  - {id: 11, model: m, serial: X}\n", 50)
	_, err := Parse([]byte(text), "vtl.yaml", Checks{})
	if err == nil || strings.Count(err.Error(), "\n") != maxProblems || !strings.Contains(err.Error(), "more") {
		t.Errorf("got %v", err)
	}
}

func TestIdentifiersAreStable(t *testing.T) {
	d := Drive{Serial: "DRV11"}
	n, err := d.Identifier()
	if err != nil {
		t.Fatal(err)
	}
	// The number is part of what initiators remember: it must never change.
	if n.String() != "34:31:72:1b:fd:f6:b6:b2" {
		t.Errorf("got %s", n)
	}
	d.NAA = "5001020304050640"
	if n, err := d.Identifier(); err != nil || n.String() != "50:01:02:03:04:05:06:40" {
		t.Errorf("got %s, %v", n, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(DefaultText()))
	f.Add([]byte("version: 1\nlibraries: &a\n  - *a\n"))
	f.Add([]byte("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"))
	f.Add([]byte("libraries: [{drives: [~, {}], media: [{barcodes: A1-A9, slot: 1}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data, "vtl.yaml", Checks{})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || len(e.Problems) == 0 {
				t.Fatalf("an untyped error: %v", err)
			}
			return
		}
		for i := range s.Libraries {
			if _, err := s.Libraries[i].Place(); err != nil {
				t.Errorf("accepted, and %v", err)
			}
			if _, err := s.Libraries[i].Identifier(); err != nil {
				t.Errorf("accepted, and %v", err)
			}
		}
	})
}
