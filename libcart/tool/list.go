// Package tool looks into cartridges, for people and scripts: what dumptape does,
// as a library. It changes nothing but where a function says so.
package tool

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"govtl/libcart"
)

// Run is a number of objects in a row that are alike.
type Run struct {
	Object    uint64 `json:"object"` // the first
	Count     uint64 `json:"count"`
	Filemark  bool   `json:"filemark,omitempty"`
	Damaged   bool   `json:"damaged,omitempty"`
	Codec     string `json:"codec,omitempty"`
	Cipher    uint8  `json:"cipher,omitempty"`
	Length    int    `json:"length,omitempty"` // of each block, bytes
	Stored    int64  `json:"stored,omitempty"` // of all, bytes in the file
	Offset    int64  `json:"offset"`           // of the first in the data file
	Epoch     uint32 `json:"epoch"`
	Filemarks uint64 `json:"filemarks"` // before the first
}

// same says that a record continues a run.
func (r *Run) same(x *libcart.Record) bool {
	return r.Filemark == x.Filemark && r.Damaged == x.Damaged && r.Codec == codecOf(x) && r.Cipher == x.Cipher &&
		r.Length == x.Length && r.Epoch == x.Epoch
}

func codecOf(x *libcart.Record) string {
	if x.Filemark || x.Damaged {
		return ""
	}
	return x.Codec.String()
}

// Runs calls fn for each run of a partition. With each set, every object is a run
// of its own.
func Runs(c *libcart.Cartridge, part uint8, each bool, fn func(Run) error) error {
	var run Run
	err := c.Walk(part, 0, func(x libcart.Record) error {
		if run.Count > 0 && !each && run.same(&x) {
			run.Count++
			run.Stored += int64(x.Stored)
			return nil
		}
		if run.Count > 0 {
			if err := fn(run); err != nil {
				return err
			}
		}
		run = Run{Object: x.Object, Count: 1, Filemark: x.Filemark, Damaged: x.Damaged, Codec: codecOf(&x), Cipher: x.Cipher,
			Length: x.Length, Stored: int64(x.Stored), Offset: x.Offset, Epoch: x.Epoch, Filemarks: x.Filemarks}
		return nil
	})
	if err == nil && run.Count > 0 {
		err = fn(run)
	}
	return err
}

// Header is what a list begins with.
type Header struct {
	Barcode        string    `json:"barcode"`
	Dir            string    `json:"dir"`
	UUID           string    `json:"uuid"`
	Medium         string    `json:"medium"`
	Kind           string    `json:"kind"`
	Density        string    `json:"density"`
	Serial         string    `json:"serial"`
	Made           time.Time `json:"made"`
	Created        time.Time `json:"created"`
	Capacity       int64     `json:"capacity"`
	WriteProtected bool      `json:"writeProtected"`
	Format         int       `json:"format"`
	Loads          uint64    `json:"loads"`
	Clean          bool      `json:"clean"`
	Note           string    `json:"note,omitempty"`
}

// KindName is the word for a kind, as mktape takes it.
func KindName(k libcart.Kind) string {
	switch k {
	case libcart.Data:
		return "data"
	case libcart.Cleaning:
		return "clean"
	case libcart.WORM:
		return "WORM"
	case libcart.Null:
		return "NULL"
	}
	return fmt.Sprintf("kind %02Xh", uint8(k))
}

// HeaderOf describes an open cartridge.
func HeaderOf(c *libcart.Cartridge) Header {
	i, r := c.Info(), c.Recovery()
	return Header{Barcode: i.Barcode, Dir: i.Dir, UUID: fmt.Sprintf("%x", i.UUID), Medium: i.Medium, Kind: KindName(i.Kind),
		Density: fmt.Sprintf("%02Xh", i.Density), Serial: i.Serial, Made: i.Made, Created: i.Created, Capacity: i.Capacity,
		WriteProtected: i.WriteProtected, Format: i.Format, Loads: c.Counters().Loads - 1, Clean: r.Clean, Note: r.Note}
}

