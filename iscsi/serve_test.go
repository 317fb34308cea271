package iscsi_test

import (
	"fmt"
	"net"
	"os"
	"testing"

	"govtl/iscsi"
)

// TestMain runs the tests or, when ISCSI_SERVE names an address, serves a device
// there until it is killed, for measurements and for other initiators.
// ISCSI_DEVICE says which: "disk" (the RAM disk) or "tape" (one that keeps nothing).
func TestMain(m *testing.M) {
	address := os.Getenv("ISCSI_SERVE")
	if address == "" {
		os.Exit(m.Run())
	}
	if err := serve(address, os.Getenv("ISCSI_DEVICE")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address, device string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	opt := iscsi.TargetOptions{Name: "iqn.2026-11.test.target:" + device}
	switch device {
	case "tape":
		opt.Unit = newNullTape(false)
	default:
		opt.Unit = newRAMDisk(&testing.T{}, 128<<20/ramBlock).server
	}
	target, err := iscsi.NewTarget(opt)
	if err != nil {
		return err
	}
	table := &one{target: target}
	p, err := iscsi.NewPortal(iscsi.PortalOptions{Directory: table, Route: table})
	if err != nil {
		return err
	}
	return p.Serve(l)
}
