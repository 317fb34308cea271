package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of barcodes.
const (
	// MaxBarcode is the longest barcode in characters.
	MaxBarcode = 16

	// MaxRange is how many barcodes one entry may stand for.
	MaxRange = 100_000
)

// CheckBarcode says what is wrong with a barcode. It names a directory and is
// printed and typed, so it has letters, digits and _ $ % + . only, and does not
// begin with a dot.
func CheckBarcode(s string) error {
	switch {
	case s == "":
		return errors.New("barcode is empty")
	case len(s) > MaxBarcode:
		return fmt.Errorf("barcode %q is longer than %d characters", s, MaxBarcode)
	case s[0] == '.':
		return fmt.Errorf("barcode %q begins with a dot", s)
	}
	for _, c := range s {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.ContainsRune("_$%+.", c):
		default:
			return fmt.Errorf("barcode %q has the character %q; letters, digits and _ $ %% + . are possible", s, string(c))
		}
	}
	return nil
}

// ExpandBarcodes turns "VTL001L9-VTL020L9, CLN001CU" into single barcodes. The
// two ends of a range differ in one run of digits, of equal length.
func ExpandBarcodes(s string) ([]string, error) {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		first, last, isRange := strings.Cut(part, "-")
		first, last = strings.TrimSpace(first), strings.TrimSpace(last)
		if err := CheckBarcode(first); err != nil {
			return nil, err
		}
		if !isRange {
			last = first
		}
		if err := CheckBarcode(last); err != nil {
			return nil, err
		}
		r, err := expandRange(first, last)
		if err != nil {
			return nil, err
		}
		list = append(list, r...)
		if len(list) > MaxRange {
			return nil, fmt.Errorf("%q has more than %d barcodes", s, MaxRange)
		}
	}
	return list, nil
}

// expandRange counts from first to last, both included.
func expandRange(first, last string) ([]string, error) {
	if len(first) != len(last) {
		return nil, fmt.Errorf("the range %s-%s has ends of different lengths", first, last)
	}
	if first == last {
		return []string{first}, nil
	}
	start, end := differingDigits(first, last)
	if start < 0 {
		return nil, fmt.Errorf("the ends of the range %s-%s differ in more than one number", first, last)
	}
	from, err1 := strconv.ParseUint(first[start:end], 10, 64)
	to, err2 := strconv.ParseUint(last[start:end], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("the range %s-%s does not count: %w", first, last, err)
	}
	if from > to {
		return nil, fmt.Errorf("the range %s-%s runs backwards", first, last)
	}
	if to-from >= MaxRange {
		return nil, fmt.Errorf("the range %s-%s has more than %d barcodes", first, last, MaxRange)
	}
	list := make([]string, 0, to-from+1)
	for n := from; n <= to; n++ {
		list = append(list, fmt.Sprintf("%s%0*d%s", first[:start], end-start, n, first[end:]))
	}
	return list, nil
}

// differingDigits finds the run of digits that two strings of one length differ
// in; start is negative when they differ elsewhere too.
func differingDigits(a, b string) (start, end int) {
	digit := func(i int) bool { return a[i] >= '0' && a[i] <= '9' && b[i] >= '0' && b[i] <= '9' }
	start, end = -1, -1
	for i := range len(a) {
		if a[i] == b[i] {
			continue
		}
		if !digit(i) {
			return -1, -1
		}
		if start < 0 {
			start = i
		}
		end = i + 1
	}
	for i := start; i < end; i++ {
		if !digit(i) {
			return -1, -1
		}
	}
	for start > 0 && digit(start-1) {
		start--
	}
	for end < len(a) && digit(end) {
		end++
	}
	return start, end
}

// Placed is one cartridge and the storage slot (from 1) it begins in.
type Placed struct {
	Barcode string
	Slot    int
	Media   Media // the entry it comes from
	Entry   int   // its place in the list, from 0
}

// Place expands a library's media and gives each cartridge its slot: those of
// entries with a slot first, the others in the lowest slots that are left, in
// the order of the file.
func (l *Library) Place() ([]Placed, error) {
	taken := make(map[int]string)
	seen := make(map[string]bool)
	expanded := make([][]string, len(l.Media))
	for i, m := range l.Media {
		codes, err := ExpandBarcodes(m.Barcodes)
		if err != nil {
			return nil, &mediaError{i, err}
		}
		expanded[i] = codes
		for n, b := range codes {
			if seen[b] {
				return nil, &mediaError{i, fmt.Errorf("barcode %s is there twice", b)}
			}
			seen[b] = true
			if m.Slot == 0 {
				continue
			}
			slot := m.Slot + n
			if slot < 1 || slot > l.Slots {
				return nil, &mediaError{i, fmt.Errorf("%s would be in slot %d, the library has %d", b, slot, l.Slots)}
			}
			if other, ok := taken[slot]; ok {
				return nil, &mediaError{i, fmt.Errorf("%s and %s are both in slot %d", other, b, slot)}
			}
			taken[slot] = b
		}
		if len(seen) > l.Slots {
			return nil, &mediaError{i, fmt.Errorf("%d cartridges do not fit into %d slots", len(seen), l.Slots)}
		}
	}
	placed := make([]Placed, 0, len(seen))
	free := 1
	for i, m := range l.Media {
		for n, b := range expanded[i] {
			slot := m.Slot + n
			if m.Slot == 0 {
				for taken[free] != "" {
					free++
				}
				slot = free
				taken[slot] = b
			}
			placed = append(placed, Placed{Barcode: b, Slot: slot, Media: m, Entry: i})
		}
	}
	return placed, nil
}

// mediaError is an error of one entry of the media list.
type mediaError struct {
	index int
	err   error
}

func (e *mediaError) Error() string { return e.err.Error() }
func (e *mediaError) Unwrap() error { return e.err }
