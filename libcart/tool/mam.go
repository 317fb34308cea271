package tool

import (
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"govtl/libcart"
)

// Attribute is a cartridge memory attribute for people.
type Attribute struct {
	Partition uint8  `json:"partition"`
	ID        string `json:"id"` // four hexadecimal digits
	Name      string `json:"name,omitempty"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
	Text      string `json:"text,omitempty"` // of ASCII and text attributes
	Hex       string `json:"hex"`
}

// attributeNames are the names of SPC-4 7.4, medium and host type attributes.
func attributeName(id uint16) string {
	switch id {
	case 0x0400:
		return "MEDIUM MANUFACTURER"
	case 0x0401:
		return "MEDIUM SERIAL NUMBER"
	case 0x0402:
		return "MEDIUM LENGTH"
	case 0x0403:
		return "MEDIUM WIDTH"
	case 0x0404:
		return "ASSIGNING ORGANIZATION"
	case 0x0405:
		return "MEDIUM DENSITY CODE"
	case 0x0406:
		return "MEDIUM MANUFACTURE DATE"
	case 0x0407:
		return "MAM CAPACITY"
	case 0x0408:
		return "MEDIUM TYPE"
	case 0x0409:
		return "MEDIUM TYPE INFORMATION"
	case 0x0800:
		return "APPLICATION VENDOR"
	case 0x0801:
		return "APPLICATION NAME"
	case 0x0802:
		return "APPLICATION VERSION"
	case 0x0803:
		return "USER MEDIUM TEXT LABEL"
	case 0x0804:
		return "DATE AND TIME LAST WRITTEN"
	case 0x0805:
		return "TEXT LOCALIZATION IDENTIFIER"
	case 0x0806:
		return "BARCODE"
	case 0x0807:
		return "OWNING HOST TEXTUAL NAME"
	case 0x0808:
		return "MEDIA POOL"
	case 0x080B:
		return "APPLICATION FORMAT VERSION"
	case 0x080C:
		return "VOLUME COHERENCY INFORMATION"
	}
	return ""
}

// Attributes lists the cartridge memory of all partitions.
func Attributes(c *libcart.Cartridge) []Attribute {
	list := []Attribute{}
	for p := range c.Partitions() {
		for _, a := range c.Attributes(uint8(p)) {
			x := Attribute{Partition: uint8(p), ID: fmt.Sprintf("%04X", a.ID), Name: attributeName(a.ID), ReadOnly: a.ReadOnly,
				Hex: hex.EncodeToString(a.Value)}
			if a.Format != 0 {
				x.Text = strings.TrimRight(strings.ToValidUTF8(string(a.Value), "?"), " \x00")
			}
			list = append(list, x)
		}
	}
	return list
}

// ListAttributes writes the cartridge memory for a person.
func ListAttributes(c *libcart.Cartridge, w io.Writer) error {
	for _, a := range Attributes(c) {
		value := a.Hex
		if a.Text != "" {
			value = strconv.Quote(a.Text)
		}
		mode := " "
		if a.ReadOnly {
			mode = "r"
		}
		if _, err := fmt.Fprintf(w, "%d  %s %s  %-28s  %s\n", a.Partition, a.ID, mode, a.Name, value); err != nil {
			return err
		}
	}
	return nil
}

// ParseAttribute reads ID=VALUE: the identifier in hexadecimal; the value in
// hexadecimal behind 0x, else text; nothing deletes. The form of one that is
// there already stays, and a text is padded to its length.
func ParseAttribute(c *libcart.Cartridge, part uint8, s string) (libcart.Attribute, error) {
	name, value, ok := strings.Cut(s, "=")
	id, err := strconv.ParseUint(name, 16, 16)
	if !ok || err != nil {
		return libcart.Attribute{}, fmt.Errorf("%q is not ID=VALUE, with ID as in 0806", s)
	}
	a, missing := c.Attribute(part, uint16(id))
	if missing != nil {
		a = libcart.Attribute{ID: uint16(id), Format: 1}
	}
	old := len(a.Value)
	if digits, ok := strings.CutPrefix(value, "0x"); ok {
		a.Value, err = hex.DecodeString(digits)
		if err != nil {
			return a, fmt.Errorf("%q: %w", s, err)
		}
		if missing != nil {
			a.Format = 0
		}
		return a, nil
	}
	a.Value = []byte(value)
	if value != "" && a.Format == 1 && len(value) < old {
		a.Value = append(a.Value, strings.Repeat(" ", old-len(value))...)
	}
	return a, nil
}
