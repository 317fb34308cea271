package scsi

import (
	"fmt"
	"slices"
)

// Direction is the direction of a command's data.
type Direction uint8

// Directions, named from the initiator's side as SAM does.
const (
	NoData  Direction = iota
	DataIn            // to the initiator
	DataOut           // from the initiator
)

// Need is what must hold before a handler runs. The device type gives the values
// their meaning (package ssc: medium present, writable ...); 0 is nothing.
type Need uint8

// Access says how a command stands towards a reservation that another nexus
// holds (SPC-4 table 53).
type Access uint8

const (
	// Exclusive commands conflict with every reservation of others.
	Exclusive Access = iota

	// SharedRead commands pass a write exclusive reservation of others.
	SharedRead

	// Unrestricted commands pass every reservation of others.
	Unrestricted
)

// Command is one row of a command table without its handler: one operation code
// or one service action of it. All that is told about a command (REPORT
// SUPPORTED OPERATION CODES, traces, docs/commands.md) comes from here.
type Command struct {
	Opcode byte

	// ServiceAction is the value, and HasServiceAction says that Opcode is
	// divided into service actions (byte 1, bits 4 to 0).
	ServiceAction    uint8
	HasServiceAction bool

	Name   string // T10's name, such as "WRITE FILEMARKS(6)"
	Clause string // document and clause, such as "SSC-4 6.9"
	Data   Direction
	Needs  Need
	Access Access

	// KeepsAttention commands run with a unit attention condition pending and
	// leave it pending (INQUIRY, REPORT LUNS, REQUEST SENSE ...).
	KeepsAttention bool

	// Usage is the CDB usage map from byte 1 on: a set bit is one that the
	// handler evaluates. The CDB length is len(Usage)+1.
	Usage []byte

	// Missing is, for a command that is known and deliberately not done, the
	// reason. Such a row answers INVALID COMMAND OPERATION CODE.
	Missing string

	// Timeout is the recommended command timeout in seconds; 0 is the default
	// of the device.
	Timeout uint32
}

// CDBLength is the length of the command's CDB in bytes.
func (c *Command) CDBLength() int { return len(c.Usage) + 1 }

// Row is a Command with what carries it out on a device of type D.
type Row[D any] struct {
	Command

	// Run carries the command out. nil ends the task with GOOD, a *Sense with
	// CHECK CONDITION, a Status with that status, ErrDetached not at all (the
	// handler then sees to DeviceServer.Finish); any other error is reported
	// as HARDWARE ERROR 44h/00h and logged.
	Run func(d D, t *Task) error

	// Prompt reports that Run would not wait for anything now, so that it may
	// run on the transport's goroutine. It is called with the device to itself
	// and must not call the device server. nil: never.
	Prompt func(d D, t *Task) bool
}

// Table is a command table, indexed by operation code. An operation code with
// service actions has a row for each of them.
type Table[D any] [256][]Row[D]

// Find returns the row for a CDB. known says that the operation code is there,
// also when its service action is not.
func (tb *Table[D]) Find(cdb []byte) (row *Row[D], known bool) {
	rows := tb[cdb[0]]
	for i := range rows {
		r := &rows[i]
		if !r.HasServiceAction || r.ServiceAction == cdb[1]&0x1F {
			return r, true
		}
	}
	return nil, len(rows) > 0
}

// Commands lists all rows in order of operation code and service action.
func (tb *Table[D]) Commands() []*Command {
	var all []*Command
	for _, rows := range tb {
		for i := range rows {
			all = append(all, &rows[i].Command)
		}
	}
	return all
}

// Finish fills in the operation codes from the table's index and checks the
// rows: each needs a name, a clause, a usage map and a handler or the reason why
// there is none. It returns a copy without the commands named in without, and an
// error for a name that no row has.
func (tb Table[D]) Finish(without ...string) (*Table[D], error) {
	left := slices.Clone(without)
	var out Table[D]
	for op, rows := range tb {
		for _, r := range rows {
			r.Opcode = byte(op)
			if r.Name == "" || r.Clause == "" || len(r.Usage) < 5 || (r.Run == nil) == (r.Missing == "") {
				return nil, fmt.Errorf("scsi: command table: row %02Xh/%02Xh (%q) is incomplete", op, r.ServiceAction, r.Name)
			}
			if i := slices.Index(left, r.Name); i >= 0 {
				left = slices.Delete(left, i, i+1)
				continue
			}
			out[op] = append(out[op], r)
		}
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("scsi: command table: no command named %q", left[0])
	}
	return &out, nil
}

// SetAccess changes how the commands of the given names stand towards another's
// reservation, for devices that differ from the standard there.
func (tb *Table[D]) SetAccess(a Access, names ...string) {
	for _, rows := range tb {
		for i := range rows {
			if slices.Contains(names, rows[i].Name) {
				rows[i].Access = a
			}
		}
	}
}
