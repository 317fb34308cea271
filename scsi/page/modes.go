package page

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"govtl/scsi"
)

// Control is the PC field of MODE SENSE, SPC-4 table 152: which values.
type Control uint8

// The values of PC.
const (
	CurrentValues Control = iota
	ChangeableValues
	DefaultValues
	SavedValues
)

// Header is the mode parameter header and its block descriptor, SPC-4 7.5.5 and
// 7.5.6, without the lengths.
type Header struct {
	MediumType     uint8
	DeviceSpecific uint8 // for tape WP<<7 | BUFFERED MODE<<4 | SPEED (SSC-4 8.3.1)

	// NoDescriptor devices (media changers) have no block descriptor.
	NoDescriptor bool

	Density     uint8
	Blocks      uint32 // NUMBER OF LOGICAL BLOCKS, 24 bits
	BlockLength uint32 // bytes, 24 bits
}

// Modes are the mode pages of one logical unit with their values.
type Modes struct {
	// Live, when not nil, puts the values of dynamic fields into an image of
	// current values before it is sent or compared.
	Live func(n *scsi.Nexus, m *Mode, b Image)

	pages  []modeState // ascending by code, subpage
	byNexu map[*scsi.Nexus][]Image
	saving bool // some page is saveable
}

type modeState struct {
	Mode
	current Image // of a shared page
	saved   Image // nil: default
	ignored Image // mask of bits that MODE SELECT may send anyhow
	mask    Image // mask of changeable bits, header empty
}

// NewModes makes the mode pages of a logical unit. It returns an error when a
// definition is wrong or a page is there twice.
func NewModes(pages []Mode) (*Modes, error) {
	s := &Modes{byNexu: map[*scsi.Nexus][]Image{}}
	for _, m := range pages {
		if err := m.Check(); err != nil {
			return nil, err
		}
		s.pages = append(s.pages, modeState{
			Mode: m, current: m.Default(), ignored: m.mask(Ignored), mask: m.mask(Changeable),
		})
		s.saving = s.saving || m.Saveable
	}
	slices.SortFunc(s.pages, func(a, b modeState) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subpage, b.Subpage))
	})
	for i := 1; i < len(s.pages); i++ {
		if a, b := &s.pages[i-1], &s.pages[i]; a.Code == b.Code && a.Subpage == b.Subpage {
			return nil, fmt.Errorf("page: mode page %s is there twice", a.Title())
		}
	}
	return s, nil
}

// Pages lists the pages in ascending order.
func (s *Modes) Pages() []*Mode {
	var all []*Mode
	for i := range s.pages {
		all = append(all, &s.pages[i].Mode)
	}
	return all
}

func (s *Modes) index(code, subpage uint8) int {
	return slices.IndexFunc(s.pages, func(p modeState) bool { return p.Code == code && p.Subpage == subpage })
}

// Has reports whether the page is there.
func (s *Modes) Has(code, subpage uint8) bool { return s.index(code, subpage) >= 0 }

// stored is where the current values for a nexus are; a nil nexus means the
// shared values, for a page per nexus those that a new nexus starts with.
func (s *Modes) stored(n *scsi.Nexus, i int) Image {
	if !s.pages[i].PerNexus || n == nil {
		return s.pages[i].current
	}
	own := s.byNexu[n]
	if own == nil {
		own = make([]Image, len(s.pages))
		s.byNexu[n] = own
	}
	if own[i] == nil {
		own[i] = slices.Clone(s.pages[i].current)
	}
	return own[i]
}

// current is a copy of the current values with the dynamic ones filled in.
func (s *Modes) current(n *scsi.Nexus, i int) Image {
	b := slices.Clone(s.stored(n, i))
	if s.Live != nil {
		s.Live(n, &s.pages[i].Mode, b)
	}
	return b
}

// Get is the current value of a number; 0 when there is no such page or field.
// It does not ask Live.
func (s *Modes) Get(n *scsi.Nexus, code, subpage uint8, field string) uint64 {
	i := s.index(code, subpage)
	if i < 0 {
		return 0
	}
	f := s.pages[i].Fields.Find(field)
	if f == nil {
		return 0
	}
	return s.stored(n, i).Get(f)
}

// Set changes the current value of a number on behalf of the device; of a page
// per nexus for every nexus. It reports whether page and field are there.
func (s *Modes) Set(code, subpage uint8, field string, v uint64) bool {
	i := s.index(code, subpage)
	if i < 0 {
		return false
	}
	f := s.pages[i].Fields.Find(field)
	if f == nil {
		return false
	}
	s.pages[i].current.Put(f, v)
	for _, own := range s.byNexu {
		if own[i] != nil {
			own[i].Put(f, v)
		}
	}
	return true
}