// partitionOf describes a partition; its position is moved.
type partition struct {
	Partition uint8  `json:"partition"`
	Capacity  int64  `json:"capacity"`
	Used      int64  `json:"used"`
	Objects   uint64 `json:"objects"`
	Filemarks uint64 `json:"filemarks"`
}

func partitionOf(c *libcart.Cartridge, p uint8) (partition, error) {
	err := c.LocateEnd(p)
	k, at := c.Capacity(p), c.Position()
	return partition{p, k.Max, k.Used, at.Object, at.Filemarks}, err
}

// List writes what a cartridge has for a person: a line for each run of alike
// objects, or with each for every object.
func List(c *libcart.Cartridge, w io.Writer, each bool) error {
	out := bufio.NewWriter(w)
	h := HeaderOf(c)
	fmt.Fprintf(out, "%s: %s, %s, %d bytes, density %s, serial %s, made %s, format %d\n", h.Barcode, h.Medium, h.Kind,
		h.Capacity, h.Density, h.Serial, h.Made.Format(time.DateOnly), h.Format)
	if h.WriteProtected {
		fmt.Fprintln(out, "write-protected")
	}
	if h.Note != "" {
		fmt.Fprintf(out, "note: %s\n", h.Note)
	}
	for p := range c.Partitions() {
		d, err := partitionOf(c, uint8(p))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "partition %d: %d objects, %d filemarks, %d of %d bytes used\n", p, d.Objects, d.Filemarks, d.Used, d.Capacity)
		if err := Runs(c, uint8(p), each, func(r Run) error { return line(out, r) }); err != nil {
			return err
		}
	}
	return out.Flush()
}

func line(w io.Writer, r Run) error {
	objects := fmt.Sprint(r.Object)
	if r.Count > 1 {
		objects = fmt.Sprintf("%d-%d", r.Object, r.Object+r.Count-1)
	}
	var err error
	switch {
	case r.Damaged:
		_, err = fmt.Fprintf(w, "%12s  DAMAGED\n", objects)
	case r.Filemark && r.Count == 1:
		_, err = fmt.Fprintf(w, "%12s  filemark\n", objects)
	case r.Filemark:
		_, err = fmt.Fprintf(w, "%12s  %d filemarks\n", objects, r.Count)
	case r.Count == 1:
		_, err = fmt.Fprintf(w, "%12s  block of %d, %d stored (%s) at %d\n", objects, r.Length, r.Stored, r.Codec, r.Offset)
	default:
		_, err = fmt.Fprintf(w, "%12s  %d blocks of %d, %d stored (%s) at %d\n", objects, r.Count, r.Length, r.Stored, r.Codec, r.Offset)
	}
	return err
}

// ListJSON writes the same as one JSON document.
func ListJSON(c *libcart.Cartridge, w io.Writer, each bool) error {
	out := bufio.NewWriter(w)
	put := func(v any) error {
		b, err := json.Marshal(v)
		out.Write(b)
		return err
	}
	out.WriteString(`{"cartridge":`)
	if err := put(HeaderOf(c)); err != nil {
		return err
	}
	out.WriteString(`,"attributes":`)
	if err := put(Attributes(c)); err != nil {
		return err
	}
	out.WriteString(`,"partitions":[`)
	for p := range c.Partitions() {
		if p > 0 {
			out.WriteString(",")
		}
		d, err := partitionOf(c, uint8(p))
		if err != nil {
			return err
		}
		b, err := json.Marshal(d)
		if err != nil {
			return err
		}
		out.Write(b[:len(b)-1]) // its closing brace comes behind the runs
		out.WriteString(`,"runs":[`)
		first := true
		err = Runs(c, uint8(p), each, func(r Run) error {
			if !first {
				out.WriteString(",")
			}
			first = false
			out.WriteString("\n")
			return put(r)
		})
		if err != nil {
			return err
		}
		out.WriteString("]}")
	}
	out.WriteString("]}\n")
	return out.Flush()
}
