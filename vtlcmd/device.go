package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"govtl/bus"
)

// deviceCommands are for libraries and tape drives alike.
func deviceCommands() []row {
	return append([]row{
		{"TapeAlert HEX", "set TapeAlert flags: a bit mask in hex, bit 0 is flag 1", tapeAlert},
		{"InquiryDataChange", "the next command of each initiator meets 6/3F/03", inquiryDataChange},
	}, daemonCommands()...)
}

// daemonCommands are for the daemon of any device.
func daemonCommands() []row {
	return []row{
		{"verbose [N]", "log level 0 to 3; without N one down, and from 0 to 3", verbose},
		{"debug", "step through the levels of the command trace", debugTrace},
		{"sessions", "who is logged in", sessions},
		{"events [WHAT...]", "the last 50 of its events that were kept; WHAT as above", events},
		{"reload", "apply the configuration file to this device", reloadDevice},
		{"exit", "end the daemon; its supervisor starts it again", exitDaemon},
	}
}

func tapeAlert(ctx context.Context, c *call) error {
	digits := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(c.args["HEX"]), "0x"), "h")
	flags, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return usageError{fmt.Sprintf("%q is no hexadecimal number of 64 bits", c.args["HEX"])}
	}
	r, err := ask(ctx, c.app, quick, bus.TapeAlert(c.device), bus.AlertRequest{Flags: flags})
	if err != nil {
		return err
	}
	text := "OK"
	if len(r.Names) > 0 {
		text = "TapeAlert: " + strings.Join(r.Names, ", ")
	}
	return c.print(text, r)
}

func inquiryDataChange(ctx context.Context, c *call) error {
	_, err := ask(ctx, c.app, quick, bus.InquiryDataChanged(c.device), bus.Empty{})
	return c.done(err)
}

func verbose(ctx context.Context, c *call) error {
	var req bus.VerboseRequest
	if s, ok := c.args["N"]; ok {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 3 {
			return usageError{fmt.Sprintf("%q is no log level from 0 to 3", s)}
		}
		req.Level = &n
	}
	r, err := ask(ctx, c.app, quick, bus.Verbose(c.device), req)
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("verbose %d", r.Level), r)
}

func debugTrace(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.Debug(c.device), bus.Empty{})
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("debug %d", r.Level), r)
}

func sessions(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.TargetStatus(c.device), bus.Empty{})
	if err != nil {
		return err
	}
	if len(r.Sessions) == 0 {
		return c.print("nobody is logged in to "+r.Name, r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", r.Name)
	for _, s := range r.Sessions {
		fmt.Fprintf(&b, "\n  %s from %s since %s, %d commands", s.Initiator, s.Address, s.Since, s.Commands)
	}
	return c.print(b.String(), r)
}

func reloadDevice(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, slow, bus.Reload(c.device), bus.Empty{})
	if err != nil {
		return err
	}
	return c.print(changesText(r.Changes), r)
}

// changesText says what a new configuration changed.
func changesText(changes []string) string {
	if len(changes) == 0 {
		return "OK, nothing changed"
	}
	return strings.Join(changes, "\n")
}

func exitDaemon(ctx context.Context, c *call) error {
	_, err := ask(ctx, c.app, quick, bus.Exit(c.device), bus.Empty{})
	return c.done(err)
}

// done is the reply of a command that has nothing else to say.
func (c *call) done(err error) error {
	if err != nil {
		return err
	}
	return c.print("OK", map[string]bool{"ok": true})
}
