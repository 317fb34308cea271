package helptext

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"govtl/internal/config"
	"govtl/scsi/personality"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the manual pages and completions")

const root = "../.."

// programs are the programs and the sections of their manual pages.
var programs = []struct{ name, dir, section string }{
	{"vtlcmd", "vtlcmd", "1"}, {"mktape", "mktape", "1"}, {"dumptape", "dumptape", "1"},
	{"vtlportal", "vtlportal", "8"}, {"vtllibrary", "vtllibrary", "8"}, {"vtltape", "vtltape", "8"}, {"vtloptical", "vtloptical", "8"}, {"vtl-units", "systemd/units", "8"},
}

// helps runs each program once.
var helps = sync.OnceValues(func() (map[string]Program, error) {
	dir, err := os.MkdirTemp("", "helptext")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	all := map[string]Program{}
	for _, p := range programs {
		file := filepath.Join(dir, p.name)
		// Without debugging data, which takes half the time of linking.
		if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, "govtl/"+p.dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", p.name, err, out)
		}
		out, err := exec.Command(file, "--help").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s --help: %w\n%s", p.name, err, out)
		}
		all[p.name] = Parse(p.name, string(out))
	}
	return all, nil
})

func parsed(t *testing.T) map[string]Program {
	t.Helper()
	all, err := helps()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// compare compares a file with what it should be, or with -rewrite makes it so.
func compare(t *testing.T, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err == nil && string(got) == want {
		return
	}
	if !*rewrite {
		t.Errorf("%s is not what --help says (%v): 'make golden' makes it so", file, err)
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestManuals: each program has a manual page, with the options and commands
// that it has.
func TestManuals(t *testing.T) {
	all := parsed(t)
	for _, p := range programs {
		file := filepath.Join(root, "docs/man", p.name+"."+p.section)
		page, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		filled, ok := all[p.name].Fill(string(page))
		if !ok {
			t.Errorf("%s has no place for what --help says", file)
			continue
		}
		compare(t, file, filled)
	}
}

func TestCompletions(t *testing.T) {
	all := parsed(t)
	for _, p := range programs {
		if p.name == "vtl-units" {
			continue // nobody types it
		}
		dir := filepath.Join(root, "completions")
		compare(t, filepath.Join(dir, "bash", p.name), all[p.name].Bash())
		compare(t, filepath.Join(dir, "zsh", "_"+p.name), all[p.name].Zsh())
		compare(t, filepath.Join(dir, "fish", p.name+".fish"), all[p.name].Fish())
	}
}

// TestParsed: nothing that --help says about options and commands is lost.
func TestParsed(t *testing.T) {
	all := parsed(t)
	options := map[string][]string{}
	for name, p := range all {
		for _, o := range p.Options {
			options[name] = append(options[name], o.Long)
			if o.Help == "" {
				t.Errorf("%s --%s has no help", name, o.Long)
			}
		}
	}
	for name, want := range map[string][]string{
		"vtlcmd": {"config", "state", "listen", "json", "timeout", "version"}, "vtltape": {"queue", "config", "verbose"},
		"mktape": {"library", "barcode", "size", "type", "density"}, "dumptape": {"library", "barcode", "output"}, "vtl-units": {"version"},
	} {
		for _, o := range want {
			if !slices.Contains(options[name], o) {
				t.Errorf("%s: --%s was not found in %q", name, o, options[name])
			}
		}
	}
	lines := all["vtlcmd"].lines()
	for _, want := range []string{"up", "@ open map", "@ load map BARCODE", "@ append only yes|no|on|off",
		"@ delay load|unload|rewind|position|thread SECONDS", "@ TapeAlert HEX", "add library MODEL [ID]"} {
		if !slices.Contains(lines, want) {
			t.Errorf("vtlcmd: %q was not found in %q", want, lines)
		}
	}
	if lines := all["dumptape"].lines(); !slices.Contains(lines, "verify") || !slices.Contains(lines, "extract [DIR]") {
		t.Errorf("dumptape: %q", lines)
	}
}

// TestBash asks bash what it completes.
func TestBash(t *testing.T) {
	all := parsed(t)
	for _, c := range []struct{ program, typed, want string }{
		{"vtlcmd", "st", "status"},
		{"vtlcmd", "lib", "library"},
		{"vtlcmd", "library op", "open"},
		{"vtlcmd", "library open ", "map"},
		{"vtlcmd", "10 LIST ", "map"},
		{"vtlcmd", "--config x 11 append only y", "yes"},
		{"vtlcmd", "11 delay lo", "load"},
		{"vtlcmd", "status ", ""},
		{"vtlcmd", "--js", "--json"},
		{"vtlcmd", "--state /usr/li", "/usr/lib"},
		{"mktape", "--den", "--density"},
		{"dumptape", "ver", "verify"},
	} {
		script := all[c.program].Bash() + fmt.Sprintf("\ncd /\nCOMP_WORDS=(%s %s", c.program, c.typed)
		if strings.HasSuffix(c.typed, " ") {
			script += `""`
		}
		script += ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_vtl_" + c.program + "\nprintf '%s\\n' \"${COMPREPLY[@]}\" | sort -u | head -1\n"
		out, err := exec.Command("bash", "-u", "-c", script).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%s %s: %q, want %q (%v)", c.program, c.typed, got, c.want, err)
		}
	}
}

// TestPages: every manual page has what a manual page has, and only macros that
// mdoc(7) knows.
func TestPages(t *testing.T) {
	known := strings.Fields(".Dd .Dt .Os .Sh .Nm .Nd .Op .Pp .Bl .It .El .Fl .Ar .Cm .Xr .Ss .Bd .Ed .Dl .Pa .Ev .Ql .Dq .Sy .Em .Ns .Li .Ex .Lk .D1 .Oo .Oc .Sq .No .Pq .Va .Brq .Cd .Fn .Ic")
	pages, err := filepath.Glob(filepath.Join(root, "docs/man/*.[1-8]"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	names := map[string]bool{}
	for _, file := range pages {
		names[filepath.Base(file)] = true
	}
	for _, file := range pages {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range []string{"NAME", "DESCRIPTION", "SEE ALSO"} {
			if !bytes.Contains(text, []byte("\n.Sh "+section+"\n")) {
				t.Errorf("%s has no section %s", file, section)
			}
		}
		for n, line := range strings.Split(string(text), "\n") {
			words := strings.Fields(line)
			if len(words) == 0 || !strings.HasPrefix(line, ".") || strings.HasPrefix(line, `.\"`) {
				continue
			}
			if !slices.Contains(known, words[0]) {
				t.Errorf("%s:%d: macro %s", file, n+1, words[0])
			}
			if words[0] == ".Xr" && strings.HasPrefix(words[1], "vtl") && !names[words[1]+"."+words[2]] {
				t.Errorf("%s:%d: there is no page %s(%s)", file, n+1, words[1], words[2])
			}
		}
	}
	if _, err := fs.Stat(os.DirFS(root), "docs/man/vtl.yaml.5"); err != nil {
		t.Error(err)
	}
}

// keys are the keys of a type that is read from YAML, and of those in it when
// deep.
func keys(of reflect.Type, deep bool) []string {
	var all []string
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		all = append(all, name)
		if deep {
			all = append(all, keys(f.Type, true)...)
		}
	}
	return all
}

// TestKeys: every key of a configuration file, and of a model file but for what
// is within a key, has its place in the manual page.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		page string
		of   any
		deep bool
	}{
		{"vtl.yaml.5", config.Suite{}, true}, {"vtl-models.5", personality.Drive{}, false},
		{"vtl-models.5", personality.Library{}, false}, {"vtl-models.5", personality.Medium{}, false},
	} {
		text, err := os.ReadFile(filepath.Join(root, "docs/man", c.page))
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, ".It Cm ") || strings.HasPrefix(line, ".Cm ") {
				for _, word := range strings.Fields(line)[1:] {
					named[word] = true
				}
			}
		}
		for _, k := range keys(reflect.TypeOf(c.of), c.deep) {
			if !named[k] {
				t.Errorf("%s does not name the key %s of %T", c.page, k, c.of)
			}
		}
	}
}
