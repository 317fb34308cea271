package lint

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says which packages of this module a package may import: ARCHITECTURE.md,
// "The arrows". A name covers the packages below it too. Programs may import
// whatever is not a program, and packages below a program belong to it. What
// stands in no row may import nothing of ours.
var arrows = map[string][]string{
	"internal/buffer": {},
	"internal/vfs":    {},

	"scsi":             {"internal/buffer"},
	"scsi/page":        {"scsi"},
	"scsi/spc":         {"scsi", "scsi/page", "internal/buffer"},
	"scsi/personality": {"scsi", "scsi/page"},
	"scsi/ssc":         {"scsi", "scsi/page", "scsi/spc", "scsi/personality", "libcart", "internal/buffer", "internal/vfs"},
	"scsi/smc":         {"scsi", "scsi/page", "scsi/spc", "scsi/personality", "internal/buffer", "internal/vfs"},
	"scsi/mmc":         {"scsi", "scsi/page", "scsi/spc", "scsi/personality", "libdisc", "internal/buffer", "internal/vfs"},

	"libdisc": {"internal/vfs"},

	"libcart":      {"internal/buffer", "internal/vfs"},
	"libcart/tool": {"libcart", "internal/buffer", "internal/vfs"},

	"iscsi":     {"scsi", "iscsi/pdu", "internal/buffer"},
	"iscsi/pdu": {},

	"bus": {},

	"internal/config":    {"scsi/personality"},
	"internal/daemon":    {"bus", "internal/config"},
	"internal/supervise": {"bus", "internal/config", "internal/daemon"},
	"internal/models":    {"internal/config", "scsi/personality"},
	"internal/mhvtl":     {"internal/buffer", "internal/config", "internal/models", "internal/provision", "internal/vfs", "libcart", "scsi/personality"},
	"internal/provision": {"internal/config", "internal/models", "internal/vfs", "libcart", "libdisc", "scsi/mmc", "scsi/personality"},
	"internal/program":   {"internal/daemon"},
	"internal/history":   {"bus", "internal/vfs"},
	"internal/station":   {"bus", "internal/config", "internal/daemon", "internal/history", "internal/models", "internal/vfs", "iscsi", "scsi"},
	"internal/lint":      {},
}

// modules says who may import a module from outside: docs/adr names the reasons.
// Tests may import them anywhere.
var modules = map[string][]string{
	"github.com/nats-io/":                 {"bus"},
	"github.com/pierrec/lz4":              {"libcart"},
	"github.com/klauspost/compress":       {"libcart"},
	"gopkg.in/yaml.v3":                    {"internal/config", "scsi/personality"},
	"github.com/spf13/pflag":              {"main", "internal/program", "test"},
	"github.com/coreos/go-systemd":        {"main", "internal/daemon"},
	"github.com/prometheus/client_golang": {"main", "internal/daemon"},
	"golang.org/x/sys":                    {"main", "internal", "libcart", "bus", "iscsi", "test"},
	"github.com/rogpeppe/go-internal":     {},
}

// standardOnly import the standard library and the block buffers, nothing else.
var standardOnly = []string{"scsi", "iscsi/pdu", "internal/buffer"}

func TestImports(t *testing.T) {
	files := tree(t)
	programs := map[string]bool{}
	for _, f := range files {
		if f.Main() && !strings.HasPrefix(f.Path, "test/") {
			programs[f.Dir()] = true
		}
	}
	for _, f := range files {
		for _, spec := range f.Syntax.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := judge(f, path, programs); why != "" {
				t.Errorf("%s: imports %s: %s", f.At(spec.Pos()), path, why)
			}
		}
	}
}

// judge says why a file may not import a path, or nothing.
func judge(f *File, path string, programs map[string]bool) string {
	dir := f.Dir()
	program := programOf(dir, programs)
	ours, internal := strings.CutPrefix(path, Module+"/")
	first, _, _ := strings.Cut(path, "/")
	switch {
	case !internal && !strings.Contains(first, "."):
		return "" // the standard library
	case internal:
		if to := programOf(ours, programs); to != "" && (to != program || programs[ours]) {
			return "nothing imports a program"
		}
		if program != "" || f.Test() || strings.HasPrefix(dir, "test/") {
			return ""
		}
		if beside, ok := testPackage(dir); ok && (below(ours, beside) || allowed(beside, ours)) {
			return ""
		}
		if !allowed(dir, ours) {
			return "not an arrow of ARCHITECTURE.md"
		}
		return ""
	case f.Test():
		return ""
	case slices.Contains(standardOnly, dir):
		return "this package has the standard library only"
	}
	for module, users := range modules {
		if !strings.HasPrefix(path, module) {
			continue
		}
		for _, u := range users {
			if u == "main" && program != "" || below(dir, u) {
				return ""
			}
		}
		return "only " + strings.Join(users, ", ") + " may"
	}
	return "a module that docs/adr does not know"
}

