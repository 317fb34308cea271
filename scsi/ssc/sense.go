package ssc

import (
	"context"
	"errors"

	"govtl/libcart"
	"govtl/scsi"
)

// senseOf says what each error of a cartridge is to an initiator. An error that
// is in no row becomes HARDWARE ERROR 44h/00h and an error-level log line.
var senseOf = []struct {
	err      error
	key      scsi.SenseKey
	asc      scsi.ASC
	filemark bool
	eom      bool
}{
	{err: libcart.ErrFilemark, key: scsi.NoSense, asc: scsi.FilemarkDetected, filemark: true},
	{err: libcart.ErrEndOfData, key: scsi.BlankCheck, asc: scsi.EndOfDataDetected},
	{err: libcart.ErrBeginning, key: scsi.NoSense, asc: scsi.BeginningOfPartitionOrMediumDetected, eom: true},
	{err: libcart.ErrNoRoom, key: scsi.VolumeOverflow, asc: scsi.EndOfPartitionOrMediumDetected, eom: true},
	{err: libcart.ErrDamaged, key: scsi.MediumError, asc: scsi.UnrecoveredReadError},
	{err: libcart.ErrWrite, key: scsi.MediumError, asc: scsi.WriteError},
	{err: libcart.ErrReadOnly, key: scsi.DataProtect, asc: scsi.WriteProtected},
	{err: libcart.ErrPartition, key: scsi.IllegalRequest, asc: scsi.InvalidFieldInCDB},
	{err: libcart.ErrAttribute, key: scsi.IllegalRequest, asc: scsi.InvalidFieldInParameterList},
	{err: libcart.ErrEncrypted, key: scsi.DataProtect, asc: scsi.UnableToDecryptData},
	{err: libcart.ErrWrongKey, key: scsi.DataProtect, asc: scsi.IncorrectDataEncryptionKey},
	{err: libcart.ErrTampered, key: scsi.DataProtect, asc: scsi.CryptographicIntegrityValidationFailed},
	{err: libcart.ErrSealed, key: scsi.DataProtect, asc: scsi.SecurityError},
	{err: libcart.ErrVersion, key: scsi.MediumError, asc: scsi.UnknownFormat},
	{err: libcart.ErrInUse, key: scsi.NotReady, asc: scsi.NotReadyCauseNotReportable},
}

// senseFor returns the sense data of an error of the cartridge, or the error
// itself when no row has it.
func senseFor(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return scsi.TaskAborted
	}
	for i := range senseOf {
		r := &senseOf[i]
		if errors.Is(err, r.err) {
			return &scsi.Sense{Key: r.key, ASC: r.asc, Filemark: r.filemark, EOM: r.eom, Why: err.Error()}
		}
	}
	return err
}

// withInformation returns err, when it is sense data that may carry it, with the
// INFORMATION field set.
func withInformation(err error, info int64) error {
	s, ok := err.(*scsi.Sense)
	if !ok {
		return err
	}
	c := *s
	c.Valid, c.Information = true, info
	return &c
}

// The refusals that more than one command makes.
var (
	senseNoMedium     = scsi.NewSense(scsi.NotReady, scsi.MediumNotPresent)
	senseNotLoaded    = scsi.NewSense(scsi.NotReady, scsi.InitializingCommandRequired)
	senseMemoryOnly   = scsi.NewSense(scsi.NotReady, scsi.MediumNotPresentMAMAccessible)
	senseCleaning     = scsi.NewSense(scsi.NotReady, scsi.CleaningCartridgeInstalled)
	sensePositionLost = scsi.NewSense(scsi.MediumError, scsi.SequentialPositioningError).
				Because("the drive restarted with this medium in it and its position is not known: rewind or locate first")
	senseWriteProtected = scsi.NewSense(scsi.DataProtect, scsi.WriteProtected)
	sensePrevented      = scsi.NewSense(scsi.IllegalRequest, scsi.MediumRemovalPrevented)
	senseNotAtBOP       = scsi.NewSense(scsi.IllegalRequest, scsi.PositionPastBeginningOfMedium)
	senseEarlyWarning   = &scsi.Sense{Key: scsi.NoSense, ASC: scsi.EndOfPartitionOrMediumDetected, EOM: true}
	senseProgrammableEW = &scsi.Sense{Key: scsi.NoSense, ASC: scsi.ProgrammableEarlyWarningDetected, EOM: true}
)
