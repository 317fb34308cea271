package page

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"govtl/scsi"
)

// Value supplies the value of a log parameter: it appends it to dst. p says its
// length and format; n is the nexus that asks.
type Value func(dst []byte, p *Param, n *scsi.Nexus) []byte

// Counter is the value of a number. A number that does not fit the parameter's
// length is reported as the largest one that does.
func Counter(f func() uint64) Value {
	return func(dst []byte, p *Param, _ *scsi.Nexus) []byte { return appendNumber(dst, f(), p.Length) }
}

// Text is the value of an ASCII parameter, padded with blanks or cut.
func Text(f func() string) Value {
	return func(dst []byte, p *Param, _ *scsi.Nexus) []byte { return append(dst, Padded(f(), p.Length)...) }
}

// Opaque is the value of a parameter of any length.
func Opaque(f func() []byte) Value {
	return func(dst []byte, _ *Param, _ *scsi.Nexus) []byte { return append(dst, f()...) }
}

func appendNumber(dst []byte, v uint64, n int) []byte {
	if n < 8 && v > 1<<(8*n)-1 {
		v = 1<<(8*n) - 1
	}
	for i := n - 1; i >= 0; i-- {
		if i >= 8 {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// The control byte of a log parameter, SPC-4 7.3.2.2.
const (
	ControlCounter   = 0x60 // TSD, and the old DS: a counter that is not saved
	ControlTapeAlert = 0x40
	ControlASCII     = 0x01 // format: ASCII list
	ControlBinary    = 0x03 // format: binary list
)

// Param is a log parameter, SPC-4 7.3.2.2.
type Param struct {
	Code    uint16
	Name    string
	Length  int // PARAMETER LENGTH, bytes
	Control uint8

	// Default and Data are the model's value: a number, or bytes. A Value bound
	// to the parameter (Logs.Bind) takes their place.
	Default uint64
	Data    []byte
}

// isCounter reports whether the parameter counts, so that it has thresholds and
// can be reset (FORMAT AND LINKING 00b, a bounded data counter).
func (p *Param) isCounter() bool { return p.Control&0x03 == 0 }

// Log is a log page, SPC-4 7.3.
type Log struct {
	Code, Subpage uint8
	Name, Clause  string
	Params        []Param

	// Unlisted pages exist but are in no list of supported pages.
	Unlisted bool

	// Resettable pages are set back by LOG SELECT with PCR=1.
	Resettable bool

	// ResetByRead pages are set back when they were read.
	ResetByRead bool
}

// Title is "17h Volume Statistics" or "17h/01h Volume Statistics".
func (l *Log) Title() string {
	if l.Subpage != 0 {
		return fmt.Sprintf("%02Xh/%02Xh %s", l.Code, l.Subpage, l.Name)
	}
	return fmt.Sprintf("%02Xh %s", l.Code, l.Name)
}

// Check reports what is wrong with the definition.
func (l *Log) Check() error {
	if l.Code == 0 || l.Code > 0x3E || l.Subpage == 0xFF {
		return fmt.Errorf("page: log page %s: code out of range", l.Title())
	}
	last := -1
	for i := range l.Params {
		p := &l.Params[i]
		switch {
		case int(p.Code) <= last:
			return fmt.Errorf("page: log page %s: parameter %04Xh is out of order", l.Title(), p.Code)
		case p.Length < 0 || p.Length > 255 || len(p.Data) > p.Length:
			return fmt.Errorf("page: log page %s: parameter %04Xh: bad length", l.Title(), p.Code)
		}
		last = int(p.Code)
	}
	return nil
}

// With returns a copy of the page with parameters added, or, where the code is
// there already, replaced.
func (l Log) With(params ...Param) Log {
	l.Params = slices.Clone(l.Params)
	for _, p := range params {
		i, found := slices.BinarySearchFunc(l.Params, p.Code, func(a Param, c uint16) int { return cmp.Compare(a.Code, c) })
		if found {
			l.Params[i] = p
		} else {
			l.Params = slices.Insert(l.Params, i, p)
		}
	}
	return l
}

// Without returns a copy of the page without some parameters.
func (l Log) Without(codes ...uint16) Log {
	l.Params = slices.DeleteFunc(slices.Clone(l.Params), func(p Param) bool { return slices.Contains(codes, p.Code) })
	return l
}

// FindLog returns the page of a code and subpage, nil when it is not there.
func FindLog(pages []Log, code, subpage uint8) *Log {
	for i := range pages {
		if pages[i].Code == code && pages[i].Subpage == subpage {
			return &pages[i]
		}
	}
	return nil
}

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
	if l.ResetByRead && r.Allocation > 4 && s.Reset != nil {
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

// SelectRequest is a LOG SELECT CDB, SPC-4 6.7.
type SelectRequest struct {
	PCR, SP       bool
	PC            uint8
	Code, Subpage uint8
}

// DecodeLogSelect decodes the CDB of LOG SELECT, 4Ch.
func DecodeLogSelect(cdb []byte) SelectRequest {
	return SelectRequest{
		PCR: cdb[1]&0x02 != 0, SP: cdb[1]&0x01 != 0, PC: cdb[2] >> 6, Code: cdb[2] & 0x3F, Subpage: cdb[3],
	}
}

// Select carries out LOG SELECT. With PCR=1 and cumulative values the counters
// of the page, or of all pages, go back to their defaults; a parameter list is
// accepted for nothing. It reports whether something was reset.
func (s *Logs) Select(n *scsi.Nexus, r SelectRequest, list []byte) (bool, error) {
	switch {
	case r.SP:
		return false, scsi.InvalidFieldInCDBAt(1, 0)
	case r.PCR && len(list) > 0:
		return false, scsi.InvalidFieldInCDBAt(7, 7)
	case len(list) > 0 && (r.PC == 0 || r.PC == 2):
		return false, scsi.InvalidFieldInCDBAt(2, 7)
	}
	if !r.PCR {
		return s.selectList(n, r, list)
	}
	if r.PC == 0 || r.PC == 2 || s.Reset == nil {
		return false, nil
	}
	all := r.Code == 0 && r.Subpage == 0
	found, changed := all, false
	for i := range s.pages {
		l := &s.pages[i]
		if !all && (l.Code != r.Code || l.Subpage != r.Subpage && r.Subpage != 0xFF) {
			continue
		}
		found = true
		if l.Resettable {
			s.Reset(l, n)
			changed = true
		}
	}
	if !found {
		return false, scsi.InvalidFieldInCDBAt(2, 5)
	}
	return changed, nil
}

// selectList checks a LOG SELECT parameter list: pages that exist with whole
// parameters. A page in it whose parameters count is set back: the values of an
// initiator are not taken for what the drive did.
func (s *Logs) selectList(n *scsi.Nexus, r SelectRequest, list []byte) (bool, error) {
	if len(list) == 0 {
		return false, nil
	}
	if r.Code != 0 || r.Subpage != 0 {
		return false, scsi.InvalidFieldInCDBAt(2, 5)
	}
	var hit []*Log
	for at := 0; at < len(list); {
		if len(list)-at < 4 {
			return false, listCut()
		}
		var subpage uint8
		if list[at]&0x40 != 0 {
			subpage = list[at+1]
		}
		l := FindLog(s.pages, list[at]&0x3F, subpage)
		if l == nil || !l.Resettable {
			return false, scsi.InvalidParameterAt(at, 5)
		}
		size := int(binary.BigEndian.Uint16(list[at+2:]))
		if len(list)-at-4 < size {
			return false, listCut()
		}
		for p := at + 4; p < at+4+size; {
			if at+4+size-p < 4 || at+4+size-p < 4+int(list[p+3]) {
				return false, listCut()
			}
			p += 4 + int(list[p+3])
		}
		hit = append(hit, l)
		at += 4 + size
	}
	if s.Reset == nil {
		return false, nil
	}
	for _, l := range hit {
		s.Reset(l, n)
	}
	return len(hit) > 0, nil
}
