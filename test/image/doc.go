// Package image runs the container image as its users do: by podman, without
// root, with one published port and one volume.
//
// The test has the build tag e2e and needs the image govtl of `make image`.
package image
