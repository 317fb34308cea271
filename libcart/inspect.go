package libcart

import (
	"context"
	"errors"
	"fmt"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// Record is what is known of one stored object, for people and tools.
type Record struct {
	Partition uint8  `json:"partition"`
	Object    uint64 `json:"object"`
	Filemarks uint64 `json:"filemarks"` // before it
	Filemark  bool   `json:"filemark,omitempty"`
	Damaged   bool   `json:"damaged,omitempty"` // its header cannot be read; the lengths may not be known
	Codec     Codec  `json:"-"`
	Cipher    uint8  `json:"cipher,omitempty"`
	Length    int    `json:"length"` // as written by the initiator, bytes
	Stored    int    `json:"stored"` // in the file, bytes
	Offset    int64  `json:"offset"` // of the record in the data file
	Epoch     uint32 `json:"epoch"`  // write epoch
}

// Walk calls fn for each record of a partition from object first on. An error of
// fn ends it and is returned. The position stays.
func (c *Cartridge) Walk(part uint8, first uint64, fn func(Record) error) error {
	p, err := c.leaveFor(part)
	if err != nil {
		return err
	}
	for object := first; object < p.objects; object++ {
		e, err := c.entry(p, object)
		if err != nil {
			return err
		}
		r := Record{Partition: part, Object: object, Filemarks: uint64(e.Filemarks), Filemark: e.Kind == format.Filemark,
			Codec: Codec(e.Codec), Length: int(e.Length), Stored: int(e.Stored), Offset: e.Offset, Epoch: e.Epoch}
		var h format.Record
		if e.Kind == format.Lost || p.header(&h, e.Offset) != nil || h.Object != object || format.EntryOf(&h) != e {
			r.Damaged = true
		}
		r.Cipher = h.Cipher
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// Damage is one thing that Verify found.
type Damage struct {
	Partition uint8  `json:"partition"`
	Object    uint64 `json:"object"`
	Count     uint64 `json:"count"` // objects, from Object on
	File      string `json:"file"`  // which file
	Reason    string `json:"reason"`
}

// Report is what Verify found.
type Report struct {
	Objects   uint64   `json:"objects"`
	Filemarks uint64   `json:"filemarks"`
	Encrypted uint64   `json:"encrypted,omitempty"` // blocks of which only the checksums could be checked
	Bytes     int64    `json:"bytes"`               // of blocks, as written by initiators
	Stored    int64    `json:"stored"`
	Damages   []Damage `json:"damages,omitempty"`
	More      uint64   `json:"more,omitempty"` // damages beyond those listed
}

// maxDamages bounds Report.Damages.
const maxDamages = 1000

// add notes a damage; one that continues the last becomes part of it.
func (r *Report) add(d Damage) {
	if n := len(r.Damages); n > 0 {
		if l := &r.Damages[n-1]; l.Partition == d.Partition && l.File == d.File && l.Object+l.Count == d.Object && l.Reason == d.Reason {
			l.Count++
			return
		}
	}
	if len(r.Damages) >= maxDamages {
		r.More++
		return
	}
	r.Damages = append(r.Damages, d)
}

// Verify reads everything and checks every checksum. progress, which may be nil,
// is told bytes done and in all from time to time. An index entry that had to be
// found in the data file is not a damage of the recording, but is reported when
// the cartridge is open for reading only and it could not be mended. The position
// stays.
func (c *Cartridge) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	var rep Report
	if err := c.leave(); err != nil {
		return rep, err
	}
	c.ahead.stop()
	total, before := int64(0), int64(0)
	for _, p := range c.parts {
		total += p.end
	}
	told := int64(-1)
	var page indexPage
	for _, p := range c.parts {
		for object := uint64(0); object < p.objects; object++ {
			if object%64 == 0 {
				if err := ctx.Err(); err != nil {
					return rep, context.Cause(ctx)
				}
			}
			if object < p.indexed {
				var e format.Entry
				if err := page.entry(p, &e, object, p.indexed); err != nil && c.opts.ReadOnly {
					rep.add(Damage{p.number, object, 1, p.index.Name(), err.Error()})
				}
			}
			b, e, err := c.readObject(p, object)
			rep.Objects++
			switch {
			case errors.Is(err, ErrEncrypted):
				rep.Encrypted++
				rep.Bytes += int64(e.Length)
				rep.Stored += int64(e.Stored)
			case err != nil:
				rep.add(Damage{p.number, object, 1, p.data.Name(), reason(err)})
			case e.Kind == format.Filemark:
				rep.Filemarks++
			default:
				rep.Bytes += int64(len(b.B))
				rep.Stored += int64(e.Stored)
				b.Release()
			}
			if done := before + e.End(); progress != nil && done-told >= 64<<20 {
				told = done
				progress(done, total)
			}
		}
		before += p.end
		page.n = 0
	}
	if progress != nil {
		progress(total, total)
	}
	return rep, nil
}

// reason is an error without what Damage has in fields of its own.
func reason(err error) string {
	for _, known := range []error{errRecord} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

// Append is Write of bytes that belong to the caller, for tools.
func (c *Cartridge) Append(block []byte) (Zone, error) {
	if len(block) > MaxBlock {
		return ZoneFree, fmt.Errorf("%w: a block of %d bytes", ErrNoRoom, len(block))
	}
	b := buffer.Default.Get(len(block))
	copy(b.B, block)
	return c.Write(b)
}
