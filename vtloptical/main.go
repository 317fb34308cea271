// Vtloptical is one optical drive: one iSCSI target with one MMC device.
package main

import (
	"os"

	"govtl/internal/program"
)

func main() {
	os.Exit(program.Device{Name: "vtloptical", Kind: "optical drive", Noun: "drive", Serve: serve}.Main(os.Args[1:]))
}
