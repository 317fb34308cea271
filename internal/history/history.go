// Package history keeps the last events of the suite in files, so that they
// outlive the programs that they happened to. Each program writes its own
// two, below the directory "events" of the state directory: one of who logged in
// and out, which an initiator can make many of, and one of everything else, which
// those do not push out. A file is lines of JSON, each an event as it travels on
// the bus. A full file takes the place of its predecessor, so that a program
// keeps at least the last half of what it may use.
//
// Events hold no secrets; should the text of one quote an address with a
// password in it, that is taken out before it is written.
package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"govtl/bus"
	"govtl/internal/vfs"
)

// Directory is where the files lie below the state directory.
const Directory = "events"

// maxFile is the size in bytes from which on a file takes its predecessor's place.
const maxFile = 256 << 10

// maxLine bounds the line of an event, in bytes.
const maxLine = 8 << 10

// maxWaiting bounds the events that wait to be written: no device waits for a disk.
const maxWaiting = 512

// Suffixes of the files.
const (
	suffix    = ".jsonl"
	oldSuffix = ".old.jsonl"
)

// credentials is what stands between the scheme and the host of an address.
var credentials = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^\s"'<>@]*@`)

// Writer writes the history of one program. Its methods may be used by many
// goroutines and do not wait for the disk, but Close.
type Writer struct {
	fs   vfs.FS
	dir  string
	name string
	log  *slog.Logger

	events chan bus.Event
	ended  chan struct{}

	mu     sync.Mutex // guards closed
	closed bool

	// What follows belongs to the goroutine.
	files  map[string]*file
	failed bool // it was said that events cannot be written
}

// file is one that is written to.
type file struct {
	vfs.File
	size int64
}

// Open begins to keep the history of a program of the suite whose state directory
// is given, such as "drive11": the only one that writes under that name. Files are opened when there is something to write: it never
// fails, and a disk that is full costs the history and nothing else.
func Open(files vfs.FS, state, name string, log *slog.Logger) *Writer {
	w := &Writer{fs: files, dir: filepath.Join(state, Directory), name: name, log: log,
		events: make(chan bus.Event, maxWaiting), ended: make(chan struct{}), files: map[string]*file{}}
	go w.run()
	return w
}

// Add notes an event. When the disk is so slow that too many wait it is lost.
func (w *Writer) Add(e bus.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	select {
	case w.events <- e:
	default:
		w.log.Warn("an event is not in the history: the disk is slow", "event", e.What.String())
	}
}

// Close writes what waits and makes it durable.
func (w *Writer) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.events)
	}
	w.mu.Unlock()
	<-w.ended
}

func (w *Writer) run() {
	defer close(w.ended)
	for e := range w.events {
		err := w.write(e)
		if err != nil && !w.failed {
			w.log.Warn("events cannot be kept", "err", err)
		}
		w.failed = err != nil
	}
	for _, f := range w.files {
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			w.log.Warn("the last events may be lost", "err", err)
		}
	}
}

// write appends one event.
func (w *Writer) write(e bus.Event) error {
	line, err := encode(e)
	if err != nil {
		return err
	}
	name := w.base(e)
	f, err := w.open(name)
	if err != nil {
		return err
	}
	if f.size > 0 && f.size+int64(len(line)) > maxFile {
		if f, err = w.turn(name, f); err != nil {
			return err
		}
	}
	n, err := f.WriteAt(line, f.size)
	if err != nil {
		return errors.Join(err, f.Truncate(f.size)) // a piece of a line is none
	}
	f.size += int64(n)
	return nil
}

// open is the file of a name, ready for another line.
func (w *Writer) open(name string) (*file, error) {
	if f := w.files[name]; f != nil {
		return f, nil
	}
	if err := w.fs.MkdirAll(w.dir, 0o750); err != nil {
		return nil, err
	}
	v, err := w.fs.OpenFile(filepath.Join(w.dir, name+suffix), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	f := &file{File: v}
	if f.size, err = v.Size(); err == nil && f.size > 0 {
		var last [1]byte
		if _, err = v.ReadAt(last[:], f.size-1); err == nil && last[0] != '\n' {
			_, err = v.WriteAt([]byte("\n"), f.size) // a crash has torn the line before
			f.size++
		}
	}
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	w.files[name] = f
	return f, nil
}

// turn lets a full file take its predecessor's place, and begins another.
func (w *Writer) turn(name string, f *file) (*file, error) {
	delete(w.files, name)
	err := errors.Join(f.Sync(), f.Close())
	if rerr := w.fs.Rename(filepath.Join(w.dir, name+suffix), filepath.Join(w.dir, name+oldSuffix)); rerr != nil {
		return nil, errors.Join(err, rerr)
	}
	return w.open(name)
}

// base is the name of an event's file without its suffix.
func (w *Writer) base(e bus.Event) string {
	switch e.What.(type) {
	case bus.Login, bus.Logout, bus.LoginRefused:
		return w.name + "-logins"
	}
	return w.name
}

// encode is the line of an event.
func encode(e bus.Event) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	b = append(credentials.ReplaceAll(b, []byte("${1}(removed)@")), '\n')
	if len(b) > maxLine {
		return nil, fmt.Errorf("history: an event of %d bytes is above the limit of %d", len(b), maxLine)
	}
	return b, nil
}