// Forget drops the values of a nexus.
func (s *Modes) Forget(n *scsi.Nexus) { delete(s.byNexu, n) }

// Reset sets all current values to the saved or else the default ones, as a
// logical unit reset does. Dynamic and fixed fields keep what the device set.
func (s *Modes) Reset() {
	clear(s.byNexu)
	for i := range s.pages {
		p := &s.pages[i]
		from := p.saved
		if from == nil {
			from = p.Default()
		}
		for j := p.header(); j < len(p.current); j++ {
			p.current[j] = p.current[j]&^p.mask[j] | from[j]&p.mask[j]
		}
	}
}

// image is a page with the values that PC asks for.
func (s *Modes) image(n *scsi.Nexus, i int, pc Control) Image {
	p := &s.pages[i]
	switch {
	case pc == CurrentValues:
		return s.current(n, i)
	case pc == ChangeableValues:
		return p.Mask()
	case pc == SavedValues && p.saved != nil:
		return p.saved
	}
	return p.Default()
}

// SenseRequest is a MODE SENSE(6) or (10) CDB, SPC-4 6.11 and 6.12.
type SenseRequest struct {
	Ten           bool
	DBD           bool
	PC            Control
	Code, Subpage uint8
	Allocation    int // bytes
}

// DecodeSense decodes the CDB of MODE SENSE(6), 1Ah, or MODE SENSE(10), 5Ah.
func DecodeSense(cdb []byte) SenseRequest {
	r := SenseRequest{
		Ten: cdb[0] == 0x5A, DBD: cdb[1]&0x08 != 0,
		PC: Control(cdb[2] >> 6), Code: cdb[2] & 0x3F, Subpage: cdb[3], Allocation: int(cdb[4]),
	}
	if r.Ten {
		r.Allocation = int(binary.BigEndian.Uint16(cdb[7:]))
	}
	return r
}

// Sense appends the mode parameter list that MODE SENSE asks for, whole: the
// caller cuts it to the allocation length. h has the values that r.PC asks for.
func (s *Modes) Sense(dst []byte, n *scsi.Nexus, r SenseRequest, h Header) ([]byte, error) {
	if r.PC == SavedValues && !s.saving {
		return dst, scsi.NewSense(scsi.IllegalRequest, scsi.SavingParametersNotSupported)
	}
	var (
		start = len(dst)
		wants func(*Mode) bool
	)
	switch {
	case r.Code == 0x3F && r.Subpage == 0:
		wants = func(m *Mode) bool { return m.Subpage == 0 && !m.Unlisted }
	case r.Code == 0x3F && r.Subpage == 0xFF:
		wants = func(m *Mode) bool { return !m.Unlisted }
	case r.Code == 0x3F:
		return dst, scsi.InvalidFieldInCDBAt(3, 7)
	case r.Subpage == 0xFF:
		wants = func(m *Mode) bool { return m.Code == r.Code }
	default:
		wants = func(m *Mode) bool { return m.Code == r.Code && m.Subpage == r.Subpage }
	}
	dst = h.append(dst, r)
	found := r.Code == 0 && (r.Subpage == 0 || r.Subpage == 0xFF) || r.Code == 0x3F
	known := false
	for i := range s.pages {
		if m := &s.pages[i].Mode; wants(m) {
			dst = append(dst, s.image(n, i, r.PC)...)
			found = true
		} else if m.Code == r.Code {
			known = true
		}
	}
	if !found {
		if known && r.Subpage != 0 {
			return dst[:start], scsi.InvalidFieldInCDBAt(3, 7)
		}
		return dst[:start], scsi.InvalidFieldInCDBAt(2, 5)
	}
	list := dst[start:]
	if r.Ten {
		binary.BigEndian.PutUint16(list, uint16(min(len(list)-2, 0xFFFF)))
	} else {
		list[0] = byte(min(len(list)-1, 0xFF))
	}
	return dst, nil
}

// append appends header and block descriptor with MODE DATA LENGTH left at 0.
func (h *Header) append(dst []byte, r SenseRequest) []byte {
	bd := byte(8)
	if r.DBD || h.NoDescriptor {
		bd = 0
	}
	if r.Ten {
		dst = append(dst, 0, 0, h.MediumType, h.DeviceSpecific, 0, 0, 0, bd)
	} else {
		dst = append(dst, 0, h.MediumType, h.DeviceSpecific, bd)
	}
	if bd == 0 {
		return dst
	}
	return append(dst, h.Density, byte(h.Blocks>>16), byte(h.Blocks>>8), byte(h.Blocks),
		0, byte(h.BlockLength>>16), byte(h.BlockLength>>8), byte(h.BlockLength))
}
