package spc

import "govtl/scsi"

// control is the usage map of the CONTROL byte: no bit of it changes what is done.
const control = 0x00

// row makes a table row of a method of Core.
func row[D Host](name, clause string, data scsi.Direction, a scsi.Access, run func(*Core, *scsi.Task) error, usage ...byte) scsi.Row[D] {
	return scsi.Row[D]{
		Command: scsi.Command{Name: name, Clause: clause, Data: data, Access: a, Usage: usage},
		Run:     func(d D, t *scsi.Task) error { return run(d.SPC(), t) },
	}
}

// action is row with a service action.
func action[D Host](sa uint8, name, clause string, data scsi.Direction, a scsi.Access, run func(*Core, *scsi.Task) error, usage ...byte) scsi.Row[D] {
	r := row[D](name, clause, data, a, run, usage...)
	r.ServiceAction, r.HasServiceAction = sa, true
	return r
}

// keeps marks a row as one that runs with a unit attention condition pending.
func keeps[D Host](r scsi.Row[D]) scsi.Row[D] {
	r.KeepsAttention = true
	return r
}

// TestUnitReady is TEST UNIT READY, 00h: good when what needs stands for holds.
func TestUnitReady[D Host](needs scsi.Need) scsi.Row[D] {
	r := row[D]("TEST UNIT READY", "SPC-4 6.47", scsi.NoData, scsi.Exclusive,
		func(*Core, *scsi.Task) error { return nil }, 0, 0, 0, 0, control)
	r.Needs = needs
	return r
}

// RequestSense is REQUEST SENSE, 03h.
func RequestSense[D Host]() scsi.Row[D] {
	return keeps(row[D]("REQUEST SENSE", "SPC-4 6.39", scsi.DataIn, scsi.Unrestricted,
		(*Core).requestSense, 0x01, 0, 0, 0xFF, control))
}

// Inquiry is INQUIRY, 12h.
func Inquiry[D Host]() scsi.Row[D] {
	return keeps(row[D]("INQUIRY", "SPC-4 6.6", scsi.DataIn, scsi.Unrestricted,
		(*Core).inquiry, 0x01, 0xFF, 0xFF, 0xFF, control))
}

// ReportLUNs is REPORT LUNS, A0h.
func ReportLUNs[D Host]() scsi.Row[D] {
	return keeps(row[D]("REPORT LUNS", "SPC-4 6.33", scsi.DataIn, scsi.Unrestricted,
		(*Core).reportLUNs, 0, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, control))
}

// ModeSelect6 is MODE SELECT(6), 15h.
func ModeSelect6[D Host]() scsi.Row[D] {
	return row[D]("MODE SELECT(6)", "SPC-4 6.11", scsi.DataOut, scsi.Exclusive,
		(*Core).modeSelect, 0x11, 0, 0, 0xFF, control)
}

// ModeSelect10 is MODE SELECT(10), 55h.
func ModeSelect10[D Host]() scsi.Row[D] {
	return row[D]("MODE SELECT(10)", "SPC-4 6.12", scsi.DataOut, scsi.Exclusive,
		(*Core).modeSelect, 0x11, 0, 0, 0, 0, 0, 0xFF, 0xFF, control)
}

// ModeSense6 is MODE SENSE(6), 1Ah.
func ModeSense6[D Host]() scsi.Row[D] {
	return row[D]("MODE SENSE(6)", "SPC-4 6.13", scsi.DataIn, scsi.Exclusive,
		(*Core).modeSense, 0x08, 0xFF, 0xFF, 0xFF, control)
}

// ModeSense10 is MODE SENSE(10), 5Ah.
func ModeSense10[D Host]() scsi.Row[D] {
	return row[D]("MODE SENSE(10)", "SPC-4 6.14", scsi.DataIn, scsi.Exclusive,
		(*Core).modeSense, 0x18, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, control)
}

// LogSelect is LOG SELECT, 4Ch.
func LogSelect[D Host]() scsi.Row[D] {
	return row[D]("LOG SELECT", "SPC-4 6.7", scsi.DataOut, scsi.Exclusive,
		(*Core).logSelect, 0x03, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, control)
}

