// Package iscsi is the target side of RFC 7143 for SCSI devices with one logical
// unit at LUN 0: login, sessions, ordering, data transfer, task management. It
// sees devices only as scsi.LogicalUnit and never reads a CDB.
//
// A Portal answers discovery and routes a connection by the target name in its
// first Login Request, either to a Target in the same process or, by way of
// Route, to another process that is handed the socket with the bytes read so far.
package iscsi
