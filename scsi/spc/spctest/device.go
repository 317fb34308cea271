// Package spctest has a small device of the kind that embeds spc.Core, and the
// steps of its transcripts (scsi/spc/testdata).
package spctest

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/scsitest"
	"govtl/scsi/spc"
)

// Device is a small device of the kind that embeds Core.
type Device struct {
	*spc.Core
	Server *scsi.DeviceServer[*Device]

	ready       bool
	header      page.Header
	counter     uint64
	alerts      page.TapeAlerts
	sense       *scsi.Sense
	saved       []byte
	now         time.Time
	diagnostics []byte
	firmware    int
	prevented   string
}

const ready scsi.Need = 1

// The vendor specific codes E0h to E3h stand for the access classes, and for a
// command that goes on detached.
var commands = scsi.Table[*Device]{
	0x00: {spc.TestUnitReady[*Device](ready)},
	0x03: {spc.RequestSense[*Device]()},
	0x12: {spc.Inquiry[*Device]()},
	0x15: {spc.ModeSelect6[*Device]()},
	0x16: {spc.Reserve6[*Device]()},
	0x17: {spc.Release6[*Device]()},
	0x1A: {spc.ModeSense6[*Device]()},
	0x1C: {spc.ReceiveDiagnosticResults[*Device]()},
	0x1D: {spc.SendDiagnostic[*Device]()},
	0x1E: {spc.PreventAllow[*Device]()},
	0x3B: {spc.WriteBuffer[*Device]()},
	0x3C: {spc.ReadBuffer[*Device]()},
	0x4C: {spc.LogSelect[*Device]()},
	0x4D: {spc.LogSense[*Device]()},
	0x55: {spc.ModeSelect10[*Device]()},
	0x56: {spc.Reserve10[*Device]()},
	0x57: {spc.Release10[*Device]()},
	0x5A: {spc.ModeSense10[*Device]()},
	0x5E: spc.PersistentReserveIn[*Device](),
	0x5F: spc.PersistentReserveOut[*Device](),
	0xA0: {spc.ReportLUNs[*Device]()},
	0xA3: {
		spc.ReportIdentifyingInformation[*Device](), spc.ReportTargetPortGroups[*Device](),
		spc.ReportSupportedOperationCodes[*Device](), spc.ReportSupportedTaskManagementFunctions[*Device](),
		spc.ReportTimestamp[*Device](),
	},
	0xA4: {spc.SetIdentifyingInformation[*Device](), spc.SetTimestamp[*Device]()},
	0xE0: {own("EXCLUSIVE", scsi.Exclusive)},
	0xE1: {own("SHARED READ", scsi.SharedRead)},
	0xE2: {own("UNRESTRICTED", scsi.Unrestricted)},
	0xE3: {wait},
	0xE4: {{Command: scsi.Command{Name: "MISSING", Clause: "vendor", Usage: make([]byte, 5), Missing: "not on this device"}}},
}

func own(name string, a scsi.Access) scsi.Row[*Device] {
	return scsi.Row[*Device]{
		Command: scsi.Command{Name: name, Clause: "vendor", Access: a, Usage: make([]byte, 5), Timeout: 7},
		Run:     func(*Device, *scsi.Task) error { return nil },
	}
}

// wait goes on until it is aborted.
var wait = scsi.Row[*Device]{
	Command: scsi.Command{Name: "WAIT", Clause: "vendor", Usage: make([]byte, 5)},
	Run: func(d *Device, t *scsi.Task) error {
		go func() {
			<-t.Done()
			d.Server.Finish(t, scsi.TaskAborted)
		}()
		return scsi.ErrDetached
	},
}

// Meets implements scsi.Device.
func (d *Device) Meets(_ *scsi.Task, _ *scsi.Command) error {
	if !d.ready {
		return scsi.NewSense(scsi.NotReady, scsi.MediumNotPresent)
	}
	return nil
}

// MaxTransfer implements scsi.Device.
func (d *Device) MaxTransfer() int { return 1 << 20 }

