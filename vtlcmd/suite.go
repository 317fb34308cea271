package main

import (
	"context"
	"fmt"
	"strings"

	"govtl/bus"
)

// suiteCommands need no device.
func suiteCommands() []row {
	return []row{
		{"up", "run the suite here until Ctrl-C", up},
		{"status", "daemons, libraries, drives and what is in them", status},
		{"doctor", "what is wrong, and what to do", doctor},
		{"check [FILE]", "read the configuration, or FILE, as all programs do, and change nothing", check},
		{"watch", "events as they happen", watch},
		{"events [WHAT...]", "the last 50 events that were kept; WHAT is a barcode, a number of events, or all", events},
		{"attach [NUMBER...]", "log this host's own initiator in, as root; the devices in /dev", attach},
		{"detach [NUMBER...]", "log it out again", detach},
		{"support-bundle [FILE]", "everything that helps to find a fault, without secrets", supportBundle},
		{"reload", "apply the configuration file to everything", reloadSuite},
		{"daemons", "what is on the message bus, with the times of its requests", listDaemons},
	}
}

// helpText is the whole of `vtlcmd help`.
func helpText(flags string) string {
	var b strings.Builder
	b.WriteString("usage: vtlcmd [options] COMMAND\n" +
		"       vtlcmd [options] LIBRARY COMMAND    a library's number, or 'library' when there is one\n" +
		"       vtlcmd [options] DRIVE COMMAND      a drive's number\n\n" +
		"such as: vtlcmd library load map VTL001L9\n")
	section := func(title string, rows []row) {
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, r := range rows {
			fmt.Fprintf(&b, "  %-36s %s\n", r.usage, r.help)
		}
	}
	section("Commands:", suiteCommands())
	section("To change the suite:", editSuiteCommands())
	section("For a library:", libraryCommands())
	section("To change a library:", editLibraryCommands())
	section("For a drive:", driveCommands())
	section("For both:", deviceCommands())
	b.WriteString("\nOptions:\n" + flags)
	return b.String()
}

// reloadSuite makes the supervisor and all daemons apply the configuration.
func reloadSuite(ctx context.Context, c *call) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	changes, err := c.apply(ctx, c.suite, c.suite)
	if err != nil {
		return err
	}
	return c.print(changesText(changes), bus.ReloadReply{Changes: changes})
}

// listDaemons shows who is on the bus.
func listDaemons(ctx context.Context, c *call) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	ctx, cancel := c.within(ctx, quick)
	defer cancel()
	found, err := bus.Discover(ctx, c.conn, quiet)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, in := range found {
		fmt.Fprintf(&b, "%-12s %s, version %s, since %s\n", in.Device, in.Service, in.Version, in.Started.Local().Format("2006-01-02 15:04:05"))
		for _, e := range in.Endpoints {
			if e.Requests > 0 {
				fmt.Fprintf(&b, "  %-20s %d requests, %d errors, %v each\n", e.Name, e.Requests, e.Errors, e.Average)
			}
		}
	}
	return c.print(strings.TrimSuffix(b.String(), "\n"), found)
}
