package scsitest

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"govtl/scsi"
)

var update = flag.Bool("update", false, "rewrite the replies in transcripts")

// Command is what an initiator sends.
type Command struct {
	CDB []byte
	Out []byte

	// ExpectedOut and ExpectedIn are what the initiator announces, in bytes;
	// -1: ExpectedOut is the length of Out, ExpectedIn is enough for anything.
	ExpectedOut, ExpectedIn int
}

// Result is what comes back.
type Result struct {
	Status scsi.Status
	Sense  []byte // as sent
	In     []byte
	Name   string // the command's name, when the unit tells
	// Residual says something of the residual, such as "under by 4"; empty: none.
	Residual string
}

// Unit is a logical unit as initiators see it. A nexus logs in on first use.
type Unit interface {
	Execute(nexus string, c Command) (Result, error)
	Manage(nexus string, fn scsi.TaskManagement) (scsi.TaskManagementResponse, error)

	// Logout ends a nexus; Reconnect reinstates it.
	Logout(nexus string) error
	Reconnect(nexus string) error
}

// Env is what a transcript runs in.
type Env struct {
	Unit Unit

	// Steps are the test's own steps by their first word; what they return
	// is the reply, an empty string none.
	Steps map[string]func(args []string) (string, error)
}

// RunFiles runs each transcript that matches a glob pattern as a subtest, in an
// environment of its own. With -update it rewrites the replies.
func RunFiles(t *testing.T, pattern string, env func(t *testing.T) *Env) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no transcript matches %s", pattern)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), filepath.Ext(f))
		t.Run(name, func(t *testing.T) { RunFile(t, f, env(t)) })
	}
}

// RunFile runs one transcript.
func RunFile(t *testing.T, path string, env *Env) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Run(string(want), env)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if got == string(want) {
		return
	}
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s:\n%s(rewrite with -update)", path, diff(string(want), got))
}

// Run carries out a transcript and returns it with the replies as they came.
func Run(text string, env *Env) (string, error) {
	r := runner{env: env, nexus: "a"}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := r.line(line); err != nil {
			return "", fmt.Errorf("line %d: %q: %w", i+1, line, err)
		}
	}
	if err := r.flush(); err != nil {
		return "", fmt.Errorf("last command: %w", err)
	}
	return r.b.String(), nil
}

// runner carries out a transcript line by line. A command is pending until a
// line comes that does not belong to it any more.
type runner struct {
	env     *Env
	nexus   string
	b       strings.Builder
	pending *Command
	lines   []string // of the pending command
	held    []string // comments and empty lines that follow it
}

func (r *runner) line(line string) error {
	trimmed := strings.TrimSpace(line)
	if trimmed != "" && (line[0] == ' ' || line[0] == '\t') {
		return nil // an old reply
	}
	if trimmed == "" || trimmed[0] == '#' {
		if r.pending != nil {
			r.held = append(r.held, strings.TrimRight(line, " \t"))
			return nil
		}
		r.b.WriteString(strings.TrimRight(line, " \t") + "\n")
		return nil
	}
	body, _, _ := strings.Cut(trimmed, "#")
	words := strings.Fields(body)
	switch words[0] {
	case "out", "expect":
		if r.pending == nil || len(r.held) > 0 {
			return fmt.Errorf("no command before it")
		}
		r.lines = append(r.lines, trimmed)
		if words[0] == "expect" {
			return r.pending.expect(words[1:])
		}
		p, err := data(words[1:])
		r.pending.Out = append(r.pending.Out, p...)
		return err
	}
	if err := r.flush(); err != nil {
		return err
	}
	if words[0] == "cdb" {
		cdb, err := hexBytes(words[1:])
		if err != nil || len(cdb) == 0 {
			return fmt.Errorf("a CDB in hex is wanted")
		}
		r.pending = &Command{CDB: cdb, ExpectedOut: -1, ExpectedIn: -1}
		r.lines = []string{strings.TrimRight(body, " ")}
		return nil
	}
	r.b.WriteString(trimmed + "\n")
	return r.step(words)
}

func (r *runner) reply(format string, args ...any) {
	for _, l := range strings.Split(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n") {
		r.b.WriteString("\t" + l + "\n")
	}
}

