// Package iscsi is the target side of RFC 7143 for SCSI devices with one logical
// unit at LUN 0: login, sessions, ordering, data transfer, task management. It
// sees devices only as scsi.LogicalUnit and never reads a CDB.
//
// A Portal answers discovery and routes a connection by the target name in its
// first Login Request, either to a Target in the same process or, by way of a
// Handover, to another one that is handed the socket with the bytes read so far.
// A session has one connection and ErrorRecoveryLevel 0.
//
// # The life of a command
//
//  1. receiver: one readv brings headers into a buffer, and the data of a large
//     block straight to where they are wanted, together with what follows them.
//  2. session.scsiCommand: the header is checked, CmdSN puts the command in order,
//     and immediate data go into a pooled buffer as long as all of its data.
//  3. session.dataOut: Data-Out that comes unasked or for an R2T goes to its
//     place in the same buffer.
//  4. session.pump: the command at the head of the order is submitted when its data
//     are complete, never before; those behind it wait.
//  5. The logical unit carries it out, at once on the same goroutine or later on
//     one of its own, and calls command.Finished, which queues the reply.
//  6. session.flush, sender: replies get their StatSN and are cut into PDUs, and one
//     writev sends a batch of them. The reader does it before it waits for input;
//     what the socket does not take at once, and what others finish while the
//     reader waits, is the writer's.
//
// Memory is bounded by what a session, and all sessions of a target together, may
// have waiting (Limits.SessionMemory, Limits.Memory), never by a length that a peer
// sends. How sessions share it is told in budget.go.
package iscsi
