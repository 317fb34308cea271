// Package packages installs, upgrades and removes the Debian package in a guest
// with systemd, as an administrator would.
//
// The tests have the build tag e2e and need two versions of the package in dist/:
// `make packages` builds them.
package packages
