package helptext

import (
	"fmt"
	"strings"
)

// escape makes a text one that mdoc(7) prints as it is.
func escape(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	s = strings.ReplaceAll(s, "-", `\-`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// argument is a text as an argument of a macro.
func argument(s string) string {
	s = strings.ReplaceAll(escape(s), `"`, `\(dq`)
	if len(s) <= 3 || strings.ContainsAny(s, " ") {
		return `"\&` + s + `"`
	}
	return s
}

// sentence is a help text as a sentence: with a capital and a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if word, _, _ := strings.Cut(s, " "); strings.ToUpper(word) != word && !strings.Contains(word, ":") {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return escape(strings.TrimSuffix(s, ".")) + "."
}

// Manual is the options of a program, and before them its commands, as lists of
// mdoc(7).
func (p Program) Manual() string {
	var b strings.Builder
	for _, g := range p.Groups {
		fmt.Fprintf(&b, ".Ss %s\n.Bl -tag -width Ds\n", escape(g.Title))
		for _, c := range g.Commands {
			b.WriteString(".It")
			for _, word := range c.Usage {
				b.WriteString(macro(word))
			}
			fmt.Fprintf(&b, "\n%s\n", sentence(c.Help))
		}
		b.WriteString(".El\n")
	}
	fmt.Fprint(&b, ".Ss Options\n.Bl -tag -width Ds\n")
	for _, o := range p.Options {
		b.WriteString(".It")
		if o.Short != "" {
			b.WriteString(" Fl " + o.Short + " ,")
		}
		b.WriteString(" Fl Fl " + escape(o.Long))
		if o.Value != "" {
			b.WriteString(" Ar " + argument(o.Value))
		}
		fmt.Fprintf(&b, "\n%s\n", sentence(o.Help))
	}
	b.WriteString(".El\n")
	return b.String()
}

// macro is a word of a usage with the macro that sets it.
func macro(word string) string {
	inner, optional := strings.CutPrefix(word, "[")
	inner = strings.TrimSuffix(inner, "]")
	inner, more := strings.CutSuffix(inner, "...")
	s := " Cm " + strings.ReplaceAll(argument(inner), "|", " | ")
	if alternatives(word) == nil {
		s = " Ar " + argument(inner)
	}
	if more {
		s += " ..."
	}
	if optional {
		s = " Op" + s
	}
	return s
}

// Marks between which a manual page has what Manual makes.
const (
	beginMark = ".\\\" What follows is made of --help by 'make golden'.\n"
	endMark   = ".\\\" End of what is made.\n"
)

// Fill puts what Manual makes into a manual page. ok is false when the page has
// no place for it.
func (p Program) Fill(page string) (filled string, ok bool) {
	before, rest, ok1 := strings.Cut(page, beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok1 || !ok2 {
		return page, false
	}
	return before + beginMark + p.Manual() + endMark + after, true
}
