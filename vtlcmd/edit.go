package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/models"
)

// editLibraryCommands change one library in the configuration, and live.
func editLibraryCommands() []row {
	return []row{
		{"add slot [N]", "add a storage slot, or N", resize("slot", +1)},
		{"remove slot [N]", "remove the last storage slot, or N; what is in them goes to the shelf", resize("slot", -1)},
		{"add map [N]", "add an import/export element, or N", resize("map", +1)},
		{"remove map [N]", "remove the last import/export element, or N", resize("map", -1)},
		{"add drive [MODEL] [ID]", "add a drive; as the last one, with the next free number", addLibraryDrive},
		{"remove drive ID", "remove an empty drive", removeDrive},
		{"add disc BARCODES MEDIUM [SIDES]", "make discs, such as DVD001-DVD010 dvd-rw, and put them into free slots of a jukebox", addDisc},
		{"add media BARCODES [KIND]", "make cartridges, such as NEW001L9-NEW010L9, and put them into free slots", addMedia},
		{"remove media BARCODES", "take cartridges out, onto the shelf; their data stay on disk", removeMedia},
	}
}

// editSuiteCommands change the suite in the configuration, and live.
func editSuiteCommands() []row {
	return []row{
		{"add library MODEL [ID]", "add a library with 20 slots, 4 mail slots and no drives", addLibrary},
		{"remove library ID", "remove a library and its drives; its cartridges stay on disk", removeLibrary},
		{"add drive MODEL [ID]", "add a stand-alone drive", addLoneDrive},
		{"remove drive ID", "remove a drive", removeDrive},
		{"import-mhvtl [DIR]", "make the configuration of mhVTL's, in /etc/mhvtl or DIR", importMHVTL},
	}
}

// count reads the optional N of a command.
func (c *call) count() (int, error) {
	s, ok := c.args["N"]
	if !ok {
		return 1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > config.MaxSlots {
		return 0, usageError{fmt.Sprintf("%q is no number from 1 to %d", s, config.MaxSlots)}
	}
	return n, nil
}

// resize changes the number of slots or import/export elements.
func resize(what string, sign int) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		n, err := c.count()
		if err != nil {
			return err
		}
		l, _ := c.suite.Library(c.device.ID)
		change := config.SetSlots(l.ID, l.Slots+sign*n)
		total := l.Slots + sign*n
		if what == "map" {
			total = l.Mailbox + sign*n
			change = config.SetMailSlots(l.ID, total)
		}
		on := c.shelf(ctx)
		if _, err := c.edit(ctx, change); err != nil {
			return err
		}
		return c.printShelved(ctx, on, fmt.Sprintf("%s=%d", what, total), map[string]any{what: total})
	}
}

// addLibraryDrive adds a drive to a library.
func addLibraryDrive(ctx context.Context, c *call) error {
	l, _ := c.suite.Library(c.device.ID)
	model, from := c.args["MODEL"], l.ID+1
	if n := len(l.Drives); n > 0 {
		from = l.Drives[n-1].ID + 1
		if model == "" {
			model = l.Drives[n-1].Model
		}
	}
	if n := len(l.Optical); n > 0 && (len(l.Drives) == 0 || c.isRecorder(model)) {
		from = l.Optical[n-1].ID + 1
		if model == "" {
			model = l.Optical[n-1].Model
		}
	}
	if model == "" {
		return usageError{"which model? The library has no other drive to go by"}
	}
	if c.isRecorder(model) {
		return c.addLibraryOptical(ctx, l, model, from)
	}
	d, err := c.newDrive(model, from)
	if err != nil {
		return err
	}
	after, err := c.edit(ctx, config.AddDrive(l.ID, d))
	if err != nil {
		return err
	}
	in, _ := after.Library(l.ID)
	return c.print(fmt.Sprintf("drive %d, serial %s, element %d of library %d", d.ID, d.Serial, in.ElementOf(d.ID), l.ID), d)
}

// addLoneDrive adds a drive without a library.
func addLoneDrive(ctx context.Context, c *call) error {
	if err := c.load(); err != nil {
		return err
	}
	if c.isRecorder(c.args["MODEL"]) {
		return c.addLoneOptical(ctx)
	}
	d, err := c.newDrive(c.args["MODEL"], 1)
	if err != nil {
		return err
	}
	if _, err := c.edit(ctx, config.AddStandAloneDrive(d)); err != nil {
		return err
	}
	return c.print(fmt.Sprintf("drive %d, serial %s", d.ID, d.Serial), d)
}

// newDrive gives a drive its number and serial.
func (c *call) newDrive(model string, from int) (config.Drive, error) {
	id, err := c.freeID(from)
	if err != nil {
		return config.Drive{}, err
	}
	return config.Drive{ID: id, Model: model, Serial: freeSerial(c.suite, id)}, nil
}

