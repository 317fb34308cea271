package bus

import (
	"context"
	"errors"
	"fmt"
)

// Code tells why a request failed. The codes are part of the messages.
type Code string

// The codes. Those of a drive stand for the refusals that a changer tells apart.
const (
	CodeIncompatible Code = "incompatible" // the medium does not fit the drive
	CodeDriveFull    Code = "drive-full"   // the drive holds another volume
	CodeDriveEmpty   Code = "drive-empty"  // the drive holds nothing, or another volume
	CodeVolume       Code = "volume"       // the volume's files are missing, damaged or in use
	CodeUnreachable  Code = "unreachable"  // no answer in time: whether it was carried out is not known
	CodeAbsent       Code = "absent"       // nobody serves the subject: it was not carried out
	CodeNotFound     Code = "not-found"    // no such element, volume or setting
	CodeRefused      Code = "refused"      // understood, and not allowed in this state
	CodeBusy         Code = "busy"         // try again later
	CodeBadRequest   Code = "bad-request"  // the request makes no sense
	CodeVersion      Code = "version"      // a message of a version that the receiver does not know
	CodeTooLarge     Code = "too-large"    // above the limit for requests or replies
	CodeDeadline     Code = "deadline"     // arrived after its deadline: it was not carried out
	CodeInternal     Code = "internal"     // anything else
)

// Error is a failed request. It travels: what a handler returns is what Call
// returns on the other side.
type Error struct {
	Code   Code
	Reason string // a sentence for people
}

// Error returns the reason, or the code where there is none.
func (e *Error) Error() string {
	if e.Reason == "" {
		return "bus: " + string(e.Code)
	}
	return e.Reason
}

// Is makes errors.Is compare the codes, so that errors.Is(err, bus.ErrBusy)
// holds for any reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Reason == ""
}

// Sentinels for errors.Is, one per code.
var (
	ErrIncompatible error = &Error{Code: CodeIncompatible}
	ErrDriveFull    error = &Error{Code: CodeDriveFull}
	ErrDriveEmpty   error = &Error{Code: CodeDriveEmpty}
	ErrVolume       error = &Error{Code: CodeVolume}
	ErrUnreachable  error = &Error{Code: CodeUnreachable}
	ErrAbsent       error = &Error{Code: CodeAbsent}
	ErrNotFound     error = &Error{Code: CodeNotFound}
	ErrRefused      error = &Error{Code: CodeRefused}
	ErrBusy         error = &Error{Code: CodeBusy}
	ErrBadRequest   error = &Error{Code: CodeBadRequest}
	ErrVersion      error = &Error{Code: CodeVersion}
	ErrTooLarge     error = &Error{Code: CodeTooLarge}
	ErrDeadline     error = &Error{Code: CodeDeadline}
	ErrInternal     error = &Error{Code: CodeInternal}
)

// Errorf makes an Error with a reason.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// CodeOf is the code of err: that of the Error in its chain, CodeDeadline for an
// expired context, CodeInternal for everything else, empty for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.DeadlineExceeded):
		return CodeDeadline
	}
	return CodeInternal
}
