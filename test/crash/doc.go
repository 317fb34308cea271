// Package crash cuts the power under a streaming backup: a guest runs the suite
// on a disk of its own and is killed at random instants; the next boot finds every
// tape file that was acknowledged, whole, and behind it at most a beginning of
// what was being written. What the guest wrote to the disk stays, as on a disk
// that does not lie about its cache; what its memory held is gone.
//
//	make crash ROUNDS=200
//	VTL_CRASH_ROUNDS=20 VTL_CRASH_SEED=7 go test -tags e2e -v -run TestPowerCut/xfs ./test/crash
package crash
