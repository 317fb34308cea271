// Package software runs backup programs against the suite as docs/attach tells
// their users to: the stanzas of those pages, word for word, in the programs'
// own daemons, on devices that the kernel's drivers make in a guest.
//
// The tests have the build tag e2e, need bin/ and the packages of `scripts/deps
// software`, which `make test` does without: `make software` runs them.
package software