// LogSense is LOG SENSE, 4Dh. IBM's drives answer it with a unit attention
// condition pending and leave that pending.
func LogSense[D Host]() scsi.Row[D] {
	return keeps(row[D]("LOG SENSE", "SPC-4 6.8", scsi.DataIn, scsi.Unrestricted,
		(*Core).logSense, 0x03, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0xFF, 0xFF, control))
}

// Reserve6 is RESERVE(6), 16h.
func Reserve6[D Host]() scsi.Row[D] {
	return row[D]("RESERVE(6)", "SPC-2 7.22", scsi.NoData, scsi.Exclusive,
		(*Core).reserve, 0x11, 0, 0, 0, control)
}

// Release6 is RELEASE(6), 17h.
func Release6[D Host]() scsi.Row[D] {
	return row[D]("RELEASE(6)", "SPC-2 7.17", scsi.NoData, scsi.Exclusive,
		(*Core).release, 0x11, 0, 0, 0, control)
}

// Reserve10 is RESERVE(10), 56h.
func Reserve10[D Host]() scsi.Row[D] {
	return row[D]("RESERVE(10)", "SPC-2 7.21", scsi.NoData, scsi.Exclusive,
		(*Core).reserve, 0x13, 0, 0, 0, 0, 0, 0xFF, 0xFF, control)
}

// Release10 is RELEASE(10), 57h.
func Release10[D Host]() scsi.Row[D] {
	return row[D]("RELEASE(10)", "SPC-2 7.16", scsi.NoData, scsi.Exclusive,
		(*Core).release, 0x13, 0, 0, 0, 0, 0, 0xFF, 0xFF, control)
}

// PreventAllow is PREVENT ALLOW MEDIUM REMOVAL, 1Eh.
func PreventAllow[D Host]() scsi.Row[D] {
	return row[D]("PREVENT ALLOW MEDIUM REMOVAL", "SPC-3 6.13", scsi.NoData, scsi.Unrestricted,
		(*Core).preventAllow, 0, 0, 0, 0x03, control)
}

// ReceiveDiagnosticResults is RECEIVE DIAGNOSTIC RESULTS, 1Ch.
func ReceiveDiagnosticResults[D Host]() scsi.Row[D] {
	return row[D]("RECEIVE DIAGNOSTIC RESULTS", "SPC-4 6.28", scsi.DataIn, scsi.Exclusive,
		(*Core).receiveDiagnosticResults, 0x01, 0xFF, 0xFF, 0xFF, control)
}

// SendDiagnostic is SEND DIAGNOSTIC, 1Dh.
func SendDiagnostic[D Host]() scsi.Row[D] {
	return row[D]("SEND DIAGNOSTIC", "SPC-4 6.42", scsi.DataOut, scsi.Exclusive,
		(*Core).sendDiagnostic, 0xF7, 0, 0xFF, 0xFF, control)
}

// WriteBuffer is WRITE BUFFER, 3Bh.
func WriteBuffer[D Host]() scsi.Row[D] {
	return row[D]("WRITE BUFFER", "SPC-4 6.49", scsi.DataOut, scsi.Exclusive,
		(*Core).writeBuffer, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, control)
}

// ReadBuffer is READ BUFFER(10), 3Ch. IBM's drives answer it with a unit
// attention condition pending and leave that pending.
func ReadBuffer[D Host]() scsi.Row[D] {
	return keeps(row[D]("READ BUFFER", "SPC-4 6.18", scsi.DataIn, scsi.Exclusive,
		(*Core).readBuffer, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, control))
}

// PersistentReserveIn is PERSISTENT RESERVE IN, 5Eh, with its service actions.
func PersistentReserveIn[D Host]() []scsi.Row[D] {
	in := func(sa uint8, name, clause string, run func(*Core, *scsi.Task) error) scsi.Row[D] {
		return action[D](sa, "PERSISTENT RESERVE IN, "+name, clause, scsi.DataIn, scsi.Exclusive, run,
			0x1F, 0, 0, 0, 0, 0, 0xFF, 0xFF, control)
	}
	return []scsi.Row[D]{
		in(0x00, "READ KEYS", "SPC-4 6.15.2", (*Core).readKeys),
		in(0x01, "READ RESERVATION", "SPC-4 6.15.3", (*Core).readReservation),
		in(0x02, "REPORT CAPABILITIES", "SPC-4 6.15.4", (*Core).reportCapabilities),
		in(0x03, "READ FULL STATUS", "SPC-4 6.15.5", (*Core).readFullStatus),
	}
}

