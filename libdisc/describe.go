package libdisc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
)

// Limits of a description.
const (
	maxDescription = 1 << 20 // bytes
	maxTracks      = 4096

	magic   = "vtl-disc"
	version = 1
)

// description is what NAME.disc holds. Everything that a disc is beside its
// blocks follows from it.
type description struct {
	Medium Medium `json:"medium"`

	// Simple discs came as an empty file: closed in one session they lose their
	// description and are what any image is.
	Simple bool `json:"simple,omitempty"`

	Form      Form  `json:"form,omitempty"`
	Formatted int64 `json:"formatted,omitempty"` // blocks

	// Background is the state of background formatting, MMC-6 table "BG Format
	// Status": 0 none, 1 stopped, 2 running, 3 complete.
	Background uint8 `json:"background,omitempty"`

	// Minimal: blanked minimally, so that it is written at once only.
	Minimal bool `json:"minimal,omitempty"`

	Sessions int     `json:"sessions,omitempty"` // closed ones
	Final    bool    `json:"final,omitempty"`    // closed for good
	Tracks   []Track `json:"tracks,omitempty"`
}

// encode is the file: a line with version, length and CRC-32C of what follows,
// and the description as JSON.
func (d *description) encode() ([]byte, error) {
	body, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	return wrapped(append(body, '\n')), nil
}

// wrapped is a body behind its first line.
func wrapped(body []byte) []byte {
	head := fmt.Sprintf("%s %d %d %08x\n", magic, version, len(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return append([]byte(head), body...)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDescription, fmt.Sprintf(format, args...))
}

// decode reads and checks a description.
func decode(file []byte) (*description, error) {
	if len(file) > maxDescription {
		return nil, damaged("%d bytes", len(file))
	}
	line, body, ok := bytes.Cut(file, []byte("\n"))
	var v, length int
	var sum uint32
	if !ok || len(line) > 64 {
		return nil, damaged("no first line")
	}
	if n, err := fmt.Sscanf(string(line), magic+" %d %d %x", &v, &length, &sum); err != nil || n != 3 {
		return nil, damaged("the first line is not %q, version, length and checksum", magic)
	}
	if v > version {
		return nil, fmt.Errorf("%w: %d, and this program knows %d", ErrVersion, v, version)
	}
	if v < 1 || length != len(body) {
		return nil, damaged("%d bytes follow, not %d", len(body), length)
	}
	if got := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)); got != sum {
		return nil, damaged("checksum %08x, not %08x", got, sum)
	}
	var d description
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, damaged("%v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, damaged("something follows the description")
	}
	if err := d.check(); err != nil {
		return nil, damaged("%v", err)
	}
	return &d, nil
}

// check reports what cannot be.
func (d *description) check() error {
	if err := d.Medium.Check(); err != nil {
		return err
	}
	switch d.Form {
	case Plain, Random, Restricted, Intermediate, Spare, Pseudo:
	default:
		return fmt.Errorf("form %q", d.Form)
	}
	if d.Formatted < 0 || d.Formatted > maxBlocks || d.Background > 3 || len(d.Tracks) > maxTracks {
		return fmt.Errorf("%d blocks formatted, background format %d, %d tracks", d.Formatted, d.Background, len(d.Tracks))
	}
	if d.Form.random() && len(d.Tracks) > 0 || d.Medium.Recording == ROM && (d.Form != Plain || len(d.Tracks) > 0) {
		return fmt.Errorf("a %s disc of form %q has %d tracks", d.Medium.Recording, d.Form, len(d.Tracks))
	}
	end, session := int64(0), 1
	for i := range d.Tracks {
		t := &d.Tracks[i]
		last := i == len(d.Tracks)-1
		switch {
		case t.Start < end || t.Start > maxBlocks || t.Size < 0 || t.Size > maxBlocks || t.Reserved < 0 || t.Reserved > maxBlocks:
			return fmt.Errorf("track %d: start %d, size %d, reserved %d", i+1, t.Start, t.Size, t.Reserved)
		case t.Next < t.Start || t.Next > maxBlocks || t.Closed && t.Next > t.Start+t.Size:
			return fmt.Errorf("track %d: recorded to %d", i+1, t.Next)
		case !t.Closed && !last:
			return fmt.Errorf("track %d is open, and not the last", i+1)
		case t.Session != session && (i == 0 || t.Session != session+1):
			return fmt.Errorf("track %d: session %d", i+1, t.Session)
		}
		end, session = t.End(), t.Session
	}
	most := session
	if len(d.Tracks) == 0 {
		most = 0
	}
	if d.Sessions < most-1 || d.Sessions < 0 || d.Sessions > most || d.Final && d.Sessions != most {
		return fmt.Errorf("%d sessions closed of %d", d.Sessions, most)
	}
	if n := len(d.Tracks); n > 0 && d.Sessions == most && !d.Tracks[n-1].Closed {
		return fmt.Errorf("session %d is closed and its last track is not", most)
	}
	return nil
}
