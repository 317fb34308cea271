package personality

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"govtl/scsi/page"
)

// modePages are the mode pages that a sequential-access model can pick, with the
// values of an IBM LTO drive; a model changes what differs.
var modePages = []page.Mode{
	{
		Code: 0x01, Length: 0x0A, Name: "Read-Write Error Recovery", Clause: "SSC-4 8.3.5", Fields: page.Fields{
			page.Bit(2, 5, "TB", 1, page.Fixed),
			page.Bit(2, 3, "EER", 1, page.Fixed),
			page.Bit(2, 2, "PER", 0, page.Changeable),
			page.Bit(2, 1, "DTE", 0, page.Fixed),
			page.Bit(2, 0, "DCR", 0, page.Fixed),
			page.Uint8(3, "READ RETRY COUNT", 0xFF, page.Changeable),
			page.Uint8(8, "WRITE RETRY COUNT", 0xFF, page.Changeable),
		},
	},
	{
		Code: 0x02, Length: 0x0E, Name: "Disconnect-Reconnect", Clause: "SPC-4 7.5.10", PerNexus: true, Fields: page.Fields{
			page.Uint8(2, "BUFFER FULL RATIO", 0, page.Fixed),
			page.Uint8(3, "BUFFER EMPTY RATIO", 0, page.Fixed),
			page.Uint16(4, "BUS INACTIVITY LIMIT", 0, page.Fixed),
			page.Uint16(6, "DISCONNECT TIME LIMIT", 0, page.Fixed),
			page.Uint16(8, "CONNECT TIME LIMIT", 0, page.Fixed),
			page.Uint16(10, "MAXIMUM BURST SIZE", 0, page.Changeable),
			page.Uint16(14, "FIRST BURST SIZE", 0, page.Fixed),
		},
	},
	{
		Code: 0x0A, Length: 0x0A, Name: "Control", Clause: "SPC-4 7.5.8", Fields: page.Fields{
			page.Bits(2, 7, 5, "TST", 0, page.Fixed),
			page.Bit(2, 2, "D_SENSE", 0, page.Fixed),
			page.Bit(2, 1, "GLTSD", 0, page.Fixed),
			page.Bit(2, 0, "RLEC", 0, page.Fixed),
			page.Bits(3, 7, 4, "QUEUE ALGORITHM MODIFIER", 0, page.Fixed),
			page.Bits(3, 2, 1, "QERR", 0, page.Fixed),
			page.Bit(3, 0, "DQUE", 1, page.Fixed),
			page.Bits(5, 2, 0, "AUTOLOAD MODE", 0, page.Changeable).Between(0, 2),
			page.Uint16(8, "BUSY TIMEOUT PERIOD", 0xFFFF, page.Fixed),
			page.Uint16(10, "EXTENDED SELF-TEST COMPLETION TIME", 0, page.Fixed),
		},
	},
	{
		Code: 0x0A, Subpage: 0x01, Length: 0x1C, Name: "Control Extension", Clause: "SPC-4 7.5.9", Fields: page.Fields{
			page.Bit(4, 2, "TCMOS", 1, page.Fixed),
			page.Bit(4, 1, "SCSIP", 1, page.Changeable),
			page.Bit(4, 0, "IALUAE", 0, page.Fixed),
			page.Bits(5, 3, 0, "INITIAL COMMAND PRIORITY", 0, page.Fixed),
		},
	},
	{
		Code: 0x0A, Subpage: 0xF0, Length: 0x1C, Name: "Control Data Protection", Clause: "SSC-4 8.3.9", PerNexus: true, Fields: page.Fields{
			page.Uint8(4, "LOGICAL BLOCK PROTECTION METHOD", 0, page.Changeable).Between(0, 1),
			page.Bits(5, 5, 0, "LOGICAL BLOCK PROTECTION INFORMATION LENGTH", 0, page.Changeable),
			page.Bit(6, 7, "LBP_W", 0, page.Changeable),
			page.Bit(6, 6, "LBP_R", 0, page.Changeable),
			page.Bit(6, 5, "RBDP", 0, page.Fixed),
		},
	},
	{
		Code: 0x0F, Length: 0x0E, Name: "Data Compression", Clause: "SSC-4 8.3.2", Fields: page.Fields{
			page.Bit(2, 7, "DCE", 1, page.Changeable),
			page.Bit(2, 6, "DCC", 1, page.Fixed),
			page.Bit(3, 7, "DDE", 1, page.Fixed),
			page.Bits(3, 6, 5, "RED", 0, page.Fixed),
			page.Uint32(4, "COMPRESSION ALGORITHM", 0xFF, page.Ignored),
			page.Uint32(8, "DECOMPRESSION ALGORITHM", 0xFF, page.Ignored),
		},
	},
	{
		Code: 0x10, Length: 0x0E, Name: "Device Configuration", Clause: "SSC-4 8.3.3", Saveable: true, Fields: page.Fields{
			page.Bit(2, 6, "CAP", 0, page.Fixed),
			page.Bit(2, 5, "CAF", 0, page.Fixed),
			page.Bits(2, 4, 0, "ACTIVE FORMAT", 0, page.Fixed),
			page.Uint8(3, "ACTIVE PARTITION", 0, page.Dynamic),
			page.Uint8(4, "WRITE OBJECT BUFFER FULL RATIO", 0, page.Fixed),
			page.Uint8(5, "READ OBJECT BUFFER EMPTY RATIO", 0, page.Fixed),
			page.Uint16(6, "WRITE DELAY TIME", 0x012C, page.Changeable),
			page.Bit(8, 7, "OBR", 0, page.Fixed),
			page.Bit(8, 6, "LOIS", 1, page.Fixed),
			page.Bit(8, 5, "RSMK", 0, page.Fixed),
			page.Bit(8, 4, "AVC", 0, page.Fixed),
			page.Bits(8, 3, 2, "SOCF", 0, page.Fixed),
			page.Bit(8, 1, "ROBO", 0, page.Fixed),
			page.Bit(8, 0, "REW", 0, page.Fixed),
			page.Uint8(9, "GAP SIZE", 0, page.Fixed),
			page.Bits(10, 7, 5, "EOD DEFINED", 0, page.Fixed),
			page.Bit(10, 4, "EEG", 1, page.Fixed),
			page.Bit(10, 3, "SEW", 0, page.Fixed),
			page.Bit(10, 2, "SWP", 0, page.Fixed),
			page.Bit(10, 1, "BAML", 0, page.Fixed),
			page.Bit(10, 0, "BAM", 0, page.Fixed),
			page.Uint24(11, "OBJECT BUFFER SIZE AT EARLY WARNING", 0, page.Fixed),
			page.Uint8(14, "SELECT DATA COMPRESSION ALGORITHM", 1, page.Changeable).Between(0, 1),
			page.Bits(15, 7, 6, "WTRE", 2, page.Changeable).Between(0, 2),
			page.Bit(15, 5, "OIR", 0, page.Changeable),
			page.Bits(15, 4, 3, "REWIND ON RESET", 0, page.Fixed),
			page.Bit(15, 2, "ASOCWP", 0, page.Fixed),
			page.Bit(15, 1, "PERSWP", 0, page.Fixed),
			page.Bit(15, 0, "PRMWP", 0, page.Fixed),
		},
	},
	{
		Code: 0x10, Subpage: 0x01, Length: 0x1C, Name: "Device Configuration Extension", Clause: "SSC-4 8.3.8", Saveable: true, Fields: page.Fields{
			page.Bit(4, 3, "TARPF", 0, page.Fixed),
			page.Bit(4, 2, "TASER", 0, page.Fixed),
			page.Bit(4, 1, "TARPC", 0, page.Fixed),
			page.Bit(4, 0, "TAPLSD", 0, page.Fixed),
			page.Bits(5, 7, 4, "WRITE MODE", 0, page.Changeable).Between(0, 1),
			page.Bits(5, 3, 0, "SHORT ERASE MODE", 2, page.Fixed),
			page.Uint16(6, "PEWS", 0, page.Changeable),
			page.Bit(8, 3, "ACWRE", 0, page.Fixed),
			page.Bit(8, 2, "WRE", 0, page.Changeable),
			page.Bit(8, 1, "ACVCELBRE", 0, page.Fixed),
			page.Bit(8, 0, "VCELBRE", 0, page.Changeable),
		},
	},
	{
		Code: 0x11, Length: 0x0E, Name: "Medium Partition", Clause: "SSC-4 8.3.4", Fields: page.Fields{
			page.Uint8(2, "MAXIMUM ADDITIONAL PARTITIONS", 0, page.Dynamic),
			page.Uint8(3, "ADDITIONAL PARTITIONS DEFINED", 0, page.Changeable),
			page.Bit(4, 7, "FDP", 0, page.Changeable),
			page.Bit(4, 6, "SDP", 0, page.Changeable),
			page.Bit(4, 5, "IDP", 1, page.Changeable),
			page.Bits(4, 4, 3, "PSUM", 3, page.Changeable),
			page.Bit(4, 2, "POFM", 1, page.Ignored),
			page.Bit(4, 1, "CLEAR", 0, page.Fixed),
			page.Bit(4, 0, "ADDP", 0, page.Fixed),
			page.Uint8(5, "MEDIUM FORMAT RECOGNITION", 3, page.Ignored),
			page.Bits(6, 7, 4, "PARTITIONING TYPE", 0, page.Changeable).Between(0, 1),
			page.Bits(6, 3, 0, "PARTITION UNITS", 9, page.Changeable),
			page.Uint16(8, "PARTITION SIZE 0", 0, page.Changeable),
			page.Uint16(10, "PARTITION SIZE 1", 0, page.Changeable),
			page.Uint16(12, "PARTITION SIZE 2", 0, page.Changeable),
			page.Uint16(14, "PARTITION SIZE 3", 0, page.Changeable),
		},
	},
	{
		Code: 0x18, Length: 0x06, Name: "Protocol Specific Logical Unit", Clause: "SPC-4 7.5.14", PerNexus: true, Fields: page.Fields{
			page.Bits(2, 3, 0, "PROTOCOL IDENTIFIER", 5, page.Fixed),
		},
	},
	{
		Code: 0x19, Length: 0x06, Name: "Protocol Specific Port", Clause: "SPC-4 7.5.15", Fields: page.Fields{
			page.Bits(2, 3, 0, "PROTOCOL IDENTIFIER", 5, page.Fixed),
		},
	},
	{
		Code: 0x1A, Length: 0x26, Name: "Power Condition", Clause: "SPC-4 7.5.13", Saveable: true, Fields: page.Fields{
			page.Bit(3, 3, "IDLE_C", 1, page.Changeable),
			page.Bit(3, 2, "IDLE_B", 0, page.Fixed),
			page.Bit(3, 1, "IDLE_A", 0, page.Fixed),
			page.Bit(3, 0, "STANDBY_Z", 0, page.Fixed),
			page.Uint32(16, "IDLE_C CONDITION TIMER", 0x2EE0, page.Changeable),
		},
	},
	{
		Code: 0x1C, Length: 0x0A, Name: "Informational Exceptions Control", Clause: "SSC-4 8.3.6", PerNexus: true, Fields: page.Fields{
			page.Bit(2, 7, "PERF", 0, page.Fixed),
			page.Bit(2, 5, "EBF", 0, page.Fixed),
			page.Bit(2, 4, "EWASC", 0, page.Fixed),
			page.Bit(2, 3, "DEXCPT", 1, page.Changeable),
			page.Bit(2, 2, "TEST", 0, page.Changeable),
			page.Bit(2, 0, "LOGERR", 0, page.Fixed),
			page.Bits(3, 3, 0, "MRIE", 4, page.Changeable).In(0, 3, 4),
			page.Uint32(4, "INTERVAL TIMER", 0, page.Fixed),
			page.Uint32(8, "REPORT COUNT/TEST FLAG NUMBER", 0, page.Changeable),
		},
	},
	{
		Code: 0x1D, Length: 0x1E, Name: "Medium Configuration", Clause: "SSC-4 8.3.7", Fields: page.Fields{
			page.Bit(2, 0, "WORMM", 0, page.Dynamic),
			page.Uint8(4, "WORM MODE LABEL RESTRICTIONS", 1, page.Fixed),
			page.Uint8(5, "WORM MODE FILEMARKS RESTRICTIONS", 2, page.Fixed),
		},
	},
	{
		Code: 0x24, Length: 0x06, Name: "Vendor-Specific", Clause: "IBM GA32-0928", Unlisted: true, Fields: page.Fields{
			page.Bit(7, 3, "ENCR_E", 0, page.Ignored),
			page.Bit(7, 1, "FIPS", 0, page.Ignored),
			page.Bit(7, 0, "ENCR_C", 1, page.Ignored),
		},
	},
	{
		Code: 0x2F, Length: 0x08, Name: "Behavior Configuration", Clause: "IBM GA32-0928", Saveable: true, Fields: page.Fields{
			page.Uint8(2, "FENCE BEHAVIOR", 0, page.Changeable),
			page.Uint8(3, "CLEAN BEHAVIOR", 1, page.Fixed),
			page.Uint8(4, "WORM EMULATION", 0, page.Fixed),
			page.Uint8(5, "SENSE DATA BEHAVIOR", 1, page.Fixed),
			page.Bit(6, 2, "CCDM", 0, page.Changeable),
			page.Bit(6, 1, "DDEOR", 0, page.Changeable),
			page.Bit(6, 0, "CLNCHK", 0, page.Changeable),
			page.Bit(7, 0, "DFMRDL", 0, page.Changeable),
			page.Uint8(8, "UNLOAD BEHAVIOR", 0, page.Changeable),
			page.Bit(9, 0, "TA10", 0, page.Changeable),
		},
	},
	{
		Code: 0x30, Length: 0x06, Name: "Device Attribute Settings", Clause: "IBM GA32-0928", Saveable: true, Fields: page.Fields{
			page.Bytes(2, "SUBPAGES", []byte{0x00, 0x20, 0x40, 0x42, 0x43, 0x00}, page.Fixed),
		},
	},
	{
		Code: 0x30, Subpage: 0x20, Length: 0x05, Name: "Encryption Mode", Clause: "IBM GA32-0928", Saveable: true, Fields: page.Fields{
			page.Uint8(5, "ENCRYPTION METHOD", 3, page.Fixed),
			page.Uint8(6, "KEY PATH", 1, page.Fixed),
			page.Uint8(7, "DEFAULT ENCRYPTION STATE", 1, page.Fixed),
			page.Uint8(8, "DENSITY REPORTING", 0, page.Fixed),
		},
	},
	{
		Code: 0x30, Subpage: 0x40, Length: 0x10, Name: "SkipSync", Clause: "IBM GA32-0928", Saveable: true, Fields: page.Fields{
			page.Bit(4, 0, "SKIPSYNC", 0, page.Changeable),
			page.Uint32(8, "TARGET", 0, page.Fixed),
		},
	},
	{
		Code: 0x30, Subpage: 0x42, Length: 0x10, Name: "End of Partition", Clause: "IBM GA32-0928", Saveable: true, Fields: page.Fields{
			page.Uint8(4, "METHOD", 0, page.Changeable),
		},
	},
	{
		Code: 0x30, Subpage: 0x43, Length: 0x10, Name: "Feature Switches", Clause: "IBM GA32-0928", Saveable: true, Fields: page.Fields{
			page.Bit(4, 1, "ARCHIVE UNTHREAD", 0, page.Changeable),
			page.Bit(4, 0, "NO BOP CACHE", 0, page.Changeable),
		},
	},
}

