package smc

import (
	"fmt"

	"govtl/scsi"
	"govtl/scsi/page"
)

// The mode pages of changers, SMC-3 7.3, and those of SPC-4 that they have too.
var (
	disconnectReconnect = page.Mode{
		Code: 0x02, Length: 0x0E, Name: "Disconnect-Reconnect", Clause: "SPC-4 7.5.10",
		Fields: page.Fields{
			page.Uint8(2, "BUFFER FULL RATIO", 0x32, page.Fixed),
			page.Uint8(3, "BUFFER EMPTY RATIO", 0x32, page.Fixed),
			page.Uint16(10, "MAXIMUM BURST SIZE", 0x0400, page.Fixed),
		},
	}
	control = page.Mode{
		Code: 0x0A, Length: 0x0A, Name: "Control", Clause: "SPC-4 7.5.8",
		Fields: page.Fields{
			page.Bits(2, 7, 5, "TST", 0, page.Fixed),
			page.Bit(2, 2, "D_SENSE", 0, page.Fixed),
			page.Bits(3, 7, 4, "QUEUE ALGORITHM MODIFIER", 0, page.Fixed),
			page.Uint16(8, "BUSY TIMEOUT PERIOD", 0, page.Fixed),
			page.Uint16(10, "EXTENDED SELF-TEST COMPLETION TIME", 0, page.Fixed),
		},
	}
	controlExtension = page.Mode{
		Code: 0x0A, Subpage: 0x01, Length: 0x1C, Name: "Control Extension", Clause: "SPC-4 7.5.9", Unlisted: true,
		Fields: page.Fields{
			page.Bit(4, 2, "TCMOS", 0, page.Fixed),
			page.Bit(4, 1, "SCSIP", 0, page.Fixed),
			page.Bits(5, 3, 0, "INITIAL COMMAND PRIORITY", 0, page.Fixed),
		},
	}
	powerCondition = page.Mode{
		Code: 0x1A, Length: 0x0A, Name: "Power Condition", Clause: "SPC-3 7.4.12",
		Fields: page.Fields{
			page.Bit(3, 1, "IDLE", 0, page.Fixed),
			page.Bit(3, 0, "STANDBY", 0, page.Fixed),
			page.Uint32(4, "IDLE CONDITION TIMER", 0, page.Fixed),
			page.Uint32(8, "STANDBY CONDITION TIMER", 0, page.Fixed),
		},
	}
	informationalExceptions = page.Mode{
		Code: 0x1C, Length: 0x0A, Name: "Informational Exceptions Control", Clause: "SPC-4 7.5.11",
		Fields: page.Fields{
			page.Bit(2, 3, "DEXCPT", 1, page.Changeable),
			page.Bit(2, 2, "TEST", 0, page.Fixed),
			page.Bits(3, 3, 0, "MRIE", 3, page.Changeable).In(0, 3),
			page.Uint32(4, "INTERVAL TIMER", 0, page.Fixed),
			page.Uint32(8, "REPORT COUNT", 0, page.Fixed),
		},
	}
	elementAddressAssignment = page.Mode{
		Code: 0x1D, Length: 0x12, Name: "Element Address Assignment", Clause: "SMC-3 7.3",
		Fields: page.Fields{
			page.Uint16(2, "FIRST MEDIUM TRANSPORT ELEMENT ADDRESS", 0, page.Dynamic),
			page.Uint16(4, "NUMBER OF MEDIUM TRANSPORT ELEMENTS", 0, page.Dynamic),
			page.Uint16(6, "FIRST STORAGE ELEMENT ADDRESS", 0, page.Dynamic),
			page.Uint16(8, "NUMBER OF STORAGE ELEMENTS", 0, page.Dynamic),
			page.Uint16(10, "FIRST IMPORT/EXPORT ELEMENT ADDRESS", 0, page.Dynamic),
			page.Uint16(12, "NUMBER OF IMPORT/EXPORT ELEMENTS", 0, page.Dynamic),
			page.Uint16(14, "FIRST DATA TRANSFER ELEMENT ADDRESS", 0, page.Dynamic),
			page.Uint16(16, "NUMBER OF DATA TRANSFER ELEMENTS", 0, page.Dynamic),
		},
	}
	driveConfiguration = page.Mode{
		Code: 0x2D, Length: 0x24, Name: "Drive Configuration", Clause: "StorageTek L20/L40/L80 interface reference",
	}
)

// assignmentOrder is the order of types in page 1Dh.
var assignmentOrder = [4]ElementType{MediumTransport, Storage, ImportExport, DataTransfer}

// transportGeometry is page 1Eh: two bytes for each medium transport element.
func transportGeometry(pickers int, rotate uint64) page.Mode {
	m := page.Mode{Code: 0x1E, Length: 2 * pickers, Name: "Transport Geometry Parameters", Clause: "SMC-3 7.3"}
	for i := range pickers {
		m.Fields = append(m.Fields,
			page.Bit(2+2*i, 0, fmt.Sprintf("ROTATE %d", i+1), rotate, page.Fixed),
			page.Uint8(3+2*i, fmt.Sprintf("MEMBER NUMBER IN TRANSPORT ELEMENT SET %d", i+1), uint64(i), page.Fixed))
	}
	return m
}

// elementInitials are the types of element as page 1Fh names them.
var elementInitials = [5]string{MediumTransport: "MT", Storage: "ST", ImportExport: "IE", DataTransfer: "DT"}

