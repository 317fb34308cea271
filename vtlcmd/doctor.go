package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
)

// finding is one line of `vtlcmd doctor`.
type finding struct {
	OK     bool   `json:"ok"`
	About  string `json:"about"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// lowDisk is the room on the file system, in bytes, below which doctor warns.
// lowFiles is the same for the number of files.
const (
	lowDisk  = 1 << 30
	lowFiles = 1000
)

// The findings are to fit a screen: above listedDevices those that answer are only
// counted. probesAtOnce bounds the logins at a time.
const (
	listedDevices = 8
	probesAtOnce  = 16
)

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
	err := a.load()
	list = append(list, examineFile(a.paths.Config)...)
	if err != nil {
		wrong("configuration", err, "correct the file; 'vtlcmd doctor' again shows whether it is right")
		return list
	}
	good("configuration", "%s: %d devices", a.paths.Config, len(a.suite.Devices()))
	list = append(list, examineSecrets(a.suite)...)
	user := os.Geteuid()
	if fi, err := os.Stat(a.paths.State); err != nil {
		wrong("state", err, "'vtlcmd up' makes it; --state DIR names another place")
	} else {
		if me := user; me != 0 && me != owner(fi) {
			list = append(list, finding{About: "state", Text: fmt.Sprintf("%s belongs to user %d, and you are %d", a.paths.State, owner(fi), me),
				Advice: fmt.Sprintf("sudo -u '#%d' vtlcmd doctor; or, if it is to be yours, chown -R %d %s", owner(fi), me, a.paths.State)})
		}
		user = owner(fi)
		list = append(list, examineDir("state", a.paths.State, user)...)
		list = append(list, examineRoom(a)...)
		list = append(list, examineRun(a.paths.Run, user))
	}
	s := &suiteStatus{}
	if err := a.connect(ctx); err != nil {
		wrong("message bus", err, "")
	} else {
		good("message bus", "answers")
		s = gather(ctx, a)
		list = append(list, examineDaemons(ctx, a, s)...)
	}
	list = append(list, examineAddresses(a, s)...)
	busy := map[string]bool{}
	for _, d := range s.Drives {
		if d.Status != nil {
			busy[d.Status.Holds.Barcode] = true
		}
	}
	for i := range a.suite.Libraries {
		list = append(list, examineMedia(ctx, a, &a.suite.Libraries[i], busy, user)...)
	}
	return list
}

// examineDaemons looks at the daemons, as the bus and an initiator see them.
func examineDaemons(ctx context.Context, a *app, s *suiteStatus) []finding {
	var list []finding
	address := a.suite.ListenAddress()
	if s.Portal == nil {
		list = append(list, finding{About: "portal", Text: s.Errors[0], Advice: "its log says why: 'vtlcmd up' prints it, journalctl -u vtlportal has it"})
	} else {
		list = append(list, finding{OK: true, About: "portal", Text: "listens on " + strings.Join(s.Portal.Listen, " ")})
		if len(s.Portal.Listen) > 0 {
			address = s.Portal.Listen[0]
		}
	}
	devices := a.suite.Devices()
	problems := make([]error, len(devices))
	var wg sync.WaitGroup
	at := make(chan struct{}, probesAtOnce)
	for i, d := range devices {
		wg.Go(func() {
			at <- struct{}{}
			defer func() { <-at }()
			problems[i] = answers(ctx, a, s, address, d)
		})
	}
	wg.Wait()
	answering := 0
	for i, d := range devices {
		if err := problems[i]; err != nil {
			list = append(list, finding{About: d.String(), Text: err.Error(),
				Advice: fmt.Sprintf("its log says why: 'vtlcmd up' prints it, journalctl -u 'vtl*@%d' has it", d.ID)})
			continue
		}
		if answering++; len(devices) <= listedDevices {
			list = append(list, finding{OK: true, About: d.String(), Text: d.Target + " answers"})
		}
	}
	if len(devices) > listedDevices {
		list = append(list, finding{OK: true, About: "devices", Text: fmt.Sprintf("%d of %d targets answer", answering, len(devices))})
	}
	return slices.Concat(list, examineDrives(s), examineInitiators(s))
}

// examineAddresses looks for who has the suite's addresses when it has not.
func examineAddresses(a *app, s *suiteStatus) []finding {
	var list []finding
	if s.Portal == nil {
		address := a.suite.ListenAddress()
		if a.flags.Listen != "" {
			address = a.flags.Listen
		}
		list = examinePort("iSCSI address", address)
	}
	metrics := a.suite.Metrics.Listen
	switch {
	case metrics == "":
	case s.Portal == nil:
		list = append(list, examinePort("metrics", metrics)...)
	default:
		list = append(list, examineMetrics(metrics))
	}
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
	if len(seen) == 0 {
		return []finding{{OK: true, About: "initiators", Text: "none is logged in"}}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, finding{OK: true, About: "initiator", Text: fmt.Sprintf("%s is logged in to %d devices", name, seen[name])})
	}
	return list
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
			list = append(list, finding{About: about, Text: d.Status.LastError,
				Advice: fmt.Sprintf("look at the disk and the cartridge; 'vtlcmd %d dump' lists the loads", d.ID)})
		}
		if len(d.Status.Alerts) > 0 {
			list = append(list, finding{About: about, Text: "TapeAlert: " + strings.Join(d.Status.Alerts, ", "),
				Advice: fmt.Sprintf("'vtlcmd %d TapeAlert 0' lowers the flags when their cause is gone", d.ID)})
		}
		if d.Status.Note != "" {
			list = append(list, finding{OK: true, About: about, Text: d.Status.Note})
		}
	}
	return list
}
