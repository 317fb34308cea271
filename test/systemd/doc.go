// Package systemd runs the suite as a system service: installed by `make
// install`, under the real systemd of a guest (package guest), with all that the
// units forbid.
//
// The tests have the build tag e2e and need bin/.
package systemd
