package transcripts

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"govtl/scsi/spc/spctest"
)

func TestTmpLibiscsi(t *testing.T) {
	d, err := spctest.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u := serve(t, d.Server, d.Commands()).(*remote)
	for _, fam := range []string{"SCSI.Inquiry", "SCSI.ModeSense6", "SCSI.PrinReadKeys", "SCSI.PrinServiceactionRange", "SCSI.PrinReportCapabilities", "SCSI.ProutRegister", "SCSI.ProutReserve", "SCSI.ProutClear", "SCSI.ProutPreempt", "SCSI.ReportSupportedOpcodes", "SCSI.Reserve6", "SCSI.TestUnitReady", "SCSI.MultipathIO", "iSCSI.iSCSITMF"} {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		out, err := exec.CommandContext(ctx, "iscsi-test-cu", "-d", "-n", "-t", fam, "iscsi://"+u.address+"/"+targetName+"/0").CombinedOutput()
		cancel()
		t.Logf("=== %s %v\n%s", fam, err, out)
	}
}
