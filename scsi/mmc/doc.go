// Package mmc is the device server of an optical drive, MMC-6: peripheral device
// type 5, with one disc of package libdisc in it or none. What the drive is
// comes from a personality.Recorder, what a disc can do from its
// personality.Disc and its state; answers are computed from those and nothing
// is remembered twice.
package mmc
