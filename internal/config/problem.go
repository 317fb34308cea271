package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// byteOrderMark is what some editors put in front of UTF-8.
const byteOrderMark = "\ufeff"

// unreadable finds what no YAML parser takes, with its line, which they do not
// tell. What is right is not touched.
func unreadable(data []byte) (p Problem, ok bool) {
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		return Problem{1, "the file is UTF-16: it has to be saved as UTF-8"}, false
	}
	line := 1
	for i := 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			return Problem{line, fmt.Sprintf("the byte %02Xh is not UTF-8: the file has to be saved as UTF-8", data[i])}, false
		case c == '\n':
			line++
		case c < ' ' && c != '\t' && c != '\r', c == 0x7F:
			return Problem{line, fmt.Sprintf("the control character %02Xh", c)}, false
		}
		i += n
	}
	return Problem{}, true
}

// yamlProblems turns the errors of the YAML package into ours.
func yamlProblems(data []byte, err error) []Problem {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return []Problem{located(data, yamlProblem(strings.TrimPrefix(err.Error(), "yaml: ")))}
	}
	list := make([]Problem, 0, len(te.Errors))
	for _, s := range te.Errors {
		list = append(list, yamlProblem(s))
	}
	return list
}

// yamlProblem takes the line number off a message and says it in our words.
func yamlProblem(s string) Problem {
	p := Problem{Reason: s}
	if rest, ok := strings.CutPrefix(s, "line "); ok {
		number, text, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			p = Problem{Line: n, Reason: text}
		}
	}
	for _, w := range wordings() {
		m := w.from.FindStringSubmatch(p.Reason)
		switch {
		case m == nil:
			continue
		case len(m) > 1:
			p.Reason = fmt.Sprintf(w.to, m[1])
		default:
			p.Reason = w.to
		}
		break
	}
	return p
}

// wording is a message of the YAML package and what we say instead.
type wording struct {
	from *regexp.Regexp
	to   string // with one %s where from has a group
}

func wordings() []wording {
	return []wording{
		{regexp.MustCompile(`^field (\S+) not found in type`), "unknown key %s"},
		{regexp.MustCompile(`^field (\S+) already set in type`), "key %s is there twice"},
		{regexp.MustCompile(`^mapping key ("[^"]*") already defined`), "key %s is there twice"},
		{regexp.MustCompile("^cannot unmarshal \\S+ (`[^`]*`) into u?int"), "%s is not a whole number that fits"},
		{regexp.MustCompile("^cannot unmarshal \\S+ (`[^`]*`) into float"), "%s is not a number"},
		{regexp.MustCompile("^cannot unmarshal \\S+ (`[^`]*`) into bool"), "%s is neither true nor false"},
		{regexp.MustCompile(`^cannot unmarshal !!seq into \*?config\.`), "a list where keys and values belong"},
		{regexp.MustCompile(`^cannot unmarshal !!map into \[\]`), "keys and values where a list belongs: its items begin with '- '"},
		{regexp.MustCompile(`^cannot unmarshal !!seq into `), "a list where one value belongs"},
		{regexp.MustCompile(`^cannot unmarshal !!map into `), "keys where one value belongs"},
		{regexp.MustCompile("^cannot unmarshal \\S+ (`[^`]*`) into \\[\\]"), "%s where a list belongs"},
		{regexp.MustCompile("^cannot unmarshal \\S+ (`[^`]*`) into \\*?config\\."), "%s where keys and values belong"},
		{regexp.MustCompile(`^unknown anchor '([^']*)' referenced`), "*%[1]s stands for &%[1]s, which is nowhere above"},
		{regexp.MustCompile(`^found incompatible YAML document`), "the file names another version of YAML than 1.1: leave the %YAML line out"},
		{regexp.MustCompile(`^found unexpected end of stream`), "a quote that is not closed"},
		{regexp.MustCompile(`^exceeded max depth`), "lists and keys lie too deep in each other"},
		{regexp.MustCompile(`^could not find expected ':'`), "this is not KEY: VALUE, with a blank behind the colon"},
		{regexp.MustCompile(`^mapping values are not allowed in this context`), "a key where none can be: is it indented as those beside it?"},
		{regexp.MustCompile(`^found a tab character that violates indentation`), aTab},
		{regexp.MustCompile(`^found character that cannot start any token`),
			"a character that nothing can begin with: is it a tab where blanks have to indent, or a value that needs quotes?"},
		{regexp.MustCompile(`^did not find expected key`), notBeside},
		{regexp.MustCompile(`^did not find expected '-' indicator`), notInList},
		{regexp.MustCompile(`^did not find expected ',' or '(.)'`), "no %s, or a comma is missing"},
		{regexp.MustCompile(`^did not find expected node content`), notAValue},
	}
}

