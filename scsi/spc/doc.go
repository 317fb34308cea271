// Package spc has the commands that every device type answers (SPC-4), as rows
// that a device puts into its own command table, and the state behind them:
// pages, reservations, prevention of medium removal, unit attentions.
//
// A device type embeds *Core:
//
//	type Drive struct {
//		*spc.Core
//		...
//	}
//
//	var commands = scsi.Table[*Drive]{
//		0x00: {spc.TestUnitReady[*Drive](ready)},
//		0x12: {spc.Inquiry[*Drive]()},
//		0x5E: spc.PersistentReserveIn[*Drive](),
//		...
//	}
//
// Core implements all of scsi.Device but Meets and MaxTransfer. A device that
// has state of its own to follow a nexus or a reset defines the method itself
// and calls Core's first. Everything here belongs to whoever holds the turn of
// the device server, except where a comment says otherwise.
package spc
