//go:build e2e

package files

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The versions that `make packages` builds, as the formats write them.
const (
	older = "0.0.1~test.1"
	newer = "0.0.1~test.2"
)

// dist is where the packages are.
const dist = "../../../dist"

// architecture is one that there are packages for.
type architecture struct {
	deb, rpm string
	machine  elf.Machine
}

var architectures = []architecture{{"amd64", "x86_64", elf.EM_X86_64}, {"arm64", "aarch64", elf.EM_AARCH64}}

func (a architecture) debFile(version string) string {
	return filepath.Join(dist, fmt.Sprintf("govtl_%s_%s.deb", version, a.deb))
}

func (a architecture) rpmFile(version string) string {
	return filepath.Join(dist, fmt.Sprintf("govtl-%s-1.%s.rpm", version, a.rpm))
}

// run runs a command and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var problems bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s (make packages builds the packages, scripts/deps packages installs the tools)", name, args, err, out, &problems)
	}
	return strings.TrimSpace(string(out))
}

// unpack unpacks a .deb and returns its top directory.
func unpack(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "dpkg-deb", "-x", file, dir)
	return dir
}

// digests are the files below a directory, with a digest of their content or where
// a link leads.
func digests(t *testing.T, top string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(top, path)
		if to, err := os.Readlink(path); err == nil {
			all[name] = "-> " + to
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		all[name] = fmt.Sprintf("%v %x", fi.Mode().Perm(), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSame: an .rpm holds the files of the .deb, with the same modes; the
// programs are for the package's machine and need no library of the system.
func TestSame(t *testing.T) {
	for _, a := range architectures {
		deb := unpack(t, a.debFile(newer))
		rpm := t.TempDir()
		run(t, "sh", "-c", "rpm2archive - <'"+a.rpmFile(newer)+"' | tar -xz -C '"+rpm+"'")
		one, two := digests(t, deb), digests(t, rpm)
		if !maps.Equal(one, two) {
			for name := range one {
				if one[name] != two[name] {
					t.Errorf("%s: %s is %s in the .deb and %s in the .rpm", a.deb, name, one[name], cmp.Or(two[name], "missing"))
				}
			}
			for name := range two {
				if one[name] == "" {
					t.Errorf("%s: %s is in the .rpm only", a.deb, name)
				}
			}
		}
		for _, name := range []string{"vtlcmd", "vtlportal", "vtllibrary", "vtltape", "vtloptical", "mktape", "dumptape", "../lib/vtl/vtl-units"} {
			f, err := elf.Open(filepath.Join(deb, "usr/bin", name))
			if err != nil {
				t.Error(err)
				continue
			}
			if libraries, err := f.ImportedLibraries(); f.Machine != a.machine || err != nil || len(libraries) > 0 {
				t.Errorf("%s: %s is for %v and needs %q (%v)", a.deb, name, f.Machine, libraries, err)
			}
			f.Close()
		}
	}
}

// read reads a file.
func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestFields: who keeps a package and what it is are no placeholders.
func TestFields(t *testing.T) {
	for _, a := range architectures {
		deb := run(t, "dpkg-deb", "-f", a.debFile(newer))
		rpm := run(t, "rpm", "-qpi", "--nosignature", a.rpmFile(newer))
		for _, want := range []string{"Package: govtl\n", "Version: " + newer + "\n", "Architecture: " + a.deb + "\n", "Maintainer: ", "Section: admin"} {
			if !strings.Contains(deb, want) {
				t.Errorf("%s: the .deb has no %q:\n%s", a.deb, want, deb)
			}
		}
		for _, want := range []string{"Name        : govtl\n", "Version     : " + newer + "\n", "Architecture: " + a.rpm + "\n", "License     : Apache-2.0"} {
			if !strings.Contains(rpm, want) {
				t.Errorf("%s: the .rpm has no %q:\n%s", a.deb, want, rpm)
			}
		}
		for _, text := range []string{deb, rpm} {
			for _, wrong := range []string{".invalid", "$", "Unset", "example.com"} {
				if strings.Contains(text, wrong) {
					t.Errorf("%s: %q in\n%s", a.deb, wrong, text)
				}
			}
		}
		scripts := run(t, "rpm", "-qp", "--nosignature", "--scripts", a.rpmFile(newer))
		for _, want := range []string{"postinstall scriptlet", "preuninstall scriptlet", "postuninstall scriptlet", "systemd-sysusers", "systemctl daemon-reload"} {
			if !strings.Contains(scripts, want) {
				t.Errorf("%s: the .rpm's scripts have no %q", a.deb, want)
			}
		}
	}
}

// TestRPM: in a directory of its own an .rpm installs and verifies, and the next
// version replaces it, while a configuration that was changed stays as it is.
func TestRPM(t *testing.T) {
	a := architectures[0]
	root := t.TempDir()
	rpm := func(args ...string) string {
		return run(t, "rpm", append([]string{"--root", root, "--nosignature"}, args...)...)
	}
	rpm("--initdb")
	rpm("-i", "--nodeps", "--noscripts", a.rpmFile(older))
	if out := rpm("-V", "--nodeps", "--nouser", "--nogroup", "govtl"); out != "" {
		t.Errorf("what was installed differs from the package:\n%s", out)
	}
	if got := rpm("-qc", "govtl"); got != "/etc/vtl/vtl.yaml" {
		t.Errorf("configuration files: %s", got)
	}
	config := filepath.Join(root, "etc/vtl/vtl.yaml")
	text := append(read(t, config), "# the administrator was here\n"...)
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	tape := filepath.Join(root, "var/lib/vtl/cartridges/10/VTL001L9/data")
	if err := errors.Join(os.MkdirAll(filepath.Dir(tape), 0o750), os.WriteFile(tape, []byte("tape"), 0o640)); err != nil {
		t.Fatal(err)
	}
	rpm("-U", "--nodeps", "--noscripts", a.rpmFile(newer))
	if got := rpm("-q", "govtl"); !strings.HasPrefix(got, "govtl-"+newer+"-1.") || strings.Contains(got, "\n") {
		t.Errorf("installed: %s", got)
	}
	if !bytes.Equal(read(t, config), text) {
		t.Error("the upgrade changed the configuration")
	}
	rpm("-e", "--nodeps", "--noscripts", "govtl")
	if string(read(t, tape)) != "tape" {
		t.Error("removal touched a cartridge")
	}
	if left := slices.Collect(maps.Keys(digests(t, filepath.Join(root, "usr")))); len(left) > 0 && slices.ContainsFunc(left, func(s string) bool { return !strings.HasPrefix(s, "lib/sysimage/") }) {
		t.Errorf("left: %q", left)
	}
	if kept, err := os.ReadFile(config + ".rpmsave"); err != nil || !bytes.Equal(kept, text) {
		t.Errorf("the changed configuration was not kept: %v", err)
	}
}

// TestARM64: a cartridge that the programs for arm64 have made and written is read
// by those for this machine, and the other way round, under all codecs.
func TestARM64(t *testing.T) {
	arm := filepath.Join(unpack(t, architectures[1].debFile(newer)), "usr/bin")
	host := filepath.Join(unpack(t, architectures[0].debFile(newer)), "usr/bin")
	home := t.TempDir()
	first := filepath.Join(home, "vtl.yaml")
	if err := os.WriteFile(first, []byte("version: 1\nlibraries:\n  - {id: 10, model: ibm-03584, serial: L, slots: 4, mail-slots: 1, home: "+home+", drives: [{id: 11, model: ibm-ult3580-td9, serial: D}]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	here := func(program string, args ...string) string {
		return run(t, filepath.Join(host, program), append(args, "--config", first, "--state", home)...)
	}
	there := func(program string, args ...string) string {
		return run(t, "qemu-aarch64-static", append([]string{filepath.Join(arm, program)}, append(args, "--config", first, "--state", home)...)...)
	}
	if got := there("vtlcmd", "--version"); !strings.Contains(got, strings.Replace(newer, "~", "-", 1)) {
		t.Errorf("vtlcmd --version: %s", got)
	}
	source := filepath.Join(arm, "dumptape") // some MB that compress a little
	want := read(t, source)
	for i, codec := range []string{"none", "lz4", "s2", "zstd"} {
		for j, by := range []func(string, ...string) string{here, there} {
			reader := []func(string, ...string) string{there, here}[j]
			barcode := fmt.Sprintf("ARM%d%d0L9", i, j)
			by("mktape", "-l", "10", "-m", barcode)
			by("dumptape", "import", barcode, source, "--codec", codec)
			reader("dumptape", "verify", barcode)
			out := filepath.Join(t.TempDir(), "out")
			reader("dumptape", "extract", barcode, "--file", "0", "-o", out)
			if !bytes.Equal(read(t, out), want) {
				t.Errorf("%s with %s came back different", barcode, codec)
			}
		}
	}
}
