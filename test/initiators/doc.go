// Package initiators judges the running suite by initiators that are not the
// Linux kernel's: libiscsi's tools and conformance tests, and the one of this
// project. It needs no guest: the initiators and the suite are ordinary processes.
package initiators
