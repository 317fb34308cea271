// Command cmd runs a command in a Linux guest on this host's files, with the
// kernel's own iSCSI initiator and tape, changer and generic SCSI drivers:
//
//	go run ./test/guest/cmd -- bash -c 'bin/vtlcmd up & ...'
//
// What the guest writes is gone with it, but for the directories named by -w.
// Exit status: the command's own; 124 when the time was up; 125 when the guest
// ended before the command did.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"govtl/test/guest"
)

func main() {
	guest.Main()
	c := guest.Config{Stdout: os.Stdout, Initiator: true}
	flag.StringVar(&c.Memory, "m", "1G", "memory of the guest")
	flag.DurationVar(&c.Timeout, "t", 5*time.Minute, "bound on the whole run")
	flag.StringVar(&c.Console, "o", "", "file that keeps the kernel's console")
	flag.BoolVar(&c.Systemd, "S", false, "boot systemd, and run the command in a service of it")
	modules := flag.String("k", "", "further kernel modules, separated by commas")
	disks := flag.String("d", "", "files that become /dev/ubda, /dev/ubdb ..., separated by commas")
	through := flag.String("w", "", "directories that are written through to the host, separated by commas")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./test/guest/cmd [option]... -- COMMAND [ARGUMENT]...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	c.Modules, c.Disks, c.Through = list(*modules), list(*disks), list(*through)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	status, err := guest.Run(ctx, c, flag.Args()...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 125
		if errors.Is(err, guest.ErrTimeout) {
			status = 124
		}
	}
	os.Exit(status)
}

// list splits a list at its commas.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}
