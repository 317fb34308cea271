// Package docs keeps docs/commands.md and docs/pages.md equal to the tables that
// commands are dispatched by and the pages that models have.
package docs

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"govtl/internal/vfs"
	"govtl/scsi"
	"govtl/scsi/mmc"
	"govtl/scsi/page"
	"govtl/scsi/personality"
	"govtl/scsi/smc"
	"govtl/scsi/spc"
	"govtl/scsi/ssc"
)

var rewrite = flag.Bool("rewrite", false, "rewrite docs/commands.md and docs/pages.md")

// model is what one model answers.
type model struct {
	name     string
	commands []*scsi.Command
	core     *spc.Core
}

// noDrives is a library's reach to its drives when it has none.
type noDrives struct{}

func (noDrives) Insert(context.Context, int, smc.Volume, string) error { return smc.ErrUnreachable }
func (noDrives) Remove(context.Context, int, string, string) error     { return smc.ErrUnreachable }
func (noDrives) State(context.Context, int) (smc.DriveState, error) {
	return smc.DriveState{}, smc.ErrUnreachable
}

// drives starts every drive model.
func drives(t *testing.T) []model {
	var all []model
	for _, name := range personality.DriveNames() {
		p, err := personality.LoadDrive(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ssc.New(ssc.Options{Personality: p, Serial: "0000000001", TargetName: "iqn.2026-11.local.vtl:drive1", FS: &vfs.Memory{}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		all = append(all, model{name, d.Commands(), d.SPC()})
	}
	return all
}

// libraries starts every library model.
func libraries(t *testing.T) []model {
	var all []model
	for _, name := range personality.LibraryNames() {
		p, err := personality.LoadLibrary(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := smc.New(smc.Options{
			Personality: p, Serial: "VTL0000001", FS: &vfs.Memory{}, Dir: "/state", Drives: noDrives{},
			Configuration: smc.Configuration{Slots: 1}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all = append(all, model{name, c.Commands(), c.SPC()})
	}
	return all
}

// recorders starts every model of an optical drive.
func recorders(t *testing.T) []model {
	var all []model
	for _, name := range personality.RecorderNames() {
		p, err := personality.LoadRecorder(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := mmc.New(mmc.Options{Personality: p, Serial: "0000000001", TargetName: "iqn.2026-11.local.vtl:optical1", FS: &vfs.Memory{}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		all = append(all, model{name, d.Commands(), d.SPC()})
	}
	return all
}

// TestDocs compares both files with what the tables say, or rewrites them.
func TestDocs(t *testing.T) {
	tape, changer, optical := drives(t), libraries(t), recorders(t)
	check(t, "../../docs/commands.md", func(b *bytes.Buffer) {
		b.WriteString("# Commands\n\nGenerated from the command tables by `make golden`.\n\n" +
			"Every bit of a CDB that is not in the usage map must be zero where a model checks reserved bits. " +
			"*Others' reservation* says which reservations of another I_T nexus the command passes: none, " +
			"write exclusive ones, or all.\n")
		commands(b, "Tape drives", tape)
		commands(b, "Media changers", changer)
		commands(b, "Optical drives", optical)
	})
	check(t, "../../docs/pages.md", func(b *bytes.Buffer) {
		b.WriteString("# Pages\n\nGenerated from the models by `make golden`. Values are those of the first model named or " +
			"counted; a model may differ in values and in what can be changed.\n")
		for _, d := range []struct {
			title  string
			models []model
		}{{"Tape drives", tape}, {"Media changers", changer}, {"Optical drives", optical}} {
			fmt.Fprintf(b, "\n## %s\n", d.title)
			modePages(b, d.models)
			logPages(b, d.models)
			vpdPages(b, d.models)
		}
	})
}

func check(t *testing.T, path string, write func(*bytes.Buffer)) {
	t.Helper()
	var b bytes.Buffer
	write(&b)
	if *rewrite {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what the tables say; `make golden` rewrites it", path)
	}
}

// having words which of all models are meant.
func having(models []model, has func(model) bool) string {
	var with, without []string
	for _, m := range models {
		if has(m) {
			with = append(with, m.name)
		} else {
			without = append(without, m.name)
		}
	}
	switch {
	case len(without) == 0:
		return "all"
	case len(with) <= 4:
		return strings.Join(with, ", ")
	case len(without) <= 4:
		return "all but " + strings.Join(without, ", ")
	}
	return fmt.Sprintf("%d of %d, such as %s, %s", len(with), len(models), with[0], with[len(with)-1])
}

// rowKey orders rows by operation code and service action.
type rowKey struct {
	opcode, action byte
	name           string
}

func commands(b *bytes.Buffer, title string, models []model) {
	rows := map[rowKey]*scsi.Command{}
	for _, m := range models {
		for _, c := range m.commands {
			rows[rowKey{c.Opcode, c.ServiceAction, c.Name}] = c
		}
	}
	keys := make([]rowKey, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y rowKey) int {
		return cmp.Or(cmp.Compare(x.opcode, y.opcode), cmp.Compare(x.action, y.action), cmp.Compare(x.name, y.name))
	})
	fmt.Fprintf(b, "\n## %s\n\n| code | command | clause | data | others' reservation | CDB usage from byte 1 | models |\n| --- | --- | --- | --- | --- | --- | --- |\n", title)
	for _, k := range keys {
		c := rows[k]
		code := fmt.Sprintf("%02X", c.Opcode)
		if c.HasServiceAction {
			code += fmt.Sprintf("/%02X", c.ServiceAction)
		}
		where := having(models, func(m model) bool {
			return slices.ContainsFunc(m.commands, func(x *scsi.Command) bool { return x.Opcode == k.opcode && x.Name == k.name })
		})
		if c.Missing != "" {
			where = "none: " + c.Missing
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | `% X` | %s |\n", code, c.Name, c.Clause,
			[]string{"", "in", "out"}[c.Data], []string{"none", "write exclusive", "all"}[c.Access], c.Usage, where)
	}
}

func modePages(b *bytes.Buffer, models []model) {
	var pages []*page.Mode
	for _, m := range models {
		for _, p := range m.core.Modes().Pages() {
			if !slices.ContainsFunc(pages, func(x *page.Mode) bool { return x.Code == p.Code && x.Subpage == p.Subpage && x.Name == p.Name }) {
				pages = append(pages, p)
			}
		}
	}
	slices.SortStableFunc(pages, func(x, y *page.Mode) int {
		return cmp.Or(cmp.Compare(x.Code, y.Code), cmp.Compare(x.Subpage, y.Subpage))
	})
	b.WriteString("\n### Mode pages\n")
	for _, p := range pages {
		fmt.Fprintf(b, "\n**%s** (%s), %d bytes", p.Title(), p.Clause, p.Size())
		for _, word := range []struct {
			on   bool
			text string
		}{{p.PerNexus, "per I_T nexus"}, {p.Saveable, "can be saved"}, {p.Unlisted, "left out of page 3Fh"}} {
			if word.on {
				b.WriteString(", " + word.text)
			}
		}
		fmt.Fprintf(b, "; models: %s\n", having(models, func(m model) bool {
			return slices.ContainsFunc(m.core.Modes().Pages(), func(x *page.Mode) bool {
				return x.Code == p.Code && x.Subpage == p.Subpage && x.Name == p.Name
			})
		}))
		if len(p.Fields) == 0 {
			continue
		}
		b.WriteString("\n| byte | bits | field | value | kind |\n| --- | --- | --- | --- | --- |\n")
		for _, f := range p.Fields {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s%s |\n", bytesOf(f), bitsOf(f), f.Name, valueOf(f), f.Kind, allowedOf(f))
		}
	}
}

func bytesOf(f page.Field) string {
	last := f.Byte + (f.Bit+f.Width-1)/8
	if last == f.Byte {
		return fmt.Sprint(f.Byte)
	}
	return fmt.Sprintf("%d-%d", f.Byte, last)
}

func bitsOf(f page.Field) string {
	switch {
	case f.Bit == 0 && f.Width%8 == 0:
		return ""
	case f.Width == 1:
		return fmt.Sprint(f.Bit)
	}
	return fmt.Sprintf("%d-%d", (f.Bit+f.Width-1)%8, f.Bit)
}

func valueOf(f page.Field) string {
	switch {
	case f.Text:
		return fmt.Sprintf("%q", f.Data)
	case !f.IsNumber():
		return fmt.Sprintf("`% X`", f.Data)
	case f.Value < 10:
		return fmt.Sprint(f.Value)
	}
	return fmt.Sprintf("%Xh", f.Value)
}

func allowedOf(f page.Field) string {
	if f.Kind != page.Changeable || len(f.Allowed) == 0 {
		return ""
	}
	var l []string
	for _, r := range f.Allowed {
		if r.From == r.To {
			l = append(l, fmt.Sprint(r.From))
		} else {
			l = append(l, fmt.Sprintf("%d to %d", r.From, r.To))
		}
	}
	return ": " + strings.Join(l, ", ")
}

func logPages(b *bytes.Buffer, models []model) {
	var pages []page.Log
	for _, m := range models {
		if m.core.Logs() == nil {
			continue
		}
		for _, p := range m.core.Logs().Pages() {
			i := slices.IndexFunc(pages, func(x page.Log) bool { return x.Code == p.Code && x.Subpage == p.Subpage && x.Name == p.Name })
			if i < 0 {
				pages = append(pages, p)
			} else if len(p.Params) > len(pages[i].Params) {
				pages[i] = p // the fullest one
			}
		}
	}
	slices.SortStableFunc(pages, func(x, y page.Log) int {
		return cmp.Or(cmp.Compare(x.Code, y.Code), cmp.Compare(x.Subpage, y.Subpage))
	})
	b.WriteString("\n### Log pages\n")
	for _, p := range pages {
		fmt.Fprintf(b, "\n**%s** (%s)", p.Title(), p.Clause)
		for _, word := range []struct {
			on   bool
			text string
		}{{p.Resettable, "reset by LOG SELECT"}, {p.ResetByRead, "reset by being read"}, {p.Unlisted, "in no list"}} {
			if word.on {
				b.WriteString(", " + word.text)
			}
		}
		fmt.Fprintf(b, "; models: %s\n", having(models, func(m model) bool {
			return m.core.Logs() != nil && slices.ContainsFunc(m.core.Logs().Pages(), func(x page.Log) bool {
				return x.Code == p.Code && x.Subpage == p.Subpage && x.Name == p.Name
			})
		}))
		if len(p.Params) == 0 || p.Code == 0x2E {
			continue
		}
		b.WriteString("\n| code | parameter | bytes |\n| --- | --- | --- |\n")
		for _, q := range p.Params {
			fmt.Fprintf(b, "| %04X | %s | %d |\n", q.Code, q.Name, q.Length)
		}
	}
}

func vpdPages(b *bytes.Buffer, models []model) {
	var pages []page.VPD
	for _, m := range models {
		for _, p := range m.core.VPD().Pages() {
			if !slices.ContainsFunc(pages, func(x page.VPD) bool { return x.Code == p.Code && x.Name == p.Name }) {
				pages = append(pages, p)
			}
		}
	}
	slices.SortStableFunc(pages, func(x, y page.VPD) int { return cmp.Compare(x.Code, y.Code) })
	b.WriteString("\n### Vital product data pages\n\n| page | name | clause | models |\n| --- | --- | --- | --- |\n")
	b.WriteString("| 00h | Supported VPD Pages | SPC-4 7.8.14 | all |\n")
	for _, p := range pages {
		fmt.Fprintf(b, "| %02Xh | %s | %s | %s |\n", p.Code, p.Name, p.Clause, having(models, func(m model) bool {
			return slices.ContainsFunc(m.core.VPD().Pages(), func(x page.VPD) bool { return x.Code == p.Code && x.Name == p.Name })
		}))
	}
}
