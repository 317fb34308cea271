// Package qemu judges the running suite by QEMU's built-in iSCSI initiator: a
// virtual machine whose tape drive and changer are targets of the suite. Its
// kernel's st and ch drivers write, read and move; QEMU speaks iSCSI.
package qemu
