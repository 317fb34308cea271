// Package helptext reads what a program of the suite prints for --help, and makes
// of it the parts of manual pages and the shell completions that would otherwise
// have to be written, and go stale, by hand.
package helptext

import (
	"regexp"
	"strings"
)

// Program is what a program says of itself.
type Program struct {
	Name    string
	Options []Option
	Groups  []Group // of commands; none when it has none
}

// Option is one option.
type Option struct {
	Short string // one letter, or empty
	Long  string
	Value string // name of its value, or empty
	Help  string
}

// Group is commands under one title.
type Group struct {
	Title    string
	Commands []Command
}

// Command is one command. The words of its usage are words that are typed,
// PARAMETERS in capitals, one|of|several, and in brackets what may be left out.
type Command struct {
	Usage []string
	Help  string
}

var (
	option  = regexp.MustCompile(`^ {2,6}(?:-(\w), )?--([\w-]+)(?: (\w+))?\s{2,}(\S.*)$`)
	command = regexp.MustCompile(`^  (\S.*)$`)
	title   = regexp.MustCompile(`(?:^|\. )([A-Z][a-z ]*):$`)
)

// Parse reads the help of a program.
func Parse(name, text string) Program {
	p := Program{Name: name}
	group := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := option.FindStringSubmatch(line); m != nil {
			p.Options = append(p.Options, Option{m[1], m[2], m[3], m[4]})
			continue
		}
		if m := title.FindStringSubmatch(line); m != nil {
			group = m[1]
			continue
		}
		if line == "" || group == "Options" || group == "Examples" || group == "Example" {
			continue
		}
		if m := command.FindStringSubmatch(line); m != nil && group != "" {
			p.add(group, m[1])
		} else if strings.HasPrefix(line, "          ") && len(p.Groups) > 0 {
			g := &p.Groups[len(p.Groups)-1]
			g.Commands[len(g.Commands)-1].Help += " " + strings.TrimSpace(line)
		}
	}
	return p
}

// add adds a command of a group.
func (p *Program) add(group, line string) {
	usage, help, ok := strings.Cut(line, "  ")
	words := strings.Fields(usage)
	if !ok {
		// The usage is so long that one blank ends it: the help begins with the
		// first plain word behind a parameter.
		for i := 1; i < len(words); i++ {
			if plain(words[i]) && !plain(words[i-1]) {
				words, help = words[:i], strings.Join(words[i:], " ")
				break
			}
		}
	}
	if len(p.Groups) == 0 || p.Groups[len(p.Groups)-1].Title != group {
		p.Groups = append(p.Groups, Group{Title: group})
	}
	g := &p.Groups[len(p.Groups)-1]
	g.Commands = append(g.Commands, Command{words, strings.TrimSpace(help)})
}

// plain says that a word of a usage is typed as it is.
func plain(word string) bool {
	return !strings.ContainsAny(word, "|[") && strings.ToUpper(word) != word
}

// alternatives are the words that may be typed for one of a usage; none for a
// parameter. A word that may be left out counts like any other.
func alternatives(word string) []string {
	word = strings.TrimSuffix(strings.TrimPrefix(word, "["), "]")
	if strings.ToUpper(word) == word || strings.HasSuffix(word, "...") {
		return nil
	}
	return strings.Split(word, "|")
}