// vendorPages are mode pages of other families than LTO, by their key in a model.
var vendorPages = map[string]page.Mode{
	"23": {
		Code: 0x23, Length: 0x3A, Name: "Cartridge Status", Clause: "IBM GA32-0562", Fields: page.Fields{
			page.Uint8(10, "WRITE PROTECT", 0, page.Dynamic),
			page.Uint16(11, "CAPACITY SCALING", 0, page.Ignored),
		},
	},
	"24/3592": {
		Code: 0x24, Length: 0x06, Name: "Vendor-Specific", Clause: "IBM GA32-0562", Unlisted: true, Fields: page.Fields{
			page.Bit(2, 5, "LBP CRC32C", 0, page.Ignored),
			page.Bit(7, 3, "ENCR_E", 0, page.Ignored),
			page.Bit(7, 0, "ENCR_C", 1, page.Ignored),
		},
	},
	"25": {
		Code: 0x25, Length: 0x1E, Name: "Read-Write Control", Clause: "IBM GA32-0562", Fields: page.Fields{
			page.Uint16(5, "LOGICAL END OF PARTITION", 0, page.Changeable),
			page.Uint8(10, "FORMAT DENSITY", 0, page.Changeable),
			page.Bits(20, 1, 0, "ENCRYPTION STATE", 0, page.Dynamic),
			page.Bit(24, 0, "MEDIUM ENCRYPTED", 0, page.Dynamic),
			page.Uint8(27, "ENCRYPTION METHOD", 0, page.Dynamic),
		},
	},
	"31": {
		Code: 0x31, Length: 0x06, Name: "AIT Device Configuration", Clause: "Sony SDX interface manual", Fields: page.Fields{
			page.Uint8(2, "FEATURES", 0xF0, page.Ignored),
			page.Uint8(3, "SPAN SIZE", 0x0A, page.Ignored),
			page.Uint8(4, "AME", 0x40, page.Ignored),
		},
	},
}

