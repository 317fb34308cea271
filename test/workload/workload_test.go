package workload

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// memory is a tape of logical objects; a nil object is a filemark.
type memory struct {
	objects [][]byte
	at      int
}

func (m *memory) put(object []byte) {
	m.objects = append(m.objects[:m.at:m.at], object)
	m.at++
}
func (m *memory) Write(p []byte) (int, error) { m.put(bytes.Clone(p)); return len(p), nil }
func (m *memory) WriteFilemarks(int) error    { m.put(nil); return nil }
func (m *memory) Rewind() error               { m.at = 0; return nil }
func (m *memory) Tell() (int, error)          { return m.at, nil }
func (m *memory) Read(p []byte) (n int, _ error) {
	if m.at == len(m.objects) {
		return 0, nil
	}
	m.at++
	return copy(p, m.objects[m.at-1]), nil
}
func (m *memory) Filemarks(n int) error {
	for ; n > 0; m.at++ {
		if m.at == len(m.objects) {
			return io.EOF
		}
		if m.objects[m.at] == nil {
			n--
		}
	}
	return nil
}

// record writes files to a tape and returns it with its journal.
func record(t *testing.T, files int) (*memory, *Journal, *Writer) {
	t.Helper()
	m, j := &memory{}, &Journal{}
	w := &Writer{Seed: 1, Tape: m, Journal: j.Line}
	for n := range files {
		if err := w.Append(File{n, n}); err != nil {
			t.Fatal(err)
		}
	}
	return m, j, w
}

func TestGoodTapes(t *testing.T) {
	m, j, w := record(t, 5)
	if got, err := j.Check(m, 1); err != nil || got != (State{Files: 5}) {
		t.Errorf("complete: %+v, %v", got, err)
	}
	// Begun, and cut off anywhere.
	if err := w.Append(File{5, 7}); err != nil {
		t.Fatal(err)
	}
	all, begun := m.objects, &Journal{}
	for _, l := range []string{"BEGIN 0 0", "ACK 0 0", "BEGIN 1 1", "ACK 1 1", "BEGIN 2 2", "ACK 2 2", "BEGIN 3 3", "ACK 3 3", "BEGIN 4 4", "ACK 4 4", "BEGIN 5 6", "BEGIN 5 7"} {
		if err := begun.Line(l); err != nil {
			t.Fatal(err)
		}
	}
	for keep := len(all); keep >= len(all)-1-(File{5, 7}).Blocks(1); keep-- {
		m.objects = all[:keep]
		if _, err := begun.Check(m, 1); err != nil {
			t.Errorf("cut at %d of %d: %v", keep, len(all), err)
		}
	}
	// Begun anew at file 2: either nothing has happened yet or the rest is gone.
	if err := begun.Line("CUT 2"); err != nil {
		t.Fatal(err)
	}
	m.objects = all[:len(all)-1-(File{5, 7}).Blocks(1)]
	if _, err := begun.Check(m, 1); err != nil {
		t.Errorf("before the cut: %v", err)
	}
	m.Rewind()
	if err := m.Filemarks(2); err != nil {
		t.Fatal(err)
	}
	w.Journal = begun.Line
	if err := w.Append(File{2, 9}); err != nil {
		t.Fatal(err)
	}
	if got, err := begun.Check(m, 1); err != nil || got != (State{Files: 3}) {
		t.Errorf("after the cut: %+v, %v", got, err)
	}
}

func TestBadTapes(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(m *memory)
		want  string
	}{
		"a lost filemark":       {func(m *memory) { m.objects = m.objects[:len(m.objects)-1] }, "LOST"},
		"a lost block":          {func(m *memory) { m.objects = append(m.objects[:1], m.objects[2:]...) }, "WRONG DATA"},
		"a flipped bit":         {func(m *memory) { m.objects[0][100] ^= 4 }, "WRONG DATA"},
		"an empty tape":         {func(m *memory) { m.objects = nil }, "LOST"},
		"something behind":      {func(m *memory) { m.objects = append(m.objects, []byte("stale")) }, "NEVER"},
		"a file of another":     {func(m *memory) { m.objects = append(m.objects, m.objects...) }, "NEVER"},
		"filemarks behind":      {func(m *memory) { m.objects = append(m.objects, nil, nil) }, "NO END"},
		"an older generation":   {func(m *memory) { m.objects[0] = File{0, 5}.Block(1, 0) }, "WRONG DATA"},
		"a block cut in pieces": {func(m *memory) { m.objects[0] = m.objects[0][:50] }, "WRONG DATA"},
	} {
		m, j, _ := record(t, 3)
		c.spoil(m)
		if _, err := j.Check(m, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestWriterStopsAtTheFirstError(t *testing.T) {
	full := errors.New("disk full")
	w := &Writer{Seed: 1, Tape: &memory{}, Journal: func(string) error { return full }}
	if err := w.Append(File{}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestJournalRefusesNonsense(t *testing.T) {
	for _, line := range []string{"BEGIN", "BEGIN 1 0", "ACK 7 7", "CUT 5", "CUT x"} {
		if err := new(Journal).Line(line); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
	cut := &Journal{sure: []int{1, 2}}
	if err := cut.Line("CUT 1"); err != nil {
		t.Error(err)
	}
	if err := cut.Line("CUT 0"); err == nil {
		t.Error("a second CUT is taken")
	}
	if err := new(Journal).Line("something else"); err != nil {
		t.Error(err)
	}
}
