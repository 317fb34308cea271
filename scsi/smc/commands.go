package smc

import (
	"govtl/scsi"
	"govtl/scsi/spc"
)

// What must hold before a handler runs.
const (
	nothing scsi.Need = iota
	ready             // the library is online
)

// controlByte is the usage map of the CONTROL byte: no bit of it changes what is done.
const controlByte = 0x00

// cmd makes a row of a handler of Changer.
func cmd(name, clause string, data scsi.Direction, a scsi.Access, needs scsi.Need, run func(*Changer, *scsi.Task) error, usage ...byte) scsi.Row[*Changer] {
	return scsi.Row[*Changer]{
		Command: scsi.Command{Name: name, Clause: clause, Data: data, Access: a, Needs: needs, Usage: usage},
		Run:     run,
	}
}

// action makes a row that of a service action.
func action(sa uint8, r scsi.Row[*Changer]) scsi.Row[*Changer] {
	r.ServiceAction, r.HasServiceAction = sa, true
	return r
}

// missing makes a row of a command that is known and not done.
func missing(name, clause, why string, usage ...byte) scsi.Row[*Changer] {
	return scsi.Row[*Changer]{Command: scsi.Command{Name: name, Clause: clause, Missing: why, Usage: usage}}
}

type rows = []scsi.Row[*Changer]

