package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"govtl/internal/models"
	"govtl/internal/provision"
	"govtl/libcart"
	"govtl/libdisc"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dumptape": main})
}

// TestScripts runs the program as an operator does.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"cartridge": makeCartridge,
			"disc":      makeDisc,
			"flip":      flip,
			"fill":      fill,
			"mhvtl":     makeMHVTL,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("CONFIGURATION_DIRECTORY", e.WorkDir+"/config")
			e.Setenv("STATE_DIRECTORY", e.WorkDir+"/state/vtl")
			e.Setenv("S", e.WorkDir+"/state/vtl/cartridges")
			return nil
		},
	})
}

// makeCartridge makes a new cartridge: cartridge DIR BARCODE.
func makeCartridge(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(libcart.Create(ts.MkAbs(args[0]), libcart.Spec{
		Barcode: args[1], Density: 0x60, Medium: "LTO9", Capacity: 64 << 20, Serial: "S1", Made: time.Unix(1_600_000_000, 0), MaxPartitions: 2,
		Attributes: []libcart.Attribute{{ID: 0x0400, Format: 1, ReadOnly: true, Value: []byte("VTL     ")}, {ID: 0x0405, ReadOnly: true, Value: []byte{0x60}}},
	}, libcart.Options{}))
}

// makeDisc makes a disc and burns one session for each of the numbers of blocks:
// disc IMAGE MEDIUM BLOCKS...
func makeDisc(ts *testscript.TestScript, _ bool, args []string) {
	image := ts.MkAbs(args[0])
	model, err := models.Disc(args[1], "")
	ts.Check(err)
	home, file := filepath.Split(image)
	_, err = provision.Disc(home, strings.TrimSuffix(file, ".iso"), model, 1)
	ts.Check(err)
	d, err := libdisc.Open(image, libdisc.Options{})
	ts.Check(err)
	for i, blocks := range args[2:] {
		n, err := strconv.Atoi(blocks)
		ts.Check(err)
		lba, _ := d.NWA()
		ts.Check(d.Write(lba, bytes.Repeat([]byte{byte(i + 1)}, n*libdisc.BlockSize), libdisc.Mode{}))
		ts.Check(d.CloseSession(i == len(args)-3))
	}
	ts.Check(d.Close())
}

// flip changes one byte of a file: flip FILE OFFSET.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	b[n] ^= 0x10
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
}

// fill makes a file of so many bytes that do not repeat soon: fill FILE BYTES.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	b := make([]byte, n)
	x := uint32(7)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
}
