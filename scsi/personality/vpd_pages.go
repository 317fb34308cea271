package personality

import (
	"fmt"
	"slices"
	"strings"

	"govtl/scsi/page"
)

// builtVPD are the pages that the device server makes from what it knows: serial
// numbers, names, capabilities.
var builtVPD = []string{"80", "83", "86", "87", "88", "B0", "B1", "B2", "B3", "B4", "B5"}

// vpdPages are the pages of fields that a model can pick; a form behind the code
// tells vendors apart. Text fields named in serialFields get the drive's serial number.
var vpdPages = map[string]page.VPD{
	"03/ibm": {
		Code: 0x03, Name: "Firmware Designation", Clause: "IBM GA32-0928", Length: 0x21, Fields: page.Fields{
			page.ASCII(8, 4, "LOAD ID", "", page.Fixed),
			page.ASCII(12, 4, "REVISION", "", page.Fixed),
			page.ASCII(16, 4, "PTF NUMBER", "", page.Fixed),
			page.ASCII(20, 4, "PATCH NUMBER", "", page.Fixed),
			page.ASCII(24, 8, "LOAD NAME", "", page.Fixed),
		},
	},
	"C0/ibm": {
		Code: 0xC0, Name: "Drive Component Revision Levels", Clause: "IBM GA32-0928", Length: 0x27, Fields: page.Fields{
			page.ASCII(4, 12, "CODE NAME", "", page.Fixed),
			page.ASCII(16, 7, "TIME", "", page.Fixed),
			page.ASCII(23, 8, "DATE", "", page.Fixed),
			page.ASCII(31, 12, "PLATFORM", "", page.Fixed),
		},
	},
	"C1/ibm": {
		Code: 0xC1, Name: "Drive Serial Numbers", Clause: "IBM GA32-0928", Length: 0x18, Fields: page.Fields{
			page.ASCII(4, 12, "MANUFACTURING SERIAL NUMBER", "", page.Fixed),
			page.ASCII(16, 12, "REPORTED SERIAL NUMBER", "", page.Fixed),
		},
	},
	"C1/ibm7": {
		Code: 0xC1, Name: "Drive Serial Numbers", Clause: "IBM GA32-0928", Length: 0x24, Fields: page.Fields{
			page.ASCII(4, 12, "MANUFACTURING SERIAL NUMBER", "", page.Fixed),
			page.ASCII(16, 12, "REPORTED SERIAL NUMBER", "", page.Fixed),
			page.ASCII(28, 12, "BRICK SERIAL NUMBER", "", page.Fixed),
		},
	},
	"C2/ibm": {
		Code: 0xC2, Name: "Drive Bar Codes", Clause: "IBM GA32-0928 6.3.16", Length: 0x1A, Fields: page.Fields{
			page.Uint8(4, "BAR CODE DESIGNATOR", 0x00, page.Fixed), // 11S
			page.Uint8(6, "DATA IDENTIFIER LENGTH", 3, page.Fixed),
			page.Uint8(7, "BAR CODE VALUE LENGTH", 0x16, page.Fixed),
			page.ASCII(8, 3, "DATA IDENTIFIER", "11S", page.Fixed),
			page.ASCII(11, 7, "DRIVE BRICK PART NUMBER", "0000000", page.Fixed),
			page.ASCII(18, 12, "BRICK SERIAL NUMBER", "", page.Fixed),
		},
	},
	"C3/ibm": {
		Code: 0xC3, Name: "Subcomponent Version List", Clause: "IBM GA32-0928 6.3.17", Length: 0x04, Fields: page.Fields{
			page.Uint16(4, "SUBCOMPONENT DESIGNATOR", 0x0000, page.Fixed), // dynamic braking
			page.Uint8(6, "SUBCOMPONENT LENGTH", 1, page.Fixed),
			page.Uint8(7, "SUBCOMPONENT VERSION", 1, page.Fixed),
		},
	},
	"C0/hp": hpComponent(0xC0, "Firmware"),
	"C1/hp": hpComponent(0xC1, "Hardware"),
	"C2/hp": hpComponent(0xC2, "PCA"),
	"C3/hp": hpComponent(0xC3, "Mechanism"),
	"C4/hp": hpComponent(0xC4, "Head Assy"),
	"C5/hp": hpComponent(0xC5, "ACI"),
}

// hpComponent is one of the component pages of HP drives.
func hpComponent(code uint8, name string) page.VPD {
	return page.VPD{
		Code: code, Name: name + " Revision", Clause: "HP Ultrium technical reference, volume 3", Length: 0x5C, Fields: page.Fields{
			page.ASCII(4, 24, "COMPONENT NAME", name, page.Fixed),
			page.ASCII(30, 18, "VERSION", "", page.Fixed),
			page.ASCII(49, 24, "DATE", "", page.Fixed),
			page.ASCII(73, 22, "VARIANT", "", page.Fixed),
		},
	}
}

// SerialFields are the fields of VPD pages that hold the drive's serial number,
// right justified with leading zeros.
var SerialFields = []string{"MANUFACTURING SERIAL NUMBER", "REPORTED SERIAL NUMBER", "BRICK SERIAL NUMBER"}

// resolveVPDPages picks the model's VPD pages of fields and applies its texts.
func (d *Drive) resolveVPDPages() error {
	d.vpdPages, d.builtVPD = nil, nil
	for key, texts := range d.VPDPages {
		if slices.Contains(d.WithoutVPDPages, key) {
			continue
		}
		if slices.Contains(builtVPD, key) {
			if len(texts) > 0 {
				return fmt.Errorf("vpd-pages: page %s has no fields to set", key)
			}
			d.builtVPD = append(d.builtVPD, key)
			continue
		}
		v, ok := vpdPages[key]
		if !ok {
			return fmt.Errorf("vpd-pages: there is no page %s", key)
		}
		for field, text := range texts {
			var err error
			if v, err = v.WithData(field, []byte(text)); err != nil {
				return fmt.Errorf("vpd-pages: %w", err)
			}
		}
		d.vpdPages = append(d.vpdPages, v)
	}
	return nil
}

// VPDPageList are the VPD pages of the model that consist of fields.
func (d *Drive) VPDPageList() []page.VPD { return slices.Clone(d.vpdPages) }

// HasVPD reports whether the model has a VPD page that the device server makes.
func (d *Drive) HasVPD(code uint8) bool {
	return slices.Contains(d.builtVPD, strings.ToUpper(fmt.Sprintf("%02x", code)))
}
