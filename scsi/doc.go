// Package scsi has the vocabulary of SAM-5 and SPC-4 that every logical unit
// and every transport shares: status, sense data, CDB fields, the task, the I_T
// nexus, the command table and the device server that executes tasks in order.
//
// It imports the standard library and internal/buffer only. A transport (package
// iscsi) sees a LogicalUnit and Tasks; a device type (packages ssc and smc)
// supplies a Table and the state its handlers work on. Neither knows the other.
package scsi
