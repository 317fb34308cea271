// Vtltape is one tape drive: one iSCSI target with one sequential-access device.
package main

import (
	"os"

	"govtl/internal/program"
)

func main() {
	os.Exit(program.Device{Name: "vtltape", Kind: "tape drive", Noun: "drive", Serve: serve}.Main(os.Args[1:]))
}
