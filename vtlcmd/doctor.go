package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/libcart"
)

// finding is one line of `vtlcmd doctor`.
type finding struct {
	OK     bool   `json:"ok"`
	About  string `json:"about"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// lowDisk is the room on the file system, in bytes, below which doctor warns.
const lowDisk = 1 << 30

// doctor looks for what is wrong, from the ground up, and fails when it found
// something.
func doctor(ctx context.Context, c *call) error {
	list := examine(ctx, c.app)
	var b strings.Builder
	bad := 0
	for _, f := range list {
		mark := "ok   "
		if !f.OK {
			mark = "WRONG"
			bad++
		}
		fmt.Fprintf(&b, "%s %-14s %s\n", mark, f.About, strings.ReplaceAll(f.Text, "\n", "\n                     "))
		if f.Advice != "" {
			fmt.Fprintf(&b, "      %-14s what to do: %s\n", "", f.Advice)
		}
	}
	if err := c.print(strings.TrimSuffix(b.String(), "\n"), list); err != nil {
		return err
	}
	switch bad {
	case 0:
		return nil
	case 1:
		return errors.New("1 thing is wrong")
	}
	return fmt.Errorf("%d things are wrong", bad)
}

// examine makes the findings. What cannot be seen without an earlier thing is
// left out when that is wrong.
func examine(ctx context.Context, a *app) []finding {
	var list []finding
	good := func(about, format string, args ...any) {
		list = append(list, finding{OK: true, About: about, Text: fmt.Sprintf(format, args...)})
	}
	wrong := func(about string, err error, advice string) {
		if hint := daemon.Hint(err); hint != "" {
			advice = hint
		}
		list = append(list, finding{About: about, Text: err.Error(), Advice: advice})
	}
	if err := a.load(); err != nil {
		wrong("configuration", err, "correct the file; 'vtlcmd doctor' again shows whether it is right")
		return list
	}
	good("configuration", "%s: %d devices", a.paths.Config, len(a.suite.Devices()))
	list = append(list, examineStorage(a)...)
	if err := config.CheckRunDir(a.paths.Run); err != nil {
		wrong("run directory", err, "'vtlcmd up' makes it; another user's suite needs --state DIR")
	} else {
		good("run directory", "%s", a.paths.Run)
	}
	media := func(s *suiteStatus) {
		busy := map[string]bool{}
		for _, d := range s.Drives {
			if d.Status != nil {
				busy[d.Status.Holds.Barcode] = true
			}
		}
		for i := range a.suite.Libraries {
			list = append(list, examineMedia(ctx, a, &a.suite.Libraries[i], busy)...)
		}
	}
	if err := a.connect(ctx); err != nil {
		wrong("message bus", err, "")
		media(&suiteStatus{})
		return list
	}
	good("message bus", "answers")
	s := gather(ctx, a)
	address := a.suite.ListenAddress()
	if s.Portal == nil {
		wrong("portal", errors.New(s.Errors[0]), "its log says why; perhaps another program has the address "+address)
	} else {
		good("portal", "listens on %s", strings.Join(s.Portal.Listen, " "))
		if len(s.Portal.Listen) > 0 {
			address = s.Portal.Listen[0]
		}
	}
	for _, d := range a.suite.Devices() {
		if err := answers(ctx, a, s, address, d); err != nil {
			wrong(d.String(), err, "its log says why")
			continue
		}
		good(d.String(), "%s answers", d.Target)
	}
	list = append(list, examineDrives(s)...)
	list = append(list, examineInitiators(s)...)
	media(s)
	return list
}

// examineInitiators tells who is logged in where.
func examineInitiators(s *suiteStatus) []finding {
	seen := map[string]int{}
	for _, l := range s.Libraries {
		if l.Status != nil {
			for _, i := range l.Status.Sessions {
				seen[i.Initiator]++
			}
		}
	}
	for _, d := range s.Drives {
		if d.Status != nil {
			for _, i := range d.Status.Sessions {
				seen[i.Initiator]++
			}
		}
	}
	var list []finding
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, finding{OK: true, About: "initiator", Text: fmt.Sprintf("%s is logged in to %d devices", name, seen[name])})
	}
	return list
}

// examineStorage looks at the file system.
func examineStorage(a *app) []finding {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(a.paths.State, &fs); err != nil {
		return []finding{{About: "state", Text: fmt.Sprintf("%s: %v", a.paths.State, err), Advice: "'vtlcmd up' makes it; --state DIR names another place"}}
	}
	free := int64(fs.Bavail) * fs.Bsize
	f := finding{OK: free >= lowDisk, About: "disk", Text: fmt.Sprintf("%s free in %s", bytesText(free), a.paths.State)}
	if !f.OK {
		f.Advice = "make room: drives report early warning, then the end of the medium"
	}
	return []finding{f}
}

// examineMedia opens the cartridges of a library for reading, but those in a
// drive, which is writing them.
func examineMedia(ctx context.Context, a *app, l *config.Library, busy map[string]bool) []finding {
	about := fmt.Sprintf("cartridges %d", l.ID)
	home := a.paths.LibraryHome(l)
	entries, err := os.ReadDir(home)
	if err != nil {
		return []finding{{About: about, Text: err.Error(), Advice: "'vtlcmd up' makes the cartridges of a new library; mktape makes others"}}
	}
	var list []finding
	there, unclean := 0, 0
	for _, e := range entries {
		if !e.IsDir() || config.CheckBarcode(e.Name()) != nil {
			continue
		}
		there++
		if busy[e.Name()] || ctx.Err() != nil {
			continue
		}
		c, err := libcart.Open(filepath.Join(home, e.Name()), libcart.Options{ReadOnly: true})
		if err != nil {
			list = append(list, finding{About: about, Text: fmt.Sprintf("%s: %v", e.Name(), err),
				Advice: "'dumptape' shows what can be read, and repairs"})
			continue
		}
		if !c.Recovery().Clean {
			unclean++
		}
		if err := c.Close(); err != nil {
			list = append(list, finding{About: about, Text: fmt.Sprintf("%s: %v", e.Name(), err)})
		}
	}
	text := fmt.Sprintf("%d in %s", there, home)
	if unclean > 0 {
		text += fmt.Sprintf(", %d to be recovered at their next load", unclean)
	}
	return append([]finding{{OK: true, About: about, Text: text}}, list...)
}

// answers tells whether a device is on the bus and its target lets one log in.
func answers(ctx context.Context, a *app, s *suiteStatus, address string, d config.Device) error {
	for _, l := range s.Libraries {
		if d.Kind == string(bus.Library) && l.ID == d.ID && l.Error != "" {
			return errors.New(l.Error)
		}
	}
	for _, dr := range s.Drives {
		if d.Kind == string(bus.Drive) && dr.ID == d.ID && dr.Error != "" {
			return errors.New(dr.Error)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if err := probe(ctx, a.suite, address, d.Target); err != nil && !errors.Is(err, errNotForUs) {
		return fmt.Errorf("the target does not answer: %w", err)
	}
	return nil
}

// examineDrives passes on what drives complain about.
func examineDrives(s *suiteStatus) []finding {
	var list []finding
	for _, d := range s.Drives {
		if d.Status == nil {
			continue
		}
		about := fmt.Sprintf("drive %d", d.ID)
		if d.Status.LastError != "" {
			list = append(list, finding{About: about, Text: d.Status.LastError})
		}
		if len(d.Status.Alerts) > 0 {
			list = append(list, finding{About: about, Text: "TapeAlert: " + strings.Join(d.Status.Alerts, ", ")})
		}
		if d.Status.Note != "" {
			list = append(list, finding{OK: true, About: about, Text: d.Status.Note})
		}
	}
	return list
}
