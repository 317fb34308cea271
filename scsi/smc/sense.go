package smc

import (
	"context"
	"errors"

	"govtl/scsi"
)

// Refusals of operators' requests that are not those of the MAP.
var (
	// ErrClosed: the changer is shutting down.
	ErrClosed = errors.New("smc: changer is closing")

	// errHook: the operator's command that runs before a move refused it.
	errHook = errors.New("smc: move hook refused")

	// errStore: the state directory cannot be written.
	errStore = errors.New("smc: state cannot be written")
)

// senseRows is how what goes wrong in a move is reported. None of it is HARDWARE
// ERROR: applications take a library out of service for that, and nothing here
// is beyond a retry or another cartridge. A drive that does not answer, and a
// move that has not been settled, are NOT READY.
var senseRows = []struct {
	err error
	key scsi.SenseKey
	asc scsi.ASC
}{
	{ErrIncompatible, scsi.IllegalRequest, scsi.IncompatibleMedium},
	{ErrVolume, scsi.MediumError, scsi.MediaLoadOrEjectFailed},
	{ErrDriveFull, scsi.IllegalRequest, scsi.MediumDestinationElementFull},
	{ErrDriveEmpty, scsi.IllegalRequest, scsi.MediumSourceElementEmpty},
	{ErrRemovalPrevented, scsi.IllegalRequest, scsi.MediumRemovalPrevented},
	{errUnsettled, scsi.NotReady, scsi.OperationInProgressNotReady},
	{ErrUnreachable, scsi.NotReady, scsi.NotReadyCauseNotReportable},
	{ErrClosed, scsi.NotReady, scsi.BecomingReady},
	{errHook, scsi.NotReady, scsi.ManualInterventionRequired},
	{errStore, scsi.NotReady, scsi.ManualInterventionRequired},
	{context.DeadlineExceeded, scsi.NotReady, scsi.NotReadyCauseNotReportable},
	{context.Canceled, scsi.NotReady, scsi.NotReadyCauseNotReportable},
}

// senseOf turns what a move failed with into sense data that says why. An error
// without a row is a drive's own failure: NOT READY too.
func senseOf(err error) error {
	var sense *scsi.Sense
	if err == nil || errors.As(err, &sense) {
		if sense != nil {
			return sense
		}
		return err
	}
	var status scsi.Status
	if errors.As(err, &status) {
		return status
	}
	for _, r := range senseRows {
		if errors.Is(err, r.err) {
			return scsi.NewSense(r.key, r.asc).Because("%v", err)
		}
	}
	return scsi.NewSense(scsi.NotReady, scsi.NotReadyCauseNotReportable).Because("%v", err)
}

// invalidElement is INVALID ELEMENT ADDRESS that points to the CDB byte.
func invalidElement(at int) *scsi.Sense {
	s := scsi.InvalidFieldInCDBAt(at, -1)
	s.ASC = scsi.InvalidElementAddress
	return s
}

func notReady(asc scsi.ASC) *scsi.Sense { return scsi.NewSense(scsi.NotReady, asc) }

func illegal(asc scsi.ASC) *scsi.Sense { return scsi.NewSense(scsi.IllegalRequest, asc) }
