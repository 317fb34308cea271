// Package optical runs burning programs against optical drives of the suite, on a
// real Linux kernel: xorriso, growisofs, wodim, cdrskin, mount.
package optical
