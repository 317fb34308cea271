package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
)

// scope is whom a command is for.
type scope int

const (
	suiteScope scope = iota
	libraryScope
	driveScope
	opticalScope
)

// call is one command as it was typed.
type call struct {
	*app
	device bus.Device        // of library and drive commands
	args   map[string]string // parameters by their names in the usage, alternatives by the first
	rest   []string          // what NAME... has taken
}

// row is one command. Its usage is what matches: words in any letter case,
// PARAMETERS in capitals, one|of|several words, [OPTIONAL] parts at the end, and
// NAME... for all that follows.
type row struct {
	usage string
	help  string
	run   func(context.Context, *call) error
}

// table returns the commands of a scope.
func table(s scope) []row {
	switch s {
	case libraryScope:
		return slices.Concat(libraryCommands(), editLibraryCommands(), deviceCommands())
	case opticalScope:
		return slices.Concat(opticalCommands(), daemonCommands())
	case driveScope:
		return slices.Concat(driveCommands(), deviceCommands())
	}
	return slices.Concat(suiteCommands(), editSuiteCommands())
}

// dispatch finds the command and runs it.
func (a *app) dispatch(ctx context.Context, words []string) error {
	c := &call{app: a}
	s := suiteScope
	if isDevice(words) {
		if err := a.load(); err != nil {
			return err
		}
		var err error
		if c.device, words, err = a.device(words); err != nil {
			return err
		}
		switch c.device.Kind {
		case bus.Drive:
			s = driveScope
		case bus.Optical:
			s = opticalScope
		default:
			s = libraryScope
		}
	}
	var begun []string
	deepest := 0
	for _, r := range table(s) {
		args, rest, depth, ok := match(r.usage, words)
		if ok {
			c.args, c.rest = args, rest
			return r.run(ctx, c)
		}
		if depth > 0 {
			begun = append(begun, r.usage)
			deepest = max(deepest, depth)
		}
	}
	if deepest < 2 { // one word may be that of another kind of device
		if hint := misplaced(s, words); hint != "" {
			return daemon.WithHint(unknown(c.device, s, words, nil), "%s", hint)
		}
	}
	return unknown(c.device, s, words, begun)
}

// unknown is the error for words that are no command.
func unknown(d bus.Device, s scope, words, begun []string) error {
	who := ""
	if s != suiteScope {
		who = " for " + d.String()
	}
	if len(words) == 0 {
		return daemon.WithHint(usageError{"no command" + who}, "'vtlcmd help' lists the commands")
	}
	err := usageError{fmt.Sprintf("%q is no command%s", strings.Join(words, " "), who)}
	if len(begun) > 0 {
		for i, u := range begun {
			begun[i] = "'" + u + "'"
		}
		return daemon.WithHint(err, "there is %s", strings.Join(begun, ", "))
	}
	if s == suiteScope {
		return daemon.WithHint(err, "'vtlcmd help' lists the commands; those of a device begin with its number")
	}
	return daemon.WithHint(err, "'vtlcmd help' lists the commands")
}

// misplaced says for whom the words are a command: for another device, for one
// that was not named, or that was named in another place than in front.
func misplaced(s scope, words []string) string {
	kinds := []struct {
		scope      scope
		kind, word string
	}{{libraryScope, "a library", "library"}, {driveScope, "a drive", "DRIVE"}, {opticalScope, "an optical drive", "DRIVE"}}
	for i, w := range words {
		if _, err := strconv.Atoi(w); err != nil || s != suiteScope {
			continue
		}
		rest := slices.Delete(slices.Clone(words), i, i+1)
		for _, k := range kinds {
			if len(rest) > 0 && known(k.scope, rest) {
				return fmt.Sprintf("the number stands in front: 'vtlcmd %s %s'", w, strings.Join(rest, " "))
			}
		}
	}
	for _, k := range kinds {
		if k.scope == s || !known(k.scope, words) {
			continue
		}
		if s == suiteScope {
			return fmt.Sprintf("it is a command for %s: 'vtlcmd %s %s'", k.kind, k.word, strings.Join(words, " "))
		}
		return "it is a command for " + k.kind
	}
	return ""
}

