// Package scsitest runs transcripts against a logical unit: text files that say
// what an initiator sends and what comes back. They are the tests of the device
// servers, and run over iSCSI as well.
//
// A line that starts at the margin is what is sent; the indented lines below it
// are what came back, and are rewritten by `go test -rewrite`:
//
//	# Comments and empty lines are kept.
//	nexus b                          the initiator of what follows; it logs in on first use (default: a)
//	lun 00 01                        the LUN of what follows, its first bytes (default: 0)
//	attentions                       REQUEST SENSE until no unit attention condition is pending
//	cdb 15 10 00 00 0C 00            a CDB; the name behind # is written by -rewrite
//	out 00 00 10 08 58 00 00 00      its Data-Out; further lines append
//	out zeros 4096                   so many zeros
//	out pattern 65536 7              so many bytes of a pattern of that seed (Pattern)
//	expect out 8                     bytes of Data-Out that the initiator announces, when not all
//	expect in 64                     bytes of Data-In that it has room for
//	manage lun-reset                 task management: lun-reset, abort-task-set, clear-task-set, target-reset
//	logout                           the nexus ends; it comes back as a new one
//	reconnect                        the nexus is reinstated
//	load VTL001L9 rw                 any other word is a step of the test itself (Env.Steps)
//
// A reply is the status, the sense data in words, and the Data-In in hex with
// its text beside it; long Data-In is a length and a checksum.
package scsitest
