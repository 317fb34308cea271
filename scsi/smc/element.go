package smc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"govtl/scsi/personality"
)

// ElementType is the element type code, SMC-3 6.10.
type ElementType uint8

// The element type codes. AllElements is valid in CDBs only.
const (
	AllElements ElementType = iota
	MediumTransport
	Storage
	ImportExport
	DataTransfer
)

// elementWords are the types as operators write them.
var elementWords = [5]string{MediumTransport: "picker", Storage: "slot", ImportExport: "map", DataTransfer: "drive"}

// String is the word that operators use: picker, slot, map or drive.
func (t ElementType) String() string {
	if t >= 1 && int(t) < len(elementWords) {
		return elementWords[t]
	}
	return fmt.Sprintf("element type %d", uint8(t))
}

// Element names an element by its type and its number within the type, from 1.
// Addresses follow from the library model; a number never changes its meaning.
type Element struct {
	Type   ElementType
	Number int
}

// String is such as "slot 5"; the zero Element is the shelf.
func (e Element) String() string {
	if e == (Element{}) {
		return "shelf"
	}
	return e.Type.String() + " " + strconv.Itoa(e.Number)
}

// append appends what String returns.
func (e Element) append(dst []byte) []byte {
	dst = append(append(dst, e.Type.String()...), ' ')
	return strconv.AppendInt(dst, int64(e.Number), 10)
}

// MarshalText writes the element as String does.
func (e Element) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (e *Element) UnmarshalText(text []byte) error {
	var err error
	*e, err = parseElement(string(text))
	return err
}

// maxElements is how many element addresses there are.
const maxElements = 1 << 16

// parseElement reads an element as people write it: "slot 5", "map 1", "drive 2",
// "picker 1"; storage and mailslot are other words for slot and map.
func parseElement(s string) (Element, error) {
	word, number, ok := strings.Cut(strings.TrimSpace(s), " ")
	word = strings.ToLower(word)
	switch word {
	case "storage":
		word = "slot"
	case "mail", "mailslot":
		word = "map"
	}
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 16)
	t := slices.Index(elementWords[1:], word) + 1
	if !ok || t == 0 || err != nil || n == 0 {
		return Element{}, fmt.Errorf("smc: %q is no element (slot N, map N, drive N, picker N)", s)
	}
	return Element{ElementType(t), int(n)}, nil
}

// layout is how many elements of each type there are and at which addresses.
type layout struct {
	first [5]ElementAddress
	count [5]int
	order [4]ElementType // by ascending first address
}

// newLayout checks that the elements fit between the first addresses of the model.
func newLayout(m *personality.Library, count [5]int) (layout, error) {
	l := layout{count: count, order: [4]ElementType{MediumTransport, Storage, ImportExport, DataTransfer}}
	l.first[MediumTransport] = ElementAddress(m.Elements.Transport)
	l.first[Storage] = ElementAddress(m.Elements.Storage)
	l.first[ImportExport] = ElementAddress(m.Elements.ImportExport)
	l.first[DataTransfer] = ElementAddress(m.Elements.DataTransfer)
	slices.SortFunc(l.order[:], func(a, b ElementType) int { return int(l.first[a]) - int(l.first[b]) })
	r := m.Room()
	room := [5]int{MediumTransport: r.Transport, Storage: r.Storage, ImportExport: r.ImportExport, DataTransfer: r.DataTransfer}
	for _, t := range l.order {
		if count[t] < 0 || count[t] > room[t] {
			return l, fmt.Errorf("smc: %d elements of type %s: a library of model %s has room for %d",
				count[t], t, m.Name, room[t])
		}
	}
	return l, nil
}

// has reports whether the element exists.
func (l *layout) has(e Element) bool {
	return e.Type >= MediumTransport && e.Type <= DataTransfer && e.Number >= 1 && e.Number <= l.count[e.Type]
}

// address is the element's address.
func (l *layout) address(e Element) ElementAddress {
	return l.first[e.Type] + ElementAddress(e.Number-1)
}

// element finds the element of an address.
func (l *layout) element(a ElementAddress) (Element, bool) {
	for t := MediumTransport; t <= DataTransfer; t++ {
		if n := int(a) - int(l.first[t]); n >= 0 && n < l.count[t] {
			return Element{t, n + 1}, true
		}
	}
	return Element{}, false
}
