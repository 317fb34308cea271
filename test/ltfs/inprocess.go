package ltfs

import (
	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/test/linux"
)

// InProcess is a device in this process, and one initiator.
func InProcess(lu scsi.LogicalUnit) Unit { return inProcess{scsitest.InProcess(lu)} }

type inProcess struct{ scsitest.Unit }

// Command implements Unit.
func (u inProcess) Command(cdb, out []byte, in int) (linux.Completion, error) {
	r, err := u.Execute("host", scsitest.Command{CDB: cdb, Out: out, ExpectedOut: -1, ExpectedIn: in})
	return linux.Completion{Status: byte(r.Status), Sense: r.Sense, In: r.In, Residual: in - len(r.In)}, err
}
