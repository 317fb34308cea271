// Vtllibrary is one tape library: one iSCSI target with one media changer.
package main

import (
	"os"

	"govtl/internal/program"
)

func main() {
	os.Exit(program.Device{Name: "vtllibrary", Kind: "tape library", Noun: "library", Serve: serve}.Main(os.Args[1:]))
}
