package smc

import (
	"context"
	"errors"
	"fmt"

	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
	"govtl/scsi/spc"
)

// peripheralDeviceType is that of a media changer, SPC-4 table 138.
const peripheralDeviceType = 0x08

// The TapeAlert flags of a library that are raised here, SMC-3 annex A.
const (
	alertLibraryOffline = 0x15
	alertDriveOffline   = 0x16
	alertInventory      = 0x18
)

var alertNames = map[int]string{
	alertLibraryOffline: "library offline", alertDriveOffline: "library drive offline", alertInventory: "library inventory",
}

// identity is what distinguishes this library from others of its model.
func (c *Changer) identity() personality.Identity {
	return personality.Identity{Serial: c.opt.Serial, NAA: c.opt.NAA}
}

// inquiry is the standard INQUIRY data of the model.
func (c *Changer) inquiry() spc.InquiryData {
	m := &c.model.Inquiry
	q := spc.InquiryData{
		DeviceType: peripheralDeviceType, Removable: true, Version: m.Version, Format: m.Format,
		Vendor: m.Vendor, Product: m.Product, Revision: m.Revision, Length: m.Length,
		VersionDescriptors: m.Versions, Bytes: m.Bytes, Text: map[int]string{},
	}
	if c.opt.Revision != "" {
		q.Revision = c.opt.Revision[:min(4, len(c.opt.Revision))]
	}
	for at, s := range m.Text {
		q.Text[at] = s
	}
	for _, p := range c.model.InquiryParts {
		b := make([]byte, m.Length)
		c.model.Put(b, p, c.identity())
		end := len(b)
		for end > p.At && b[end-1] == 0 {
			end--
		}
		q.Text[p.At] = string(b[p.At:end])
	}
	return q
}

// setUp makes pages, command table and device server.
func (c *Changer) setUp() error {
	modes, err := c.newModes()
	if err != nil {
		return err
	}
	vpds, err := c.newVPDs()
	if err != nil {
		return err
	}
	alerts := &page.TapeAlerts{}
	logs, err := newLogs(alerts)
	if err != nil {
		return err
	}
	table, err := commands.Finish(c.model.WithoutCommands...)
	if err != nil {
		return err
	}
	known := map[string]bool{"*": true}
	for _, cmd := range table.Commands() {
		known[cmd.Name] = true
		if s, ok := c.model.Timeouts[cmd.Name]; ok {
			cmd.Timeout = s
		}
	}
	for name := range c.model.Timeouts {
		if !known[name] {
			return fmt.Errorf("smc: model %s: timeouts: there is no command %q", c.model.Name, name)
		}
	}
	state, err := c.store.readDevice()
	if err != nil {
		c.log.Error("saved pages and reservations do not read back; going on without them", "err", err)
		state = nil
	}
	cfg := spc.Config{
		Log: c.log, Inquiry: c.inquiry(), VPD: vpds, Modes: modes, Logs: logs, Alerts: alerts,
		PreventChanged: func() {
			p := c.RemovalPrevented()
			c.mu.Lock()
			c.prevented = p
			c.mu.Unlock()
		},
		CurrentSense: func(*scsi.Nexus) *scsi.Sense {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.offline {
				return notReady(scsi.NotReadyOffline)
			}
			return nil
		},
		CheckPF:                 !c.model.Has(personality.LibraryIgnorePF),
		CompatibleReserve:       true,
		PersistThroughPowerLoss: true,
		Timeout:                 c.model.Timeouts["*"],
		DescriptorSense:         true,
		State:                   state,
		Save:                    c.store.writeDevice,
	}
	core, err := spc.New(cfg)
	if errors.Is(err, spc.ErrVersion) {
		return fmt.Errorf("%s: %w", c.store.path(spcName), err)
	}
	if err != nil {
		c.log.Error("saved pages and reservations do not read back; going on without them", "err", err)
		cfg.State = nil
		if core, err = spc.New(cfg); err != nil {
			return err
		}
	}
	c.Core = core
	c.searches = map[*scsi.Nexus]search{}
	c.SetCommands(table.Commands())
	c.server = scsi.NewDeviceServer(c, table, scsi.Options{
		Log: c.log, Trace: c.opt.Trace, ValidateReserved: c.model.Has(personality.LibraryValidateReserved),
	})
	return nil
}

// alert raises or lowers a TapeAlert flag.
func (c *Changer) alert(flag int, on bool) {
	if on {
		c.event(Event{Kind: Alert, Flags: 1 << (flag - 1), Why: fmt.Sprintf("TapeAlert %02Xh: %s", flag, alertNames[flag])})
	}
	err := c.server.Do(c.ctx, func(*Changer) error {
		if on {
			c.Alerts().Set(flag)
		} else {
			c.Alerts().Clear(flag)
		}
		return nil
	})
	if err != nil {
		c.log.Debug("TapeAlert flag not changed: closing", "flag", flag, "err", err)
	}
}

// NexusDetached implements scsi.Device.
func (c *Changer) NexusDetached(n *scsi.Nexus, e scsi.NexusEvent) {
	c.Core.NexusDetached(n, e)
	if e == scsi.NexusReinstated {
		return
	}
	delete(c.searches, n)
	c.releaseElements(n, nil)
}

// Reset implements scsi.Device.
func (c *Changer) Reset() {
	c.Core.Reset()
	clear(c.searches)
	c.reserved = nil
}

// attend establishes a unit attention condition for all nexuses but one.
func (c *Changer) attend(a scsi.ASC, except *scsi.Nexus) { c.server.Attend(a, except) }

// do runs f with the device to itself.
func (c *Changer) do(ctx context.Context, f func() error) error {
	return c.server.Do(ctx, func(*Changer) error { return f() })
}
