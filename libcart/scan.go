package libcart

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// place is where a record has to be: the end of the one before it.
type place struct {
	object    uint64
	offset    int64
	filemarks uint64
	epoch     uint32
	loose     bool // behind a lost object: at least so many filemarks
	marked    bool // the index has the mark of a cut here
}

// begin is the place of a partition's first record.
func (p *partition) begin() place { return place{offset: format.DataHeaderSize, epoch: p.first} }

// behind is the place behind a record.
func behind(object uint64, e *format.Entry) place {
	return place{object: object + 1, offset: e.End(), filemarks: e.FilemarksBehind(), epoch: e.Epoch, loose: e.Kind == format.Lost}
}

// errRecord says that no record of this partition stands where one should.
var errRecord = errors.New("no valid record header")

// header reads the record header at an offset of the data file and checks that
// it belongs there. The error is errRecord, or that of the file.
func (p *partition) header(r *format.Record, off int64) error {
	var b [format.RecordSize]byte
	if _, err := p.data.ReadAt(b[:], off); err != nil && err != io.EOF {
		return err
	}
	if err := format.DecodeRecord(r, b[:]); err != nil {
		return fmt.Errorf("%w at offset %d: %w", errRecord, off, err)
	}
	if !p.belongs(r, off) {
		return fmt.Errorf("%w at offset %d: it belongs to another place or recording", errRecord, off)
	}
	return nil
}

// belongs says that a record was written to this offset of this file.
func (p *partition) belongs(r *format.Record, off int64) bool {
	return r.Tag == p.tag && r.Partition == p.number && r.Offset == off && r.Epoch >= p.first
}

// follows says that a record is the next after what ends at a place.
func (at place) follows(r *format.Record) bool {
	return r.Object == at.object && r.Offset == at.offset && r.Epoch >= at.epoch &&
		(r.Filemarks == at.filemarks || at.loose && r.Filemarks > at.filemarks)
}

// mayFollow says that a record can be a later one, with what is between them lost.
func (at place) mayFollow(r *format.Record) bool {
	return (r.Object > at.object || at.loose && r.Object == at.object) && r.Filemarks >= at.filemarks && r.Epoch >= at.epoch &&
		r.Filemarks-at.filemarks <= r.Object-at.object &&
		uint64(r.Offset-at.offset)/format.RecordSize >= r.Object-at.object
}

// resync finds the first record header behind a place, up to limit, that may
// follow it. It returns false when there is none.
func (p *partition) resync(at place, limit int64, r *format.Record) (bool, error) {
	size, err := p.data.Size()
	if err != nil {
		return false, err
	}
	limit = min(limit, size)
	chunk := min(1<<20, max((limit-at.offset+4095)&^4095, 4096))
	b := make([]byte, chunk+format.RecordSize)
	for off := at.offset + format.Align; off < limit; off += chunk {
		if err := p.work.to(off); err != nil {
			return false, err
		}
		n, err := p.data.ReadAt(b, off)
		if err != nil && err != io.EOF {
			// An unreadable spot of the disk: go on behind it, page by page.
			n = 0
			for n < int(chunk) && off+int64(n) < limit {
				if _, err := p.data.ReadAt(b[n:n+4096], off+int64(n)); err != nil {
					clear(b[n : n+4096])
				}
				n += 4096
			}
		}
		for i := 0; i < min(n, int(chunk)); i++ {
			j := bytes.Index(b[i:n], format.RecordMagic())
			if j < 0 {
				break
			}
			i += j
			pos := off + int64(i)
			if i >= int(chunk) || pos%format.Align != 0 || pos >= limit {
				continue
			}
			if format.DecodeRecord(r, b[i:n]) == nil && p.belongs(r, pos) && at.mayFollow(r) {
				return true, nil
			}
		}
	}
	return false, nil
}

// verify reads a record's payload and checks it against its header.
func (p *partition) verify(r *format.Record) error {
	if r.Kind != format.Block {
		return nil
	}
	aux := int(r.Aux)
	b := buffer.Default.Get(max(min(int(r.Stored), 1<<20), aux))
	defer b.Release()
	off := r.Offset + format.RecordSize
	if aux > 0 {
		if _, err := p.data.ReadAt(b.B[:aux], off); err != nil && err != io.EOF {
			return err
		}
		if format.Checksum(b.B[:aux]) != r.AuxCRC {
			return fmt.Errorf("%w: object %d: wrong checksum of its auxiliary data", errRecord, r.Object)
		}
		off += int64(aux)
	}
	crc := uint32(0)
	for left := int(r.Stored); left > 0; {
		n, err := p.data.ReadAt(b.B[:min(left, len(b.B))], off)
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: object %d: cut short", errRecord, r.Object)
		}
		crc = format.UpdateChecksum(crc, b.B[:n])
		left -= n
		off += int64(n)
	}
	if crc != r.StoredCRC {
		return fmt.Errorf("%w: object %d: wrong checksum", errRecord, r.Object)
	}
	return nil
}
