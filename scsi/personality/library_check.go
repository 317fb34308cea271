package personality

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxBarcode is the longest primary volume identification that a library of any
// model takes, in characters. The field of SMC-3 6.10 has 32.
const maxBarcode = 16

// finish fills in what is left out and checks the model as a whole.
func (l *Library) finish() error {
	if l.Barcode.Max == 0 {
		l.Barcode.Max = maxBarcode
	}
	if l.Inquiry.Length == 0 {
		l.Inquiry.Length = 64
	}
	switch {
	case l.Device != "changer":
		return fmt.Errorf("device is %q, not changer", l.Device)
	case l.Abstract:
		return fmt.Errorf("is only a base of other models")
	case l.Source == "":
		return fmt.Errorf("names no source")
	case l.Inquiry.Vendor == "" || l.Inquiry.Product == "":
		return fmt.Errorf("inquiry: vendor and product are needed")
	case len(l.Inquiry.Vendor) > 8 || len(l.Inquiry.Product) > 16 || len(l.Inquiry.Revision) > 4:
		return fmt.Errorf("inquiry: vendor, product or revision is longer than its field")
	case len(l.Inquiry.Versions) > 8:
		return fmt.Errorf("inquiry: more than 8 version descriptors")
	case l.Inquiry.Length < 36 || l.Inquiry.Length > 260:
		return fmt.Errorf("inquiry: length %d, not 36 to 260", l.Inquiry.Length)
	case l.DVCID.Form != DVCIDFull && l.DVCID.Form != DVCIDSerial:
		return fmt.Errorf("dvcid: form %q is neither full nor serial", l.DVCID.Form)
	case l.DVCID.Length < 0 || l.DVCID.Length > 255 || l.DVCID.Form == DVCIDFull && l.DVCID.Length < 34:
		return fmt.Errorf("dvcid: length %d", l.DVCID.Length)
	case l.Barcode.Max < 1 || l.Barcode.Max > 32:
		return fmt.Errorf("barcode: max %d, not 1 to 32", l.Barcode.Max)
	}
	starts := []uint16{l.Elements.Transport, l.Elements.ImportExport, l.Elements.DataTransfer, l.Elements.Storage}
	slices.Sort(starts)
	if len(slices.Compact(starts)) != 4 {
		return fmt.Errorf("elements: two types of element begin at the same address")
	}
	for at := range l.Inquiry.Bytes {
		if at < 0 || at >= l.Inquiry.Length {
			return fmt.Errorf("inquiry: byte %d does not exist", at)
		}
	}
	for at, s := range l.Inquiry.Text {
		if at < 36 || at+len(s) > l.Inquiry.Length {
			return fmt.Errorf("inquiry: text at byte %d does not fit", at)
		}
	}
	if err := l.checkParts(l.InquiryParts, l.Inquiry.Length); err != nil {
		return fmt.Errorf("inquiry-parts: %w", err)
	}
	for c := range l.Capabilities {
		if !slices.Contains(libraryCapabilities, c) {
			return fmt.Errorf("capabilities: unknown %q", c)
		}
	}
	return l.checkVPD()
}

func (l *Library) checkVPD() error {
	for code, v := range l.VPDPages {
		n, err := strconv.ParseUint(code, 16, 8)
		if err != nil || len(code) != 2 || strings.ToUpper(code) != code || n == 0 {
			return fmt.Errorf("vpd-pages: %q is not a page code of two hex digits", code)
		}
		if v == nil {
			continue // taken out of what the base has
		}
		if v.Length < 0 || v.Length > 0x1000 {
			return fmt.Errorf("vpd-pages: %s: length %d", code, v.Length)
		}
		if err := l.checkParts(v.Parts, 4+v.Length); err != nil {
			return fmt.Errorf("vpd-pages: %s: %w", code, err)
		}
	}
	return nil
}

// checkParts reports a part that is not one thing, or lies outside size bytes.
func (l *Library) checkParts(parts []Part, size int) error {
	for _, p := range parts {
		kinds := 0
		for _, on := range []bool{p.Text != "", p.Hex != "", p.Serial > 0, p.Tail > 0, p.Vendor > 0,
			p.Product > 0, p.NAA, p.Storage > 0} {
			if on {
				kinds++
			}
		}
		if kinds != 1 {
			return fmt.Errorf("part at byte %d says %d things, not one", p.At, kinds)
		}
		if _, err := decodeHex(p.Hex); err != nil {
			return fmt.Errorf("part at byte %d: %w", p.At, err)
		}
		if n := max(p.Serial, p.Tail, p.Vendor, p.Product, p.Storage); n > size {
			return fmt.Errorf("part at byte %d is longer than the page", p.At)
		}
		if p.At < 0 || p.At+len(l.part(p, Identity{})) > size {
			return fmt.Errorf("part at byte %d does not fit %d bytes", p.At, size)
		}
	}
	return nil
}

// decodeHex decodes hex digits with blanks between the bytes.
func decodeHex(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}
