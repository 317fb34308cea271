package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
)

// attached is one device of the suite on this host.
type attached struct {
	Device string `json:"device"`
	Target string `json:"target"` // iSCSI name
	Portal string `json:"portal"` // HOST:PORT
	nodes
}

// attach logs this host's open-iscsi in to the suite's targets and tells under
// which names the devices are there.
func attach(ctx context.Context, c *call) error {
	devices, err := c.chosen(c.rest)
	if err != nil {
		return err
	}
	i, err := newInitiator()
	if err != nil {
		return err
	}
	ctx, cancel := c.within(ctx, slow)
	defer cancel()
	address := c.portalAddress(ctx)
	targets, err := i.discover(ctx, address)
	if err != nil {
		return err
	}
	var all []attached
	var failed []error
	for _, d := range devices {
		at := slices.IndexFunc(targets, func(f found) bool { return f.target == d.Target })
		if at < 0 {
			failed = append(failed, fmt.Errorf("%s: %s is not among the targets that %s tells this host of", d, d.Target, address))
			continue
		}
		if err := i.login(ctx, targets[at]); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", d, err))
			continue
		}
		all = append(all, attached{Device: d.String(), Target: d.Target, Portal: targets[at].portal})
	}
	settleUdev(ctx)
	for n := range all {
		a := &all[n]
		if a.nodes = i.await(ctx, found{a.Portal, a.Target}); !a.complete() {
			failed = append(failed, daemon.WithHint(fmt.Errorf("%s: logged in, but not all of its devices are in /dev", a.Device),
				"modprobe st ch sg loads the drivers, and 'dmesg' tells what they found"))
		}
	}
	if err := c.print(attachedText(all), all); err != nil {
		return err
	}
	return joinHinted(failed)
}

// detach logs this host's open-iscsi out of the suite's targets, whether the
// suite answers or not.
func detach(ctx context.Context, c *call) error {
	devices, err := c.chosen(c.rest)
	if err != nil {
		return err
	}
	i, err := newInitiator()
	if err != nil {
		return err
	}
	ctx, cancel := c.within(ctx, slow)
	defer cancel()
	var out []attached
	var failed []error
	for _, d := range devices {
		for _, s := range i.sessions() {
			if s.target != d.Target {
				continue
			}
			if err := i.logout(ctx, s.found); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", d, err))
				continue
			}
			out = append(out, attached{Device: d.String(), Target: s.target, Portal: s.portal})
		}
	}
	text := "nothing was attached"
	if len(out) > 0 {
		var names []string
		for _, a := range out {
			names = append(names, a.Device)
		}
		text = "detached " + strings.Join(names, ", ")
	}
	if err := c.print(text, out); err != nil {
		return err
	}
	return joinHinted(failed)
}

// joinHinted joins errors and keeps the first one's advice.
func joinHinted(all []error) error {
	err := errors.Join(all...)
	for _, e := range all {
		if hint := daemon.Hint(e); hint != "" {
			return daemon.WithHint(err, "%s", hint)
		}
	}
	return err
}

// chosen are the devices with these numbers, or all.
func (a *app) chosen(numbers []string) ([]config.Device, error) {
	if err := a.load(); err != nil {
		return nil, err
	}
	all := a.suite.Devices()
	if len(numbers) == 0 {
		return all, nil
	}
	var some []config.Device
	for _, text := range numbers {
		id, err := strconv.Atoi(text)
		if err != nil {
			return nil, usageError{fmt.Sprintf("%q is no device number", text)}
		}
		at := slices.IndexFunc(all, func(d config.Device) bool { return d.ID == id })
		if at < 0 {
			return nil, daemon.WithHint(fmt.Errorf("there is no library or drive %d in %s", id, a.suite.File), "there are %s", listDevices(all))
		}
		some = append(some, all[at])
	}
	return some, nil
}

// portalAddress is where the suite listens: as --listen says, as the portal says,
// or as the configuration says when root cannot ask another user's portal.
func (a *app) portalAddress(ctx context.Context) string {
	if a.flags.Listen != "" {
		return reachable(a.flags.Listen)
	}
	if p, err := ask(ctx, a, statusLimit, bus.PortalStatus(), bus.Empty{}); err == nil && len(p.Listen) > 0 {
		return reachable(p.Listen[0])
	}
	return reachable(a.suite.ListenAddress())
}

// settleUdev waits until udev has made the names of new devices, where there is one.
func settleUdev(ctx context.Context) {
	if path, err := exec.LookPath("udevadm"); err == nil {
		// Without udev there are no by-id names, and nothing to wait for.
		_ = exec.CommandContext(ctx, path, "settle", "--timeout=10").Run()
	}
}

// attachedText is a few lines for each device.
func attachedText(all []attached) string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "%-12s", a.Device)
		for _, n := range []string{a.Tape, a.Changer, a.Generic} {
			if n != "" {
				b.WriteString(" " + n)
			}
		}
		fmt.Fprintf(&b, "  %s\n", a.Target)
		for _, n := range a.ByID {
			fmt.Fprintf(&b, "%-12s %s\n", "", n)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
