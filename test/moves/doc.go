// Package moves tests a changer with real drives and real cartridges in one
// process: what is on a tape is what was written, wherever it was moved and
// whoever was killed meanwhile.
package moves