// allowed reports whether an arrow leads from one package to another. The
// longest row that covers the package counts.
func allowed(from, to string) bool {
	for row := from; ; {
		if targets, ok := arrows[row]; ok {
			// The packages of one row see each other, unless they have rows of their own.
			if _, own := arrows[to]; !own && below(to, row) {
				return true
			}
			return slices.ContainsFunc(targets, func(target string) bool {
				_, own := arrows[to]
				return to == target || !own && below(to, target)
			})
		}
		cut := strings.LastIndexByte(row, '/')
		if cut < 0 {
			return false
		}
		row = row[:cut]
	}
}

// below reports whether a directory is another one or lies in it.
func below(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

// programOf is the program that a directory belongs to, if any.
func programOf(dir string, programs map[string]bool) string {
	for p := range programs {
		if below(dir, p) {
			return p
		}
	}
	return ""
}

// testPackage says what a package such as iscsi/iscsitest stands beside.
func testPackage(dir string) (beside string, ok bool) {
	parent, name, found := cutLast(dir)
	if !found || !strings.HasSuffix(name, "test") {
		return "", false
	}
	return parent, true
}

// cutLast splits a path before its last element.
func cutLast(path string) (parent, name string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// TestJudge shows that the arrows hold back what they should.
func TestJudge(t *testing.T) {
	programs := map[string]bool{"vtltape": true, "vtlcmd": true}
	for _, c := range []struct {
		from, to string
		refused  bool
	}{
		{"scsi/ssc/read.go", Module + "/libcart", false},
		{"scsi/ssc/read.go", Module + "/scsi/smc", true},
		{"scsi/ssc/read.go", Module + "/bus", true},
		{"scsi/ssc/read.go", Module + "/libcart/internal/format", false}, // the compiler refuses it
		{"scsi/task.go", Module + "/internal/buffer", false},
		{"scsi/task.go", Module + "/scsi/page", true},
		{"scsi/task.go", "golang.org/x/sys/unix", true},
		{"scsi/page/mode.go", Module + "/scsi", false},
		{"iscsi/session.go", Module + "/scsi", false},
		{"iscsi/session.go", Module + "/scsi/ssc", true},
		{"iscsi/session.go", Module + "/iscsi/pdu", false},
		{"iscsi/session.go", Module + "/iscsi/chap", false},
		{"iscsi/pdu/nop.go", Module + "/scsi", true},
		{"iscsi/iscsitest/initiator.go", Module + "/iscsi/pdu", false},
		{"iscsi/iscsitest/initiator.go", Module + "/scsi/ssc", true},
		{"libcart/codec.go", "github.com/pierrec/lz4/v4", false},
		{"libcart/codec.go", Module + "/scsi", true},
		{"scsi/ssc/codec.go", "github.com/pierrec/lz4/v4", true},
		{"bus/server.go", "github.com/nats-io/nats.go", false},
		{"vtltape/main.go", "github.com/nats-io/nats.go", true},
		{"vtltape/main.go", "github.com/spf13/pflag", false},
		{"vtlcmd/status/table.go", "github.com/spf13/pflag", false},
		{"internal/config/read.go", "github.com/spf13/pflag", true},
		{"vtlcmd/main.go", Module + "/vtlcmd/status", false},
		{"vtltape/main.go", Module + "/vtlcmd/status", true},
		{"internal/daemon/run.go", Module + "/vtlcmd", true},
		{"internal/vfs/os.go", "golang.org/x/sys/unix", false},
		{"internal/vfs/os.go", "github.com/unknown/thing", true},
		{"scsi/ssc/read_test.go", "github.com/rogpeppe/go-internal/testscript", false},
	} {
		f := &File{Path: c.from}
		if why := judge(f, c.to, programs); (why != "") != c.refused {
			t.Errorf("%s imports %s: refused %q, want refused %v", c.from, c.to, why, c.refused)
		}
	}
}
