//go:build e2e

package e2e

import (
	"errors"
	"sync"
	"testing"
	"time"

	"govtl/test/linux"
	"govtl/test/workload"
)

// stream is a program that writes files to a tape, one after the other, and keeps
// a journal of what was acknowledged.
type stream struct {
	device linux.Device
	seed   uint64

	mu      sync.Mutex // guards journal
	journal workload.Journal

	next  int // generation of the next file
	stop  func()
	acked chan int // the number of acknowledged files, after each
	ended chan error
}

// newStream makes a stream for a drive with an empty tape.
func newStream(d linux.Device, seed uint64) *stream {
	return &stream{device: d, seed: seed}
}

var errStopped = errors.New("stopped by the test")

// start begins to write behind the files that were acknowledged. The writer ends
// with the test at the latest.
func (s *stream) start(t *testing.T) {
	stop := make(chan struct{})
	s.stop = sync.OnceFunc(func() { close(stop) })
	s.acked, s.ended = make(chan int, 1<<16), make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.ended <- s.write(stop)
	}()
	t.Cleanup(func() {
		s.stop()
		select {
		case <-ended:
		case <-time.After(linux.CommandTime):
		}
	})
}

// write writes until an error or until it is stopped.
func (s *stream) write(stop <-chan struct{}) (err error) {
	tape, err := linux.OpenTape(s.device.Tape, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tape.Close()) }()
	if err := errors.Join(tape.SetBlock(0), tape.Rewind()); err != nil {
		return err
	}
	if n := s.journal.Acknowledged(); n > 0 {
		if err := tape.Filemarks(n); err != nil {
			return err
		}
	}
	w := workload.Writer{Seed: s.seed, Tape: tape, Journal: s.line}
	for {
		s.next++
		if err := w.Append(workload.File{Number: s.journal.Acknowledged(), Generation: s.next}); err != nil {
			return err
		}
		s.acked <- s.journal.Acknowledged()
		select {
		case <-stop:
			return errStopped
		default:
		}
	}
}

// line takes a line of the journal.
func (s *stream) line(l string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.Line(l)
}

// after waits until the stream has written n more files.
func (s *stream) after(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-s.acked:
		case err := <-s.ended:
			t.Fatalf("the writer ended: %v", err)
		case <-time.After(linux.CommandTime):
			t.Fatal("the writer stands still")
		}
	}
}

// finish stops the writer, which must have met no error.
func (s *stream) finish(t *testing.T) {
	t.Helper()
	s.stop()
	if err := s.end(t); !errors.Is(err, errStopped) {
		t.Fatalf("the writer ended: %v", err)
	}
}

// end waits until the writer has ended and returns why.
func (s *stream) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(linux.CommandTime):
		t.Fatalf("the writer hangs: it sees neither an error nor progress\n%s", linux.KernelLog(20))
		return nil
	}
}

// check reads the whole tape and holds it against the journal.
func (s *stream) check(t *testing.T, when string) {
	t.Helper()
	tape, err := linux.OpenTape(s.device.Tape, false)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	defer tape.Close()
	if err := tape.SetBlock(0); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	found, err := s.journal.Check(tape, s.seed)
	if err != nil {
		t.Fatalf("%s: %v\n%s", when, err, linux.KernelLog(20))
	}
	t.Logf("%s: %d files acknowledged, on the tape %d and %d blocks", when, s.journal.Acknowledged(), found.Files, found.Partial)
}
