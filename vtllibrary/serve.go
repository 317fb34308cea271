package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	current atomic.Pointer[settings]
	model   *personality.Library
	changer *smc.Changer
	home    string // of the cartridges
	tally   tally

	reloading sync.Mutex // held while a configuration is applied
}

// settings are what of the configuration concerns the library, as of now.
type settings struct {
	suite   *config.Suite
	library *config.Library
}

// config is the library's part of the configuration.
func (l *library) config() *config.Library { return l.current.Load().library }

// suite is the whole configuration.
func (l *library) suite() *config.Suite { return l.current.Load().suite }

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
	if err := errors.Join(l.startMedia(), l.endpoints(), l.follow(ctx)); err != nil {
		l.changer.Close()
		return err
	}
	alias := l.config().Name
	if alias == "" {
		alias = fmt.Sprintf("%s %s", l.model.Title, l.config().Serial)
	}
	return l.Run(station.Serve{
		Unit: l.changer.Unit(), Alias: alias, Access: l.config().Access, Reload: l.reload, Metrics: l.metrics,
		Close: func() error { cancel(); l.changer.Close(); return nil },
	})
}

// open makes the device with its inventory.
func (l *library) open() error {
	c, ok := l.Suite.Library(l.id)
	if !ok {
		return fmt.Errorf("%s: there is no library %d", l.Suite.File, l.id)
	}
	l.current.Store(&settings{l.Suite, c})
	l.home = l.Paths.LibraryHome(c)
	var err error
	if l.model, err = personality.LoadLibrary(c.Model, l.Paths.Models); err != nil {
		return err
	}
	cfg, err := l.configuration(c)
	if err != nil {
		return err
	}
	dir := l.stateDirectory(l.id)
	for _, d := range []string{dir, l.home} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			return err
		}
	}
	o := smc.Options{
		Personality: l.model, Serial: c.Serial, Configuration: cfg, FS: vfs.OS{}, Dir: dir,
		Drives: l.drives(), Alive: l.drives().Alive, Log: l.Log, Events: l.event, Find: l.find, Trace: l.Tracer.Finished, Appearance: appearance, Hook: l.hook,
	}
	if o.NAA, err = c.Identifier(); err != nil {
		return err
	}
	l.changer, err = smc.New(o)
	return err
}

// stateDirectory is where a library of the suite keeps its state.
func (l *library) stateDirectory(id int) string {
	return filepath.Join(l.Paths.State, "library"+strconv.Itoa(id)+".d")
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
	for i, o := range c.Optical {
		m, err := personality.LoadRecorder(o.Model, l.Paths.Models)
		if err != nil {
			return cfg, err
		}
		cfg.DriveElements = append(cfg.DriveElements, smc.DriveElement{
			ID: o.ID, Element: c.OpticalElement(i),
			Identity: smc.DriveIdentity{Vendor: m.Vendor, Product: m.Product, Serial: o.Serial},
		})
	}
	return cfg, nil
}

// hook runs the operator's command before a move: a failure refuses it.
func (l *library) hook(ctx context.Context, m smc.HookMove) error {
	command := l.config().MoveHook
	if command == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	word := map[smc.ElementType]string{smc.MediumTransport: "Picker", smc.Storage: "Storage", smc.ImportExport: "MAP", smc.DataTransfer: "Drive"}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command+` "$@"`, "move-hook",
		word[m.From.Type], strconv.Itoa(m.From.Number), word[m.To.Type], strconv.Itoa(m.To.Number), m.Barcode)
	cmd.WaitDelay = time.Second // what it has left running keeps its output open
	out, err := cmd.CombinedOutput()
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("it took longer than %v: %s", hookTimeout, strings.TrimSpace(string(out)))
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// follow tells the changer what its drives say of themselves, as it happens. What
// is lost while the bus is away the changer asks for.
func (l *library) follow(ctx context.Context) error {
	return bus.Subscribe(ctx, l.Conn, func(e bus.Event) {
		if !l.owns(e.Source) {
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
			if st, err := l.drives().State(ask, e.Source.ID); err == nil {
				l.changer.DriveChanged(e.Source.ID, st)
			}
		}()
	})
}

// owns reports whether a device is a drive of the library.
func (l *library) owns(d bus.Device) bool {
	switch d.Kind {
	case bus.Drive:
		return slices.ContainsFunc(l.config().Drives, func(t config.Drive) bool { return t.ID == d.ID })
	case bus.Optical:
		return l.optical(d.ID)
	}
	return false
}

// optical reports whether a drive of the library is an optical one.
func (l *library) optical(id int) bool {
	return slices.ContainsFunc(l.config().Optical, func(o config.Optical) bool { return o.ID == id })
}

func (l *library) drives() drives { return drives{l.Conn, l.optical} }