// commands is the command set of a media changer, in operation code order. The
// columns are those of package spc's rows: name, clause, data, standing towards
// reservations, what must hold, handler, CDB usage map.
var commands = scsi.Table[*Changer]{
	0x00: rows{spc.TestUnitReady[*Changer](ready)},
	0x01: rows{cmd("REZERO UNIT", "SCSI-2 17.2.4", scsi.NoData, scsi.Exclusive, ready, (*Changer).rezeroUnit, 0, 0, 0, 0, controlByte)},
	0x03: rows{spc.RequestSense[*Changer]()},
	0x06: rows{cmd("LOAD DISPLAY", "vendor specific (IBM 3590)", scsi.DataOut, scsi.Exclusive, nothing, (*Changer).loadDisplay, 0xE0, 0, 0, 0xFF, controlByte)},
	0x07: rows{cmd("INITIALIZE ELEMENT STATUS", "SMC-3 6.4", scsi.NoData, scsi.Exclusive, ready, (*Changer).initializeElementStatus, 0, 0, 0, 0, controlByte)},
	0x12: rows{spc.Inquiry[*Changer]()},
	0x15: rows{spc.ModeSelect6[*Changer]()},
	0x16: rows{cmd("RESERVE(6)", "SMC-2 6.14", scsi.DataOut, scsi.Exclusive, nothing, (*Changer).reserve6, 0x11, 0xFF, 0xFF, 0xFF, controlByte)},
	0x17: rows{cmd("RELEASE(6)", "SMC-2 6.10", scsi.NoData, scsi.Exclusive, nothing, (*Changer).release6, 0x11, 0xFF, 0, 0, controlByte)},
	0x1A: rows{spc.ModeSense6[*Changer]()},
	0x1B: rows{cmd("OPEN/CLOSE IMPORT/EXPORT ELEMENT", "SMC-3 6.7", scsi.NoData, scsi.Exclusive, ready, (*Changer).openCloseImportExport, 0, 0xFF, 0xFF, 0x1F, controlByte)},
	0x1C: rows{spc.ReceiveDiagnosticResults[*Changer]()},
	0x1D: rows{spc.SendDiagnostic[*Changer]()},
	0x1E: rows{spc.PreventAllow[*Changer]()},
	0x2B: rows{cmd("POSITION TO ELEMENT", "SMC-3 6.8", scsi.NoData, scsi.Exclusive, ready, (*Changer).positionToElement, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x01, controlByte)},
	0x37: rows{cmd("INITIALIZE ELEMENT STATUS WITH RANGE", "SMC-3 6.5", scsi.NoData, scsi.Exclusive, ready, (*Changer).initializeWithRange, 0x03, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, controlByte)},
	0x3B: rows{spc.WriteBuffer[*Changer]()},
	0x3C: rows{spc.ReadBuffer[*Changer]()},
	0x4C: rows{spc.LogSelect[*Changer]()},
	0x4D: rows{spc.LogSense[*Changer]()},
	0x55: rows{spc.ModeSelect10[*Changer]()},
	0x56: rows{cmd("RESERVE(10)", "SMC-2 6.13", scsi.DataOut, scsi.Exclusive, nothing, (*Changer).reserve10, 0x13, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, controlByte)},
	0x57: rows{cmd("RELEASE(10)", "SMC-2 6.9", scsi.NoData, scsi.Exclusive, nothing, (*Changer).release10, 0x13, 0xFF, 0, 0, 0, 0, 0, 0, controlByte)},
	0x5A: rows{spc.ModeSense10[*Changer]()},
	0x5E: spc.PersistentReserveIn[*Changer](),
	0x5F: spc.PersistentReserveOut[*Changer](),
	0x9E: rows{action(0x10, cmd("REPORT ELEMENT INFORMATION", "SMC-3 6.11", scsi.DataIn, scsi.Unrestricted, ready, (*Changer).reportElementInformation, 0x1F, 0xFF, 0x3F, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, controlByte))},
	0xA0: rows{spc.ReportLUNs[*Changer]()},
	0xA3: rows{
		spc.ReportIdentifyingInformation[*Changer](),
		spc.ReportTargetPortGroups[*Changer](),
		spc.ReportSupportedOperationCodes[*Changer](),
		spc.ReportSupportedTaskManagementFunctions[*Changer](),
		spc.ReportTimestamp[*Changer](),
	},
	0xA4: rows{
		spc.SetIdentifyingInformation[*Changer](),
		spc.SetTimestamp[*Changer](),
	},
	0xA5: rows{cmd("MOVE MEDIUM", "SMC-3 6.6", scsi.NoData, scsi.Exclusive, ready, (*Changer).moveMedium, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x01, controlByte)},
	0xA6: rows{cmd("EXCHANGE MEDIUM", "SMC-3 6.3", scsi.NoData, scsi.Exclusive, ready, (*Changer).exchangeMedium, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x03, controlByte)},
	0xA7: rows{missing("MOVE MEDIUM ATTACHED", "SMC-3 6", "it is for a drive whose changer has no logical unit of its own", 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x01, controlByte)},
	0xB4: rows{missing("READ ELEMENT STATUS ATTACHED", "SMC-3 6", "it is for a drive whose changer has no logical unit of its own", 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0x03, 0xFF, 0xFF, 0xFF, 0, controlByte)},
	0xB5: rows{cmd("REQUEST VOLUME ELEMENT ADDRESS", "SMC-3 6.13", scsi.DataIn, scsi.SharedRead, ready, (*Changer).requestVolumeElementAddress, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0xFF, 0, controlByte)},
	0xB6: rows{cmd("SEND VOLUME TAG", "SMC-3 6.14", scsi.DataOut, scsi.Exclusive, ready, (*Changer).sendVolumeTag, 0x0F, 0xFF, 0xFF, 0, 0x1F, 0, 0, 0xFF, 0xFF, 0, controlByte)},
	0xB8: rows{cmd("READ ELEMENT STATUS", "SMC-3 6.10", scsi.DataIn, scsi.Unrestricted, ready, (*Changer).readElementStatus, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0x03, 0xFF, 0xFF, 0xFF, 0, controlByte)},
	0xE7: rows{cmd("INITIALIZE ELEMENT STATUS WITH RANGE (E7h)", "vendor specific (SCSI-2 era changers)", scsi.NoData, scsi.Exclusive, ready, (*Changer).initializeWithRange, 0x03, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, controlByte)},
}

// Meets implements scsi.Device.
func (c *Changer) Meets(t *scsi.Task, cmd *scsi.Command) error {
	if cmd.Needs != ready {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.offline {
		return notReady(scsi.NotReadyOffline).Because("the library is offline")
	}
	return nil
}
