package page

import (
	"encoding/binary"
	"strings"

	"govtl/scsi"
)

// Association says what a designator names, SPC-4 table 595.
type Association uint8

// The associations.
const (
	LogicalUnit  Association = 0
	TargetPort   Association = 1
	TargetDevice Association = 2
)

// CodeSet is the CODE SET of a designator, SPC-4 table 594.
type CodeSet uint8

// The code sets.
const (
	Binary CodeSet = 1
	ASCIIs CodeSet = 2
	UTF8   CodeSet = 3
)

// protocolISCSI is the PROTOCOL IDENTIFIER of iSCSI, SPC-4 table 480.
const protocolISCSI = 0x5

// Designator is a designation descriptor of VPD page 83h, SPC-4 7.8.6.
type Designator struct {
	Association Association
	Type        uint8 // DESIGNATOR TYPE: 0 vendor, 1 T10, 3 NAA, 4 relative port, 5 port group, 8 SCSI name
	CodeSet     CodeSet

	// PIV says that Protocol is valid; it goes with ports and target devices.
	PIV      bool
	Protocol uint8

	ID []byte // at most 255 bytes
}

// Append appends the descriptor.
func (d Designator) Append(dst []byte) []byte {
	first, second := byte(d.CodeSet), byte(d.Association)<<4|d.Type&0xF
	if d.PIV {
		first |= d.Protocol << 4
		second |= 0x80
	}
	id := d.ID[:min(len(d.ID), 255)]
	dst = append(dst, first, second, 0, byte(len(id)))
	return append(dst, id...)
}

// T10Designator is the T10 vendor ID designator of the logical unit: vendor
// (8 bytes), product (16 bytes) and serial number, SPC-4 7.8.6.4.
func T10Designator(vendor, product, serial string) Designator {
	return Designator{Type: 1, CodeSet: ASCIIs, ID: []byte(Padded(vendor, 8) + Padded(product, 16) + serial)}
}

// NAADesignator is an NAA designator of 8 bytes, SPC-4 7.8.6.6.
func NAADesignator(a Association, naa uint64) Designator {
	return Designator{Association: a, Type: 3, CodeSet: Binary, ID: binary.BigEndian.AppendUint64(nil, naa)}
}

// RelativePortDesignator is a relative target port identifier, SPC-4 7.8.6.7.
func RelativePortDesignator(port uint16) Designator {
	return Designator{
		Association: TargetPort, Type: 4, CodeSet: Binary, PIV: true, Protocol: protocolISCSI,
		ID: []byte{0, 0, byte(port >> 8), byte(port)},
	}
}

// PortGroupDesignator is a target port group designator, SPC-4 7.8.6.8.
func PortGroupDesignator(group uint16) Designator {
	return Designator{
		Association: TargetPort, Type: 5, CodeSet: Binary, PIV: true, Protocol: protocolISCSI,
		ID: []byte{0, 0, byte(group >> 8), byte(group)},
	}
}

// NameDesignator is a SCSI name string, NUL terminated and padded to a multiple
// of four bytes, SPC-4 7.8.6.11.
func NameDesignator(a Association, name string) Designator {
	id := append([]byte(name), 0)
	for len(id)%4 != 0 {
		id = append(id, 0)
	}
	return Designator{Association: a, Type: 8, CodeSet: UTF8, PIV: a != LogicalUnit, Protocol: protocolISCSI, ID: id}
}

// Padded is s cut or padded with blanks to n bytes.
func Padded(s string, n int) string {
	if len(s) >= n {
		return s[:n]
	}
	return s + strings.Repeat(" ", n-len(s))
}

// UnitSerialNumber is VPD page 80h, SPC-4 7.8.16.
func UnitSerialNumber(serial string) VPD {
	return RawVPD(0x80, "Unit Serial Number", "SPC-4 7.8.16", []byte(serial))
}

// DeviceIdentification is VPD page 83h, SPC-4 7.8.6.
func DeviceIdentification(l ...Designator) VPD {
	return VPD{
		Code: 0x83, Name: "Device Identification", Clause: "SPC-4 7.8.6",
		Body: func(dst []byte, _ *scsi.Nexus) []byte {
			for _, d := range l {
				dst = d.Append(dst)
			}
			return dst
		},
	}
}

// RawVPD is a page whose bytes from byte 4 on are given.
func RawVPD(code uint8, name, clause string, body []byte) VPD {
	return VPD{
		Code: code, Name: name, Clause: clause,
		Body: func(dst []byte, _ *scsi.Nexus) []byte { return append(dst, body...) },
	}
}

// ModePagePolicy is VPD page 87h, SPC-4 7.8.10: all pages shared but those that
// the modes list as per nexus.
func ModePagePolicy(m *Modes) VPD {
	return VPD{
		Code: 0x87, Name: "Mode Page Policy", Clause: "SPC-4 7.8.10",
		Body: func(dst []byte, _ *scsi.Nexus) []byte {
			dst = append(dst, 0x3F, 0xFF, 0, 0)
			for _, p := range m.Pages() {
				if p.PerNexus {
					dst = append(dst, p.Code, p.Subpage, 0x03, 0)
				}
			}
			return dst
		},
	}
}

// SCSIPorts is VPD page 88h, SPC-4 7.8.15, for one target port.
func SCSIPorts(port uint16, l ...Designator) VPD {
	return VPD{
		Code: 0x88, Name: "SCSI Ports", Clause: "SPC-4 7.8.15",
		Body: func(dst []byte, _ *scsi.Nexus) []byte {
			dst = append(dst, 0, 0, byte(port>>8), byte(port), 0, 0, 0, 0, 0, 0, 0, 0)
			at := len(dst)
			for _, d := range l {
				dst = d.Append(dst)
			}
			binary.BigEndian.PutUint16(dst[at-2:], uint16(len(dst)-at))
			return dst
		},
	}
}
