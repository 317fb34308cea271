package mmc

import (
	"govtl/scsi"
	"govtl/scsi/spc"
)

// What must hold before a handler runs.
const (
	nothing scsi.Need = iota
	idle              // no long operation runs
	loaded            // idle, and a medium is there
)

// The directions of data, and the bits of the CONTROL byte that are evaluated.
const (
	none = scsi.NoData
	in   = scsi.DataIn
	out  = scsi.DataOut
	ctl  = 0x00
)

type rows = []scsi.Row[*Drive]

func cmd(name, clause string, data scsi.Direction, needs scsi.Need, run func(*Drive, *scsi.Task) error, usage ...byte) rows {
	return rows{{
		Command: scsi.Command{Name: name, Clause: clause, Data: data, Needs: needs, Usage: usage},
		Run:     run,
	}}
}

// keeps marks a row as one that runs with a unit attention condition pending.
func keeps(r rows) rows {
	r[0].KeepsAttention, r[0].Access = true, scsi.Unrestricted
	return r
}

// needing adds a need to a row of package spc.
func needing(n scsi.Need, r scsi.Row[*Drive]) rows {
	r.Needs = n
	return rows{r}
}

func good(*Drive, *scsi.Task) error { return nil }

// commands is the command set of an optical drive, in operation code order.
var commands = scsi.Table[*Drive]{
	0x00: rows{spc.TestUnitReady[*Drive](loaded)},
	0x03: rows{spc.RequestSense[*Drive]()},
	0x04: cmd("FORMAT UNIT", "MMC-6 6.5", out, loaded, (*Drive).formatUnit, 0x1F, 0, 0, 0, ctl),
	0x12: rows{spc.Inquiry[*Drive]()},
	0x15: needing(idle, spc.ModeSelect6[*Drive]()),
	0x1A: rows{spc.ModeSense6[*Drive]()},
	0x1B: cmd("START STOP UNIT", "MMC-6 6.42", none, nothing, (*Drive).startStop, 0x01, 0, 0, 0xF3, ctl),
	0x1E: rows{spc.PreventAllow[*Drive]()},
	0x23: cmd("READ FORMAT CAPACITIES", "MMC-6 6.24", in, idle, (*Drive).readFormatCapacities, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, ctl),
	0x25: cmd("READ CAPACITY", "MMC-6 6.20", in, loaded, (*Drive).readCapacity, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, ctl),
	0x28: cmd("READ(10)", "MMC-6 6.16", in, loaded, (*Drive).read10, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, ctl),
	0x2A: cmd("WRITE(10)", "MMC-6 6.44", out, loaded, (*Drive).write10, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, ctl),
	0x2B: cmd("SEEK(10)", "MMC-6 6.32", none, loaded, (*Drive).seek, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, ctl),
	0x2E: cmd("WRITE AND VERIFY(10)", "MMC-6 6.46", out, loaded, (*Drive).write10, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, ctl),
	0x2F: cmd("VERIFY(10)", "MMC-6 6.43", none, loaded, (*Drive).verify, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, ctl),
	0x35: cmd("SYNCHRONIZE CACHE", "MMC-6 6.41", none, idle, (*Drive).synchronizeCache, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, ctl),
	0x43: cmd("READ TOC/PMA/ATIP", "MMC-6 6.26", in, loaded, (*Drive).readTOC, 0x02, 0x0F, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xC0),
	0x46: keeps(cmd("GET CONFIGURATION", "MMC-6 6.6", in, nothing, (*Drive).getConfiguration, 0x03, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, ctl)),
	0x4A: keeps(cmd("GET EVENT STATUS NOTIFICATION", "MMC-6 6.7", in, nothing, (*Drive).getEvent, 0x01, 0, 0, 0xFF, 0, 0, 0xFF, 0xFF, ctl)),
	0x51: cmd("READ DISC INFORMATION", "MMC-6 6.21", in, loaded, (*Drive).readDiscInformation, 0x17, 0, 0, 0, 0, 0, 0xFF, 0xFF, ctl),
	0x52: cmd("READ TRACK INFORMATION", "MMC-6 6.27", in, loaded, (*Drive).readTrackInformation, 0x03, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, ctl),
	0x53: cmd("RESERVE TRACK", "MMC-6 6.31", none, loaded, (*Drive).reserveTrack, 0x03, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, ctl),
	0x54: cmd("SEND OPC INFORMATION", "MMC-6 6.35", out, loaded, good, 0x01, 0, 0, 0, 0, 0, 0xFF, 0xFF, ctl),
	0x55: needing(idle, spc.ModeSelect10[*Drive]()),
	0x5A: rows{spc.ModeSense10[*Drive]()},
	0x5B: cmd("CLOSE TRACK SESSION", "MMC-6 6.3", none, loaded, (*Drive).closeTrackSession, 0x01, 0x07, 0, 0xFF, 0xFF, 0, 0, 0, ctl),
	0x5C: cmd("READ BUFFER CAPACITY", "MMC-6 6.18", in, nothing, (*Drive).readBufferCapacity, 0x01, 0, 0, 0, 0, 0, 0xFF, 0xFF, ctl),
	0x5D: cmd("SEND CUE SHEET", "MMC-6 6.33", out, loaded, (*Drive).sendCueSheet, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0, ctl),
	0xA0: rows{spc.ReportLUNs[*Drive]()},
	0xA1: cmd("BLANK", "MMC-6 6.2", none, loaded, (*Drive).blank, 0x17, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, ctl),
	0xA3: rows{spc.ReportSupportedOperationCodes[*Drive]()},
	0xA7: cmd("SET READ AHEAD", "MMC-6 6.37", none, idle, good, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl),
	0xA8: cmd("READ(12)", "MMC-6 6.17", in, loaded, (*Drive).read12, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, ctl),
	0xAA: cmd("WRITE(12)", "MMC-6 6.45", out, loaded, (*Drive).write12, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, ctl),
	0xAC: cmd("GET PERFORMANCE", "MMC-6 6.8", in, nothing, (*Drive).getPerformance, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, ctl),
	0xAD: cmd("READ DISC STRUCTURE", "MMC-6 6.22", in, loaded, (*Drive).readDiscStructure, 0x0F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, ctl),
	0xB6: cmd("SET STREAMING", "MMC-6 6.39", out, nothing, (*Drive).setStreaming, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, ctl),
	0xB9: cmd("READ CD MSF", "MMC-6 6.19", in, loaded, (*Drive).readCDMSF, 0x1C, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x07, ctl),
	0xBB: cmd("SET CD SPEED", "MMC-6 6.36", none, nothing, good, 0x03, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, ctl),
	0xBD: cmd("MECHANISM STATUS", "MMC-6 6.11", in, nothing, (*Drive).mechanismStatus, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, ctl),
	0xBE: cmd("READ CD", "MMC-6 6.19", in, loaded, (*Drive).readCD, 0x1E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x07, ctl),
}

// Meets implements scsi.Device.
func (d *Drive) Meets(t *scsi.Task, c *scsi.Command) error {
	if c.Needs == loaded && d.disc == nil {
		return d.noMedium()
	}
	if d.busy != nil {
		return d.busy.sense()
	}
	if err := d.failed; err != nil {
		d.failed = nil
		if s, ok := err.(*scsi.Sense); ok {
			deferred := *s
			deferred.Deferred = true
			return &deferred
		}
		return err
	}
	return nil
}

// noMedium tells an open tray from an empty one.
func (d *Drive) noMedium() *scsi.Sense {
	if d.ejected {
		return scsi.NewSense(scsi.NotReady, scsi.MediumNotPresentTrayOpen)
	}
	return scsi.NewSense(scsi.NotReady, scsi.MediumNotPresentTrayClosed)
}