// PageChange is what a model changes of a page's field: its value, or its kind
// (changeable, fixed, dynamic, ignored).
type PageChange struct {
	Value uint64
	Kind  string
}

// UnmarshalYAML takes a number as a value and a word as a kind.
func (c *PageChange) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		if _, err := page.ParseKind(n.Value); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		c.Kind = n.Value
		return nil
	}
	if err := n.Decode(&c.Value); err != nil {
		return fmt.Errorf("line %d: %q is neither a number nor a kind of field", n.Line, n.Value)
	}
	return nil
}

// pageCode is a page or page/subpage code in hex.
func pageCode(s string) (code, subpage uint8, err error) {
	a, b, both := strings.Cut(s, "/")
	c, err := strconv.ParseUint(a, 16, 8)
	var sub uint64
	if err == nil && both {
		sub, err = strconv.ParseUint(b, 16, 8)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%q is not a page code in hex", s)
	}
	return uint8(c), uint8(sub), nil
}

// findModePage is the page of a key in a model.
func findModePage(key string) (page.Mode, error) {
	if m, ok := vendorPages[key]; ok {
		return m, nil
	}
	code, subpage, err := pageCode(key)
	if err != nil {
		return page.Mode{}, err
	}
	if m := page.FindMode(modePages, code, subpage); m != nil {
		return *m, nil
	}
	return page.Mode{}, fmt.Errorf("there is no page %s", key)
}

