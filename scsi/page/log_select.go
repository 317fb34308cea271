package page

import (
	"encoding/binary"

	"govtl/scsi"
)

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
