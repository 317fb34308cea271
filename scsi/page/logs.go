package page

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"govtl/scsi"
)

type logKey struct {
	code, subpage uint8
	param         uint16
}

// Logs are the log pages of one logical unit.
type Logs struct {
	// Reset sets the values of a page back; called for LOG SELECT and for pages
	// that are reset by being read.
	Reset func(l *Log, n *scsi.Nexus)

	pages  []Log
	values map[logKey]Value
	bodies map[[2]uint8]func(dst []byte, n *scsi.Nexus) []byte
}

// NewLogs makes the log pages of a logical unit; page 00h and the lists FFh are
// made from the others. It returns an error when a definition is wrong or a page
// is there twice.
func NewLogs(pages []Log) (*Logs, error) {
	s := &Logs{
		pages: slices.Clone(pages), values: map[logKey]Value{},
		bodies: map[[2]uint8]func([]byte, *scsi.Nexus) []byte{},
	}
	slices.SortFunc(s.pages, func(a, b Log) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subpage, b.Subpage))
	})
	for i := range s.pages {
		l := &s.pages[i]
		if err := l.Check(); err != nil {
			return nil, err
		}
		if i > 0 && s.pages[i-1].Code == l.Code && s.pages[i-1].Subpage == l.Subpage {
			return nil, fmt.Errorf("page: log page %s is there twice", l.Title())
		}
	}
	return s, nil
}

// Pages lists the pages in ascending order.
func (s *Logs) Pages() []Log { return s.pages }

// Has reports whether the page is there.
func (s *Logs) Has(code, subpage uint8) bool { return FindLog(s.pages, code, subpage) != nil }

// Bind has the values of a parameter supplied live. A device may bind what a
// model leaves out: then nothing happens.
func (s *Logs) Bind(code, subpage uint8, param uint16, v Value) {
	s.values[logKey{code, subpage, param}] = v
}

// BindCounter is Bind with a Counter.
func (s *Logs) BindCounter(code, subpage uint8, param uint16, f func() uint64) {
	s.Bind(code, subpage, param, Counter(f))
}

// BindBody has all parameters of a page made live: f appends them, each with
// AppendParam. It is for pages whose parameters come and go.
func (s *Logs) BindBody(code, subpage uint8, f func(dst []byte, n *scsi.Nexus) []byte) {
	s.bodies[[2]uint8{code, subpage}] = f
}

// AppendParam appends a log parameter with its header.
func AppendParam(dst []byte, code uint16, control uint8, value []byte) []byte {
	dst = append(dst, byte(code>>8), byte(code), control, byte(len(value)))
	return append(dst, value...)
}

// LogRequest is a LOG SENSE CDB, SPC-4 6.7.
type LogRequest struct {
	SP, PPC       bool
	PC            uint8 // 0 threshold, 1 cumulative, 2 default threshold, 3 default cumulative
	Code, Subpage uint8
	Pointer       uint16 // PARAMETER POINTER: the first parameter wanted
	Allocation    int    // bytes
}

// DecodeLogSense decodes the CDB of LOG SENSE, 4Dh.
func DecodeLogSense(cdb []byte) LogRequest {
	return LogRequest{
		SP: cdb[1]&0x01 != 0, PPC: cdb[1]&0x02 != 0, PC: cdb[2] >> 6, Code: cdb[2] & 0x3F, Subpage: cdb[3],
		Pointer: binary.BigEndian.Uint16(cdb[5:]), Allocation: int(binary.BigEndian.Uint16(cdb[7:])),
	}
}

// Sense appends the log page that LOG SENSE asks for, whole: the caller cuts it
// to the allocation length.
func (s *Logs) Sense(dst []byte, n *scsi.Nexus, r LogRequest) ([]byte, error) {
	switch {
	case r.SP:
		return dst, scsi.InvalidFieldInCDBAt(1, 0)
	case r.PPC:
		return dst, scsi.InvalidFieldInCDBAt(1, 1)
	}
	start := len(dst)
	dst = append(dst, r.Code, r.Subpage, 0, 0)
	if r.Subpage != 0 {
		dst[start] |= 0x40 // SPF
	}
	var err error
	if r.Code == 0 || r.Subpage == 0xFF {
		dst, err = s.list(dst, r)
	} else {
		dst, err = s.params(dst, n, r)
	}
	if err != nil {
		return dst[:start], err
	}
	binary.BigEndian.PutUint16(dst[start+2:], uint16(min(len(dst)-start-4, math.MaxUint16)))
	return dst, nil
}