// freeID is the number that was typed, or the first free one.
func (c *call) freeID(from int) (int, error) {
	if s, ok := c.args["ID"]; ok {
		id, err := strconv.Atoi(s)
		if err != nil || id < 0 || id > config.MaxID {
			return 0, usageError{fmt.Sprintf("%q is no number from 0 to %d", s, config.MaxID)}
		}
		return id, nil
	}
	taken := map[int]bool{}
	for _, d := range c.suite.Devices() {
		taken[d.ID] = true
	}
	for id := from; id <= config.MaxID; id++ {
		if !taken[id] {
			return id, nil
		}
	}
	return 0, errors.New("no number is free")
}

// freeSerial is a serial number that no other device has.
func freeSerial(s *config.Suite, id int) string {
	taken := map[string]bool{}
	for _, l := range s.Libraries {
		taken[l.Serial] = true
		for _, d := range l.Drives {
			taken[d.Serial] = true
		}
		for _, o := range l.Optical {
			taken[o.Serial] = true
		}
	}
	for _, d := range s.Drives {
		taken[d.Serial] = true
	}
	for _, o := range s.Optical {
		taken[o.Serial] = true
	}
	serial := fmt.Sprintf("VTL%07d", id)
	for n := 1; taken[serial]; n++ {
		serial = fmt.Sprintf("VTL%02d%05d", n, id)
	}
	return serial
}

// removeDrive removes a drive, of this library when one was named.
func removeDrive(ctx context.Context, c *call) error {
	if err := c.load(); err != nil {
		return err
	}
	id, err := strconv.Atoi(c.args["ID"])
	if err != nil {
		return usageError{fmt.Sprintf("%q is no number of a drive", c.args["ID"])}
	}
	if _, in, ok := c.suite.OpticalIn(id); ok && (c.device.Kind != bus.Library || in != nil && in.ID == c.device.ID) {
		return c.removeOptical(ctx, id)
	}
	_, in, ok := c.suite.Drive(id)
	if !ok || c.device.Kind == bus.Library && (in == nil || in.ID != c.device.ID) {
		return fmt.Errorf("there is no drive %d here", id)
	}
	if err := c.mustBeEmpty(ctx, id, bus.DriveState(id)); err != nil {
		return err
	}
	if _, err := c.edit(ctx, config.RemoveDrive(id)); err != nil {
		return err
	}
	return c.done(nil)
}

// mustBeEmpty refuses to take a drive away that holds something; state asks it.
func (c *call) mustBeEmpty(ctx context.Context, id int, state bus.Endpoint[bus.Empty, bus.DriveHolds]) error {
	if c.connect(ctx) != nil {
		return nil // the suite does not run: the library settles it when it starts
	}
	held, err := ask(ctx, c.app, quick, state, bus.Empty{})
	switch {
	case errors.Is(err, bus.ErrAbsent):
		return nil
	case err != nil:
		return err
	case held.Barcode != "":
		return daemon.WithHint(fmt.Errorf("drive %d holds %s", id, held.Barcode), "move it away first")
	}
	return nil
}

// addMedia gives new cartridges to a library.
func addMedia(ctx context.Context, c *call) error {
	m := config.Media{Barcodes: c.args["BARCODES"], Kind: c.args["KIND"]}
	codes, err := config.ExpandBarcodes(m.Barcodes)
	if err != nil {
		return usageError{err.Error()}
	}
	if _, err := c.edit(ctx, config.AddMedia(c.device.ID, m)); err != nil {
		return err
	}
	return c.print(fmt.Sprintf("%d cartridges", len(codes)), config.Media{Barcodes: m.Barcodes, Kind: m.Kind})
}

// removeMedia takes cartridges out of a library.
func removeMedia(ctx context.Context, c *call) error {
	codes, err := config.ExpandBarcodes(c.args["BARCODES"])
	if err != nil {
		return usageError{err.Error()}
	}
	on := c.shelf(ctx)
	if _, err := c.edit(ctx, config.RemoveMedia(c.device.ID, codes)); err != nil {
		return err
	}
	return c.printShelved(ctx, on, fmt.Sprintf("%d cartridges", len(codes)), map[string]any{"removed": codes})
}

// shelf is what is on the library's shelf; nil when it does not run.
func (c *call) shelf(ctx context.Context) map[string]bool {
	if c.connect(ctx) != nil {
		return nil
	}
	all, err := inventory(ctx, c.app, c.device.ID)
	if err != nil {
		return nil
	}
	on := map[string]bool{}
	for _, v := range all.Shelf {
		on[v.Barcode] = true
	}
	return on
}

// printShelved prints a reply, and what a change has put onto the shelf, where
// before were others.
func (c *call) printShelved(ctx context.Context, before map[string]bool, text string, reply map[string]any) error {
	var put []string
	if before != nil {
		for b := range c.shelf(ctx) {
			if !before[b] {
				put = append(put, b)
			}
		}
	}
	slices.Sort(put)
	for _, b := range put {
		text += "\n" + b + " is on the shelf now"
	}
	if len(put) > 0 {
		reply["shelf"] = put
	}
	return c.print(text, reply)
}

