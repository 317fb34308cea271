package libcart

import (
	"io"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

const (
	// readObjects and readBytes bound what one file operation reads ahead.
	readObjects = 64
	readBytes   = 2 << 20
)

// batch reads records that follow each other with one file operation.
type batch struct {
	reader  recordReader
	n       int // records
	bytes   int64
	entries [readObjects]format.Entry
	blocks  [readObjects]*buffer.Buffer
	headers [readObjects * format.RecordSize]byte
	scratch []byte // auxiliary data of all records, one after the other
	aux     []byte // of those that take has not come to
	gap     [format.Align]byte
	bufs    [][]byte
	loaded  int64 // the file was read up to here
}

func (g *batch) reset() { g.n, g.bytes = 0, 0 }

// add takes another record into an empty batch, or one that follows the others
// when it fits; it returns false when it does neither.
func (g *batch) add(e format.Entry) bool {
	if g.n > 0 && (g.n == readObjects || g.bytes+e.Size() > readBytes || g.entries[g.n-1].End() != e.Offset) {
		return false
	}
	g.entries[g.n] = e
	g.n++
	g.bytes += e.Size()
	return true
}

// load reads what was added. What it could not read take reads again.
func (g *batch) load(p *partition) {
	n := 0
	for i := range g.n {
		n += int(g.entries[i].Aux)
	}
	if cap(g.scratch) < n {
		g.scratch = make([]byte, n)
	}
	g.aux = g.scratch[:n]
	aux := g.aux
	for i := range g.n {
		e := &g.entries[i]
		b, err := payloadFor(e)
		if err != nil {
			break
		}
		g.blocks[i] = b
		g.bufs = append(g.bufs, g.headers[i*format.RecordSize:][:format.RecordSize], aux[:e.Aux], b.B,
			g.gap[:format.Pad(int64(e.Aux)+int64(e.Stored))])
		aux = aux[e.Aux:]
	}
	n, err := p.data.ReadvAt(g.bufs, g.entries[0].Offset)
	if err != nil && err != io.EOF {
		n = 0
	}
	g.loaded = g.entries[0].Offset + int64(n)
	clear(g.bufs)
	g.bufs = g.bufs[:0]
}

// take verifies record i, of the object, and returns its block; nil for a
// filemark. It is called for each record in order.
func (g *batch) take(p *partition, object uint64, i int) (*buffer.Buffer, error) {
	z, e, payload := &g.reader, &g.entries[i], g.blocks[i]
	g.blocks[i] = nil
	aux := g.aux[:e.Aux]
	g.aux = g.aux[e.Aux:]
	if payload == nil || e.Offset+format.RecordSize+int64(e.Aux)+int64(e.Stored) > g.loaded {
		payload.Release()
		return z.read(p, object, *e)
	}
	if err := p.decode(&z.record, g.headers[i*format.RecordSize:][:format.RecordSize], object, e); err != nil || e.Kind == format.Filemark {
		payload.Release()
		return nil, err
	}
	copy(z.aux[:], aux)
	return z.unpack(payload)
}
