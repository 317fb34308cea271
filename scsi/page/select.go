package page

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"govtl/scsi"
)

// Selection is a MODE SELECT parameter list that passed all checks which follow
// from the pages' definitions. Nothing has changed yet: the device checks what
// only it knows and then calls Modes.Commit.
type Selection struct {
	Nexus *scsi.Nexus
	Save  bool // SP

	// Header is what the list says. Fields that SPC-4 or the drives ignore are
	// in it as they were sent. HasHeader is false for an empty list,
	// HasDescriptor says that density, blocks and block length were there.
	Header        Header
	HasHeader     bool
	HasDescriptor bool

	// Pages are the pages in the order of the list.
	Pages []*Change

	ten bool
}

// Change is one page of a Selection.
type Change struct {
	Page     *Mode
	Old, New Image

	index  int // into Modes.pages
	offset int // of the page in the parameter list
}

// Find returns the last page of a code and subpage in the list, or nil.
func (s *Selection) Find(code, subpage uint8) *Change {
	for _, c := range slices.Backward(s.Pages) {
		if c.Page.Code == code && c.Page.Subpage == subpage {
			return c
		}
	}
	return nil
}

// descriptorOffset is the offset of the block descriptor in the list.
func (s *Selection) descriptorOffset() int {
	if s.ten {
		return 8
	}
	return 4
}

// RefuseDeviceSpecific is the refusal of the device-specific parameter; bit is
// the most significant bit of the field in error.
func (s *Selection) RefuseDeviceSpecific(bit int) *scsi.Sense {
	if s.ten {
		return scsi.InvalidParameterAt(3, bit)
	}
	return scsi.InvalidParameterAt(2, bit)
}

// RefuseBlockLength is the refusal of the block length.
func (s *Selection) RefuseBlockLength() *scsi.Sense {
	return scsi.InvalidParameterAt(s.descriptorOffset()+5, 7)
}

// Get is the new value of a number; 0 when there is no such field.
func (c *Change) Get(field string) uint64 {
	if f := c.Page.Fields.Find(field); f != nil {
		return c.New.Get(f)
	}
	return 0
}

// Was is the value before.
func (c *Change) Was(field string) uint64 {
	if f := c.Page.Fields.Find(field); f != nil {
		return c.Old.Get(f)
	}
	return 0
}

// Changed reports whether the number's value changes.
func (c *Change) Changed(field string) bool { return c.Get(field) != c.Was(field) }

// Set replaces the new value, for a device that rounds it.
func (c *Change) Set(field string, v uint64) {
	if f := c.Page.Fields.Find(field); f != nil {
		c.New.Put(f, v)
	}
}

// Refuse is INVALID FIELD IN PARAMETER LIST that points to the field.
func (c *Change) Refuse(field string) *scsi.Sense {
	if f := c.Page.Fields.Find(field); f != nil {
		return scsi.InvalidParameterAt(c.offset+f.Byte, f.TopBit())
	}
	return scsi.InvalidParameterAt(c.offset, -1)
}

// Select checks a MODE SELECT(6) or (10) parameter list, SPC-4 6.9, 6.10 and 7.5.
// list is as long as PARAMETER LIST LENGTH says.
func (s *Modes) Select(n *scsi.Nexus, ten, save bool, list []byte) (*Selection, error) {
	sel := &Selection{Nexus: n, Save: save, ten: ten}
	if save && !s.saving {
		return nil, scsi.InvalidFieldInCDBAt(1, 0)
	}
	if len(list) == 0 {
		return sel, nil
	}
	at, err := sel.decodeHeader(list)
	if err != nil {
		return nil, err
	}
	for at < len(list) {
		c, err := s.change(sel, list, at)
		if err != nil {
			return nil, err
		}
		if save && !c.Page.Saveable {
			return nil, scsi.InvalidFieldInCDBAt(1, 0)
		}
		sel.Pages = append(sel.Pages, c)
		at += len(c.New)
	}
	return sel, nil
}

func listCut() *scsi.Sense {
	return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
}

