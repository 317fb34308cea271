package scsi

import "fmt"

// Status is the status code that ends a task, SAM-5 5.3.1. It is an error, so
// that a handler can return a status other than GOOD and CHECK CONDITION as it
// returns a *Sense.
type Status uint8

// The status codes, SAM-5 table 43.
const (
	Good                Status = 0x00
	CheckCondition      Status = 0x02
	ConditionMet        Status = 0x04
	Busy                Status = 0x08
	ReservationConflict Status = 0x18
	TaskSetFull         Status = 0x28
	ACAActive           Status = 0x30
	TaskAborted         Status = 0x40
)

var statusNames = map[Status]string{
	Good: "GOOD", CheckCondition: "CHECK CONDITION", ConditionMet: "CONDITION MET",
	Busy: "BUSY", ReservationConflict: "RESERVATION CONFLICT", TaskSetFull: "TASK SET FULL",
	ACAActive: "ACA ACTIVE", TaskAborted: "TASK ABORTED",
}

// String is the name of the status in T10's words.
func (s Status) String() string {
	if n, ok := statusNames[s]; ok {
		return n
	}
	return fmt.Sprintf("status %02Xh", uint8(s))
}

// Error is String.
func (s Status) Error() string { return s.String() }
