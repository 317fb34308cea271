// Package crash cuts the power under a streaming backup: a guest runs the suite
// on a disk of its own and is killed at random instants; the next boot finds every
// tape file that was acknowledged, whole, and behind it at most a beginning of
// what was being written. What the guest's memory held is gone. What it wrote to the
// disk stays in one round; in the next the disk has a write cache, and only what was
// flushed is sure to stay. VTL_CRASH_DISK=honest and =volatile choose one of the two.
//
//	make crash ROUNDS=200
//	VTL_CRASH_ROUNDS=20 VTL_CRASH_SEED=7 go test -tags e2e -v -run TestPowerCut/xfs ./test/crash
package crash
