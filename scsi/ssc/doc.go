// Package ssc is the device server of a sequential-access device, SSC-4: its
// command table, the handlers, and the operator's side of a drive.
//
// A Drive impersonates a model of package personality on a real cartridge of
// package libcart. Everything that a medium, a position or a reservation can
// refuse is decided here; what libcart says becomes sense data in one table
// (senseOf). The drive's state belongs to whoever holds the device server's
// turn, so the operator's requests (Insert, Remove, ...) queue with the commands
// of initiators and cannot race a WRITE.
package ssc
