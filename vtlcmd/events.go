package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/history"
	"govtl/internal/vfs"
)

// shownEvents is how many events are printed when nobody says how many.
const shownEvents = 50

// events prints what has happened, as far as it was kept. The suite need not run,
// and its configuration need not be sound.
func events(_ context.Context, c *call) error {
	most, barcodes, err := whatEvents(c.rest)
	if err != nil {
		return err
	}
	if c.paths, err = c.flags.OperatorPaths(); err != nil {
		return err
	}
	kept, err := history.Read(vfs.OS{}, c.paths.State)
	if errors.Is(err, fs.ErrPermission) {
		return daemon.WithHint(err, "only the suite's own user may read its state: sudo -u USER vtlcmd ...")
	}
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(kept.Events, func(e bus.Event) bool {
		return c.device.Kind != "" && e.Source != c.device || len(barcodes) > 0 && !about(e, barcodes)
	})
	if most >= 0 && len(list) > most {
		list = list[len(list)-most:]
	}
	var text strings.Builder
	for _, e := range list {
		fmt.Fprintln(&text, e)
	}
	if list == nil {
		list = []bus.Event{}
	}
	if err := c.print(strings.TrimSuffix(text.String(), "\n"), list); err != nil {
		return err
	}
	if err := unread(kept); err != nil {
		fmt.Fprintf(c.stderr, "note: %v\n", err)
	}
	if len(list) == 0 && !c.json {
		fmt.Fprintf(c.stderr, "nothing of that kind was kept in %s\n", c.paths.State)
	}
	return nil
}

// whatEvents reads the words behind "events"; most is negative for all.
func whatEvents(words []string) (most int, barcodes []string, err error) {
	most = shownEvents
	for _, w := range words {
		n, nerr := strconv.Atoi(w)
		switch {
		case strings.EqualFold(w, "all"):
			most = -1
		case nerr == nil && n > 0:
			most = n
		case nerr == nil:
			return 0, nil, usageError{fmt.Sprintf("%q is no number of events", w)}
		case config.CheckBarcode(w) != nil:
			return 0, nil, usageError{fmt.Sprintf("%q is no barcode, and no number of events", w)}
		default:
			barcodes = append(barcodes, w)
		}
	}
	return most, barcodes, nil
}

// about reports whether an event is about one of the barcodes.
func about(e bus.Event, barcodes []string) bool {
	return slices.ContainsFunc(history.Barcodes(e), func(b string) bool {
		return slices.ContainsFunc(barcodes, func(want string) bool { return strings.EqualFold(b, want) })
	})
}

// unread says what of a history cannot be told.
func unread(k history.Kept) error {
	switch {
	case k.Newer > 0:
		return fmt.Errorf("%d events are left out: a newer suite has written them", k.Newer)
	case k.Damaged > 1: // the end of a program may tear one
		return fmt.Errorf("%d events are left out: they do not read back", k.Damaged)
	}
	return nil
}
