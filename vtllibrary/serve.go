package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/station"
	"govtl/internal/vfs"
	"govtl/scsi/personality"
	"govtl/scsi/smc"
)

// hookTimeout bounds the operator's move hook.
const hookTimeout = 20 * time.Second

// appearance is how long drives may take to come up beside the library before it
// is called a fault.
const appearance = 10 * time.Second

// library is the daemon's state.
type library struct {
	*station.Station
	id      int
	config  *config.Library
	model   *personality.Library
	changer *smc.Changer
	home    string // of the cartridges
	tally   tally
}

// serve runs library id until a signal or an error.
func serve(f daemon.Flags, id int) error {
	st, err := station.Open(station.Options{Device: bus.LibraryDevice(id), Description: "tape library", Flags: f})
	if err != nil {
		return err
	}
	l := &library{Station: st, id: id}
	if err := l.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := errors.Join(l.addMedia(l.config), l.endpoints(), l.follow(ctx)); err != nil {
		l.changer.Close()
		return err
	}
	alias := l.config.Name
	if alias == "" {
		alias = fmt.Sprintf("%s %s", l.model.Title, l.config.Serial)
	}
	return l.Run(station.Serve{
		Unit: l.changer.Unit(), Alias: alias, Access: l.config.Access, Reload: l.reload, Metrics: l.metrics,
		Close: func() error { cancel(); l.changer.Close(); return nil },
	})
}

// open makes the device with its inventory.
func (l *library) open() error {
	var ok bool
	if l.config, ok = l.Suite.Library(l.id); !ok {
		return fmt.Errorf("%s: there is no library %d", l.Suite.File, l.id)
	}
	l.home = l.Paths.LibraryHome(l.config)
	var err error
	if l.model, err = personality.LoadLibrary(l.config.Model, l.Paths.Models); err != nil {
		return err
	}
	cfg, err := l.configuration(l.config)
	if err != nil {
		return err
	}
	dir := l.StateFile("d")
	for _, d := range []string{dir, l.home} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			return err
		}
	}
	o := smc.Options{
		Personality: l.model, Serial: l.config.Serial, Configuration: cfg, FS: vfs.OS{}, Dir: dir,
		Drives: drives{l.Conn}, Log: l.Log, Events: l.event, Find: l.find, Trace: l.Tracer.Finished, Appearance: appearance,
	}
	if err := parseNAA(l.config.NAA, &o.NAA); err != nil {
		return err
	}
	if l.config.MoveHook != "" {
		o.Hook = l.hook
	}
	l.changer, err = smc.New(o)
	return err
}

// parseNAA reads eight bytes in hex with or without colons; empty leaves zero.
func parseNAA(text string, to *[8]byte) error {
	if text == "" {
		return nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(b) != len(to) {
		return fmt.Errorf("naa %q is not eight bytes in hex", text)
	}
	binary.BigEndian.PutUint64(to[:], binary.BigEndian.Uint64(b))
	return nil
}

// configuration is the changer's part of a library's configuration: drives are
// what their models say, so that the changer names them as they name themselves.
func (l *library) configuration(c *config.Library) (smc.Configuration, error) {
	cfg := smc.Configuration{Slots: c.Slots, Mail: c.Mailbox, Pickers: c.Pickers}
	for i, d := range c.Drives {
		m, err := personality.LoadDrive(d.Model, l.Paths.Models)
		if err != nil {
			return cfg, err
		}
		cfg.DriveElements = append(cfg.DriveElements, smc.DriveElement{
			ID: d.ID, Element: c.DriveElement(i),
			Identity: smc.DriveIdentity{Vendor: m.Inquiry.Vendor, Product: m.Inquiry.Product, Serial: d.Serial},
		})
	}
	return cfg, nil
}

// reload applies a new configuration: slots, mail slots, drives, new media, access.
func (l *library) reload(ctx context.Context, s *config.Suite) ([]string, error) {
	c, ok := s.Library(l.id)
	if !ok {
		return nil, fmt.Errorf("library %d is not in the configuration any more: it goes on until it is stopped", l.id)
	}
	cfg, err := l.configuration(c)
	if err != nil {
		return nil, err
	}
	if err := l.changer.Reconfigure(ctx, cfg); err != nil {
		return nil, err
	}
	var changes []string
	count := func(what string, was, is int) {
		if was != is {
			changes = append(changes, what+": "+strconv.Itoa(was)+" to "+strconv.Itoa(is))
		}
	}
	count("slots", l.config.Slots, c.Slots)
	count("mail slots", l.config.Mailbox, c.Mailbox)
	count("drives", len(l.config.Drives), len(c.Drives))
	l.config = c
	return changes, errors.Join(l.addMedia(c), l.SetAccess(s, c.Access))
}

// hook runs the operator's command before a move: a failure refuses it.
func (l *library) hook(ctx context.Context, m smc.HookMove) error {
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	word := map[smc.ElementType]string{smc.MediumTransport: "Picker", smc.Storage: "Storage", smc.ImportExport: "MAP", smc.DataTransfer: "Drive"}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", l.config.MoveHook+` "$@"`, "move-hook",
		word[m.From.Type], strconv.Itoa(m.From.Number), word[m.To.Type], strconv.Itoa(m.To.Number), m.Barcode)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// follow tells the changer what its drives say of themselves, as it happens. What
// is lost while the bus is away the changer asks for.
func (l *library) follow(ctx context.Context) error {
	return bus.Subscribe(ctx, l.Conn, func(e bus.Event) {
		if e.Source.Kind != bus.Drive || !l.owns(e.Source.ID) {
			return
		}
		switch e.What.(type) {
		case bus.Loaded, bus.Unloaded, bus.Ready:
		default:
			return
		}
		go func() {
			ask, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			if st, err := (drives{l.Conn}).State(ask, e.Source.ID); err == nil {
				l.changer.DriveChanged(e.Source.ID, st)
			}
		}()
	})
}

func (l *library) owns(drive int) bool {
	for i := range l.config.Drives {
		if l.config.Drives[i].ID == drive {
			return true
		}
	}
	return false
}
