// Package moves tests a changer with real drives and real cartridges or discs in
// one process: what is on a tape or a disc is what was written, wherever it was
// moved and whoever was killed meanwhile.
package moves
