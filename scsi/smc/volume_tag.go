package smc

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"govtl/scsi"
)

// search is what SEND VOLUME TAG asked for and REQUEST VOLUME ELEMENT ADDRESS
// answers, per nexus.
type search struct {
	action   byte
	kind     ElementType
	start    ElementAddress
	template []byte // with * and ?
	primary  bool   // primary volume tags are searched
	other    bool   // alternate volume tags are searched
}

// The send action codes that are done, SMC-3 6.14.
const (
	translateAll           = 0x00
	translatePrimary       = 0x01
	translateAlternate     = 0x02
	translateAllNoSequence = 0x04
	translatePrimaryNoSeq  = 0x05
	translateAlternateNoSq = 0x06
	assertAlternate        = 0x09
	replaceAlternate       = 0x0B
	undefineAlternate      = 0x0D
)

// volumeTagLength is the parameter list of SEND VOLUME TAG.
const volumeTagLength = 40

// sendVolumeTag carries out SEND VOLUME TAG, SMC-3 6.14: a search by template,
// or a change of an alternate volume tag. Primary volume tags are the barcodes
// on the cartridges and are not changed by initiators.
func (c *Changer) sendVolumeTag(t *scsi.Task) error {
	kind, action := ElementType(t.CDB[1]&0x0F), t.CDB[5]&0x1F
	if kind > DataTransfer {
		return scsi.InvalidFieldInCDBAt(1, 3)
	}
	n := int(binary.BigEndian.Uint16(t.CDB[8:]))
	list, err := t.DataOut(n)
	if err != nil {
		return err
	}
	if n != volumeTagLength && !(n == 0 && action == undefineAlternate) {
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	s := search{action: action, kind: kind, start: address(t.CDB, 2)}
	if n > 0 {
		s.template = bytes.TrimRight(list[:maxTag], " \x00")
	}
	switch action {
	case translateAll, translateAllNoSequence:
		s.primary, s.other = true, true
	case translatePrimary, translatePrimaryNoSeq:
		s.primary = true
	case translateAlternate, translateAlternateNoSq:
		s.other = true
	case assertAlternate, replaceAlternate, undefineAlternate:
		return c.setAlternate(t, action, string(s.template))
	default:
		return scsi.InvalidFieldInCDBAt(5, 4)
	}
	c.searches[t.Nexus] = s
	return nil
}

// setAlternate changes the alternate volume tag of the volume in an element.
func (c *Changer) setAlternate(t *scsi.Task, action byte, tag string) error {
	e, err := c.elementAt(t.CDB, 2)
	if err != nil {
		return err
	}
	if action == undefineAlternate {
		tag = ""
	} else if err := checkBarcode(tag, maxTag); err != nil {
		return scsi.InvalidParameterAt(0, -1).Because("%v", err)
	}
	return c.detach(t, func(context.Context) error {
		return c.change(func(v *inventory) error {
			at := v.at(e)
			if at == nil || at.volume == nil {
				return illegal(scsi.MediumSourceElementEmpty).Because("%s is empty", e)
			}
			if (at.volume.Alternate == "") != (action == assertAlternate) && action != undefineAlternate {
				return scsi.InvalidFieldInCDBAt(5, 4).Because("%s has the alternate volume tag %q",
					at.volume.Barcode, at.volume.Alternate)
			}
			vol := *at.volume
			vol.Alternate = tag
			at.volume = &vol
			return nil
		})
	})
}

// requestVolumeElementAddress carries out REQUEST VOLUME ELEMENT ADDRESS, SMC-3
// 6.13: the result of the search.
func (c *Changer) requestVolumeElementAddress(t *scsi.Task) error {
	q, err := decodeStatusQuery(t.CDB)
	if err != nil {
		return err
	}
	s, ok := c.searches[t.Nexus]
	if !ok {
		return illegal(scsi.CommandSequenceError).Because("no SEND VOLUME TAG with a search came before")
	}
	q.action = s.action
	_, l := c.snapshot()
	q.only = func(e Element, p *place) bool {
		if p.volume == nil || s.kind != AllElements && s.kind != e.Type || l.address(e) < s.start {
			return false
		}
		return s.primary && matches(s.template, p.volume.Barcode) ||
			s.other && p.volume.Alternate != "" && matches(s.template, p.volume.Alternate)
	}
	t.Reply(c.newStatusReport(q).append(nil), q.allocation)
	return nil
}

// matches reports whether a tag matches a template in which * stands for any
// characters and ? for one (SMC-3 6.14). Its time is bounded by the product of
// the lengths.
func matches(template []byte, tag string) bool {
	// reach[i]: the template read so far matches the first i characters.
	reach := make([]bool, len(tag)+1)
	reach[0] = true
	for _, ch := range template {
		if ch == '*' {
			if i := slices.Index(reach, true); i >= 0 {
				for j := i; j < len(reach); j++ {
					reach[j] = true
				}
			}
			continue
		}
		for j := len(tag); j >= 1; j-- {
			reach[j] = reach[j-1] && (ch == '?' || ch == tag[j-1])
		}
		reach[0] = false
	}
	return reach[len(tag)]
}