// decodeHeader decodes header and block descriptor and returns where the pages
// begin. MODE DATA LENGTH is reserved here and ignored.
func (s *Selection) decodeHeader(list []byte) (int, error) {
	var at, bd, bdField int
	if s.ten {
		if len(list) < 8 {
			return 0, listCut()
		}
		s.Header.MediumType, s.Header.DeviceSpecific = list[2], list[3]
		if list[4]&0x01 != 0 { // LONGLBA
			return 0, scsi.InvalidParameterAt(4, 0)
		}
		at, bd, bdField = 8, int(binary.BigEndian.Uint16(list[6:])), 6
	} else {
		if len(list) < 4 {
			return 0, listCut()
		}
		s.Header.MediumType, s.Header.DeviceSpecific = list[1], list[2]
		at, bd, bdField = 4, int(list[3]), 3
	}
	s.HasHeader = true
	switch {
	case bd == 0:
		return at, nil
	case bd != 8:
		return 0, scsi.InvalidParameterAt(bdField, 7)
	case len(list) < at+8:
		return 0, listCut()
	}
	d := list[at:]
	s.HasDescriptor = true
	s.Header.Density = d[0]
	s.Header.Blocks = binary.BigEndian.Uint32(d[0:]) & 0xFFFFFF
	s.Header.BlockLength = binary.BigEndian.Uint32(d[4:]) & 0xFFFFFF
	return at + 8, nil
}

// change checks the page at an offset of the list.
func (s *Modes) change(sel *Selection, list []byte, at int) (*Change, error) {
	p := list[at:]
	if len(p) < 2 {
		return nil, listCut()
	}
	code, subpage, size := p[0]&0x3F, uint8(0), 2+int(p[1])
	if p[0]&0x40 != 0 {
		if len(p) < 4 {
			return nil, listCut()
		}
		subpage, size = p[1], 4+int(binary.BigEndian.Uint16(p[2:]))
	}
	i := s.index(code, subpage)
	switch {
	case i >= 0 && (subpage != 0) == (p[0]&0x40 != 0):
	case subpage != 0 && slices.ContainsFunc(s.pages, func(m modeState) bool { return m.Code == code }):
		return nil, scsi.InvalidParameterAt(at+1, 7)
	default:
		return nil, scsi.InvalidParameterAt(at, 5)
	}
	m := &s.pages[i]
	if size != m.Size() {
		if size > len(p) && m.Size() > len(p) {
			return nil, listCut()
		}
		return nil, scsi.InvalidParameterAt(at+m.header()-1-m.header()/4, 7)
	}
	if size > len(p) {
		return nil, listCut()
	}
	c := &Change{Page: &m.Mode, index: i, offset: at}
	if before := sel.Find(code, subpage); before != nil {
		c.Old = before.New
	} else {
		c.Old = s.current(sel.Nexus, i)
	}
	c.New = slices.Clone(c.Old)
	for j := m.header(); j < size; j++ {
		if diff := (p[j] ^ c.Old[j]) &^ (m.mask[j] | m.ignored[j]); diff != 0 {
			return nil, scsi.InvalidParameterAt(at+j, bits.Len8(diff)-1)
		}
		c.New[j] = c.Old[j]&^m.mask[j] | p[j]&m.mask[j]
	}
	for k := range m.Fields {
		if f := &m.Fields[k]; f.Kind == Changeable && f.IsNumber() && !f.Allows(c.New.Get(f)) {
			return nil, c.Refuse(f.Name)
		}
	}
	return c, nil
}

// SharedChanged reports whether the selection changes a value that other nexuses
// see: then they get the unit attention condition MODE PARAMETERS CHANGED.
func (s *Selection) SharedChanged() bool {
	return slices.ContainsFunc(s.Pages, func(c *Change) bool {
		return !c.Page.PerNexus && !bytes.Equal(c.Old[c.Page.header():], c.New[c.Page.header():])
	})
}

// Commit makes the selection the current values, and with Save the saved ones.
func (s *Modes) Commit(sel *Selection) {
	for _, c := range sel.Pages {
		p := &s.pages[c.index]
		b := s.stored(sel.Nexus, c.index)
		for j := p.header(); j < len(b); j++ {
			b[j] = b[j]&^p.mask[j] | c.New[j]&p.mask[j]
		}
		if sel.Save {
			saved := p.Default()
			for j := p.header(); j < len(saved); j++ {
				saved[j] = saved[j]&^p.mask[j] | c.New[j]&p.mask[j]
			}
			p.saved = saved
			if p.PerNexus {
				copy(p.current[p.header():], saved[p.header():])
			}
		}
	}
}
