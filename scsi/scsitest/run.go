package scsitest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"govtl/scsi"
)

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
	lun     scsi.LUN
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
		r.pending = &Command{CDB: cdb, LUN: r.lun, ExpectedOut: -1, ExpectedIn: -1}
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
	case "lun":
		return r.setLUN(words[1:])
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

// setLUN takes a LUN as its first bytes in hex; the others are zero.
func (r *runner) setLUN(words []string) error {
	b, err := hexBytes(words)
	if err != nil || len(b) == 0 || len(b) > len(r.lun) {
		return fmt.Errorf("lun HEX")
	}
	r.lun = scsi.LUN{}
	copy(r.lun[:], b)
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
