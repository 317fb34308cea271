package ltfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// volumeID is the UUID of the volumes that the stories make.
const volumeID = "01234567-89ab-cdef-0123-456789abcdef"

// BlockSize is the length of blocks of files, in bytes.
const BlockSize = 64 << 10

// Story makes, mounts, fills and checks a volume on the tape in a drive. Everything
// on the tape is lost. methods are the methods of logical block protection that the
// drive has besides none. The drive is left with the tape unloaded.
func Story(u Unit, methods ...byte) error {
	d, err := Open(u, "LTFSKEY1")
	if err != nil {
		return err
	}
	v := &volume{Drive: d}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"load", d.Load},
		{"mkltfs", v.make},
		{"unmount", d.Unload},
		{"load again", d.Load},
		{"mount", v.mount},
		{"write files", func() error { return v.files(6, methods) }},
		{"append-only", v.appendOnly},
		{"unmount", v.unmount},
		{"mount again", func() error { return firstError(d.Load(), v.mount()) }},
		{"check", v.check},
		{"fill", v.fill},
		{"diagnose", d.diagnose},
		{"unmount", v.unmount},
		{"close", d.Close},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func firstError(l ...error) error {
	for _, err := range l {
		if err != nil {
			return err
		}
	}
	return nil
}

// volume is an LTFS volume, and what the program remembers of it.
type volume struct {
	*Drive
	generation uint64
	last       [2]uint64 // object of the last index, by partition
	blocks     []placed
}

// placed is a block of a file.
type placed struct {
	object uint64
	seed   uint64
	method byte
}

// content is a block that does not compress.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 7})
	_, _ = r.Read(b)
	return b
}

// make is mkltfs: two partitions, labels, the first index in both, attributes.
func (v *volume) make() error {
	if _, err := v.Format(); err != nil {
		return err
	}
	b, err := v.mode(0x0F, 0, 32)
	if err != nil {
		return err
	}
	b[16+2] |= 0x80 // DCE
	binary.BigEndian.PutUint16(b[14:], 0)
	if err := v.selectMode(b); err != nil {
		return err
	}
	for _, part := range []byte{dataPartition, indexPartition} {
		label := append([]byte("VOL1LTF001            L             LTFS"), bytes.Repeat([]byte(" "), 40)...)
		if err := firstError(v.Locate(part, 0), v.Write(label[:80]), v.Marks(1), v.Write(content(1, 1900)), v.Marks(1)); err != nil {
			return err
		}
	}
	for _, part := range []byte{dataPartition, indexPartition} {
		if err := firstError(v.LocateEnd(part), v.index(part)); err != nil {
			return err
		}
	}
	for _, a := range []struct {
		id     uint16
		format byte
		value  string
	}{
		{0x0800, 1, "LTFSTEST"}, {0x0801, 1, fmt.Sprintf("%-32s", "LTFS story")}, {0x0802, 1, "2.4.8   "},
		{0x0803, 2, fmt.Sprintf("%-160s", "a volume")}, {0x0805, 0, "\x81"}, {0x0806, 1, fmt.Sprintf("%-32s", "LTF001")},
		{0x0808, 2, fmt.Sprintf("%-160s", "pool")}, {0x080B, 1, fmt.Sprintf("%-16s", "2.4.0")}, {0x1623, 0, "\x00"},
	} {
		if err := v.SetAttribute(0, a.id, a.format, []byte(a.value)); err != nil {
			return err
		}
	}
	if got, err := v.Attribute(0, 0x0819); err != nil || got != nil {
		return fmt.Errorf("an attribute that nobody wrote: % X %v", got, err)
	}
	return v.coherency()
}

// index writes an index construct: filemark, index, filemark.
func (v *volume) index(part byte) error {
	if err := v.Marks(1); err != nil {
		return err
	}
	p, err := v.Position()
	if err != nil {
		return err
	}
	v.generation++
	v.last[part] = p.Object
	return firstError(v.Write(content(v.generation, 2100)), v.Marks(1))
}

// reference is the volume change reference.
func (v *volume) reference() ([]byte, error) {
	b, err := v.Attribute(0, 0x0009)
	if err == nil && (len(b) != 4 || bytes.Equal(b, make([]byte, 4)) || bytes.Equal(b, []byte{0xFF, 0xFF, 0xFF, 0xFF})) {
		err = fmt.Errorf("volume change reference % X", b)
	}
	return b, err
}

// coherency notes in both partitions where the last index is, for this state of
// the volume.
func (v *volume) coherency() error {
	ref, err := v.reference()
	if err != nil {
		return err
	}
	for part, at := range v.last {
		b := append([]byte{8, 0, 0, 0, 0}, ref...)
		b = binary.BigEndian.AppendUint64(b, v.generation)
		b = binary.BigEndian.AppendUint64(b, at)
		b = append(b, 0, 0x2B)
		b = append(append(b, "LTFS\x00"+volumeID+"\x00"...), 1)
		if err := v.SetAttribute(byte(part), 0x080C, 0, b); err != nil {
			return err
		}
	}
	return nil
}

