package spc_test

import (
	"testing"

	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/scsi/spc/spctest"
)

func TestTranscripts(t *testing.T) {
	scsitest.RunFiles(t, "testdata/*.txt", func(t *testing.T) *scsitest.Env {
		return spctest.NewWorld(t, func(_ *testing.T, d *spctest.Device) scsitest.Unit { return scsitest.InProcess(d.Server) })
	})
}

// ended is the transport end of one task.
type ended chan *scsi.Task

func (e ended) Finished(t *scsi.Task) { e <- t }

// TestPreemptAndAbort: the tasks of the preempted nexus end, those of others go on.
func TestPreemptAndAbort(t *testing.T) {
	d, err := spctest.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Server.Close()
	submit := func(n *scsi.Nexus, out []byte, cdb ...byte) *scsi.Task {
		task, err := scsitest.NewTask(n, scsitest.Command{CDB: cdb, Out: out, ExpectedOut: -1, ExpectedIn: -1}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		task.Transport = make(ended, 1)
		d.Server.Submit(task)
		return task
	}
	wait := func(task *scsi.Task) *scsi.Task { return <-task.Transport.(ended) }
	keys := func(own, action byte) []byte {
		b := make([]byte, 24)
		b[7], b[15] = own, action
		return b
	}
	a, b, c := scsitest.NewNexus("a"), scsitest.NewNexus("b"), scsitest.NewNexus("c")
	for i, n := range []*scsi.Nexus{a, b, c} {
		d.Server.Attach(n)
		n.DropAttention(scsi.PowerOnResetOrBusDeviceReset)
		if got := wait(submit(n, keys(0, byte(i+1)), 0x5F, 0, 0, 0, 0, 0, 0, 0, 24, 0)); got.Status != scsi.Good {
			t.Fatal(got.Sense)
		}
	}
	const waits = 0xE3
	ofB, ofC := submit(b, nil, waits), submit(c, nil, waits)
	if got := wait(submit(a, keys(1, 2), 0x5F, 5, 1, 0, 0, 0, 0, 0, 24, 0)); got.Status != scsi.Good {
		t.Fatal(got.Sense)
	}
	if got := wait(ofB); !got.Aborted() {
		t.Errorf("the preempted nexus's task ended with %v", got.Status)
	}
	if ofC.Aborted() {
		t.Error("another nexus's task was aborted")
	}
	if got := d.Server.Manage(c, scsi.AbortTaskSet, nil); got != scsi.FunctionComplete {
		t.Errorf("response %d", got)
	}
	wait(ofC)
}
