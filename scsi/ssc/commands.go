package ssc

import (
	"slices"

	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/spc"
)

// The directions of data, and the bits of the CONTROL byte that are evaluated.
const (
	none = scsi.NoData
	in   = scsi.DataIn
	out  = scsi.DataOut

	ctl = 0x00 // no bit of it changes what is done
)

type (
	row  = scsi.Row[*Drive]
	rows = []row
)

// cmd is the only row of an operation code.
func cmd(name, clause string, data scsi.Direction, needs scsi.Need, run func(*Drive, *scsi.Task) error, usage ...byte) []row {
	return []row{{
		Command: scsi.Command{Name: name, Clause: clause, Data: data, Needs: needs, Usage: usage},
		Run:     run,
	}}
}

// prompt adds to a row how to tell that the command would not wait.
func prompt(r []row, f func(*Drive, *scsi.Task) bool) []row {
	r[0].Prompt = f
	return r
}

// shared marks a row that every reservation of others lets through.
func shared(r []row) []row {
	r[0].Access = scsi.Unrestricted
	return r
}

// lasting marks a row as one that runs with a unit attention condition pending, and
// leaves that pending.
func lasting(r []row) []row {
	r[0].KeepsAttention = true
	return r
}

// action makes a row one of a service action.
func action(sa uint8, r []row) []row {
	r[0].ServiceAction, r[0].HasServiceAction = sa, true
	return r
}

// withoutCommands are the commands that the model has not: those that it names, and
// those of capabilities that it lacks.
func (d *Drive) withoutCommands() []string {
	l := slices.Clone(d.model.WithoutCommands)
	for _, c := range []struct {
		needs personality.Capability
		names []string
	}{
		{personality.Encryption, []string{"SECURITY PROTOCOL IN", "SECURITY PROTOCOL OUT"}},
		{personality.WrapPositions, []string{wrapsAndHosts}},
		{personality.AccessOrder, []string{generateOrder, receiveOrder}},
		{personality.DynamicAttributes, []string{"READ DYNAMIC RUNTIME ATTRIBUTE", "READ DYNAMIC RUNTIME ATTRIBUTE, legacy",
			"WRITE DYNAMIC RUNTIME ATTRIBUTE", "WRITE DYNAMIC RUNTIME ATTRIBUTE, legacy"}},
	} {
		if !d.model.Has(c.needs) {
			l = append(l, c.names...)
		}
	}
	return l
}

