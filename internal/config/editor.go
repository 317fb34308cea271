package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// editor changes the text of a YAML file at the places that the parser names, and
// nowhere else. It knows the layouts that people write: block and flow
// collections, scalars on one line. What it does not know it leaves to the
// author (ErrByHand).
type editor struct {
	text []byte
	root *yaml.Node
}

// parse finds the nodes of the text as it is now.
func (e *editor) parse() error {
	root, err := document(e.text)
	if err != nil {
		return err
	}
	e.root = root
	return nil
}

// value is the value of a key, or nil.
func (e *editor) value(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil {
		return nil
	}
	_, v := lookup(mapping, key)
	return v
}

// withID finds the item of a list whose id it is.
func (e *editor) withID(list *yaml.Node, id int) (*yaml.Node, error) {
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil, ErrByHand
	}
	for _, item := range list.Content {
		if v := e.value(item, "id"); v != nil && v.Value == fmt.Sprint(id) {
			return item, nil
		}
	}
	return nil, ErrByHand
}

// offset is where a node begins in the text.
func (e *editor) offset(n *yaml.Node) (int, error) {
	at := e.lineStart(n.Line)
	if at < 0 {
		return 0, ErrByHand
	}
	if n.Line == 1 && bytes.HasPrefix(e.text, []byte(byteOrderMark)) {
		at += len(byteOrderMark) // which is in no column
	}
	// Columns count characters, from 1.
	for range n.Column - 1 {
		if at >= len(e.text) || e.text[at] == '\n' {
			return 0, ErrByHand
		}
		at++
		for at < len(e.text) && e.text[at]&0xC0 == 0x80 {
			at++
		}
	}
	return at, nil
}

// lineStart is where a line (from 1) begins; that behind the last is the end.
func (e *editor) lineStart(line int) int {
	at := 0
	for range line - 1 {
		i := bytes.IndexByte(e.text[at:], '\n')
		if i < 0 {
			return len(e.text)
		}
		at += i + 1
	}
	return at
}

// splice replaces a piece of the text.
func (e *editor) splice(from, to int, with string) {
	e.text = slices.Concat(e.text[:from], []byte(with), e.text[to:])
}

// end is where a node that is written on one line ends.
func (e *editor) end(n *yaml.Node) (int, error) {
	from, err := e.offset(n)
	if err != nil {
		return 0, err
	}
	switch {
	case n.Anchor != "" || n.Kind == yaml.AliasNode || n.Tag != "" && n.Style&yaml.TaggedStyle != 0:
		return 0, ErrByHand
	case n.Kind == yaml.ScalarNode && n.Style == 0:
		if !bytes.HasPrefix(e.text[from:], []byte(n.Value)) {
			return 0, ErrByHand
		}
		return from + len(n.Value), nil
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return quotedEnd(e.text, from)
	case n.Style&yaml.FlowStyle != 0:
		return flowEnd(e.text, from)
	}
	return 0, ErrByHand
}

// quotedEnd is the end of the quoted scalar that begins at from.
func quotedEnd(text []byte, from int) (int, error) {
	if from >= len(text) || text[from] != '"' && text[from] != '\'' {
		return 0, ErrByHand
	}
	quote := text[from]
	for i := from + 1; i < len(text) && text[i] != '\n'; i++ {
		switch {
		case quote == '"' && text[i] == '\\':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1, nil
		}
	}
	return 0, ErrByHand
}

// flowEnd is the end of the flow collection that begins at from.
func flowEnd(text []byte, from int) (int, error) {
	depth := 0
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		case (c == '"' || c == '\'') && i > 0 && strings.IndexByte(" \t\n,[{:", text[i-1]) >= 0:
			end, err := quotedEnd(text, i)
			if err != nil {
				return 0, err
			}
			i = end - 1
		case c == '#' && i > 0 && (text[i-1] == ' ' || text[i-1] == '\t' || text[i-1] == '\n'):
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		}
	}
	return 0, ErrByHand
}

// lastLine is the last line that a node occupies, and everything in it.
func (e *editor) lastLine(n *yaml.Node) (int, error) {
	if n.Kind == yaml.ScalarNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
		if n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" {
			return n.Line, nil
		}
		end, err := e.end(n)
		if err != nil {
			return 0, err
		}
		return 1 + bytes.Count(e.text[:end], []byte{'\n'}), nil
	}
	last := n.Line
	for _, c := range n.Content {
		line, err := e.lastLine(c)
		if err != nil {
			return 0, err
		}
		last = max(last, line)
	}
	return last, nil
}

// setScalar sets a key of a mapping to a plain value.
func (e *editor) setScalar(mapping *yaml.Node, key, value string) error {
	if mapping.Kind != yaml.MappingNode {
		return ErrByHand
	}
	if v := e.value(mapping, key); v != nil {
		if v.Kind != yaml.ScalarNode {
			return ErrByHand
		}
		from, err1 := e.offset(v)
		to, err2 := e.end(v)
		if err1 != nil || err2 != nil {
			return ErrByHand
		}
		e.splice(from, to, value)
		return nil
	}
	return e.addKey(mapping, key+": "+value)
}

// addKey adds a key at the end of a mapping. text may have further lines, which
// are indented with it.
func (e *editor) addKey(mapping *yaml.Node, text string) error {
	if mapping.Style&yaml.FlowStyle != 0 {
		return e.addToFlow(mapping, text)
	}
	if len(mapping.Content) == 0 {
		return ErrByHand
	}
	last, err := e.lastLine(mapping)
	if err != nil {
		return err
	}
	e.insertLines(last, mapping.Content[0].Column-1, text)
	return nil
}

