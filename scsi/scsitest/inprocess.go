package scsitest

import (
	"encoding/binary"
	"fmt"
	"time"

	"govtl/internal/buffer"
	"govtl/scsi"
)

// taskTimeout is how long a command may take before a test gives up.
const taskTimeout = 60 * time.Second

// InProcess is a Unit over a logical unit in the same process.
func InProcess(lu scsi.LogicalUnit) Unit {
	return &inProcess{lu: lu, nexuses: map[string]*scsi.Nexus{}}
}

type inProcess struct {
	lu      scsi.LogicalUnit
	nexuses map[string]*scsi.Nexus
}

// NewNexus is a nexus for tests; its initiator port depends on the name alone.
func NewNexus(name string) *scsi.Nexus {
	n := &scsi.Nexus{
		InitiatorName:   "iqn.2026-11.test.initiator:" + name,
		TargetName:      "iqn.2026-11.test.target:unit",
		TargetPortGroup: 1, RelativePort: 1,
	}
	n.ISID = [6]byte{0x40, 0, 1, 0x37, 0, 0}
	var sum uint16
	for _, c := range name {
		sum = sum*31 + uint16(c)
	}
	binary.BigEndian.PutUint16(n.ISID[4:], sum)
	return n
}

// nexus returns the nexus of a name, logged in.
func (u *inProcess) nexus(name string) *scsi.Nexus {
	n := u.nexuses[name]
	if n == nil {
		n = NewNexus(name)
		u.nexuses[name] = n
		u.lu.Attach(n)
	}
	return n
}

// finished is the transport end of one task.
type finished chan *scsi.Task

// Finished implements scsi.Transport.
func (f finished) Finished(t *scsi.Task) { f <- t }

// Execute implements Unit.
func (u *inProcess) Execute(nexus string, c Command) (Result, error) {
	t, err := NewTask(u.nexus(nexus), c, u.lu.MaxTransfer())
	if err != nil {
		return Result{}, err
	}
	done := make(finished, 1)
	t.Transport = done
	u.lu.Submit(t)
	select {
	case <-done:
	case <-time.After(taskTimeout):
		return Result{}, fmt.Errorf("no status within %v", taskTimeout)
	}
	return TaskResult(t, c), nil
}

// NewTask makes a task of a command, as a transport would: Data-Out is there in
// full, or not at all when more is announced than limit bytes.
func NewTask(n *scsi.Nexus, c Command, limit int) (*scsi.Task, error) {
	if len(c.CDB) > 260 {
		return nil, fmt.Errorf("a CDB of %d bytes", len(c.CDB))
	}
	t := &scsi.Task{Nexus: n, LUN: c.LUN, Attribute: scsi.Simple, CDB: make([]byte, max(16, len(c.CDB)))}
	copy(t.CDB, c.CDB)
	out := c.Out
	if c.ExpectedOut >= 0 && c.ExpectedOut <= len(out) {
		out = out[:c.ExpectedOut]
	}
	t.ExpectedOut, t.ExpectedIn = uint64(len(out)), 1<<32-1
	if c.ExpectedOut >= 0 {
		t.ExpectedOut = uint64(c.ExpectedOut)
	}
	if c.ExpectedIn >= 0 {
		t.ExpectedIn = uint64(c.ExpectedIn)
	}
	if len(out) > 0 && t.ExpectedOut <= uint64(limit) && len(out) == int(t.ExpectedOut) {
		t.Out = buffer.Default.Get(len(out))
		copy(t.Out.B, out)
	}
	return t, nil
}

// TaskResult is what an initiator sees of a task that has ended. It releases the
// task's buffers.
func TaskResult(t *scsi.Task, c Command) Result {
	r := Result{Status: t.Status}
	if t.Aborted() {
		r.Status = scsi.TaskAborted
	}
	if cmd := t.Command(); cmd != nil {
		r.Name = cmd.Name
	}
	if t.Status == scsi.CheckCondition && t.Sense != nil {
		r.Sense = t.Sense.AppendFixed(nil)
		if t.DescriptorSense {
			r.Sense = t.Sense.AppendDescriptor(nil)
		}
	}
	for _, b := range t.In {
		r.In = append(r.In, b.B...)
	}
	if got := t.InLength(); c.ExpectedIn >= 0 && got != t.ExpectedIn {
		r.Residual = residual(t.ExpectedIn, got)
	}
	if uint64(len(r.In)) > t.ExpectedIn {
		r.In = r.In[:t.ExpectedIn]
	}
	if t.WantedSet && t.Wanted != t.ExpectedOut {
		r.Residual = residual(t.ExpectedOut, t.Wanted)
	}
	t.DropIn()
	return r
}

// residual words a residual count, RFC 7143 11.4.5.
func residual(expected, actual uint64) string {
	if actual > expected {
		return fmt.Sprintf("residual overflow %d", actual-expected)
	}
	return fmt.Sprintf("residual underflow %d", expected-actual)
}

// Manage implements Unit.
func (u *inProcess) Manage(nexus string, fn scsi.TaskManagement) (scsi.TaskManagementResponse, error) {
	return u.lu.Manage(u.nexus(nexus), fn, nil), nil
}

// Logout implements Unit.
func (u *inProcess) Logout(nexus string) error {
	n := u.nexuses[nexus]
	if n == nil {
		return fmt.Errorf("nexus %q is not logged in", nexus)
	}
	delete(u.nexuses, nexus)
	u.lu.Detach(n, scsi.NexusClosed)
	return nil
}

// Reconnect implements Unit.
func (u *inProcess) Reconnect(nexus string) error {
	n := u.nexuses[nexus]
	if n == nil {
		return fmt.Errorf("nexus %q is not logged in", nexus)
	}
	u.lu.Detach(n, scsi.NexusReinstated)
	u.lu.Attach(n)
	return nil
}