// commands is the command set of a sequential-access device, in operation code
// order. A row is the name and clause of the standard, the direction of data,
// what must hold before the handler runs, the handler, and the CDB usage map
// from byte 1 on: a set bit is one we evaluate, a clear one is reserved. A model
// names the commands that it has not.
var commands = scsi.Table[*Drive]{
	0x00: rows{spc.TestUnitReady[*Drive](loaded)},
	0x01: cmd("REWIND", "SSC-4 7.10", none, loaded, (*Drive).rewind, 0x01, 0, 0, 0, ctl),
	0x03: rows{spc.RequestSense[*Drive]()},
	0x04: cmd("FORMAT MEDIUM", "SSC-4 7.2", none, writable, (*Drive).formatMedium, 0x03, 0x0F, 0xFF, 0xFF, ctl),
	0x05: shared(cmd("READ BLOCK LIMITS", "SSC-4 7.6", in, nothing, (*Drive).readBlockLimits, 0x01, 0, 0, 0, ctl)),
	0x08: prompt(cmd("READ(6)", "SSC-4 6.4", in, positioned, (*Drive).read6, 0x03, 0xFF, 0xFF, 0xFF, ctl), (*Drive).promptRead),
	0x0A: prompt(cmd("WRITE(6)", "SSC-4 6.8", out, writable, (*Drive).write6, 0x01, 0xFF, 0xFF, 0xFF, ctl), (*Drive).promptWrite),
	0x0B: cmd("SET CAPACITY", "SSC-4 7.11", none, writable, (*Drive).setCapacity, 0x01, 0, 0xFF, 0xFF, ctl),
	0x0F: cmd("READ REVERSE(6)", "SSC-4 6.5", in, positioned, (*Drive).readReverse6, 0x07, 0xFF, 0xFF, 0xFF, ctl),
	0x10: cmd("WRITE FILEMARKS(6)", "SSC-4 6.9", none, positioned, (*Drive).writeFilemarks6, 0x03, 0xFF, 0xFF, 0xFF, ctl),
	0x11: cmd("SPACE(6)", "SSC-4 6.6", none, loaded, (*Drive).space6, 0x0F, 0xFF, 0xFF, 0xFF, ctl),
	0x12: rows{spc.Inquiry[*Drive]()},
	0x13: cmd("VERIFY(6)", "SSC-4 6.7", none, positioned, (*Drive).verify6, 0x3F, 0xFF, 0xFF, 0xFF, ctl),
	0x14: cmd("RECOVER BUFFERED DATA", "SSC-4 7.8", in, loaded, (*Drive).recoverBufferedData, 0x03, 0xFF, 0xFF, 0xFF, ctl),
	0x15: rows{spc.ModeSelect6[*Drive]()},
	0x16: rows{spc.Reserve6[*Drive]()},
	0x17: rows{spc.Release6[*Drive]()},
	0x19: cmd("ERASE(6)", "SSC-4 6.2", none, writable, (*Drive).erase6, 0x03, 0x30, 0, 0, ctl),
	0x1A: rows{spc.ModeSense6[*Drive]()},
	0x1B: cmd("LOAD UNLOAD", "SSC-4 7.3", none, nothing, (*Drive).loadUnload, 0x01, 0, 0, 0x0F, ctl),
	0x1C: rows{spc.ReceiveDiagnosticResults[*Drive]()},
	0x1D: rows{spc.SendDiagnostic[*Drive]()},
	0x1E: rows{spc.PreventAllow[*Drive]()},
	0x2B: cmd("LOCATE(10)", "SSC-4 6.3", none, loaded, (*Drive).locate10, 0x07, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, ctl),
	0x34: cmd("READ POSITION", "SSC-4 7.7", in, loaded, (*Drive).readPosition, 0x1F, 0, 0, 0, 0, 0, 0xFF, 0xFF, ctl),
	0x3B: rows{spc.WriteBuffer[*Drive]()},
	0x3C: rows{spc.ReadBuffer[*Drive]()},
	0x44: shared(cmd("REPORT DENSITY SUPPORT", "SSC-4 7.9", in, nothing, (*Drive).reportDensitySupport, 0x03, 0, 0, 0, 0, 0, 0xFF, 0xFF, ctl)),
	0x4C: rows{spc.LogSelect[*Drive]()},
	0x4D: rows{spc.LogSense[*Drive]()},
	0x55: rows{spc.ModeSelect10[*Drive]()},
	0x56: rows{spc.Reserve10[*Drive]()},
	0x57: rows{spc.Release10[*Drive]()},
	0x5A: rows{spc.ModeSense10[*Drive]()},
	0x5E: spc.PersistentReserveIn[*Drive](),
	0x5F: spc.PersistentReserveOut[*Drive](),
	0x80: cmd("WRITE FILEMARKS(16)", "SSC-4 5.7", none, loaded, (*Drive).writeFilemarks16, 0x0D, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, ctl),
	0x81: cmd("READ REVERSE(16)", "SSC-4 5.4", in, loaded, (*Drive).readReverse16, 0x07, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, ctl),
	0x82: cmd("ALLOW OVERWRITE", "SSC-4 7.1", none, positioned, (*Drive).allowOverwrite, 0, 0x0F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, ctl),
	0x88: cmd("READ(16)", "SSC-4 5.3", in, loaded, (*Drive).read16, 0x03, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, ctl),
	0x8A: cmd("WRITE(16)", "SSC-4 5.6", out, loaded, (*Drive).write16, 0x0D, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, ctl),
	0x8C: cmd("READ ATTRIBUTE", "SPC-4 6.17", in, present, (*Drive).readAttribute, 0x1F, 0, 0, 0, 0xFF, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, ctl),
	0x8D: cmd("WRITE ATTRIBUTE", "SPC-4 6.48", out, present, (*Drive).writeAttribute, 0x01, 0, 0, 0, 0xFF, 0, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl),
	0x8F: cmd("VERIFY(16)", "SSC-4 5.5", none, loaded, (*Drive).verify16, 0x3F, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, ctl),
	0x91: cmd("SPACE(16)", "SSC-4 7.12", none, loaded, (*Drive).space16, 0x0F, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl),
	0x92: cmd("LOCATE(16)", "SSC-4 7.4", none, loaded, (*Drive).locate16, 0x3B, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, ctl),
	0x93: cmd("ERASE(16)", "SSC-4 5.2", none, loaded, (*Drive).erase16, 0x0F, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, ctl),
	0xA0: rows{spc.ReportLUNs[*Drive]()},
	0xA2: cmd("SECURITY PROTOCOL IN", "SPC-4 6.37", in, nothing, (*Drive).securityProtocolIn, 0xFF, 0xFF, 0xFF, 0x80, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl),
	0xA3: rows{
		spc.ReportIdentifyingInformation[*Drive](),
		spc.ReportTargetPortGroups[*Drive](),
		spc.ReportSupportedOperationCodes[*Drive](),
		spc.ReportSupportedTaskManagementFunctions[*Drive](),
		spc.ReportTimestamp[*Drive](),
		action(0x1D, cmd(receiveOrder, "IBM GA32-0928 5.2.24", in, loaded, (*Drive).receiveAccessOrder, 0x9F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, ctl))[0],
		spc.ReadDynamicAttribute[*Drive](),
		lasting(action(0x1F, shared(cmd(wrapsAndHosts, "IBM GA32-0928 5.2.20", in, nothing, (*Drive).readWrapsOrHosts, 0x1F, 0xFF, 0x07, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl))))[0],
	},
	0xA4: rows{
		spc.SetIdentifyingInformation[*Drive](),
		spc.SetTimestamp[*Drive](),
		action(0x1D, cmd(generateOrder, "IBM GA32-0928 5.2.4", out, loaded, (*Drive).generateAccessOrder, 0x1F, 0x07, 0x07, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl))[0],
		spc.WriteDynamicAttribute[*Drive](),
	},
	0xB5: cmd("SECURITY PROTOCOL OUT", "SPC-4 6.38", out, nothing, (*Drive).securityProtocolOut, 0xFF, 0xFF, 0xFF, 0x80, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl),
	0xAB: action(0x01, cmd("READ MEDIA SERIAL NUMBER", "SPC-4 6.22", in, present, (*Drive).readMediaSerialNumber, 0x1F, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl)),
	0xD1: rows{spc.ReadDynamicAttributeLegacy[*Drive]()},
	0xD2: rows{spc.WriteDynamicAttributeLegacy[*Drive]()},
}