// addToFlow adds an entry at the end of a flow collection.
func (e *editor) addToFlow(n *yaml.Node, text string) error {
	if strings.Contains(text, "\n") {
		return ErrByHand
	}
	if len(n.Content) == 0 {
		from, err := e.offset(n)
		if err != nil {
			return err
		}
		e.splice(from+1, from+1, text)
		return nil
	}
	at, err := e.end(n.Content[len(n.Content)-1])
	if err != nil {
		return err
	}
	e.splice(at, at, ", "+text)
	return nil
}

// insertLines puts lines behind a line (from 1), with an indentation in blanks.
func (e *editor) insertLines(behind, indent int, text string) {
	at := e.lineStart(behind + 1)
	newline := "\n"
	if first := bytes.IndexByte(e.text, '\n'); first > 0 && e.text[first-1] == '\r' {
		newline = "\r\n"
	}
	var b strings.Builder
	if at > 0 && e.text[at-1] != '\n' {
		b.WriteString(newline)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		b.WriteString(strings.Repeat(" ", indent) + line + newline)
	}
	e.splice(at, at, b.String())
}

// appendItem adds an item to the list under a key of a mapping, in the layout of
// the list.
func (e *editor) appendItem(mapping *yaml.Node, key string, item any) error {
	flow, block, err := itemTexts(item)
	if err != nil {
		return err
	}
	list := e.value(mapping, key)
	switch {
	case list == nil && mapping.Style&yaml.FlowStyle != 0:
		return e.addKey(mapping, key+": ["+flow+"]")
	case list == nil:
		return e.addKey(mapping, key+":\n"+indented(block))
	case list.Kind == yaml.ScalarNode && list.Tag == "!!null" && list.Value == "" && mapping.Style&yaml.FlowStyle == 0:
		k, _ := lookup(mapping, key)
		e.insertLines(k.Line, k.Column+1, block)
		return nil
	case list.Kind != yaml.SequenceNode:
		return ErrByHand
	case list.Style&yaml.FlowStyle != 0:
		return e.addToFlow(list, flow)
	}
	last, err := e.lastLine(list)
	if err != nil {
		return err
	}
	if list.Content[len(list.Content)-1].Style&yaml.FlowStyle != 0 {
		block = "- " + flow
	}
	e.insertLines(last, list.Column-1, block)
	return nil
}

// itemTexts writes an item in flow layout, and as an item of a block list.
func itemTexts(item any) (flow, block string, err error) {
	var n yaml.Node
	if err := n.Encode(item); err != nil {
		return "", "", fmt.Errorf("configuration: %w", err)
	}
	prune(&n)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode([]*yaml.Node{&n}); err != nil {
		return "", "", fmt.Errorf("configuration: %w", err)
	}
	block = strings.TrimSuffix(b.String(), "\n")
	flowStyle(&n)
	one, err := yaml.Marshal(&n)
	if err != nil {
		return "", "", fmt.Errorf("configuration: %w", err)
	}
	// The encoder breaks long lines; blanks do in place of the breaks.
	return strings.Join(strings.Fields(string(one)), " "), block, nil
}

// prune removes keys without content that the encoder writes.
func prune(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	var keep []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		for _, c := range v.Content {
			prune(c)
		}
		if v.Kind != yaml.ScalarNode && len(v.Content) == 0 {
			continue
		}
		keep = append(keep, n.Content[i], v)
	}
	n.Content = keep
}

// flowStyle sets a node and all in it to flow layout.
func flowStyle(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, c := range n.Content {
		flowStyle(c)
	}
}

// indented puts two blanks before each line.
func indented(s string) string {
	return "  " + strings.ReplaceAll(s, "\n", "\n  ")
}

// removeItem removes the item with an id from a list, with the comment above it.
func (e *editor) removeItem(list *yaml.Node, id int) error {
	item, err := e.withID(list, id)
	if err != nil {
		return err
	}
	return e.removeAt(list, slices.Index(list.Content, item))
}

// removeAt removes an item from a list, with the comment above it.
func (e *editor) removeAt(list *yaml.Node, at int) error {
	item := list.Content[at]
	if list.Style&yaml.FlowStyle != 0 {
		return e.removeFromFlow(list, at)
	}
	first := item.Line
	if item.HeadComment != "" && !strings.Contains(item.HeadComment, "\n\n") {
		first -= strings.Count(item.HeadComment, "\n") + 1
	}
	last, err := e.lastLine(item)
	if err != nil {
		return err
	}
	if first < 1 || at == 0 && first <= list.Line && item.Line != list.Line {
		return ErrByHand
	}
	e.splice(e.lineStart(first), e.lineStart(last+1), "")
	return nil
}

// removeFromFlow removes an item and a comma from a flow list.
func (e *editor) removeFromFlow(list *yaml.Node, at int) error {
	from, err1 := e.offset(list.Content[at])
	to, err2 := e.end(list.Content[at])
	if err1 != nil || err2 != nil {
		return ErrByHand
	}
	switch {
	case at+1 < len(list.Content):
		next, err := e.offset(list.Content[at+1])
		if err != nil {
			return err
		}
		to = next
	case at > 0:
		// The comma goes too; what stands between, a comment perhaps, stays.
		before, err := e.end(list.Content[at-1])
		if err != nil {
			return err
		}
		comma := bytes.IndexByte(e.text[before:from], ',')
		if comma < 0 {
			return ErrByHand
		}
		e.splice(from, to, "")
		e.splice(before+comma, before+comma+1, "")
		return nil
	}
	e.splice(from, to, "")
	return nil
}