// deviceCapabilities is page 1Fh: where media can be stored (byte 2), what the
// changer can do (3), and which moves (4 to 7) and exchanges (12 to 15) there are.
func deviceCapabilities() page.Mode {
	m := page.Mode{
		Code: 0x1F, Length: 0x12, Name: "Device Capabilities", Clause: "SMC-3 7.3",
		Fields: page.Fields{
			page.Bit(2, 3, "STORDT", 1, page.Fixed), page.Bit(2, 2, "STORIE", 1, page.Fixed),
			page.Bit(2, 1, "STORST", 1, page.Fixed), page.Bit(2, 0, "STORMT", 1, page.Fixed),
			page.Bit(3, 2, "ACE", 1, page.Fixed), page.Bit(3, 1, "VTRP", 1, page.Fixed),
			page.Bit(3, 0, "S2C", 1, page.Fixed),
		},
	}
	for i, from := range []ElementType{MediumTransport, Storage, ImportExport, DataTransfer} {
		for bit, to := range []ElementType{MediumTransport, Storage, ImportExport, DataTransfer} {
			exchange := uint64(1)
			if from == MediumTransport || to == MediumTransport {
				exchange = 0
			}
			m.Fields = append(m.Fields,
				page.Bit(4+i, bit, route(from, to), 1, page.Fixed),
				page.Bit(12+i, bit, swap(from, to), exchange, page.Fixed))
		}
	}
	return m
}

// route and swap are the names of the fields that allow a move and an exchange.
func route(from, to ElementType) string { return elementInitials[from] + ">" + elementInitials[to] }
func swap(from, to ElementType) string  { return elementInitials[from] + "<>" + elementInitials[to] }

// modePages are the pages that a model can pick. The element pages are in all.
func modePages(pickers int, rotate uint64) []page.Mode {
	return []page.Mode{disconnectReconnect, control, controlExtension, powerCondition,
		informationalExceptions, elementAddressAssignment, transportGeometry(pickers, rotate), deviceCapabilities(),
		driveConfiguration}
}

// newModes makes the mode pages of the model.
func (c *Changer) newModes() (*page.Modes, error) {
	rotate := uint64(0)
	if c.rotates() {
		rotate = 1
	}
	all := modePages(c.layout.count[MediumTransport], rotate)
	var picked []page.Mode
	known := map[string]bool{}
	for _, m := range all {
		name := fmt.Sprintf("%02X", m.Code)
		if m.Subpage != 0 {
			name += fmt.Sprintf("/%02X", m.Subpage)
		}
		known[name] = true
		fields, listed := c.model.ModePages[name]
		if m.Code < 0x1D || m.Code > 0x1F {
			if !listed || fields == nil {
				continue
			}
		}
		for field, v := range fields {
			var err error
			if m, err = m.WithValue(field, v); err != nil {
				return nil, fmt.Errorf("smc: model %s: %w", c.model.Name, err)
			}
		}
		picked = append(picked, m)
	}
	for name := range c.model.ModePages {
		if !known[name] {
			return nil, fmt.Errorf("smc: model %s: there is no mode page %q", c.model.Name, name)
		}
	}
	modes, err := page.NewModes(picked)
	if err != nil {
		return nil, err
	}
	for _, from := range assignmentOrder {
		for _, to := range assignmentOrder {
			c.routes[from][to] = modes.Get(nil, 0x1F, 0, route(from, to)) != 0
		}
	}
	modes.Live = c.liveMode
	return modes, nil
}

// liveMode puts element addresses and numbers into page 1Dh.
func (c *Changer) liveMode(_ *scsi.Nexus, m *page.Mode, b page.Image) {
	if m.Code != elementAddressAssignment.Code {
		return
	}
	_, l := c.snapshot()
	for i, t := range assignmentOrder {
		b.Put(&m.Fields[2*i], uint64(l.first[t]))
		b.Put(&m.Fields[2*i+1], uint64(l.count[t]))
	}
}

// newVPDs makes the vital product data pages of the model.
func (c *Changer) newVPDs() (*page.VPDs, error) {
	var pages []page.VPD
	for code := range 256 {
		if p, ok := c.model.VPD(uint8(code), c.identity()); ok {
			name, clause := vpdName(uint8(code))
			pages = append(pages, page.RawVPD(uint8(code), name, clause, p[4:]))
		}
	}
	return page.NewVPDs(pages)
}

// vpdName is the name and the clause of a page that models describe.
func vpdName(code uint8) (name, clause string) {
	switch code {
	case 0x80:
		return "Unit Serial Number", "SPC-4 7.8.16"
	case 0x83:
		return "Device Identification", "SPC-4 7.8.6"
	}
	return "Vendor Specific", "SPC-4 7.8.1"
}

// temperature is log page 0Dh, SPC-4 7.3.21.
var temperature = page.Log{
	Code: 0x0D, Name: "Temperature", Clause: "SPC-4 7.3.21",
	Params: []page.Param{
		{Code: 0, Name: "TEMPERATURE", Length: 2, Control: page.ControlBinary, Default: 25},
		{Code: 1, Name: "REFERENCE TEMPERATURE", Length: 2, Control: page.ControlBinary, Default: 55},
	},
}

// newLogs makes the log pages.
func newLogs(alerts *page.TapeAlerts) (*page.Logs, error) {
	logs, err := page.NewLogs([]page.Log{temperature, page.TapeAlertLog()})
	if err != nil {
		return nil, err
	}
	logs.BindTapeAlerts(alerts)
	logs.Reset = func(l *page.Log, n *scsi.Nexus) {
		if l.Code == 0x2E {
			alerts.MarkRead(n)
		}
	}
	return logs, nil
}
