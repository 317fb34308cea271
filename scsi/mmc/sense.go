package mmc

import (
	"errors"

	"govtl/libdisc"
	"govtl/scsi"
)

func illegal(a scsi.ASC) *scsi.Sense { return scsi.NewSense(scsi.IllegalRequest, a) }

// senses is how libdisc's refusals are told, MMC-6 annex F.
var senses = []struct {
	err error
	key scsi.SenseKey
	asc scsi.ASC
}{
	{libdisc.ErrRange, scsi.IllegalRequest, scsi.LogicalBlockAddressOutOfRange},
	{libdisc.ErrUnwritten, scsi.IllegalRequest, scsi.LogicalBlockAddressOutOfRange},
	{libdisc.ErrAddress, scsi.IllegalRequest, scsi.InvalidAddressForWrite},
	{libdisc.ErrFinal, scsi.IllegalRequest, scsi.IllegalModeForThisTrack},
	{libdisc.ErrReadOnly, scsi.DataProtect, scsi.WriteProtected},
	{libdisc.ErrUnformatted, scsi.IllegalRequest, scsi.CannotFormatMediumIncompatible},
	{libdisc.ErrAlign, scsi.IllegalRequest, scsi.InvalidFieldInCDB},
	{libdisc.ErrTrack, scsi.IllegalRequest, scsi.InvalidFieldInCDB},
	{libdisc.ErrSequence, scsi.IllegalRequest, scsi.CommandSequenceError},
	{libdisc.ErrMedium, scsi.IllegalRequest, scsi.CannotFormatMediumIncompatible},
}

// senseFor is the one table from libdisc's errors to sense data. What is in no
// row is trouble with the files.
func senseFor(err error) error {
	var s *scsi.Sense
	if err == nil || errors.As(err, &s) {
		return err
	}
	for _, r := range senses {
		if errors.Is(err, r.err) {
			return scsi.NewSense(r.key, r.asc).Because("%v", err)
		}
	}
	return scsi.NewSense(scsi.MediumError, scsi.WriteError).Because("%v", err)
}