// addLibrary adds a library.
func addLibrary(ctx context.Context, c *call) error {
	if err := c.load(); err != nil {
		return err
	}
	id, err := c.freeID(10)
	if err != nil {
		return err
	}
	l := config.Library{ID: id, Model: c.args["MODEL"], Serial: freeSerial(c.suite, id), Slots: 20, Mailbox: 4}
	if _, err := c.edit(ctx, config.AddLibrary(l)); err != nil {
		return err
	}
	return c.print(fmt.Sprintf("library %d, serial %s", l.ID, l.Serial), l)
}

// removeLibrary removes a library.
func removeLibrary(ctx context.Context, c *call) error {
	if err := c.load(); err != nil {
		return err
	}
	id, err := strconv.Atoi(c.args["ID"])
	if err != nil {
		return usageError{fmt.Sprintf("%q is no number of a library", c.args["ID"])}
	}
	l, ok := c.suite.Library(id)
	if !ok {
		return fmt.Errorf("there is no library %d", id)
	}
	for _, d := range l.Drives {
		if err := c.mustBeEmpty(ctx, d.ID, bus.DriveState(d.ID)); err != nil {
			return err
		}
	}
	for _, o := range l.Optical {
		if err := c.mustBeEmpty(ctx, o.ID, bus.OpticalState(o.ID)); err != nil {
			return err
		}
	}
	if _, err := c.edit(ctx, config.RemoveLibrary(id)); err != nil {
		return err
	}
	return c.done(nil)
}

// edit changes the configuration file and lets the running suite apply it. What
// a daemon refuses is taken back.
func (c *call) edit(ctx context.Context, changes ...config.Change) (*config.Suite, error) {
	before := c.suite
	after, undo, err := config.Edit(c.paths.Config, models.Checks(c.paths.Models, c.flags.Listen), changes...)
	if errors.Is(err, config.ErrByHand) {
		err = daemon.WithHint(err, "its layout is unusual; 'vtlcmd reload' applies it afterwards")
	}
	if err != nil {
		return nil, err
	}
	if c.conn == nil && c.connect(ctx) != nil {
		fmt.Fprintln(c.stderr, "the suite does not run; it is applied at the next start")
		return after, nil
	}
	if _, err := c.apply(ctx, before, after); err != nil {
		if uerr := undo(); uerr != nil {
			return nil, errors.Join(err, uerr)
		}
		if _, aerr := c.apply(ctx, after, before); aerr != nil {
			fmt.Fprintln(c.stderr, "and going back:", aerr)
		}
		return nil, daemon.WithHint(err, "the configuration is as it was")
	}
	return after, nil
}

// apply makes the running suite read its configuration. New devices must be there
// before their library looks for them, and their library must let go of devices
// before they are ended.
func (a *app) apply(ctx context.Context, before, after *config.Suite) ([]string, error) {
	found, err := bus.Discover(ctx, a.conn, quiet)
	if err != nil {
		return nil, err
	}
	order := []bus.Kind{bus.Suite, bus.Portal, bus.Drive, bus.Optical, bus.Library}
	if len(after.Devices()) < len(before.Devices()) {
		slices.Reverse(order)
	}
	still := map[bus.Device]bool{{Kind: bus.Suite}: true, bus.PortalDevice(): true}
	for _, d := range after.Devices() {
		still[bus.Device{Kind: bus.Kind(d.Kind), ID: d.ID}] = true
	}
	var changes []string
	supervised := false
	for _, kind := range order {
		for _, in := range found {
			if in.Device.Kind != kind || !still[in.Device] {
				continue
			}
			supervised = supervised || kind == bus.Suite
			r, err := ask(ctx, a, slow, bus.Reload(in.Device), bus.Empty{})
			if errors.Is(err, bus.ErrAbsent) {
				continue // it has ended since the listing
			}
			if err != nil {
				return changes, fmt.Errorf("%s: %w", in.Device, err)
			}
			for _, text := range r.Changes {
				if kind != bus.Suite {
					text = in.Device.String() + ": " + text
				}
				changes = append(changes, text)
			}
		}
	}
	if !supervised {
		a.tellUnits(before, after)
	}
	return changes, nil
}

// watchedFile is the configuration for which systemd starts and stops daemons:
// that of systemd/vtl-reconfigure.path.
const watchedFile = "/etc/vtl/vtl.yaml"

// tellUnits says who starts and stops the daemons of devices that are new and
// gone where no `vtlcmd up` does.
func (a *app) tellUnits(before, after *config.Suite) {
	for _, text := range changedDevices(before, after) {
		name, gone := strings.CutSuffix(text, " is gone")
		name = strings.TrimSuffix(name, " is new")
		kind, id, _ := strings.Cut(name, " ")
		n, err := strconv.Atoi(id)
		if err != nil {
			continue
		}
		verb := "start"
		if gone {
			verb = "stop"
		}
		d := bus.Device{Kind: bus.Kind(kind), ID: n}
		switch {
		case a.paths.Config == watchedFile:
			fmt.Fprintf(a.stderr, "systemd %ss %s@%d; 'systemctl status vtl-reconfigure' says how it went\n", verb, d.Service(), d.ID)
		default:
			fmt.Fprintf(a.stderr, "hint: nobody looks after the daemons of %s: %s %s %d\n", a.paths.Config, verb, d.Service(), d.ID)
		}
	}
}
