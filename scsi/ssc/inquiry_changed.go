package ssc

import "govtl/scsi"

// InquiryDataChanged raises the unit attention condition 3Fh/03h for every
// initiator, as after an upgrade of the drive.
func (d *Drive) InquiryDataChanged() { d.server.Attend(scsi.InquiryDataChanged, nil) }
