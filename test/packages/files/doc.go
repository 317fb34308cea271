// Package files looks at what `make dist` has built, on the host: that the
// packages of each format and architecture hold the same, that an .rpm installs,
// upgrades and verifies in a directory of its own, and that the programs for
// arm64 run on it.
//
// The tests have the build tag e2e and need both versions of `make packages` in
// dist/.
package files
