package mmc

import (
	"errors"

	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/spc"
)

// newCore makes the pages and the state behind the commands that every device
// type answers.
func (d *Drive) newCore() error {
	modes, err := page.NewModes(d.modePages())
	if err != nil {
		return err
	}
	modes.Live = d.liveModePage
	ids := []page.Designator{page.T10Designator(d.model.Vendor, d.model.Product, d.opt.Serial)}
	if d.opt.NAA != 0 {
		ids = append(ids, page.NAADesignator(page.LogicalUnit, d.opt.NAA))
	}
	ids = append(ids, page.RelativePortDesignator(1))
	if d.opt.TargetName != "" {
		ids = append(ids, page.NameDesignator(page.TargetDevice, d.opt.TargetName))
	}
	vpd, err := page.NewVPDs([]page.VPD{page.UnitSerialNumber(d.opt.Serial), page.DeviceIdentification(ids...)})
	if err != nil {
		return err
	}
	cfg := spc.Config{
		Log: d.log,
		Inquiry: spc.InquiryData{
			DeviceType: 0x05, Removable: true, Version: 0x05, Format: 0x02,
			Vendor: d.model.Vendor, Product: d.model.Product, Revision: d.model.Revision,
			Length: 96, Bytes: map[int]uint8{7: 0x02}, // CMDQUE
		},
		VPD: vpd, Modes: modes, CurrentSense: d.currentSense, PreventChanged: d.publish,
		State: d.saved,
		Save: func(doc []byte) error {
			d.saved = doc
			return d.remember()
		},
	}
	if d.Core, err = spc.New(cfg); err != nil && len(d.saved) > 0 && !errors.Is(err, spc.ErrVersion) {
		d.log.Error("the drive's saved state is lost", "err", err)
		cfg.State = nil
		d.Core, err = spc.New(cfg)
	}
	return err
}

// currentSense is what REQUEST SENSE reports beside unit attention conditions:
// the progress of what runs.
func (d *Drive) currentSense(*scsi.Nexus) *scsi.Sense {
	if d.busy != nil {
		return d.busy.sense()
	}
	return nil
}
