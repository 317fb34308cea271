package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/history"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/libcart/tool"
)

// Bounds of what a support bundle holds.
const (
	bundleFile   = 4 << 20 // bytes of one file
	bundleNames  = 20_000  // lines of the listing
	bundleVolume = 2000    // cartridges that are opened
	bundleLines  = 5000    // lines of the journal
	bundleEvents = 10_000  // events of the history
)

// bundleAbout is the text at the beginning of a bundle.
const bundleAbout = `This is what vtlcmd support-bundle has collected of a virtual tape library, for
whoever is to find a fault in it. Secrets are removed. What is written on the
tapes is not in it; barcodes, names of hosts and addresses are. Look through it
before you hand it on.

`

// bundle is a support bundle in the making.
type bundle struct {
	tar     *tar.Writer
	scrub   *scrubber
	now     time.Time
	missing []string // what is not in it, and why
	err     error    // the first of writing
}

// supportBundle writes everything that helps to find a fault into one file.
func supportBundle(ctx context.Context, c *call) error {
	name := c.args["FILE"]
	if name == "" {
		name = "vtl-support-" + time.Now().Format("20060102-150405") + ".tar.gz"
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return daemon.WithHint(fmt.Errorf("%s is there already", name), "'vtlcmd support-bundle FILE' writes another file")
	}
	if err != nil {
		return err
	}
	ctx, cancel := c.within(ctx, slow)
	defer cancel()
	zip := gzip.NewWriter(f)
	b := &bundle{tar: tar.NewWriter(zip), now: time.Now()}
	b.collect(ctx, c.app)
	if err := errors.Join(b.err, ctx.Err(), b.tar.Close(), zip.Close(), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return c.print(name, map[string]any{"file": name, "missing": b.missing})
}

// collect puts everything in that can be had; what cannot is told in the bundle.
func (b *bundle) collect(ctx context.Context, a *app) {
	loaded := a.load()
	b.scrub = newScrubber(a)
	b.miss("configuration", loaded)
	b.text("versions.txt", versions())
	b.file("vtl.yaml", a.paths.Config)
	b.models(a.paths.Models)
	b.json("doctor.json", examine(ctx, a))
	b.listing("state.txt", a.paths.State)
	b.listing("run.txt", a.paths.Run)
	b.events(a.paths.State)
	if loaded == nil {
		b.cartridges(ctx, a)
		b.daemons(ctx, a)
	}
	b.journal(ctx)
	about := bundleAbout
	if len(b.missing) > 0 {
		about += "Not in it:\n"
		for _, m := range b.missing {
			about += "- " + strings.ReplaceAll(m, "\n", "\n  ") + "\n"
		}
	}
	b.text("ABOUT", about)
}

// miss notes what could not be had.
func (b *bundle) miss(what string, err error) {
	if err != nil {
		b.missing = append(b.missing, b.scrub.text(what+": "+err.Error()))
	}
}

// text adds a file, without secrets.
func (b *bundle) text(name, text string) {
	if b.err != nil {
		return
	}
	data := []byte(b.scrub.text(text))
	b.err = b.tar.WriteHeader(&tar.Header{Name: "vtl-support/" + name, Mode: 0o600, Size: int64(len(data)), ModTime: b.now, Typeflag: tar.TypeReg})
	if b.err == nil {
		_, b.err = b.tar.Write(data)
	}
}

// json adds a file with a value.
func (b *bundle) json(name string, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		b.miss(name, err)
		return
	}
	b.text(name, string(data)+"\n")
}

// file adds a file of the disk.
func (b *bundle) file(name, path string) {
	data, err := readSome(path)
	if err != nil {
		b.miss(name, err)
		return
	}
	b.text(name, string(data))
}

// readSome reads at most bundleFile bytes of a regular file.
func readSome(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, bundleFile))
}

// events adds the last of what has happened.
func (b *bundle) events(state string) {
	kept, err := history.Read(vfs.OS{}, state)
	b.miss("events.txt", err)
	var out strings.Builder
	for _, e := range kept.Events[max(len(kept.Events)-bundleEvents, 0):] {
		fmt.Fprintf(&out, "%s %s: %s\n", e.Time.UTC().Format(time.RFC3339Nano), e.Source, e.What)
	}
	b.miss("events.txt", unread(kept))
	b.text("events.txt", out.String())
}

// models adds the operator's own models.
func (b *bundle) models(dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if rel, rerr := filepath.Rel(dir, path); rerr == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".yaml") {
			b.file("models/"+rel, path)
		}
		return nil
	})
	if !errors.Is(err, fs.ErrNotExist) {
		b.miss("models", err)
	}
}

// listing adds the names below a directory, with sizes, modes and times.
func (b *bundle) listing(name, dir string) {
	var out strings.Builder
	lines := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			fmt.Fprintf(&out, "%v\n", err)
			return nil
		}
		if lines++; lines > bundleNames {
			out.WriteString("...\n")
			return fs.SkipAll
		}
		if fi, err := d.Info(); err == nil {
			fmt.Fprintf(&out, "%s %12d %s %s\n", fi.Mode(), fi.Size(), fi.ModTime().UTC().Format(time.RFC3339), path)
		}
		return nil
	})
	b.miss(name, err)
	b.text(name, out.String())
}