func modePages() []page.Mode {
	return []page.Mode{
		{Code: 0x02, Length: 0x0E, Name: "Disconnect-Reconnect", Clause: "SPC-4 7.5.10", PerNexus: true, Fields: page.Fields{
			page.Uint16(10, "MAXIMUM BURST SIZE", 0, page.Changeable),
		}},
		{Code: 0x0A, Length: 0x0A, Name: "Control", Clause: "SPC-4 7.5.8", Fields: page.Fields{
			page.Bit(3, 0, "DQUE", 1, page.Fixed),
			page.Bits(5, 2, 0, "AUTOLOAD MODE", 0, page.Changeable).Between(0, 2),
			page.Uint16(8, "BUSY TIMEOUT PERIOD", 0xFFFF, page.Fixed),
		}},
		{Code: 0x0A, Subpage: 0x01, Length: 0x1C, Name: "Control Extension", Clause: "SPC-4 7.5.9", Fields: page.Fields{
			page.Bit(4, 1, "SCSIP", 1, page.Changeable),
		}},
		{Code: 0x10, Length: 0x0E, Name: "Device Configuration", Clause: "SSC-4 8.3.3", Saveable: true, Fields: page.Fields{
			page.Uint8(3, "ACTIVE PARTITION", 0, page.Dynamic),
			page.Uint16(6, "WRITE DELAY TIME", 0x012C, page.Changeable),
			page.Uint8(14, "SELECT DATA COMPRESSION ALGORITHM", 1, page.Changeable).In(0, 1),
			page.Bits(15, 4, 3, "REWIND ON RESET", 0, page.Ignored),
		}},
		{Code: 0x24, Length: 0x06, Name: "Vendor", Clause: "vendor", Unlisted: true, Fields: page.Fields{
			page.Uint8(7, "FLAGS", 1, page.Ignored),
		}},
	}
}

func logPages() []page.Log {
	return []page.Log{
		page.TapeAlertLog(),
		{Code: 0x0C, Name: "Sequential-Access Device", Clause: "SSC-4 8.2.2", Resettable: true, Params: []page.Param{
			{Code: 0x0000, Name: "received", Length: 8, Control: page.ControlCounter},
			{Code: 0x0004, Name: "MB", Length: 4, Control: page.ControlCounter, Default: 7},
		}},
		{Code: 0x12, Name: "TapeAlert Response", Clause: "SSC-4 8.2.4", Params: []page.Param{
			{Code: 0, Length: 8, Control: page.ControlBinary},
		}},
		{Code: 0x17, Name: "Volume Statistics", Clause: "SSC-4 8.2.6", Params: []page.Param{
			{Code: 0x0000, Length: 1, Control: page.ControlBinary, Default: 1},
			{Code: 0x0040, Length: 8, Control: page.ControlASCII, Data: []byte("SERIAL  ")},
		}},
		{Code: 0x17, Subpage: 0x01, Name: "Volume Statistics", Clause: "SSC-4 8.2.6", Params: []page.Param{
			{Code: 0x0000, Length: 1, Control: page.ControlBinary},
		}},
		{Code: 0x3E, Unlisted: true, Name: "Hidden", Clause: "vendor"},
	}
}

// New makes a device; state is what an earlier one saved. Close its server.
func New(state []byte) (*Device, error) {
	d := &Device{
		ready: true, now: time.Unix(1_800_000_000, 0),
		header: page.Header{MediumType: 0x58, DeviceSpecific: 0x10, Density: 0x58},
	}
	modes, err := page.NewModes(modePages())
	if err != nil {
		return nil, err
	}
	logs, err := page.NewLogs(logPages())
	if err != nil {
		return nil, err
	}
	logs.BindTapeAlerts(&d.alerts)
	logs.BindCounter(0x0C, 0, 0, func() uint64 { return d.counter })
	logs.Reset = func(l *page.Log, n *scsi.Nexus) {
		switch l.Code {
		case 0x0C:
			d.counter = 0
		case 0x2E:
			d.alerts.MarkRead(n)
		}
	}
	vpd, err := page.NewVPDs([]page.VPD{
		page.ModePagePolicy(modes),
		page.UnitSerialNumber("1068000001"),
		page.DeviceIdentification(
			page.T10Designator("TEST", "DEVICE", "1068000001"),
			page.NAADesignator(page.LogicalUnit, 0x5000000000000001),
			page.RelativePortDesignator(1),
			page.NameDesignator(page.TargetDevice, "iqn.2026-11.test.target:unit"),
		),
		{Code: 0xB0, Name: "Sequential-Access Device Capabilities", Clause: "SSC-4 8.5.2", Length: 2, Fields: page.Fields{
			page.Bit(4, 0, "WORM", 1, page.Fixed),
		}},
	})
	if err != nil {
		return nil, err
	}
	d.Core, err = spc.New(spc.Config{
		Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return d.now },
		Inquiry: spc.InquiryData{
			DeviceType: 0x01, Removable: true, Version: 6, Format: 2, Vendor: "TEST", Product: "DEVICE",
			Revision: "0001", Length: 74, VersionDescriptors: []uint16{0x00A2, 0x0960},
			Bytes: map[int]uint8{7: 0x02}, Text: map[int]string{40: "text"},
		},
		VPD: vpd, Modes: modes, Logs: logs, Alerts: &d.alerts,
		ModeHeader:              func(*scsi.Nexus, page.Control) page.Header { return d.header },
		CheckMode:               d.checkMode,
		CurrentSense:            func(*scsi.Nexus) *scsi.Sense { return d.sense },
		CompatibleReserve:       true,
		PersistThroughPowerLoss: true,
		Timeout:                 60,
		Diagnostics:             func(_ *scsi.Task, list []byte) error { d.diagnostics = append([]byte(nil), list...); return nil },
		DiagnosticPages:         map[uint8]func([]byte) []byte{0x80: func(b []byte) []byte { return append(b, 1, 2) }},
		Buffers:                 map[uint8]func() []byte{1: func() []byte { return []byte("dump of the drive") }},
		Firmware:                func(*scsi.Task, []byte) error { d.firmware++; return nil },
		PreventChanged:          func() { d.prevented += fmt.Sprint(d.RemovalPrevented(), " ") },
		State:                   state,
		Save:                    func(doc []byte) error { d.saved = doc; return nil },
	})
	if err != nil {
		return nil, err
	}
	table, err := commands.Finish()
	if err != nil {
		return nil, err
	}
	d.SetCommands(table.Commands())
	d.Server = scsi.NewDeviceServer(d, table, scsi.Options{Log: slog.New(slog.DiscardHandler), ValidateReserved: true})
	return d, nil
}

