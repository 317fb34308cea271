// Package proxmox does with a changer and a drive what the tape code of Proxmox
// Backup Server does with them. That program speaks SCSI by itself through the
// kernel's sg driver: it takes stock of a library type of element by type of
// element, moves cartridges, formats and labels a tape, writes archives that the
// drive encrypts until early warning, finds them again by their file number, and
// reads how the drive and the cartridge are. It looks at each reply as closely as
// that program does, and as little.
//
// It knows no device: packages scsi/ssc and scsi/smc are tried in-process, and the
// whole suite through a kernel's sg driver in test/software.
package proxmox