// step carries out a line that is no command.
func (r *runner) step(words []string) error {
	switch words[0] {
	case "nexus":
		if len(words) != 2 {
			return fmt.Errorf("nexus NAME")
		}
		r.nexus = words[1]
		return nil
	case "attentions":
		return r.attentions()
	case "manage":
		return r.manage(words[1:])
	case "logout":
		return r.env.Unit.Logout(r.nexus)
	case "reconnect":
		return r.env.Unit.Reconnect(r.nexus)
	}
	f := r.env.Steps[words[0]]
	if f == nil {
		return fmt.Errorf("no such step")
	}
	out, err := f(words[1:])
	if err != nil {
		r.reply("error: %v", err)
	} else if out != "" {
		r.reply("%s", out)
	}
	return nil
}

// attentions lists the pending unit attention conditions and clears them.
func (r *runner) attentions() error {
	for range 100 {
		res, err := r.env.Unit.Execute(r.nexus, Command{CDB: []byte{0x03, 0, 0, 0, 0xFF, 0}, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil {
			return err
		}
		s, err := scsi.DecodeSense(res.In)
		if err != nil {
			return err
		}
		if s.Key != scsi.UnitAttention {
			return nil
		}
		r.reply("%s", SenseText(s))
	}
	return fmt.Errorf("unit attention conditions without end")
}

var functions = map[string]scsi.TaskManagement{
	"abort-task-set": scsi.AbortTaskSet, "clear-task-set": scsi.ClearTaskSet, "clear-aca": scsi.ClearACA,
	"lun-reset": scsi.LogicalUnitReset, "target-reset": scsi.TargetWarmReset,
}

func (r *runner) manage(words []string) error {
	if len(words) != 1 || functions[words[0]] == 0 {
		return fmt.Errorf("no such task management function")
	}
	res, err := r.env.Unit.Manage(r.nexus, functions[words[0]])
	if err == nil && res != scsi.FunctionComplete {
		r.reply("response %d", res)
	}
	return err
}

// flush sends the pending command and writes its reply.
func (r *runner) flush() error {
	c := r.pending
	if c == nil {
		return nil
	}
	r.pending = nil
	res, err := r.env.Unit.Execute(r.nexus, *c)
	if err != nil {
		return err
	}
	if res.Name != "" {
		r.lines[0] += "  # " + res.Name
	}
	for _, l := range r.lines {
		r.b.WriteString(l + "\n")
	}
	r.reply("%s", res.Text())
	for _, l := range r.held {
		r.b.WriteString(l + "\n")
	}
	r.held = nil
	return nil
}

func (c *Command) expect(words []string) error {
	if len(words) == 2 {
		if n, err := strconv.Atoi(words[1]); err == nil && n >= 0 {
			switch words[0] {
			case "out":
				c.ExpectedOut = n
				return nil
			case "in":
				c.ExpectedIn = n
				return nil
			}
		}
	}
	return fmt.Errorf("expect in|out BYTES")
}

// data is what the words behind out stand for.
func data(words []string) ([]byte, error) {
	if len(words) >= 2 && (words[0] == "zeros" || words[0] == "pattern") {
		n, err := strconv.Atoi(words[1])
		if err != nil || n < 0 || n > 1<<24 {
			return nil, fmt.Errorf("bad length %q", words[1])
		}
		if words[0] == "zeros" {
			return make([]byte, n), nil
		}
		seed := 0
		if len(words) > 2 {
			if seed, err = strconv.Atoi(words[2]); err != nil {
				return nil, err
			}
		}
		return Pattern(n, seed), nil
	}
	return hexBytes(words)
}

func hexBytes(words []string) ([]byte, error) { return hex.DecodeString(strings.Join(words, "")) }

// Pattern is n bytes that differ by position and seed and do not compress well.
func Pattern(n, seed int) []byte {
	b := make([]byte, n)
	x := uint64(seed)*0x9E3779B97F4A7C15 + 0x1234567
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 24)
	}
	return b
}

// longIn is how much Data-In, in bytes, a transcript shows in full.
const longIn = 1024