// cartridge is a line of the list of cartridges.
type cartridge struct {
	Library int    `json:"library"`
	Barcode string `json:"barcode"`
	Error   string `json:"error,omitempty"`

	*tool.Header
	Partitions []libcart.Capacity `json:"partitions,omitempty"`
}

// cartridges adds what all cartridges say of themselves, without reading a tape.
func (b *bundle) cartridges(ctx context.Context, a *app) {
	var all []cartridge
	for i := range a.suite.Libraries {
		l := &a.suite.Libraries[i]
		home := a.paths.LibraryHome(l)
		entries, err := os.ReadDir(home)
		b.miss(fmt.Sprintf("cartridges of library %d", l.ID), err)
		for _, e := range entries {
			if !e.IsDir() || config.CheckBarcode(e.Name()) != nil {
				continue
			}
			if len(all) == bundleVolume || ctx.Err() != nil {
				b.miss("cartridges", fmt.Errorf("those behind the first %d", len(all)))
				break
			}
			all = append(all, describeCartridge(l.ID, e.Name(), filepath.Join(home, e.Name())))
		}
	}
	b.json("cartridges.json", all)
}

// describeCartridge opens one cartridge.
func describeCartridge(library int, barcode, dir string) cartridge {
	v := cartridge{Library: library, Barcode: barcode}
	c, err := libcart.Open(dir, libcart.Options{ReadOnly: true})
	if err != nil {
		v.Error = err.Error()
		return v
	}
	h := tool.HeaderOf(c)
	v.Header = &h
	for p := range c.Partitions() {
		v.Partitions = append(v.Partitions, c.Capacity(uint8(p)))
	}
	if err := c.Close(); err != nil {
		v.Error = err.Error()
	}
	return v
}

// daemons adds what the daemons say.
func (b *bundle) daemons(ctx context.Context, a *app) {
	if err := a.connect(ctx); err != nil {
		b.miss("everything that the daemons tell", err)
		return
	}
	b.json("status.json", gather(ctx, a))
	onBus, err := bus.Discover(ctx, a.conn, quiet)
	b.miss("daemons.json", err)
	b.json("daemons.json", onBus)
	metrics := map[string]bus.MetricsReply{}
	for _, d := range a.suite.Devices() {
		device := bus.Device{Kind: bus.Kind(d.Kind), ID: d.ID}
		m, err := ask(ctx, a, statusLimit, bus.Metrics(device), bus.Empty{})
		b.miss("metrics of "+d.String(), err)
		if err == nil {
			metrics[d.String()] = m
		}
		switch device.Kind {
		case bus.Library:
			var all []bus.InventoryReply
			for skip, more := 0, true; more; skip += len(all[len(all)-1].Elements) {
				r, err := ask(ctx, a, quick, bus.LibraryInventory(d.ID), bus.InventoryRequest{Skip: skip})
				b.miss("inventory of "+d.String(), err)
				if more = err == nil && r.More && len(r.Elements) > 0; err != nil {
					break
				}
				all = append(all, r)
			}
			b.json(fmt.Sprintf("inventory-%d.json", d.ID), all)
		default:
			r, err := ask(ctx, a, quick, bus.DriveDump(d.ID), bus.Empty{})
			b.miss("loads of "+d.String(), err)
			b.json(fmt.Sprintf("loads-%d.json", d.ID), r)
		}
	}
	b.json("metrics.json", metrics)
}

// journal adds the daemons' logs, where systemd keeps them and we may read them.
func (b *bundle) journal(ctx context.Context) {
	path, err := exec.LookPath("journalctl")
	if err != nil {
		b.miss("logs", errors.New("there is no journalctl; 'vtlcmd up' writes them to its standard error"))
		return
	}
	cmd := exec.CommandContext(ctx, path, "--no-pager", "-q", "-o", "short-iso", "-n", fmt.Sprint(bundleLines), "-u", "vtl*")
	cmd.WaitDelay = time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		b.miss("logs", fmt.Errorf("journalctl: %w %s", err, strings.TrimSpace(problems.String())))
		return
	}
	if out.Len() == 0 {
		b.miss("logs", errors.New("the journal has none; 'vtlcmd up' writes them to its standard error"))
		return
	}
	b.text("journal.txt", out.String())
}

// versions tells of the programs and the machine.
func versions() string {
	var b strings.Builder
	fmt.Fprintf(&b, "vtlcmd %s\n%s %s/%s, %d processors\n", daemon.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, path := range []string{"/proc/version", "/etc/os-release", "/proc/meminfo"} {
		if data, err := os.ReadFile(path); err == nil {
			lines := strings.SplitAfter(string(data), "\n")
			fmt.Fprintf(&b, "\n%s:\n%s", path, strings.Join(slices.Clone(lines[:min(len(lines), 12)]), ""))
		}
	}
	return b.String()
}