// mount compares the coherency data with the volume change reference, and reads
// the index where they say that it is.
func (v *volume) mount() error {
	ref, err := v.reference()
	if err != nil {
		return err
	}
	for part := range v.last {
		b, err := v.Attribute(byte(part), 0x080C)
		switch {
		case err != nil:
			return err
		case len(b) != 70 || !bytes.Equal(b[5:9], ref):
			return fmt.Errorf("partition %d: the volume changed since its last index: % X, reference % X", part, b, ref)
		case binary.BigEndian.Uint64(b[9:]) != v.generation:
			return fmt.Errorf("partition %d: generation %d, want %d", part, binary.BigEndian.Uint64(b[9:]), v.generation)
		}
		at := binary.BigEndian.Uint64(b[17:])
		if err := v.Locate(byte(part), at); err != nil {
			return err
		}
		if got, mark, err := v.Read(BlockSize); err != nil || mark || len(got) != 2100 {
			return fmt.Errorf("partition %d: the index at %d: %d bytes, %v, %v", part, at, len(got), mark, err)
		}
		if _, mark, err := v.Read(BlockSize); err != nil || !mark {
			return fmt.Errorf("partition %d: no filemark behind the index: %v", part, err)
		}
	}
	if again, err := v.reference(); err != nil || !bytes.Equal(again, ref) {
		return fmt.Errorf("reading changed the reference from % X to % X (%v)", ref, again, err)
	}
	return nil
}

// files writes blocks with each method of protection, and reads them back with
// each.
func (v *volume) files(n int, methods []byte) error {
	if err := v.LocateEnd(dataPartition); err != nil {
		return err
	}
	for _, m := range append([]byte{0}, methods...) {
		if len(methods) > 0 {
			if err := v.Protect(m); err != nil {
				return err
			}
		}
		for range n {
			p, err := v.Position()
			if err != nil {
				return err
			}
			seed := uint64(len(v.blocks) + 100)
			if err := v.Write(content(seed, BlockSize)); err != nil {
				return err
			}
			v.blocks = append(v.blocks, placed{p.Object, seed, m})
		}
		if m == 0 {
			continue
		}
		// A guard that is wrong: the block is not on the tape.
		before, err := v.Position()
		if err != nil {
			return err
		}
		good := v.guard
		v.guard = func([]byte) []byte { return []byte{1, 2, 3, 4} }
		c, err := v.write(content(9, 4000))
		v.guard = good
		if err != nil || c.Code() != "4/10/01" {
			return fmt.Errorf("method %d: a wrong guard: %s %v", m, c.Code(), err)
		}
		if after, err := v.Position(); err != nil || after != before {
			return fmt.Errorf("method %d: a refused block moved the tape: %+v %v", m, after, err)
		}
	}
	if err := v.index(dataPartition); err != nil {
		return err
	}
	if len(methods) == 0 {
		return v.readBack()
	}
	for _, m := range append([]byte{0}, methods...) {
		if err := firstError(v.Protect(m), v.readBack()); err != nil {
			return err
		}
	}
	return v.Protect(0)
}

// readBack reads every block of every file.
func (v *volume) readBack() error {
	for i, b := range v.blocks {
		if i == 0 || v.blocks[i-1].object+1 != b.object {
			if err := v.Locate(dataPartition, b.object); err != nil {
				return err
			}
		}
		got, mark, err := v.Read(BlockSize + 1000)
		if err != nil || mark || !bytes.Equal(got, content(b.seed, BlockSize)) {
			return fmt.Errorf("block %d is not what was written: %d bytes, %v, %v", b.object, len(got), mark, err)
		}
	}
	return nil
}

// appendOnly turns append-only mode on, is refused at the old index of the index
// partition, and writes there when that was allowed. A drive without it is used as
// LTFS uses one: without.
func (v *volume) appendOnly() error {
	b, err := v.mode(0x10, 1, 48)
	if err != nil {
		return err
	}
	b[16+5] = b[16+5]&0x0F | 0x10
	b[0], b[1], b[16] = 0, 0, b[16]&0x7F
	_, c, err := v.try([]byte{0x55, 0x10, 0, 0, 0, 0, 0, 0, byte(len(b)), 0}, b, 0)
	if err != nil {
		return err
	}
	at := v.last[indexPartition] - 1
	if err := v.Locate(indexPartition, at); err != nil {
		return err
	}
	allow := make([]byte, 16)
	allow[0], allow[2] = 0x82, 1
	binary.BigEndian.PutUint64(allow[4:], at)
	if c.Key == 5 { // no append-only mode: then none of it
		if err := v.refused("ALLOW OVERWRITE", allow, nil, 0, "5/20/00 5/20/0C"); err != nil {
			return err
		}
		return v.index(indexPartition)
	}
	if err := v.refused("a filemark over the index", []byte{0x10, 0, 0, 0, 1, 0}, nil, 0, "7/5A/02 7/30/0C"); err != nil {
		return err
	}
	other := bytes.Clone(allow)
	other[11]++
	if err := v.refused("ALLOW OVERWRITE of another object", other, nil, 0, "5/3B/00"); err != nil {
		return err
	}
	if _, err := v.do("ALLOW OVERWRITE", allow, nil, 0); err != nil {
		return err
	}
	if err := v.index(indexPartition); err != nil {
		return err
	}
	b[16+5] &= 0x0F
	return v.refused("leaving append-only mode", []byte{0x55, 0x10, 0, 0, 0, 0, 0, 0, byte(len(b)), 0}, b, 0, "5/26/00")
}