// PersistentReserveOut is PERSISTENT RESERVE OUT, 5Fh, with its service actions.
func PersistentReserveOut[D Host]() []scsi.Row[D] {
	out := func(sa uint8, name string, run func(*Core, *scsi.Task) error) scsi.Row[D] {
		return action[D](sa, "PERSISTENT RESERVE OUT, "+name, "SPC-4 6.16", scsi.DataOut, scsi.Exclusive, run,
			0x1F, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, control)
	}
	return []scsi.Row[D]{
		out(prRegister, "REGISTER", (*Core).persistentReserveOut),
		out(prReserve, "RESERVE", (*Core).persistentReserveOut),
		out(prRelease, "RELEASE", (*Core).persistentReserveOut),
		out(prClear, "CLEAR", (*Core).persistentReserveOut),
		out(prPreempt, "PREEMPT", (*Core).persistentReserveOut),
		out(prPreemptAndAbort, "PREEMPT AND ABORT", (*Core).persistentReserveOut),
		out(prRegisterAndIgnore, "REGISTER AND IGNORE EXISTING KEY", (*Core).persistentReserveOut),
		out(prRegisterAndMove, "REGISTER AND MOVE", (*Core).persistentReserveOut),
	}
}

// ReportIdentifyingInformation is REPORT IDENTIFYING INFORMATION, A3h/05h.
func ReportIdentifyingInformation[D Host]() scsi.Row[D] {
	return action[D](0x05, "REPORT IDENTIFYING INFORMATION", "SPC-4 6.32", scsi.DataIn, scsi.Unrestricted,
		(*Core).reportIdentifyingInformation, 0x1F, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, control)
}

// ReportTargetPortGroups is REPORT TARGET PORT GROUPS, A3h/0Ah.
func ReportTargetPortGroups[D Host]() scsi.Row[D] {
	return action[D](0x0A, "REPORT TARGET PORT GROUPS", "SPC-4 6.37", scsi.DataIn, scsi.Unrestricted,
		(*Core).reportTargetPortGroups, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, control)
}

// ReportSupportedOperationCodes is REPORT SUPPORTED OPERATION CODES, A3h/0Ch.
func ReportSupportedOperationCodes[D Host]() scsi.Row[D] {
	return action[D](0x0C, "REPORT SUPPORTED OPERATION CODES", "SPC-4 6.35", scsi.DataIn, scsi.Unrestricted,
		(*Core).reportSupportedOperationCodes, 0x1F, 0x87, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, control)
}

// ReportSupportedTaskManagementFunctions is A3h/0Dh.
func ReportSupportedTaskManagementFunctions[D Host]() scsi.Row[D] {
	return action[D](0x0D, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", "SPC-4 6.36", scsi.DataIn, scsi.Unrestricted,
		(*Core).reportSupportedTaskManagementFunctions, 0x1F, 0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, control)
}

// ReportTimestamp is REPORT TIMESTAMP, A3h/0Fh.
func ReportTimestamp[D Host]() scsi.Row[D] {
	return action[D](0x0F, "REPORT TIMESTAMP", "SPC-4 6.38", scsi.DataIn, scsi.Unrestricted,
		(*Core).reportTimestamp, 0x1F, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, control)
}

// SetIdentifyingInformation is SET IDENTIFYING INFORMATION, A4h/06h.
func SetIdentifyingInformation[D Host]() scsi.Row[D] {
	return action[D](0x06, "SET IDENTIFYING INFORMATION", "SPC-4 6.43", scsi.DataOut, scsi.Exclusive,
		(*Core).setIdentifyingInformation, 0x1F, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, control)
}

// SetTimestamp is SET TIMESTAMP, A4h/0Fh.
func SetTimestamp[D Host]() scsi.Row[D] {
	return action[D](0x0F, "SET TIMESTAMP", "SPC-4 6.46", scsi.DataOut, scsi.Exclusive,
		(*Core).setTimestamp, 0x1F, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, control)
}
