package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"govtl/internal/config"
)

const suiteText = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: LIB
    slots: 4
    mail-slots: 0
    home: '/srv/tapes/100% "full"'
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: D11}
      - {id: 12, model: ibm-ult3580-td9, serial: D12}
drives:
  - {id: 20, model: ibm-ult3580-td9, serial: D20}
  - {id: 21, model: ibm-ult3580-td9, serial: D21, home: /root/tapes}
optical:
  - {id: 30, model: bd-recorder, serial: O30, home: /srv/discs}
`

// place writes a configuration and returns its places.
func place(t *testing.T, text string) config.Paths {
	t.Helper()
	dir := t.TempDir()
	p := config.Paths{Config: filepath.Join(dir, config.FileName), Models: filepath.Join(dir, "models")}
	if err := os.WriteFile(p.Config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// listing is every file below a directory: links with where they lead, others
// with their content.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if to, err := os.Readlink(path); err == nil {
			b.WriteString(rel + " -> " + filepath.Base(to) + "\n")
			return nil
		}
		text, err := os.ReadFile(path)
		b.WriteString(rel + ":\n" + string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	if err := run(t.Context(), place(t, suiteText), []string{dir, dir + "/early", dir + "/late"}, nil); err != nil {
		t.Fatal(err)
	}
	want := `vtl.target.wants/vtllibrary@10.service -> vtllibrary@.service
vtl.target.wants/vtloptical@30.service -> vtloptical@.service
vtl.target.wants/vtltape@11.service -> vtltape@.service
vtl.target.wants/vtltape@12.service -> vtltape@.service
vtl.target.wants/vtltape@20.service -> vtltape@.service
vtl.target.wants/vtltape@21.service -> vtltape@.service
vtllibrary@10.service.d/50-vtl-yaml.conf:
[Unit]
After=vtltape@11.service vtltape@12.service
[Service]
ReadWritePaths=-"/srv/tapes/100%% \"full\""
vtloptical@30.service.d/50-vtl-yaml.conf:
[Service]
ReadWritePaths=-"/srv/discs"
vtltape@11.service.d/50-vtl-yaml.conf:
[Service]
ReadWritePaths=-"/srv/tapes/100%% \"full\""
vtltape@12.service.d/50-vtl-yaml.conf:
[Service]
ReadWritePaths=-"/srv/tapes/100%% \"full\""
vtltape@21.service.d/50-vtl-yaml.conf:
[Service]
ReadWritePaths=-"/root/tapes"
ProtectHome=tmpfs
BindPaths=-"/root/tapes"
`
	if got := listing(t, dir); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestGenerateRefused: a configuration that is refused gives no unit, and the
// reason.
func TestGenerateRefused(t *testing.T) {
	for _, text := range []string{"", "version: 1\n", strings.Replace(suiteText, "slots: 4", "slots: many", 1), strings.Replace(suiteText, "version: 1", "version: 2", 1)} {
		dir := t.TempDir()
		// apply would speak to systemd, and does not get so far.
		var why *config.Error
		if err := run(t.Context(), place(t, text), []string{"apply"}, nil); !errors.As(err, &why) {
			t.Errorf("apply %q: %v", text, err)
		}
		err := run(t.Context(), place(t, text), []string{dir, dir, dir}, nil)
		var refused *config.Error
		if !errors.As(err, &refused) {
			t.Errorf("%q: %v", text, err)
		}
		if newer := "version 2 is not known to this program"; strings.Contains(text, "version: 2") && !strings.Contains(err.Error(), newer) {
			t.Errorf("%v; want %s", err, newer)
		}
		if got := listing(t, dir); got != "" {
			t.Errorf("%q: it wrote\n%s", text, got)
		}
	}
}

func TestGoneUnits(t *testing.T) {
	s, err := load(place(t, suiteText))
	if err != nil {
		t.Fatal(err)
	}
	got := goneUnits(s, `vtllibrary@10.service loaded active running Virtual tape library: library 10
vtllibrary@30.service loaded active running Virtual tape library: library 30
vtltape@11.service loaded active running x
vtltape@13.service loaded failed failed x

`)
	if want := []string{"vtllibrary@30.service", "vtltape@13.service"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUsage(t *testing.T) {
	p := place(t, suiteText)
	for _, args := range [][]string{nil, {"what"}, {"a", "b"}, {"apply", "x"}} {
		if err := run(t.Context(), p, args, nil); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	var out bytes.Buffer
	if err := run(t.Context(), p, []string{"--help"}, &out); err != nil || !strings.Contains(out.String(), "usage: vtl-units") {
		t.Errorf("--help: %q, %v", out.String(), err)
	}
}
