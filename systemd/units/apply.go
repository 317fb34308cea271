package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"govtl/internal/config"
)

// systemctl runs systemctl and returns what it prints.
func systemctl(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", append([]string{"--no-pager"}, args...)...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(failed.Stderr)))
	}
	return string(out), err
}

// apply makes the running units those of a suite: it has the generator run,
// stops the daemons of devices that are gone, lets the others read their
// configuration, and starts those that are new. While vtl.target is not up it
// only has the generator run.
func apply(ctx context.Context, s *config.Suite) error {
	if _, err := systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	if _, err := systemctl(ctx, "is-active", "--quiet", target); err != nil {
		return nil
	}
	text, err := systemctl(ctx, "list-units", "--all", "--plain", "--no-legend", "--state=active,activating,reloading,failed",
		"vtltape@*.service", "vtllibrary@*.service", "vtloptical@*.service")
	if err != nil {
		return err
	}
	var all []error
	if gone := goneUnits(s, text); len(gone) > 0 {
		_, err := systemctl(ctx, append([]string{"stop"}, gone...)...)
		all = append(all, err)
	}
	_, err = systemctl(ctx, "reload", "vtlportal.service")
	all = append(all, err)
	_, err = systemctl(ctx, "start", target)
	return errors.Join(append(all, err)...)
}

// goneUnits are the units of a list of systemctl whose devices are not in the
// suite.
func goneUnits(s *config.Suite, list string) []string {
	var wanted, gone []string
	for _, d := range s.Devices() {
		wanted = append(wanted, unitOf(d.Kind, d.ID))
	}
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		if len(words) > 0 && !slices.Contains(wanted, words[0]) {
			gone = append(gone, words[0])
		}
	}
	return gone
}
