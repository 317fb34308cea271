package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// MaxFile bounds the configuration file in bytes.
const MaxFile = 4 << 20

// maxProblems is how many problems one Error lists.
const maxProblems = 20

// Checks are what the file is checked against beyond itself. A nil function
// checks nothing.
type Checks struct {
	// LibraryModel and DriveModel say what is wrong with a model's name.
	LibraryModel func(name string) error
	DriveModel   func(name string) error

	// RecorderModel says what is wrong with the name of an optical drive's model.
	RecorderModel func(name string) error

	// DiscModel says what is wrong with the name of a disc's model.
	DiscModel func(name string) error

	// Library checks a library against what its model can have. A KeyError says
	// which of its keys is wrong.
	Library func(l *Library) error

	// Medium checks one cartridge of a media entry: its density and kind, given
	// or by its barcode.
	Medium func(m Media, barcode string) error

	// Listen is the address of --listen, which is used in place of the file's.
	Listen string
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Line   int // from 1; 0 when it belongs to no line
	Reason string
}

// Error is a configuration that was refused, with everything that is wrong.
type Error struct {
	File     string
	Problems []Problem // by line, at least one
}

// Error lists the problems, one a line, as FILE:LINE: REASON.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i == maxProblems {
			fmt.Fprintf(&b, "\nand %d more", len(e.Problems)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.File)
		if p.Line > 0 {
			b.WriteByte(':')
			b.WriteString(strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
		b.WriteString(p.Reason)
	}
	return b.String()
}

// Load reads and checks a configuration file. The error is fs.ErrNotExist when
// there is none and *Error when it is refused. Relative paths in it are relative
// to its directory, and absolute in what Load returns.
func Load(file string, checks Checks) (*Suite, error) {
	data, err := readBounded(file)
	if err != nil {
		return nil, err
	}
	return Parse(data, file, checks)
}

// readBounded reads a file that is not larger than MaxFile.
func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return data, nil
}

// Parse checks the text of a configuration file.
func Parse(data []byte, file string, checks Checks) (*Suite, error) {
	if len(data) > MaxFile {
		return nil, refuse(file, Problem{Reason: fmt.Sprintf("the file is larger than %d MiB", MaxFile>>20)})
	}
	if p, ok := unreadable(data); !ok {
		return nil, refuse(file, p)
	}
	root, err := document(data)
	if err != nil {
		return nil, refuse(file, yamlProblems(data, err)...)
	}
	s := &Suite{File: file}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(s); err != nil {
		return nil, refuse(file, yamlProblems(data, err)...)
	}
	c := checker{root: root, suite: s, checks: checks}
	c.run()
	if len(c.problems) > 0 {
		return nil, refuse(file, c.problems...)
	}
	s.absolute(filepath.Dir(file))
	return s, nil
}

// document reads the one document of a file as nodes.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, err
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("yaml: line %d: a second document; there is only one", max(more.Line, 1))
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("yaml: line 1: the file is not a list of keys and values")
	}
	return doc.Content[0], nil
}

// refuse makes an Error with its problems in the order of the file.
func refuse(file string, problems ...Problem) error {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &Error{File: file, Problems: problems}
}

// absolute makes the paths in the file independent of the working directory.
func (s *Suite) absolute(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&s.Bus.Credentials)
	abs(&s.Bus.CA)
	abs(&s.ISCSI.Secrets)
	for i := range s.Libraries {
		l := &s.Libraries[i]
		abs(&l.Home)
		for j := range l.Drives {
			abs(&l.Drives[j].Home)
		}
		for j := range l.Optical {
			abs(&l.Optical[j].Home)
		}
	}
	for i := range s.Drives {
		abs(&s.Drives[i].Home)
	}
	for i := range s.Optical {
		abs(&s.Optical[i].Home)
	}
}
