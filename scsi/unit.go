package scsi

// NexusEvent says how an I_T nexus ends (SAM-5 6.3.4, RFC 7143 6.3.5).
type NexusEvent uint8

const (
	// NexusClosed is an orderly logout or the end of a session's retention
	// time: reservations (not persistent ones) and per-nexus state are dropped.
	NexusClosed NexusEvent = iota

	// NexusReinstated means that the same initiator port comes back at once:
	// its tasks end, its reservation and mode parameters stay.
	NexusReinstated
)

// TaskManagement is a task management function with the codes of RFC 7143 11.5.1.
type TaskManagement uint8

// The task management functions, SAM-5 7.
const (
	AbortTask        TaskManagement = 1
	AbortTaskSet     TaskManagement = 2
	ClearACA         TaskManagement = 3
	ClearTaskSet     TaskManagement = 4
	LogicalUnitReset TaskManagement = 5
	TargetWarmReset  TaskManagement = 6
	TargetColdReset  TaskManagement = 7
)

// TaskManagementResponse is the service response with the codes of RFC 7143 11.6.1.
type TaskManagementResponse uint8

// The responses to task management functions.
const (
	FunctionComplete     TaskManagementResponse = 0
	TaskDoesNotExist     TaskManagementResponse = 1
	LUNDoesNotExist      TaskManagementResponse = 2
	FunctionNotSupported TaskManagementResponse = 5
	FunctionRejected     TaskManagementResponse = 255
)

// LogicalUnit is what a transport sees of a device: LUN 0 of one target, which
// also answers for the LUNs that do not exist.
type LogicalUnit interface {
	// Attach makes a nexus known before its first task. It gets the unit
	// attention condition that a new nexus is due.
	Attach(n *Nexus)

	// Detach aborts the tasks of the nexus, waits until none of them can touch
	// the device any more, and then ends or suspends it as the event says.
	Detach(n *Nexus, e NexusEvent)

	// Submit queues a task; tasks run in the order in which they are submitted.
	// It does not wait for the device, but it may run a task that is certain
	// not to wait at once, on the caller's goroutine, and call Finished before
	// it returns.
	Submit(t *Task)

	// Manage carries out a task management function for a nexus; ref is the
	// task of ABORT TASK. It returns when the affected tasks are quiet.
	Manage(n *Nexus, fn TaskManagement, ref *Task) TaskManagementResponse

	// MaxTransfer is the most Data-Out, in bytes, that one command can use.
	// The transport buffers no more than that for a task.
	MaxTransfer() int
}
