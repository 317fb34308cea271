// Package ltfs does with a drive what the reference implementation of the Linear
// Tape File System does with it: it makes a volume of two partitions, mounts it,
// writes files and indexes, unmounts it, knows it again by its coherency data, and
// fills it to the end. It looks at each reply as closely as that program does.
//
// It knows no drive: package scsi/ssc is tried in-process, and the whole suite
// through a kernel's sg driver in test/e2e.
package ltfs