// lengthKey is the name by which a model changes a page's length.
const lengthKey = "PAGE LENGTH"

// resolveModePages picks the model's mode pages and applies its changes.
func (d *Drive) resolveModePages() error {
	d.modePages = nil
	for key, changes := range d.ModePages {
		if d.without(key) {
			continue
		}
		p, err := findModePage(key)
		if err != nil {
			return fmt.Errorf("mode-pages: %w", err)
		}
		for field, c := range changes {
			switch {
			case field == lengthKey:
				p, err = p.WithLength(int(min(c.Value, 0x10000)))
			case c.Kind != "":
				k, _ := page.ParseKind(c.Kind)
				p, err = p.WithKind(field, k)
			default:
				p, err = p.WithValue(field, c.Value)
			}
			if err != nil {
				return fmt.Errorf("mode-pages: %w", err)
			}
		}
		if p.Code == 0x0A && p.Subpage == 0xF0 && d.Has(LBPCRC32C) {
			if p, err = p.WithAllowed("LOGICAL BLOCK PROTECTION METHOD", page.Range{From: 0, To: 2}); err != nil {
				return fmt.Errorf("mode-pages: %w", err)
			}
		}
		d.modePages = append(d.modePages, p)
	}
	return nil
}

// without reports whether the model takes a mode page out of what its base has.
func (d *Drive) without(key string) bool { return slices.Contains(d.WithoutModePages, key) }

// ModePageList are the mode pages of the model with its values.
func (d *Drive) ModePageList() []page.Mode { return slices.Clone(d.modePages) }
