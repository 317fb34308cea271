package ssc

import (
	"encoding/json"
	"errors"

	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
	"govtl/scsi/spc"
)

// newCore makes the pages and the state behind the commands that every device
// type answers, from the personality.
func (d *Drive) newCore(saved json.RawMessage) error {
	p := d.model
	modes, err := page.NewModes(p.ModePageList())
	if err != nil {
		return err
	}
	modes.Live = d.liveModePage
	logs, err := page.NewLogs(p.LogPageList())
	if err != nil {
		return err
	}
	d.bindLogs(logs)
	vpd, err := d.vpdPages(modes)
	if err != nil {
		return err
	}
	q := p.Inquiry
	length := q.Length
	if length == 0 {
		length = 96
	}
	cfg := spc.Config{
		Log: d.log, Now: d.opt.Now,
		Inquiry: spc.InquiryData{
			DeviceType: 0x01, Removable: true, Version: q.Version, Format: q.Format,
			Vendor: q.Vendor, Product: q.Product, Revision: q.Revision,
			Length: length, VersionDescriptors: q.Versions, Bytes: q.Bytes, Text: q.Text,
		},
		VPD: vpd, Modes: modes, Logs: logs, Alerts: &d.alerts,
		ModeHeader: d.modeHeader, CheckMode: d.checkMode, ModeChanged: d.modeChanged,
		CurrentSense: d.currentSense, PreventChanged: d.publish,
		DescriptorSense: hasDescriptorSense(modes), AdditionalSense: d.additionalSense,
		CheckPF:         !p.Has(personality.IgnorePF),
		PersistentTypes: p.ReservationTypes, CompatibleReserve: true,
		Timeout:     p.Timeouts["*"],
		Diagnostics: d.sendDiagnosticPage,
		Buffers:     map[uint8]func() []byte{0x00: d.dump, 0x01: d.dump},
		State:       saved, Save: d.saveCore,
	}
	core, err := spc.New(cfg)
	if err != nil && len(saved) > 0 && !errors.Is(err, spc.ErrVersion) {
		d.log.Error("the drive's saved mode pages and reservations are lost", "err", err)
		cfg.State = nil
		core, err = spc.New(cfg)
	}
	if err != nil {
		return err
	}
	d.Core = core
	d.takeModes()
	return nil
}

// saveCore keeps the document of package spc within the drive's memory.
func (d *Drive) saveCore(doc []byte) error {
	d.saved = doc
	return d.remember()
}

// currentSense is what REQUEST SENSE reports beside unit attention conditions.
func (d *Drive) currentSense(*scsi.Nexus) *scsi.Sense { return d.motion.report(d.opt.Now()) }

// sendDiagnosticPage takes the parameter list of SEND DIAGNOSTIC: page 80h, by
// which programs ask a drive to keep a dump of its state.
func (d *Drive) sendDiagnosticPage(_ *scsi.Task, list []byte) error {
	if list[0] != 0x80 {
		return scsi.InvalidParameterAt(0, -1)
	}
	return nil
}

// dump is what READ BUFFER hands out as the drive's dump: its state in words.
func (d *Drive) dump() []byte {
	s := d.State()
	return []byte("vtl drive " + d.opt.Serial + " model " + d.model.Name + " holds " + s.Barcode + "\n")
}