// list appends a list of supported pages (00h), of pages and subpages (00h/FFh),
// or of one page's subpages (xxh/FFh), SPC-4 7.3.17 to 7.3.19.
func (s *Logs) list(dst []byte, r LogRequest) ([]byte, error) {
	switch {
	case r.Subpage != 0 && r.Subpage != 0xFF:
		return dst, scsi.InvalidFieldInCDBAt(3, 7)
	case r.Pointer != 0:
		return dst, scsi.InvalidFieldInCDBAt(5, 7)
	case r.Code == 0 && r.Subpage == 0:
		dst = append(dst, 0)
		for i := range s.pages {
			if l := &s.pages[i]; l.Subpage == 0 && !l.Unlisted {
				dst = append(dst, l.Code)
			}
		}
		return dst, nil
	case r.Code == 0:
		dst = append(dst, 0, 0, 0, 0xFF)
	}
	found := r.Code == 0
	for i := range s.pages {
		l := &s.pages[i]
		if l.Unlisted || r.Code != 0 && l.Code != r.Code {
			continue
		}
		found = true
		dst = append(dst, l.Code, l.Subpage)
	}
	if !found {
		return dst, scsi.InvalidFieldInCDBAt(2, 5)
	}
	return dst, nil
}

func (s *Logs) params(dst []byte, n *scsi.Nexus, r LogRequest) ([]byte, error) {
	l := FindLog(s.pages, r.Code, r.Subpage)
	if l == nil {
		if r.Subpage != 0 && slices.ContainsFunc(s.pages, func(x Log) bool { return x.Code == r.Code }) {
			return dst, scsi.InvalidFieldInCDBAt(3, 7)
		}
		return dst, scsi.InvalidFieldInCDBAt(2, 5)
	}
	body := len(dst)
	if f := s.bodies[[2]uint8{l.Code, l.Subpage}]; f != nil {
		dst = f(dst, n)
	} else {
		for i := range l.Params {
			dst = s.param(dst, l, &l.Params[i], n, r.PC)
		}
	}
	if r.Pointer != 0 {
		skip, ok := seekParam(dst[body:], r.Pointer)
		if !ok {
			return dst, scsi.InvalidFieldInCDBAt(5, 7)
		}
		dst = append(dst[:body], dst[body+skip:]...)
	}
	if l.ResetByRead && (r.PC == 1 || l.CurrentOnly) && r.Allocation > 4 && s.Reset != nil {
		s.Reset(l, n)
	}
	return dst, nil
}

// seekParam is the offset of the first parameter with a code of at least want.
func seekParam(b []byte, want uint16) (int, bool) {
	for at := 0; at+4 <= len(b); at += 4 + int(b[at+3]) {
		if binary.BigEndian.Uint16(b[at:]) >= want {
			return at, true
		}
	}
	return 0, false
}

// param appends one parameter. Thresholds of a counter are its largest value,
// the default of a cumulative value is the model's.
func (s *Logs) param(dst []byte, l *Log, p *Param, n *scsi.Nexus, pc uint8) []byte {
	dst = append(dst, byte(p.Code>>8), byte(p.Code), p.Control, 0)
	at := len(dst)
	v := s.values[logKey{l.Code, l.Subpage, p.Code}]
	if l.CurrentOnly {
		pc = 1
	}
	switch {
	case p.isCounter() && (pc == 0 || pc == 2):
		dst = appendNumber(dst, math.MaxUint64, p.Length)
		for i := at; i < len(dst); i++ {
			dst[i] = 0xFF
		}
	case v != nil && (pc != 3 || !p.isCounter()):
		dst = v(dst, p, n)
	case p.Data != nil:
		dst = append(dst, p.Data...)
		dst = append(dst, make([]byte, p.Length-len(p.Data))...)
	default:
		dst = appendNumber(dst, p.Default, p.Length)
	}
	if len(dst)-at > 255 {
		dst = dst[:at+255]
	}
	dst[at-1] = byte(len(dst) - at)
	return dst
}
