package smc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
)

// ErrDamaged says that an inventory file does not read back.
var ErrDamaged = errors.New("smc: inventory file is damaged")

// ErrVersion says that an inventory file was written by a newer program. It is
// left alone.
var ErrVersion = errors.New("smc: inventory file is of a newer version")

// inventoryWord begins the inventory files of all versions; the number follows.
const inventoryWord = "vtl-inventory "

// inventoryMagic begins an inventory file. The first line goes on with the
// CRC-32C of all that follows it; then comes one JSON document.
const inventoryMagic = "vtl-inventory 1 "

// maxInventory bounds an inventory file, in bytes.
const maxInventory = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// inventoryDocument is the content of an inventory file, version 1.
type inventoryDocument struct {
	Elements []elementRecord `json:"elements"`
	Shelf    []volumeRecord  `json:"shelf,omitempty"`
	Applied  []string        `json:"applied,omitempty"`
}

// elementRecord is an element that is full.
type elementRecord struct {
	Element  Element      `json:"element"`
	Volume   volumeRecord `json:"volume"`
	Source   *Element     `json:"source,omitempty"`
	Imported bool         `json:"imported,omitempty"`
	Turned   bool         `json:"turned,omitempty"`
}

// volumeRecord is a Volume in the file.
type volumeRecord struct {
	Barcode   string `json:"barcode"`
	Dir       string `json:"dir"`
	Kind      string `json:"kind,omitempty"`
	Medium    string `json:"medium,omitempty"`
	Alternate string `json:"alternate,omitempty"`
	Sides     int    `json:"sides,omitempty"`
	Inverted  bool   `json:"inverted,omitempty"`
	Elsewhere string `json:"elsewhere,omitempty"`
}

// encode is the inventory file. The file of an inventory is always the same. It
// is written field by field, because it is written for each move.
func (v *inventory) encode() ([]byte, error) {
	head := len(inventoryMagic) + 9
	n := 0
	for t := range v.places {
		n += full(v.places[t])
	}
	b := make([]byte, head, head+1024+160*(n+len(v.shelf)))
	b = append(b, `{"elements":[`...)
	first := true
	for t := MediumTransport; t <= DataTransfer; t++ {
		for i := range v.places[t] {
			p := &v.places[t][i]
			if p.volume == nil {
				continue
			}
			b = appendSeparator(b, &first)
			b = append(b, `{"element":"`...)
			b = Element{t, i + 1}.append(b)
			b = append(b, `","volume":`...)
			b = appendVolume(b, p.volume)
			if p.source != (Element{}) {
				b = append(b, `,"source":"`...)
				b = append(p.source.append(b), '"')
			}
			if p.imported {
				b = append(b, `,"imported":true`...)
			}
			if p.turned {
				b = append(b, `,"turned":true`...)
			}
			b = append(b, '}')
		}
	}
	b = append(b, "],\n\"shelf\":["...)
	first = true
	for _, s := range v.shelf {
		b = appendVolume(appendSeparator(b, &first), s)
	}
	b = append(b, "],\n\"applied\":["...)
	first = true
	for _, id := range v.applied {
		b = appendString(appendSeparator(b, &first), id)
	}
	b = append(b, "]}\n"...)
	copy(b, inventoryMagic+hexSum(b[head:])+"\n")
	return b, nil
}

// appendSeparator begins a line, after a comma when it is not the first.
func appendSeparator(b []byte, first *bool) []byte {
	if !*first {
		b = append(b, ',')
	}
	*first = false
	return append(b, '\n')
}

func appendVolume(b []byte, v *Volume) []byte {
	b = append(b, '{')
	for i, f := range []struct{ name, value string }{
		{"barcode", v.Barcode}, {"dir", v.Dir}, {"kind", v.Kind}, {"medium", v.Medium}, {"alternate", v.Alternate},
	} {
		if i > 1 && f.value == "" {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), f.name...), `":`...)
		b = appendString(b, f.value)
	}
	if v.Sides != 0 {
		b = strconv.AppendInt(append(b, `,"sides":`...), int64(v.Sides), 10)
	}
	if v.Inverted {
		b = append(b, `,"inverted":true`...)
	}
	if v.Elsewhere != "" {
		b = appendString(append(b, `,"elsewhere":`...), v.Elsewhere)
	}
	return append(b, '}')
}

// appendString appends s as JSON.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			j, _ := json.Marshal(s) // a string always encodes
			return append(b, j...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// hexSum is the CRC-32C of b in eight hex digits.
func hexSum(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }

// decodeInventory reads an inventory file. It has as many elements of each type
// as the highest number in the file: resize fits it to a layout.
func decodeInventory(file []byte) (*inventory, error) {
	head := len(inventoryMagic) + 9
	if rest, ok := bytes.CutPrefix(file[:min(len(file), head)], []byte(inventoryWord)); ok {
		number, _, _ := bytes.Cut(rest, []byte{' '})
		if n, err := strconv.ParseUint(string(number), 10, 32); err == nil && n > 1 {
			return nil, fmt.Errorf("%w: %d, and this program knows 1", ErrVersion, n)
		}
	}
	if len(file) < head || file[head-1] != '\n' {
		return nil, fmt.Errorf("%w: no first line", ErrDamaged)
	}
	if !bytes.HasPrefix(file, []byte(inventoryMagic)) {
		return nil, fmt.Errorf("%w: it begins with %q, not %q", ErrDamaged, file[:head-1], inventoryMagic)
	}
	if sum := hexSum(file[head:]); string(file[head-9:head-1]) != sum {
		return nil, fmt.Errorf("%w: checksum %s, first line says %q", ErrDamaged, sum, file[head-9:head-1])
	}
	var doc inventoryDocument
	if err := json.Unmarshal(file[head:], &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	v := &inventory{applied: doc.Applied}
	if n := len(v.applied) - maxApplied; n > 0 {
		v.applied = v.applied[n:]
	}
	for i := range doc.Elements {
		r := &doc.Elements[i]
		t := r.Element.Type
		if n := r.Element.Number - len(v.places[t]); n > 0 {
			v.places[t] = append(v.places[t], make([]place, n)...)
		}
		vol := Volume(r.Volume)
		p := place{volume: &vol, imported: r.Imported, turned: r.Turned}
		if r.Source != nil {
			p.source = *r.Source
		}
		if !v.put(r.Element, p) {
			return nil, fmt.Errorf("%w: two volumes in %s", ErrDamaged, r.Element)
		}
	}
	for i := range doc.Shelf {
		vol := Volume(doc.Shelf[i])
		v.shelf = append(v.shelf, &vol)
	}
	slices.SortFunc(v.shelf, func(a, b *Volume) int { return strings.Compare(a.Barcode, b.Barcode) })
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return v, nil
}
