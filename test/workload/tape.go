package workload

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Tape is what a workload needs of a tape; package linux has one.
type Tape interface {
	Write(block []byte) (int, error)
	Read(p []byte) (int, error) // 0 without an error at a filemark and at the end of data
	WriteFilemarks(n int) error
	Rewind() error
	Filemarks(n int) error
	Tell() (int, error)
}

// Writer appends files to a tape.
type Writer struct {
	Seed uint64
	Tape Tape

	// Journal is told the lines, and keeps them safely before it returns.
	Journal func(line string) error
}

// Append writes one file and its filemark at the position of the tape.
func (w *Writer) Append(f File) error {
	if err := w.Journal(fmt.Sprintf("BEGIN %d %d", f.Number, f.Generation)); err != nil {
		return err
	}
	for n := range f.Blocks(w.Seed) {
		block := f.Block(w.Seed, n)
		if got, err := w.Tape.Write(block); err != nil || got != len(block) {
			return fmt.Errorf("file %d, block %d: %d of %d bytes written: %w", f.Number, n, got, len(block), orShort(err))
		}
	}
	if err := w.Tape.WriteFilemarks(1); err != nil {
		return fmt.Errorf("filemark of file %d: %w", f.Number, err)
	}
	return w.Journal(fmt.Sprintf("ACK %d %d", f.Number, f.Generation))
}

// ErrShort: fewer bytes were written than asked for.
var ErrShort = errors.New("short write")

func orShort(err error) error {
	if err == nil {
		return ErrShort
	}
	return err
}

// State is what a check found on a tape.
type State struct {
	Files   int // whole files, each with its filemark
	Partial int // blocks behind the last filemark
}

// Check reads a whole tape and holds it against a journal: what was acknowledged
// is there to the byte, and behind it at most a beginning of what was being
// written. It reads on to the end of data.
func (j *Journal) Check(tape Tape, seed uint64) (State, error) {
	if err := tape.Rewind(); err != nil {
		return State{}, err
	}
	c := checker{tape: tape, seed: seed, buf: make([]byte, MaxBlock+1)}
	for number, generation := range j.sure {
		whole, blocks, err := c.file(File{number, generation})
		if err != nil {
			return c.state, fmt.Errorf("acknowledged file %d of %d: %w", number, len(j.sure), err)
		}
		if !whole {
			return c.state, fmt.Errorf("LOST: the tape ends after %d blocks of acknowledged file %d of %d", blocks, number, len(j.sure))
		}
	}
	if err := j.checkTail(&c); err != nil {
		return c.state, err
	}
	return c.state, c.end()
}

// checkTail checks what follows the files that must be there.
func (j *Journal) checkTail(c *checker) error {
	next := len(j.sure)
	var allowed []File
	for _, g := range j.begun {
		allowed = append(allowed, File{next, g})
	}
	if len(j.before) > next {
		allowed = append(allowed, File{next, j.before[next]})
	}
	block, err := c.read()
	if err != nil {
		return fmt.Errorf("behind the acknowledged files: %w", err)
	}
	if block == nil { // the end, or a filemark without a file
		return nil
	}
	i := slices.IndexFunc(allowed, func(f File) bool { return bytes.Equal(f.Block(c.seed, 0), block) })
	if i < 0 {
		return fmt.Errorf("NEVER: behind %d acknowledged files is a block of %d bytes that nobody wrote there", next, len(block))
	}
	whole, _, err := c.rest(allowed[i], 1)
	if err != nil || !whole || i < len(j.begun) {
		return err
	}
	for number := next + 1; number < len(j.before); number++ {
		if whole, _, err = c.file(File{number, j.before[number]}); err != nil || !whole {
			return fmt.Errorf("of the recording before the cut, file %d: whole %v, %w", number, whole, err)
		}
	}
	return nil
}

// checker reads a tape.
type checker struct {
	tape  Tape
	seed  uint64
	buf   []byte
	state State
	ended bool // the end of data was met
}

// errWrong: a block is not what was written.
var errWrong = errors.New("WRONG DATA")

// read returns the next block, or nil at a filemark or at the end of data.
func (c *checker) read() ([]byte, error) {
	before, err := c.tape.Tell()
	if err != nil {
		return nil, err
	}
	n, err := c.tape.Read(c.buf)
	if err != nil || n > 0 {
		return c.buf[:n], err
	}
	after, err := c.tape.Tell()
	if err != nil {
		return nil, err
	}
	switch after - before {
	case 0:
		c.ended = true
	case 1:
		c.state.Files++
	default:
		return nil, fmt.Errorf("POSITION: a read at %d led to %d", before, after)
	}
	return nil, nil
}

// file reads one file and reports whether it was there with its filemark, and
// how many blocks there were if not.
func (c *checker) file(f File) (whole bool, blocks int, err error) { return c.rest(f, 0) }

// rest reads a file from a block on.
func (c *checker) rest(f File, from int) (whole bool, blocks int, err error) {
	for n := from; ; n++ {
		block, err := c.read()
		switch {
		case err != nil:
			return false, n, fmt.Errorf("block %d: %w", n, err)
		case block == nil && c.ended:
			c.state.Partial = n
			return false, n, nil
		case block == nil && n != f.Blocks(c.seed):
			return false, n, fmt.Errorf("%w: file %d, generation %d has a filemark after %d blocks instead of %d", errWrong, f.Number, f.Generation, n, f.Blocks(c.seed))
		case block == nil:
			return true, n, nil
		case n >= f.Blocks(c.seed) || !bytes.Equal(block, f.Block(c.seed, n)):
			return false, n, fmt.Errorf("%w: file %d, generation %d, block %d (%d bytes)", errWrong, f.Number, f.Generation, n, len(block))
		}
	}
}

// end demands that the tape is at its end of data.
func (c *checker) end() error {
	if c.ended {
		return nil
	}
	block, err := c.read()
	if err != nil {
		return fmt.Errorf("NO END: %w", err)
	}
	if !c.ended {
		return fmt.Errorf("NO END: a block of %d bytes or a filemark behind the last file", len(block))
	}
	return nil
}