// known reports whether the words are a command of a scope.
func known(s scope, words []string) bool {
	return slices.ContainsFunc(table(s), func(r row) bool {
		_, _, _, ok := match(r.usage, words)
		return ok
	})
}

// isDevice tells whether the words begin with a device.
func isDevice(words []string) bool {
	if _, err := strconv.Atoi(words[0]); err == nil {
		return true
	}
	return slices.Contains([]string{"library", "drive", "optical"}, strings.ToLower(words[0]))
}

// device reads the device in front: a number, the word library or drive where
// there is one only, or the word and the number.
func (a *app) device(words []string) (d bus.Device, rest []string, err error) {
	kind := ""
	if _, err := strconv.Atoi(words[0]); err != nil {
		kind, words = strings.ToLower(words[0]), words[1:]
	}
	id, numbered := 0, false
	if len(words) > 0 {
		if n, err := strconv.Atoi(words[0]); err == nil {
			id, numbered, words = n, true, words[1:]
		}
	}
	var of []config.Device
	for _, d := range a.suite.Devices() {
		if (kind == "" || d.Kind == kind) && (!numbered || d.ID == id) {
			of = append(of, d)
		}
	}
	switch {
	case len(of) == 1:
		return bus.Device{Kind: bus.Kind(of[0].Kind), ID: of[0].ID}, words, nil
	case numbered:
		return d, nil, daemon.WithHint(fmt.Errorf("there is no %s %d in %s", orDevice(kind), id, a.suite.File),
			"there are %s", listDevices(a.suite.Devices()))
	case len(of) == 0:
		return d, nil, fmt.Errorf("there is no %s in %s", orDevice(kind), a.suite.File)
	}
	return d, nil, daemon.WithHint(usageError{fmt.Sprintf("which %s?", kind)}, "there are %s", listDevices(of))
}

func orDevice(kind string) string {
	if kind == "" {
		return "library or drive"
	}
	return kind
}

// listDevices names devices for a hint; of many only the first.
func listDevices(list []config.Device) string {
	const most = 12
	var names []string
	for i, d := range list {
		if i == most {
			names = append(names, "...")
			break
		}
		names = append(names, d.String())
	}
	return strings.Join(names, ", ")
}

// match compares words with a usage. depth is how many words fitted from the
// beginning, for hints.
func match(usage string, words []string) (args map[string]string, rest []string, depth int, ok bool) {
	args = map[string]string{}
	for token := range strings.FieldsSeq(usage) {
		inner, optional := strings.CutPrefix(token, "[")
		inner = strings.TrimSuffix(inner, "]")
		if depth == len(words) {
			if optional {
				continue
			}
			return nil, nil, depth, false
		}
		word := words[depth]
		name, all := strings.CutSuffix(inner, "...")
		switch {
		case all:
			return args, words[depth:], len(words), true
		case strings.Contains(inner, "|"):
			alternatives := strings.Split(inner, "|")
			i := slices.IndexFunc(alternatives, func(s string) bool { return strings.EqualFold(s, word) })
			if i < 0 {
				return nil, nil, depth, false
			}
			args[alternatives[0]] = alternatives[i]
		case name == strings.ToUpper(name):
			args[name] = word
		case !strings.EqualFold(name, word):
			return nil, nil, depth, false
		}
		depth++
	}
	if depth < len(words) {
		return nil, nil, depth, false
	}
	return args, nil, depth, true
}

// lookPath finds a program in the PATH.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", daemon.WithHint(fmt.Errorf("program %s is neither beside vtlcmd nor in the PATH", name), "'make' builds all of them into bin/")
	}
	return path, nil
}
