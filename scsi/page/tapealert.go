package page

import (
	"govtl/scsi"
)

// TapeAlerts are the 64 TapeAlert flags of a device, SSC-4 annex A and SMC-3
// annex A. A flag stays set until what it tells of is over (Clear); each nexus
// reads it once.
type TapeAlerts struct {
	active uint64
	told   map[*scsi.Nexus]uint64
}

// flagBit is the bit of flag 1 to 64; 0 for a number out of range.
func flagBit(flag int) uint64 {
	if flag < 1 || flag > 64 {
		return 0
	}
	return 1 << (flag - 1)
}

// Set raises a flag, 1 to 64, for every nexus, also for those that have read it.
func (a *TapeAlerts) Set(flag int) { a.SetMask(flagBit(flag)) }

// SetMask raises all flags of a mask, in which bit 0 is flag 1.
func (a *TapeAlerts) SetMask(mask uint64) {
	a.active |= mask
	for n := range a.told {
		a.told[n] &^= mask
	}
}

// Clear lowers flags for every nexus.
func (a *TapeAlerts) Clear(flags ...int) {
	for _, f := range flags {
		a.active &^= flagBit(f)
	}
}

// ClearMask lowers all flags of a mask, in which bit 0 is flag 1.
func (a *TapeAlerts) ClearMask(mask uint64) { a.active &^= mask }

// Active is the mask of the flags that are set, whoever has read them.
func (a *TapeAlerts) Active() uint64 { return a.active }

// Pending is the mask of the flags that the nexus has not read.
func (a *TapeAlerts) Pending(n *scsi.Nexus) uint64 { return a.active &^ a.told[n] }

// MarkRead notes that the nexus has read its flags.
func (a *TapeAlerts) MarkRead(n *scsi.Nexus) {
	if a.told == nil {
		a.told = map[*scsi.Nexus]uint64{}
	}
	a.told[n] = a.active
}

// Forget drops what is known of a nexus.
func (a *TapeAlerts) Forget(n *scsi.Nexus) { delete(a.told, n) }

// tapeAlertParams are the 64 parameters of log page 2Eh.
func tapeAlertParams() []Param {
	l := make([]Param, 64)
	for i := range l {
		l[i] = Param{Code: uint16(i + 1), Name: "TapeAlert flag", Length: 1, Control: ControlTapeAlert}
	}
	return l
}

// TapeAlertLog is log page 2Eh, SSC-4 8.2.3: all 64 flags, set back by reading.
func TapeAlertLog() Log {
	return Log{
		Code: 0x2E, Name: "TapeAlert", Clause: "SSC-4 8.2.3", Params: tapeAlertParams(),
		Resettable: true, ResetByRead: true, CurrentOnly: true,
	}
}

// BindTapeAlerts has pages 2Eh (flags) and 12h (TapeAlert response) supplied
// from the flags.
func (s *Logs) BindTapeAlerts(a *TapeAlerts) {
	for i := range 64 {
		s.Bind(0x2E, 0, uint16(i+1), func(dst []byte, _ *Param, n *scsi.Nexus) []byte {
			return append(dst, byte(a.Pending(n)>>i&1))
		})
	}
	s.Bind(0x12, 0, 0, func(dst []byte, _ *Param, n *scsi.Nexus) []byte {
		p := a.Pending(n)
		for i := range 8 {
			var b byte
			for j := range 8 { // flag 1 is the top bit of the first byte
				b = b<<1 | byte(p>>(8*i+j)&1)
			}
			dst = append(dst, b)
		}
		return dst
	})
}
