package smc

import (
	"encoding/binary"

	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// Bits of byte 2 of an element descriptor, SMC-3 6.10.
const (
	statusFull   = 0x01
	statusImpExp = 0x02
	statusExcept = 0x04
	statusAccess = 0x08
	statusExEnab = 0x10
	statusInEnab = 0x20
)

// tagLength is the length of volume tag information, SMC-3 6.10.
const tagLength = 36

// moving is how READ ELEMENT STATUS without CURDATA stands towards reservations:
// it may move something to find out. With CURDATA it passes them all.
var moving = scsi.Command{Opcode: 0xB8, Access: scsi.SharedRead}

// readElementStatus carries out READ ELEMENT STATUS, SMC-3 6.10. No medium is
// moved for it and no drive asked.
func (c *Changer) readElementStatus(t *scsi.Task) error {
	if t.CDB[6]&0x02 == 0 && c.Conflicts(t.Nexus, &moving) {
		return scsi.ReservationConflict
	}
	q, err := decodeStatusQuery(t.CDB)
	if err != nil {
		return err
	}
	q.dvcid = t.CDB[6]&0x01 != 0 || c.model.DVCID.Always
	r := c.newStatusReport(q)
	if len(r.pages) == 0 && q.beyond(&r.layout) {
		return invalidElement(2).Because("no element at or behind address %d", q.start)
	}
	b := r.append(nil)
	if c.model.Has(personality.WholeDescriptors) {
		b = r.whole(b, q.allocation)
	}
	t.Reply(b, q.allocation)
	return nil
}

// statusQuery says which elements to report and how.
type statusQuery struct {
	kind          ElementType // AllElements: all
	start         ElementAddress
	count         int // the most to report; 0: all
	voltag, dvcid bool
	allocation    int
	only          func(Element, *place) bool // nil: all
	action        byte                       // SEND ACTION CODE, for volume element addresses
}

// decodeStatusQuery decodes what READ ELEMENT STATUS and REQUEST VOLUME ELEMENT
// ADDRESS have in common.
func decodeStatusQuery(cdb []byte) (statusQuery, error) {
	q := statusQuery{
		kind: ElementType(cdb[1] & 0x0F), voltag: cdb[1]&0x10 != 0,
		start: ElementAddress(binary.BigEndian.Uint16(cdb[2:])), count: int(binary.BigEndian.Uint16(cdb[4:])),
		allocation: int(cdb[7])<<16 | int(cdb[8])<<8 | int(cdb[9]),
	}
	if q.kind > DataTransfer {
		return q, scsi.InvalidFieldInCDBAt(1, 3)
	}
	if cdb[11] != 0 {
		return q, scsi.InvalidFieldInCDBAt(11, -1)
	}
	return q, nil
}

// beyond reports whether there are elements of the kind, all before the start. Right
// behind the last is not beyond: a program that asks for so many elements at a time
// goes on there, and what it gets is a report of none.
func (q *statusQuery) beyond(l *layout) bool {
	some := false
	for _, t := range l.order {
		if (q.kind == AllElements || q.kind == t) && l.count[t] > 0 {
			if int(q.start) == int(l.first[t])+l.count[t] {
				return false
			}
			some = true
		}
	}
	return some
}

// statusReport is the elements that a query meets, and what is needed to
// describe them. Nothing in it changes.
type statusReport struct {
	query  statusQuery
	inv    *inventory
	layout layout
	drives []driveStatus
	closed map[Element]bool // no access: a move on it is not settled
	door   bool
	idType byte // IDENTIFIER TYPE of drive identifiers: 0 vendor specific, 1 T10
	id     int  // their length
	pages  []statusPage
}

// statusPage is one element status page: elements of one type.
type statusPage struct {
	kind      ElementType
	numbers   []int
	alternate bool
	length    int // of a descriptor
}

// driveStatus is what a descriptor tells of a drive.
type driveStatus struct {
	present, loaded, lost bool
	id                    []byte // DVCID
}

// newStatusReport finds the elements of a query. Types come in ascending order
// of their first address, elements of a type in ascending order (SMC-3 6.10).
func (c *Changer) newStatusReport(q statusQuery) *statusReport {
	r := &statusReport{query: q}
	if c.model.DVCID.Form == personality.DVCIDFull {
		r.idType = 1
	}
	c.mu.Lock()
	r.inv, r.layout, r.door = c.inv, c.layout, c.door
	for i := range c.open {
		for _, l := range c.open[i].Legs {
			if r.closed == nil {
				r.closed = map[Element]bool{}
			}
			r.closed[l.From], r.closed[l.To] = true, true
		}
	}
	r.id = c.model.DVCID.Length
	for _, d := range c.drives {
		s := driveStatus{}
		if d != nil {
			s = driveStatus{present: true, loaded: d.state.Loaded || !d.checked, lost: d.lost != "", id: c.dvcid(d)}
		}
		r.id = max(r.id, len(s.id))
		r.drives = append(r.drives, s)
	}
	c.mu.Unlock()
	left := q.count
	if left == 0 {
		left = maxElements
	}
	for _, t := range r.layout.order {
		if q.kind != AllElements && q.kind != t {
			continue
		}
		p := statusPage{kind: t}
		first := max(1, int(q.start)-int(r.layout.first[t])+1)
		for n := first; n <= r.layout.count[t] && left > 0; n++ {
			at := r.inv.at(Element{t, n})
			if q.only != nil && !q.only(Element{t, n}, at) {
				continue
			}
			p.numbers = append(p.numbers, n)
			p.alternate = p.alternate || at.volume != nil && at.volume.Alternate != ""
			left--
		}
		if len(p.numbers) == 0 {
			continue
		}
		p.alternate = p.alternate && q.voltag
		p.length = 16
		if q.voltag {
			p.length += tagLength
		}
		if p.alternate {
			p.length += tagLength
		}
		if t == DataTransfer && q.dvcid {
			p.length += r.id
		}
		r.pages = append(r.pages, p)
	}
	return r
}

// dvcid is the identifier of a drive as the model forms it.
func (c *Changer) dvcid(d *drive) []byte {
	s := d.Identity.Serial
	if c.model.DVCID.Form == personality.DVCIDFull {
		s = page.Padded(d.Identity.Vendor, 8) + page.Padded(d.Identity.Product, 16) + s
	}
	if len(s) > 255 {
		s = s[:255]
	}
	return []byte(s)
}

// append appends the whole report: header, pages, descriptors.
func (r *statusReport) append(dst []byte) []byte {
	size, count := 0, 0
	for i := range r.pages {
		size += 8 + len(r.pages[i].numbers)*r.pages[i].length
		count += len(r.pages[i].numbers)
	}
	if cap(dst)-len(dst) < 8+size {
		dst = append(make([]byte, 0, len(dst)+8+size), dst...)
	}
	var first ElementAddress
	if count > 0 {
		first = r.layout.address(Element{r.pages[0].kind, r.pages[0].numbers[0]})
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(first))
	dst = binary.BigEndian.AppendUint16(dst, uint16(count))
	dst = append(dst, r.query.action&0x1F, byte(size>>16), byte(size>>8), byte(size))
	for i := range r.pages {
		dst = r.appendPage(dst, &r.pages[i])
	}
	return dst
}

func (r *statusReport) appendPage(dst []byte, p *statusPage) []byte {
	flags := byte(0)
	if r.query.voltag {
		flags |= 0x80
	}
	if p.alternate {
		flags |= 0x40
	}
	n := len(p.numbers) * p.length
	dst = append(dst, byte(p.kind), flags, byte(p.length>>8), byte(p.length), 0, byte(n>>16), byte(n>>8), byte(n))
	for _, number := range p.numbers {
		dst = r.appendDescriptor(dst, p, Element{p.kind, number})
	}
	return dst
}

// appendDescriptor appends an element descriptor, SMC-3 6.10.2 to 6.10.5.
func (r *statusReport) appendDescriptor(dst []byte, p *statusPage, e Element) []byte {
	at := r.inv.at(e)
	address := r.layout.address(e)
	flags, asc := r.status(e, at)
	var origin, medium byte
	var from ElementAddress
	if at.volume != nil {
		medium = mediumType(at.volume.Kind)
		if at.source != (Element{}) {
			origin, from = 0x80, r.layout.address(at.source)
			if at.turned {
				origin |= 0x40
			}
		}
	}
	dst = append(dst, byte(address>>8), byte(address), flags, 0, byte(asc>>8), byte(asc), 0, 0, 0,
		origin|medium, byte(from>>8), byte(from))
	if r.query.voltag {
		primary, alternate := "", ""
		if at.volume != nil {
			primary, alternate = at.volume.Barcode, at.volume.Alternate
		}
		dst = appendTag(dst, primary)
		if p.alternate {
			dst = appendTag(dst, alternate)
		}
	}
	if e.Type != DataTransfer || !r.query.dvcid {
		return append(dst, 0, 0, 0, 0)
	}
	d := &r.drives[e.Number-1]
	if !d.present {
		return append(dst, make([]byte, 4+r.id)...)
	}
	dst = append(dst, 0x02, r.idType, 0, byte(r.id)) // code set ASCII
	dst = append(dst, d.id...)
	for range r.id - len(d.id) {
		dst = append(dst, ' ')
	}
	return dst
}

// status is byte 2 of a descriptor, and the reason of an exception.
func (r *statusReport) status(e Element, at *place) (flags byte, asc scsi.ASC) {
	if at.volume != nil {
		flags |= statusFull
	}
	access := !r.closed[e]
	switch e.Type {
	case MediumTransport:
		return flags, 0
	case ImportExport:
		flags |= statusInEnab | statusExEnab
		access = access && !r.door
		if at.imported {
			flags |= statusImpExp
		}
	case DataTransfer:
		d := &r.drives[e.Number-1]
		switch {
		case !d.present:
			return flags | statusExcept, scsi.DataTransferDeviceRemoved
		case d.lost:
			return flags | statusExcept, scsi.NotReadyOffline
		}
		access = access && !(at.volume != nil && d.loaded)
	}
	if access {
		flags |= statusAccess
	}
	return flags, 0
}

// mediumType is the MEDIUM TYPE of a kind of cartridge, SMC-3 6.10.
func mediumType(kind string) byte {
	switch kind {
	case personality.KindData, personality.KindNull, personality.KindDisc:
		return 1
	case personality.KindClean:
		return 2
	case personality.KindWORM:
		return 4
	}
	return 0
}

// appendTag appends volume tag information: the identification, padded with
// blanks, and no sequence number. An element without one has zeros.
func appendTag(dst []byte, tag string) []byte {
	if tag == "" {
		return append(dst, make([]byte, tagLength)...)
	}
	dst = append(dst, tag...)
	for range maxTag - len(tag) {
		dst = append(dst, ' ')
	}
	return append(dst, 0, 0, 0, 0)
}

// whole cuts a report behind the last whole descriptor that fits.
func (r *statusReport) whole(b []byte, allocation int) []byte {
	if allocation >= len(b) || allocation < 8 {
		return b
	}
	end := 8
	for i := range r.pages {
		p := &r.pages[i]
		if allocation < end+8+p.length {
			return b[:end]
		}
		n := min(len(p.numbers), (allocation-end-8)/p.length)
		end += 8 + n*p.length
		if n < len(p.numbers) {
			break
		}
	}
	return b[:end]
}