// Text is the reply as a transcript has it.
func (r Result) Text() string {
	var b strings.Builder
	b.WriteString(r.Status.String())
	if len(r.Sense) > 0 {
		s, err := scsi.DecodeSense(r.Sense)
		if err != nil {
			fmt.Fprintf(&b, ": % X (%v)", r.Sense, err)
		} else {
			b.WriteString(": " + SenseText(s))
		}
	}
	if r.Residual != "" {
		b.WriteString(", " + r.Residual)
	}
	b.WriteByte('\n')
	if len(r.In) > longIn {
		fmt.Fprintf(&b, "%d bytes, crc32c %08X\n", len(r.In), crc32.Checksum(r.In, crc32.MakeTable(crc32.Castagnoli)))
		return b.String()
	}
	b.WriteString(Hex(r.In))
	return b.String()
}

// Hex is a dump of 16 bytes a line: offset, bytes, text.
func Hex(p []byte) string {
	var b strings.Builder
	for at := 0; at < len(p); at += 16 {
		l := p[at:min(at+16, len(p))]
		text := bytes.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return '.'
			}
			return c
		}, printable(l))
		fmt.Fprintf(&b, "%04X  %-47s  %s\n", at, fmt.Sprintf("% X", l), text)
	}
	return b.String()
}

// printable has the bytes that are no ASCII replaced.
func printable(p []byte) []byte {
	c := bytes.Clone(p)
	for i := range c {
		if c[i] >= 0x80 {
			c[i] = '.'
		}
	}
	return c
}

// SenseText is sense data in words, all that an initiator can see of it.
func SenseText(s *scsi.Sense) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s (%X/%02X/%02X)", s.Key, s.ASC, uint8(s.Key), uint8(s.ASC>>8), uint8(s.ASC))
	for _, f := range []struct {
		on   bool
		name string
	}{{s.Deferred, "deferred"}, {s.Filemark, "FILEMARK"}, {s.EOM, "EOM"}, {s.ILI, "ILI"}} {
		if f.on {
			b.WriteString(", " + f.name)
		}
	}
	if s.Valid {
		fmt.Fprintf(&b, ", information %d", s.Information)
	}
	if s.CommandSpecific != 0 {
		fmt.Fprintf(&b, ", command specific %d", s.CommandSpecific)
	}
	if s.FRU != 0 {
		fmt.Fprintf(&b, ", FRU %02Xh", s.FRU)
	}
	if inCDB, at, bit, ok := s.FieldPointer(); ok {
		where := "parameter"
		if inCDB {
			where = "CDB"
		}
		fmt.Fprintf(&b, ", %s byte %d", where, at)
		if bit >= 0 {
			fmt.Fprintf(&b, " bit %d", bit)
		}
	} else if s.SKS[0]&0x80 != 0 {
		fmt.Fprintf(&b, ", progress %d/65536", int(s.SKS[1])<<8|int(s.SKS[2]))
	}
	return b.String()
}

// diff shows the lines that differ, each with its number in what came.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	common := lcs(w, g)
	var b strings.Builder
	i, j := 0, 0
	for _, c := range append(common, [2]int{len(w), len(g)}) {
		for ; i < c[0]; i++ {
			fmt.Fprintf(&b, "-%4d %s\n", i+1, w[i])
		}
		for ; j < c[1]; j++ {
			fmt.Fprintf(&b, "+%4d %s\n", j+1, g[j])
		}
		i, j = c[0]+1, c[1]+1
	}
	return b.String()
}

// lcs is a longest common subsequence of lines, as pairs of indices. What is
// too long for the table is compared line by line.
func lcs(a, b []string) [][2]int {
	if len(a)*len(b) > 1<<22 {
		var l [][2]int
		for i := range min(len(a), len(b)) {
			if a[i] == b[i] {
				l = append(l, [2]int{i, i})
			}
		}
		return l
	}
	n := make([][]int, len(a)+1)
	for i := range n {
		n[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	var l [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			l = append(l, [2]int{i, j})
			i, j = i+1, j+1
		case n[i+1][j] >= n[i][j+1]:
			i++
		default:
			j++
		}
	}
	return l
}
