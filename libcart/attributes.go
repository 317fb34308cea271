package libcart

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"govtl/libcart/internal/format"
)

// Limits of the cartridge memory of one partition.
const (
	MaxAttributes     = 1024
	MaxAttributeBytes = 64 << 10 // of all values
)

// mergeAttributes returns old with the changes of list: an empty value deletes.
// The result is sorted and shares nothing with list.
func mergeAttributes(old []format.Attribute, list []Attribute) ([]format.Attribute, error) {
	out := slices.Clone(old)
	for _, a := range list {
		i, found := slices.BinarySearchFunc(out, a.ID, func(e format.Attribute, id uint16) int { return cmp.Compare(e.ID, id) })
		if len(a.Value) > 0xFFFF || a.Format > 3 {
			return nil, fmt.Errorf("%w %04Xh: %d bytes of format %d", ErrAttribute, a.ID, len(a.Value), a.Format)
		}
		n := format.Attribute{ID: a.ID, Format: a.Format, Value: bytes.Clone(a.Value)}
		if a.ReadOnly {
			n.Flags = 1
		}
		switch {
		case len(a.Value) == 0 && found:
			out = slices.Delete(out, i, i+1)
		case len(a.Value) == 0:
		case found:
			out[i] = n
		default:
			out = slices.Insert(out, i, n)
		}
	}
	sum := 0
	for _, a := range out {
		sum += len(a.Value)
	}
	if len(out) > MaxAttributes || sum > MaxAttributeBytes {
		return nil, fmt.Errorf("%w: %d attributes of %d bytes: more than the cartridge memory holds", ErrAttribute, len(out), sum)
	}
	return out, nil
}

func attributeOf(a format.Attribute) Attribute {
	return Attribute{ID: a.ID, Format: a.Format, ReadOnly: a.Flags&1 != 0, Value: a.Value}
}

// Attribute returns a cartridge memory attribute of a partition as it is stored,
// or ErrAttribute. The value belongs to the cartridge.
func (c *Cartridge) Attribute(part uint8, id uint16) (Attribute, error) {
	if int(part) >= len(c.meta.Partitions) {
		return Attribute{}, fmt.Errorf("%w: %d", ErrPartition, part)
	}
	for _, a := range c.meta.Partitions[part].Attributes {
		if a.ID == id {
			return attributeOf(a), nil
		}
	}
	return Attribute{}, fmt.Errorf("%w %04Xh is not there", ErrAttribute, id)
}

// Attributes returns the stored attributes of a partition in order of ID.
func (c *Cartridge) Attributes(part uint8) []Attribute {
	if int(part) >= len(c.meta.Partitions) {
		return nil
	}
	var out []Attribute
	for _, a := range c.meta.Partitions[part].Attributes {
		out = append(out, attributeOf(a))
	}
	return out
}

// SetAttributes stores attributes of a partition, all or none, durably. One
// with an empty Value is deleted; deleting one that is not there is no error.
// ErrAttribute: one is too long, or all together are. The write-protect tab does
// not protect the cartridge memory.
func (c *Cartridge) SetAttributes(part uint8, list []Attribute) error {
	switch {
	case int(part) >= len(c.meta.Partitions):
		return fmt.Errorf("%w: %d", ErrPartition, part)
	case c.opts.ReadOnly || c.closed:
		return fmt.Errorf("%w: %s", ErrReadOnly, c.dir)
	}
	if err := c.failed(); err != nil {
		return err
	}
	p := &c.meta.Partitions[part]
	old := p.Attributes
	merged, err := mergeAttributes(old, list)
	if err != nil {
		return err
	}
	p.Attributes = merged
	if err := c.storeOpenMeta(); err != nil {
		p.Attributes = old
		return err
	}
	return nil
}
