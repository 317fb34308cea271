package smc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"govtl/internal/vfs"
)

// leg is one volume's way in a move.
type leg struct {
	Volume volumeRecord `json:"volume"`
	From   Element      `json:"from"`
	To     Element      `json:"to"`

	// Invert: the volume is turned over on its way.
	Invert bool `json:"invert,omitempty"`
}

// arriving is the volume as it comes to its destination.
func (l *leg) arriving() Volume {
	if l.Invert {
		return Volume(l.Volume).turned()
	}
	return Volume(l.Volume)
}

// intent is a move that has been begun: MOVE MEDIUM has one leg, EXCHANGE MEDIUM
// two. Drives are told its ID.
type intent struct {
	ID   string `json:"id"`
	Legs []leg  `json:"legs"`
	By   string `json:"by,omitempty"` // who asked for it
}

// touches reports whether the intent concerns an element.
func (in *intent) touches(e Element) bool {
	return slices.ContainsFunc(in.Legs, func(l leg) bool { return l.From == e || l.To == e })
}

// journalRecord is one line of the journal behind its checksum: the begin or the
// end of a move.
type journalRecord struct {
	Begin *intent `json:"begin,omitempty"`
	End   string  `json:"end,omitempty"`
}

const (
	// maxJournal is the size in bytes from which on the journal is written anew.
	maxJournal = 64 << 10

	// maxJournalFile bounds what is read of a journal.
	maxJournalFile = 4 << 20

	// maxLegs bounds the legs of an intent.
	maxLegs = 2
)

// journal is the file of moves that have begun and not ended. Records are lines
// that are only appended. One goroutine uses it.
type journal struct {
	fs   vfs.FS
	name string

	file vfs.File
	size int64
	open []intent

	// broken: an append failed; what is in the file is not known, and it must
	// be written anew before another move begins.
	broken bool
}

// appendRecord appends a line: eight hex digits of CRC-32C, a blank, JSON.
func appendRecord(dst []byte, r journalRecord) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return dst, fmt.Errorf("smc: journal: %w", err)
	}
	dst = append(append(dst, hexSum(b)...), ' ')
	return append(append(dst, b...), '\n'), nil
}

// decodeRecord decodes a line without its end; ok is false for a torn one.
func decodeRecord(line []byte) (r journalRecord, ok bool) {
	if len(line) < 10 || line[8] != ' ' {
		return r, false
	}
	if string(line[:8]) != hexSum(line[9:]) {
		return r, false
	}
	if json.Unmarshal(line[9:], &r) != nil {
		return r, false
	}
	if b := r.Begin; b != nil {
		if b.ID == "" || len(b.Legs) == 0 || len(b.Legs) > maxLegs || r.End != "" {
			return r, false
		}
		for _, l := range b.Legs {
			if checkBarcode(l.Volume.Barcode, maxTag) != nil || l.From.Number < 1 || l.To.Number < 1 {
				return r, false
			}
		}
		return r, true
	}
	return r, r.End != ""
}

// decodeJournal returns the moves that are open at the end of a journal. Lines
// that do not verify were torn by a crash, before anything was done on them:
// they are left out. bad counts them.
func decodeJournal(file []byte) (open []intent, bad int) {
	for len(file) > 0 {
		line, rest, _ := bytes.Cut(file, []byte{'\n'})
		file = rest
		r, ok := decodeRecord(line)
		switch {
		case !ok:
			bad++
		case r.Begin != nil:
			if !slices.ContainsFunc(open, func(in intent) bool { return in.ID == r.Begin.ID }) {
				open = append(open, *r.Begin)
			}
		default:
			open = slices.DeleteFunc(open, func(in intent) bool { return in.ID == r.End })
		}
	}
	return open, bad
}

// openJournal reads the journal and writes it anew with what is open.
func openJournal(f vfs.FS, name string) (j *journal, bad int, err error) {
	j = &journal{fs: f, name: name, broken: true}
	file, err := f.ReadFile(name, maxJournalFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, fmt.Errorf("smc: journal: %w", err)
	}
	j.open, bad = decodeJournal(file)
	if err := j.repair(); err != nil {
		return nil, bad, err
	}
	return j, bad, nil
}

// repair writes the journal anew. Durable when it returns nil.
func (j *journal) repair() error {
	if j.file != nil {
		j.file.Close() // its records are in j.open; nothing is read back from it
		j.file = nil
	}
	j.broken = true
	var b []byte
	var err error
	for i := range j.open {
		if b, err = appendRecord(b, journalRecord{Begin: &j.open[i]}); err != nil {
			return err
		}
	}
	if err := vfs.ReplaceFile(j.fs, j.name, b, 0o600); err != nil {
		return fmt.Errorf("smc: journal: %w", err)
	}
	if j.file, err = j.fs.OpenFile(j.name, os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("smc: journal: %w", err)
	}
	j.size, j.broken = int64(len(b)), false
	return nil
}

func (j *journal) append(r journalRecord, sync bool) error {
	b, err := appendRecord(nil, r)
	if err != nil {
		return err
	}
	_, err = j.file.WriteAt(b, j.size)
	if err == nil && sync {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = true
		return fmt.Errorf("smc: journal: %w", err)
	}
	j.size += int64(len(b))
	return nil
}

// begin notes a move, durably. On an error nothing has begun.
func (j *journal) begin(in intent) error {
	if j.broken || j.size > maxJournal {
		if err := j.repair(); err != nil {
			return err
		}
	}
	if err := j.append(journalRecord{Begin: &in}, true); err != nil {
		return err
	}
	j.open = append(j.open, in)
	return nil
}

// end notes that a move is over. The inventory has it already (applied), so that
// the record need not be durable; when it cannot be written the journal is
// written anew before the next move.
func (j *journal) end(id string) {
	j.open = slices.DeleteFunc(j.open, func(in intent) bool { return in.ID == id })
	if j.broken {
		return
	}
	if err := j.append(journalRecord{End: id}, false); err != nil {
		j.broken = true
	}
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
