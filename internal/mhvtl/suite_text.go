package mhvtl

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"govtl/internal/config"
)

// writeSuite writes a suite as vtl.yaml, with what was not carried as comments.
func writeSuite(s *config.Suite, from string, notes []Note) []byte {
	w := &suiteWriter{}
	w.line("# Configuration of a virtual tape library, made of that of mhVTL in %s.", oneLine(from))
	w.line("# vtl.yaml(5) has every key. A change is applied by 'vtlcmd reload'.")
	if len(notes) > 0 {
		w.line("#")
		w.line("# Not carried as it was:")
	}
	for _, n := range notes {
		w.line("#   %s", oneLine(n.String()))
	}
	w.line("version: %d", s.Version)
	w.line("")
	if len(s.Libraries) == 0 {
		w.line("libraries: []")
	} else {
		w.line("libraries:")
	}
	for i := range s.Libraries {
		w.library(&s.Libraries[i])
	}
	if len(s.Drives) > 0 {
		w.line("")
		w.line("drives:                          # without a library")
		for _, d := range s.Drives {
			w.drive("  ", d)
		}
	}
	return w.b.Bytes()
}

type suiteWriter struct{ b bytes.Buffer }

func (w *suiteWriter) line(format string, args ...any) {
	fmt.Fprintf(&w.b, format+"\n", args...)
}

// library writes a library.
func (w *suiteWriter) library(l *config.Library) {
	w.line("  - id: %d", l.ID)
	w.line("    model: %s", scalar(l.Model))
	w.line("    serial: %s", scalar(l.Serial))
	if l.NAA != "" {
		w.line("    naa: %s", scalar(l.NAA))
	}
	w.line("    slots: %d", l.Slots)
	w.line("    mail-slots: %d", l.Mailbox)
	if l.Pickers != 0 {
		w.line("    pickers: %d", l.Pickers)
	}
	if l.MoveHook != "" {
		w.line("    move-hook: %s", scalar(l.MoveHook))
	}
	if len(l.Drives) == 0 {
		w.line("    drives: []")
	} else {
		w.line("    drives:")
	}
	for _, d := range l.Drives {
		w.drive("      ", d)
	}
	if len(l.Media) == 0 {
		return
	}
	w.line("    media:")
	for _, m := range l.Media {
		parts := []string{"barcodes: " + scalar(m.Barcodes)}
		if m.Density != "" {
			parts = append(parts, "density: "+scalar(m.Density))
		}
		if m.Kind != "" {
			parts = append(parts, "kind: "+scalar(m.Kind))
		}
		if m.SizeMiB != 0 {
			parts = append(parts, "size-mib: "+strconv.FormatInt(m.SizeMiB, 10))
		}
		w.line("      - {%s, slot: %d}", strings.Join(parts, ", "), m.Slot)
	}
}

// drive writes a drive in one line.
func (w *suiteWriter) drive(indent string, d config.Drive) {
	parts := []string{"id: " + strconv.Itoa(d.ID), "model: " + scalar(d.Model), "serial: " + scalar(d.Serial)}
	if d.NAA != "" {
		parts = append(parts, "naa: "+scalar(d.NAA))
	}
	if d.Element != 0 {
		parts = append(parts, "element: "+strconv.Itoa(d.Element))
	}
	if d.Compression != "" {
		parts = append(parts, "compression: "+scalar(d.Compression))
	}
	w.line("%s- {%s}", indent, strings.Join(parts, ", "))
}

// plain are texts that need no quotes and are no number or the like.
var plain = regexp.MustCompile(`^[A-DF-Za-df-z][A-Za-z0-9_.-]*$`)

// scalar is a text as a YAML scalar.
func scalar(s string) string {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
	default:
		if plain.MatchString(s) {
			return s
		}
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7F || r == 0xFFFD || r == 0x85 || r >= 0x2028 && r <= 0x2029 || r == 0xFEFF:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// oneLine is a text that fits a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xFFFD || r == 0xFEFF {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
