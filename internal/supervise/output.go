package supervise

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxLine bounds a line of output; a longer one is broken.
const maxLine = 8192

// prefixer writes whole lines of several daemons to one writer.
type prefixer struct {
	mu sync.Mutex
	w  io.Writer
}

// stream is the output of one daemon.
func (p *prefixer) stream(name string) *stream { return &stream{p: p, name: name} }

// stream collects what a daemon prints into lines.
type stream struct {
	p    *prefixer
	name string

	mu   sync.Mutex
	line []byte
	last string // the last line that tells of an error
}

// Write takes a piece of output. It never fails, so that a daemon does not
// suffer from a terminal that went away.
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		piece, end := b[:min(len(b), maxLine-len(s.line))], false
		if i := bytes.IndexByte(piece, '\n'); i >= 0 {
			piece, end = piece[:i], true
		}
		s.line = append(s.line, piece...)
		b = b[len(piece):]
		switch {
		case end:
			b = b[1:]
			s.emit()
		case len(s.line) == maxLine:
			s.emit()
		}
	}
	return n, nil
}

// emit writes the line that is complete.
func (s *stream) emit() {
	text := string(s.line)
	s.line = s.line[:0]
	if rest, ok := strings.CutPrefix(text, "error: "); ok {
		s.last = rest
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	// Nothing can be done about a reader that went away.
	_, _ = io.WriteString(s.p.w, s.name+" | "+text+"\n")
}

// flush writes what has no end of line yet.
func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) > 0 {
		s.emit()
	}
}

// lastError is the last line that began with "error:".
func (s *stream) lastError() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
