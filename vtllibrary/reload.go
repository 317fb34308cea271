package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"govtl/internal/config"
	"govtl/internal/station"
)

// reload applies a new configuration: slots, mail slots, drives, media, access,
// the move hook. All that can be refused is, before anything changes. What the library shows of itself does not change under sessions
// that are up: that waits for the next start, and is said.
func (l *library) reload(ctx context.Context, s *config.Suite) ([]string, error) {
	l.reloading.Lock() // a signal and a request may come together
	defer l.reloading.Unlock()
	c, ok := s.Library(l.id)
	if !ok {
		return nil, fmt.Errorf("library %d is not in the configuration any more: it goes on until it is stopped", l.id)
	}
	cfg, err := l.configuration(c)
	if err != nil {
		return nil, err
	}
	cfg.Pickers = l.changer.Status().Pickers
	policy, err := station.Policy(s, c.Access)
	if err != nil {
		return nil, err
	}
	was, before := l.config(), l.shelf()
	gone, err := l.unlisted(c)
	if err != nil {
		return nil, err
	}
	if err := l.mayGo(gone); err != nil {
		return nil, err
	}
	if err := l.provide(c); err != nil {
		return nil, err
	}
	if err := l.changer.Reconfigure(ctx, cfg); err != nil {
		return nil, err
	}
	perr := l.SetPolicy(policy)
	l.current.Store(&settings{s, c})
	_, err = l.changer.TakeOut(gone)
	changes := counts(was, c)
	for _, v := range l.changer.Shelf() {
		if v.Elsewhere == "" && !before[v.Barcode] {
			changes = append(changes, v.Barcode+" is on the shelf now")
		}
	}
	if late := l.atNextStart(c); late != "" {
		changes = append(changes, late+": from the next start of the library on")
	}
	return changes, errors.Join(err, perr, l.addMedia(ctx, c))
}

// shelf is which volumes are on the shelf.
func (l *library) shelf() map[string]bool {
	m := map[string]bool{}
	for _, v := range l.changer.Shelf() {
		m[v.Barcode] = v.Elsewhere == ""
	}
	return m
}

// counts tells what there is more or less of.
func counts(was, is *config.Library) (changes []string) {
	count := func(what string, was, is int) {
		if was != is {
			changes = append(changes, what+": "+strconv.Itoa(was)+" to "+strconv.Itoa(is))
		}
	}
	count("slots", was.Slots, is.Slots)
	count("mail slots", was.Mailbox, is.Mailbox)
	count("drives", len(was.Drives), len(is.Drives))
	if was.MoveHook != is.MoveHook {
		changes = append(changes, "move hook")
	}
	return changes
}

// atNextStart names what differs between the configuration and the library as
// it has been since its start.
func (l *library) atNextStart(c *config.Library) string {
	began, ok := l.Suite.Library(l.id)
	if !ok {
		return ""
	}
	var late []string
	for _, f := range []struct {
		name    string
		differs bool
	}{
		{"model", began.Model != c.Model}, {"serial number", began.Serial != c.Serial}, {"naa", began.NAA != c.NAA},
		{"name", began.Name != c.Name}, {"pickers", max(began.Pickers, 1) != max(c.Pickers, 1)}, {"home", began.Home != c.Home},
	} {
		if f.differs {
			late = append(late, f.name)
		}
	}
	return strings.Join(late, ", ")
}