// unmount writes the coherency data and lets the tape go; then append-only mode can
// be left.
func (v *volume) unmount() error {
	if err := firstError(v.coherency(), v.Unload()); err != nil {
		return err
	}
	_, c, err := v.try([]byte{0x5A, 0, 0x10, 1, 0, 0, 0, 0, 48, 0}, nil, 48)
	if err != nil || c != (Condition{}) {
		return fmt.Errorf("MODE SENSE without a tape: %s %v", c.Code(), err)
	}
	b, err := v.mode(0x10, 1, 48)
	if err != nil || b[16+5]&0xF0 == 0 {
		return err
	}
	b[16+5] &= 0x0F
	return v.selectMode(b)
}

// check is ltfsck: it finds the last index from the end of data backwards, in both
// partitions, and reads every file.
func (v *volume) check() error {
	for part := range v.last {
		if err := v.LocateEnd(byte(part)); err != nil {
			return err
		}
		for range 2 { // behind the filemark before the index
			if _, err := v.do("SPACE", []byte{0x11, 1, 0xFF, 0xFF, 0xFF, 0}, nil, 0); err != nil {
				return err
			}
		}
		if _, err := v.do("SPACE", []byte{0x11, 1, 0, 0, 1, 0}, nil, 0); err != nil {
			return err
		}
		p, err := v.Position()
		if err != nil || p.Object != v.last[part] {
			return fmt.Errorf("partition %d: the last index is at %+v, want %d (%v)", part, p, v.last[part], err)
		}
	}
	return v.readBack()
}

// fill writes until early warning and on to the end; behind early warning there is
// room for an index.
func (v *volume) fill() error {
	if err := v.LocateEnd(dataPartition); err != nil {
		return err
	}
	programmable, early := -1, -1
	for n := 0; early < 0; n++ {
		c, err := v.write(content(uint64(n), BlockSize))
		switch {
		case err != nil:
			return err
		case c.Code() == "0/00/07" && c.EOM && programmable < 0:
			programmable = n
		case c.Code() == "0/00/02" && c.EOM && c.Information == 0:
			early = n
		case c != (Condition{}):
			return fmt.Errorf("block %d: %s", n, c.Code())
		}
	}
	if b, err := v.mode(0x10, 1, 48); err != nil || binary.BigEndian.Uint16(b[16+6:]) > 0 && (programmable < 0 || programmable > early) {
		return fmt.Errorf("programmable early warning at block %d, early warning at %d (%v)", programmable, early, err)
	}
	p, err := v.Position()
	if err != nil || !p.EOP {
		return fmt.Errorf("behind early warning: %+v %v", p, err)
	}
	_, remaining, err := v.Capacity()
	if err != nil || remaining[dataPartition] != 0 {
		return fmt.Errorf("behind early warning there remain %v (%v)", remaining, err)
	}
	if err := v.index(dataPartition); err != nil {
		return err
	}
	for n := 0; ; n++ {
		c, err := v.write(content(uint64(n), BlockSize))
		if err != nil || n > 1<<20 {
			return fmt.Errorf("to the end: %v", err)
		}
		if c.Code() == "D/00/02" {
			if !c.EOM || !c.Valid || c.Information != BlockSize {
				return fmt.Errorf("at the end: %+v", c)
			}
			break
		}
		if c.Code() != "0/00/02" {
			return fmt.Errorf("behind early warning: %s", c.Code())
		}
	}
	// What LTFS keeps is the index before.
	if err := firstError(v.Locate(dataPartition, v.last[dataPartition]-1), v.index(dataPartition)); err != nil {
		return err
	}
	return firstError(v.Locate(indexPartition, v.last[indexPartition]-1), v.index(indexPartition), v.check())
}

// diagnose is what LTFS does after sense data that it did not expect: it asks for a
// dump, and must not be refused both ways.
func (d *Drive) diagnose() error {
	if _, err := d.do("SEND DIAGNOSTIC", []byte{0x1D, 0x10, 0, 0, 8, 0}, []byte{0x80, 0, 0, 4, 1, 0x60, 0, 0}, 0); err != nil {
		return err
	}
	b, err := d.do("READ BUFFER descriptor", []byte{0x3C, 3, 1, 0, 0, 0, 0, 0, 4, 0}, nil, 4)
	if err != nil || len(b) != 4 {
		return fmt.Errorf("READ BUFFER descriptor: % X %v", b, err)
	}
	n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	_, err = d.do("READ BUFFER", []byte{0x3C, 2, 1, 0, 0, 0, b[1], b[2], b[3], 0}, nil, n)
	return err
}
