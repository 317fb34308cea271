package scsi

import (
	"sync"

	"govtl/internal/buffer"
)

// TaskAttribute is the task attribute, SAM-5 8.8.
type TaskAttribute uint8

// Task attributes with the values of RFC 7143 11.3.1.
const (
	Untagged TaskAttribute = iota
	Simple
	Ordered
	HeadOfQueue
	ACA
)

// Transport is told the end of a task. Finished is called exactly once for each
// submitted task, on any goroutine, never with the device server's lock held;
// it must not wait for the device. The transport sends Status, Sense, In and the
// residual, unless Aborted reports true: then nothing may be sent. It releases
// the buffers of In. Out is released by whoever owns it (see Task.TakeOut).
type Transport interface {
	Finished(t *Task)
}

// Task is one SCSI command from its arrival to its status (SAM-5 5.1). The
// transport fills the first group of fields and submits it; the device server
// fills the second. Tasks may be reused after Finished by way of Reset.
type Task struct {
	Nexus     *Nexus
	LUN       LUN
	CDB       []byte // at least 16 bytes, zero padded
	Attribute TaskAttribute

	// ExpectedOut and ExpectedIn are the bytes that the initiator will send or
	// has room for (for iSCSI the EXPECTED DATA TRANSFER LENGTH, by its W and R
	// bits). They are claims, not amounts to allocate.
	ExpectedOut, ExpectedIn uint64

	// Out is the Data-Out that arrived, all of it: len(Out.B) is ExpectedOut,
	// or less when the initiator announces more than the transport will buffer
	// (then the transport fetched nothing and Out is nil). nil without data.
	Out *buffer.Buffer

	Transport Transport

	// Status and Sense end the task; Sense is set when Status is CheckCondition.
	Status Status
	Sense  *Sense

	// DescriptorSense asks for Sense in descriptor format: D_SENSE of the Control
	// mode page is set (SPC-4 7.5.8).
	DescriptorSense bool

	// In is the Data-In, in order. It may hold more than ExpectedIn: the
	// transport sends what fits and reports an overflow.
	In []*buffer.Buffer

	// Wanted is, for a command with Data-Out, how many bytes the device server
	// took the command to carry (SPDTL of RFC 7143 11.4.5). The transport
	// computes the residual from it. A task that fails before that leaves
	// it at 0 with WantedSet false: then there is no residual.
	Wanted    uint64
	WantedSet bool

	command *Command // the row that it was dispatched by

	mu      sync.Mutex // guards aborted, done
	aborted bool
	done    chan struct{}
}

// Reset makes the task ready for another command, keeping allocated slices.
func (t *Task) Reset() {
	in := t.In[:0]
	*t = Task{In: in}
}

// Command is the row of the table that the task was dispatched by; nil before
// dispatch and for operation codes that are in no row.
func (t *Task) Command() *Command { return t.command }

// TakeOut hands the Data-Out buffer over to the caller, who then must release it.
func (t *Task) TakeOut() *buffer.Buffer {
	b := t.Out
	t.Out = nil
	return b
}

// DataOut returns the first n bytes of Data-Out, n being what the CDB asks for,
// and notes n as the transfer length for the residual. When the initiator does
// not send that many it returns ILLEGAL REQUEST 0Eh/03h and nothing may be done.
func (t *Task) DataOut(n int) ([]byte, error) {
	t.Wanted, t.WantedSet = uint64(n), true
	if n == 0 {
		return nil, nil
	}
	if t.Out == nil || len(t.Out.B) < n {
		return nil, NewSense(IllegalRequest, InvalidFieldInCommandInformationUnit).
			Because("command carries %d bytes, initiator announced %d", n, t.ExpectedOut)
	}
	return t.Out.B[:n], nil
}

// Reply appends p to the Data-In, cut to the allocation length of the command.
// p is copied.
func (t *Task) Reply(p []byte, allocation int) {
	if len(p) > allocation {
		p = p[:allocation]
	}
	for len(p) > 0 {
		n := min(len(p), buffer.MaxSize)
		b := buffer.Default.Get(n)
		copy(b.B, p)
		t.In = append(t.In, b)
		p = p[n:]
	}
}

// ReplyBuffer appends b to the Data-In and takes ownership of it.
func (t *Task) ReplyBuffer(b *buffer.Buffer) { t.In = append(t.In, b) }

// InLength is the length of the Data-In in bytes.
func (t *Task) InLength() uint64 {
	var n uint64
	for _, b := range t.In {
		n += uint64(len(b.B))
	}
	return n
}

// DropIn releases the Data-In.
func (t *Task) DropIn() {
	for i, b := range t.In {
		b.Release()
		t.In[i] = nil
	}
	t.In = t.In[:0]
}

// Abort marks the task as aborted: no status will be sent for it. A handler that
// waits sees Done closed. It does not wait for the task to end.
func (t *Task) Abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.aborted {
		return
	}
	t.aborted = true
	if t.done != nil {
		close(t.done)
	}
}

// Aborted reports whether Abort was called.
func (t *Task) Aborted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.aborted
}

// Done is closed when the task is aborted. Handlers that wait select on it.
func (t *Task) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done == nil {
		t.done = make(chan struct{})
		if t.aborted {
			close(t.done)
		}
	}
	return t.done
}