// checkMode takes the block length and rounds the write delay to tens.
func (d *Device) checkMode(sel *page.Selection) error {
	if sel.HasDescriptor {
		if sel.Header.BlockLength > 0x800000 {
			return sel.RefuseBlockLength()
		}
		d.header.BlockLength = sel.Header.BlockLength
	}
	if c := sel.Find(0x10, 0); c != nil && c.Get("WRITE DELAY TIME")%10 != 0 {
		c.Set("WRITE DELAY TIME", c.Get("WRITE DELAY TIME")/10*10)
		return scsi.NewSense(scsi.RecoveredError, scsi.RoundedParameter)
	}
	return nil
}

// steps are what a transcript may do besides commands.
func (d *Device) steps() map[string]func([]string) (string, error) {
	do := func(f func(*Device) string) (string, error) {
		var out string
		err := d.Server.Do(context.Background(), func(d *Device) error { out = f(d); return nil })
		return out, err
	}
	number := func(args []string) uint64 {
		n, _ := strconv.ParseUint(args[0], 0, 64)
		return n
	}
	return map[string]func([]string) (string, error){
		"ready": func(args []string) (string, error) {
			return do(func(d *Device) string { d.ready = args[0] == "yes"; return "" })
		},
		"count": func(args []string) (string, error) {
			return do(func(d *Device) string { d.counter = number(args); return "" })
		},
		"alert": func(args []string) (string, error) {
			return do(func(d *Device) string { d.alerts.Set(int(number(args))); return "" })
		},
		"unalert": func(args []string) (string, error) {
			return do(func(d *Device) string { d.alerts.Clear(int(number(args))); return "" })
		},
		"partition": func(args []string) (string, error) {
			return do(func(d *Device) string { d.Modes().Set(0x10, 0, "ACTIVE PARTITION", number(args)); return "" })
		},
		"progress": func(args []string) (string, error) {
			return do(func(d *Device) string {
				d.sense = scsi.NewSense(scsi.NoSense, scsi.OperationInProgress).WithProgress(uint16(number(args)))
				return ""
			})
		},
		"advance": func(args []string) (string, error) {
			return do(func(d *Device) string { d.now = d.now.Add(time.Duration(number(args)) * time.Second); return "" })
		},
		"prevented": func([]string) (string, error) {
			return do(func(d *Device) string { s := d.prevented; d.prevented = ""; return s })
		},
		"attend": func(args []string) (string, error) {
			return do(func(d *Device) string { d.Attend(scsi.ASC(number(args)), nil); return "" })
		},
	}
}

// world is a device that can be switched off and on between commands.
type world struct {
	scsitest.Unit
	d *Device
}

// Connect makes a unit of a device: in-process, or behind a transport.
type Connect func(t *testing.T, d *Device) scsitest.Unit

// NewWorld makes what a transcript runs in: a device, its steps, and the step
// restart, which switches it off and on.
func NewWorld(t *testing.T, connect Connect) *scsitest.Env {
	t.Helper()
	w := &world{}
	start := func(state []byte) error {
		d, err := New(state)
		if err != nil {
			return err
		}
		t.Cleanup(d.Server.Close)
		d.saved = state
		w.d, w.Unit = d, connect(t, d)
		return nil
	}
	if err := start(nil); err != nil {
		t.Fatal(err)
	}
	env := &scsitest.Env{Unit: w, Steps: map[string]func([]string) (string, error){}}
	for name := range w.d.steps() {
		env.Steps[name] = func(args []string) (string, error) { return w.d.steps()[name](args) }
	}
	env.Steps["restart"] = func([]string) (string, error) {
		w.d.Server.Close()
		return "", start(w.d.saved)
	}
	return env
}