// What is said of lines that the parser did not expect where they are.
const (
	notBeside = "this does not belong to the keys above: is it indented as they are?"
	notInList = "this does not belong to the list above: is it indented as its items are?"
	aTab      = "a tab where blanks have to indent"
	notAValue = "what stands here is no value: does it need quotes?"
)

// located puts a problem on the line where it is. The parser tells of some where
// the thing began that they are in, or one line before it.
func located(data []byte, p Problem) Problem {
	lines := 1 + bytes.Count(bytes.TrimRight(data, "\n"), []byte("\n"))
	switch {
	case p.Reason == notBeside, p.Reason == notInList:
		// The first line with which the file does not parse for this reason.
		n := sort.Search(lines, func(n int) bool {
			_, err := document(firstLines(data, n+1))
			return err != nil && yamlProblem(strings.TrimPrefix(err.Error(), "yaml: ")).Reason == p.Reason
		})
		p.Line = n + 1
	case p.Reason == notAValue, strings.HasSuffix(p.Reason, "or a comma is missing"):
		p.Line++
	case p.Reason == aTab:
		n := 0
		for line := range bytes.Lines(data) {
			n++
			indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
			if n >= p.Line && bytes.IndexByte(indent, '\t') >= 0 {
				p.Line = n
				break
			}
		}
	case strings.HasPrefix(p.Reason, "*"):
		if i := bytes.Index(data, []byte(strings.Fields(p.Reason)[0])); i >= 0 {
			p.Line = 1 + bytes.Count(data[:i], []byte("\n"))
		}
	}
	p.Line = min(p.Line, lines)
	return p
}

// firstLines is the beginning of a text.
func firstLines(data []byte, n int) []byte {
	at := 0
	for range n {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			return data
		}
		at += i + 1
	}
	return data[:at]
}

// numbers reports values of the keys in whole, below a node, that are written in
// another way.
func (c *checker) numbers(n *yaml.Node, whole map[string]bool) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.numbers(item, whole)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if whole[k.Value] && v.Kind == yaml.ScalarNode && v.Tag != "!!null" && !decimal(v.Value) {
				c.problems = append(c.problems, Problem{Line: v.Line,
					Reason: fmt.Sprintf("%s: %s is not a whole number in decimal digits without a leading zero", k.Value, v.Value)})
			}
			c.numbers(v, whole)
		}
	}
}

// decimal reports whether a whole number is written as people write it. YAML has
// more ways, and what they mean surprises: 010 is 8, and 4.5 would be cut to 4.
func decimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits == "0" || digits != "" && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

// wholeNumbers are the keys of a type, and of the types in it, whose values are
// whole numbers.
func wholeNumbers(t reflect.Type, keys map[string]bool) map[string]bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return wholeNumbers(t.Elem(), keys)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			kind := f.Type
			if kind.Kind() == reflect.Pointer {
				kind = kind.Elem()
			}
			if kind.Kind() == reflect.Int || kind.Kind() == reflect.Int64 {
				keys[name] = true
			}
			wholeNumbers(f.Type, keys)
		}
	}
	return keys
}
