package mhvtl

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"govtl/internal/config"
	"govtl/scsi/personality"
)

// volume is a cartridge of a library and what it is.
type volume struct {
	barcode string
	slot    int
	media   config.Media // without barcodes and slot
}

// fill gives a library its elements and cartridges.
func (i *importer) fill(l *config.Library) error {
	c, err := i.readContents(l.ID)
	if err != nil {
		return err
	}
	where := "library " + strconv.Itoa(l.ID)
	l.Slots, l.Mailbox, l.Pickers = most(c.slots), most(c.mail), most(c.pickers)
	bound := func(what string, n *int, low, high int) {
		if *n < low || *n > high {
			i.notes.add(where, "it has %d %s and gets %d", *n, what, min(max(*n, low), high))
			*n = min(max(*n, low), high)
		}
	}
	f := i.families[l.ID]
	bound("storage slots", &l.Slots, 1, min(config.MaxSlots, f.room(func(e personality.LibraryElements) uint16 { return e.Storage })))
	bound("mail slots", &l.Mailbox, 0, min(config.MaxMail, f.room(func(e personality.LibraryElements) uint16 { return e.ImportExport })))
	bound("pickers", &l.Pickers, 0, min(config.MaxPickers, f.room(func(e personality.LibraryElements) uint16 { return e.Transport })))
	if l.Pickers == config.DefaultPickers {
		l.Pickers = 0
	}
	slices.SortFunc(l.Drives, func(a, b config.Drive) int { return a.Element - b.Element })
	for n := range l.Drives {
		if l.Drives[n].Element == n+1 {
			l.Drives[n].Element = 0
		}
	}
	i.emptyElements(l, c)
	var volumes []volume
	taken := map[int]bool{}
	for _, n := range slices.Sorted(maps.Keys(c.slots)) {
		if b := c.slots[n]; b != "" && n <= l.Slots {
			if v, ok := i.volume(l, b); ok {
				v.slot, taken[n] = n, true
				volumes = append(volumes, v)
			}
		} else if b != "" {
			i.notes.add(where, "%s is left out: there is no slot %d", b, n)
		}
	}
	volumes = append(volumes, i.elsewhere(l, c, taken)...)
	slices.SortFunc(volumes, func(a, b volume) int { return a.slot - b.slot })
	l.Media = group(volumes)
	return nil
}

// readContents reads a library's inventory: the one that was saved when the
// library says so and it is not older than the one an operator edits.
func (i *importer) readContents(id int) (*contents, error) {
	name := "library_contents." + strconv.Itoa(id)
	base := filepath.Join(i.o.Dir, name)
	file := base
	for _, r := range i.records {
		if p := strings.ToLower(r.value("PERSIST")); r.library && r.id == id && (p == "yes" || p == "true") {
			saved, err := os.Stat(base + ".persist")
			old, berr := os.Stat(base)
			if err == nil && (berr != nil || !saved.ModTime().Before(old.ModTime())) {
				file = base + ".persist"
			}
		}
	}
	b, err := readConf(file)
	if isMissing(err) {
		i.notes.add("library "+strconv.Itoa(id), "%s is missing: it has no cartridges", name)
		return newContents(), nil
	}
	if err != nil {
		return nil, err
	}
	return parseContents(b, filepath.Base(file), &i.notes), nil
}

// emptyElements notes drive elements without a drive.
func (i *importer) emptyElements(l *config.Library, c *contents) {
	has := map[int]bool{}
	for n := range l.Drives {
		has[l.DriveElement(n)] = true
	}
	for _, n := range slices.Sorted(maps.Keys(c.drives)) {
		if !has[n] {
			i.notes.add("library "+strconv.Itoa(l.ID), "drive element %d has no drive", n)
		}
		if s := c.drives[n]; s != "" {
			i.notes.add("library "+strconv.Itoa(l.ID), "%q in drive element %d is not carried: a drive is known by its own serial number", clip(s), n)
		}
	}
}

// elsewhere puts what is in mail slots and pickers into slots that are free.
func (i *importer) elsewhere(l *config.Library, c *contents, taken map[int]bool) (all []volume) {
	for _, from := range []struct {
		what string
		in   map[int]string
	}{{"mail slot", c.mail}, {"picker", c.pickers}} {
		for _, n := range slices.Sorted(maps.Keys(from.in)) {
			if from.in[n] == "" {
				continue
			}
			v, ok := i.volume(l, from.in[n])
			if !ok {
				continue
			}
			v.slot = 1
			for taken[v.slot] {
				v.slot++
			}
			if v.slot > l.Slots {
				i.notes.add("library "+strconv.Itoa(l.ID), "%s of %s %d is left out: no slot is free", v.barcode, from.what, n)
				continue
			}
			taken[v.slot] = true
			i.notes.add("library "+strconv.Itoa(l.ID), "%s of %s %d begins in slot %d", v.barcode, from.what, n, v.slot)
			all = append(all, v)
		}
	}
	return all
}

// volume tells what a cartridge is: as its files say, else by its barcode.
func (i *importer) volume(l *config.Library, barcode string) (volume, bool) {
	where := "library " + strconv.Itoa(l.ID)
	if err := config.CheckBarcode(barcode); err != nil {
		i.notes.add(where, "left out: %v", err)
		return volume{}, false
	}
	if other := i.barcodes[barcode]; other != "" {
		i.notes.add(where, "%s is left out: %s has it already", barcode, other)
		return volume{}, false
	}
	if strings.HasPrefix(barcode, "NOBAR") {
		i.notes.add(where, "%s had no label that a changer reads; now it has", barcode)
	}
	path := i.find(l.ID, barcode)
	m, err := i.media(path, barcode)
	if err != nil {
		i.notes.add(where, "%s is left out: %v", barcode, err)
		return volume{}, false
	}
	i.barcodes[barcode] = where
	i.cartridges = append(i.cartridges, Found{Library: l.ID, Barcode: barcode, Path: path})
	return volume{barcode: barcode, media: m}, true
}

// media is the media entry for a cartridge.
func (i *importer) media(path, barcode string) (config.Media, error) {
	byCode := i.known.barcode(barcode)
	if path == "" {
		i.notes.add(barcode, "its files are missing: an empty one will be made")
		return config.Media{}, byCode.err
	}
	t, err := Open(path)
	if err != nil {
		i.notes.add(barcode, "its files cannot be read (%v): an empty one will be made", err)
		return config.Media{}, byCode.err
	}
	defer t.Close()
	medium, err := findMedium(t.Memory, i.known.media)
	if err != nil {
		return config.Media{}, err
	}
	kind, _ := kindOf(t.Memory)
	if kind == personality.KindWORM && !medium.WORM {
		return config.Media{}, fmt.Errorf("%w: %s does not come as WORM cartridge", ErrMedium, medium.Title)
	}
	var m config.Media
	implied := byCode.kind
	if byCode.err != nil || byCode.medium.Name != medium.Name {
		m.Density, implied = medium.Name, personality.KindData
	}
	if kind != implied {
		m.Kind = kind
	}
	if n := t.Memory.Capacity >> 20; n > 0 && n != medium.CapacityBytes()>>20 && kind != personality.KindClean {
		m.SizeMiB = n
	}
	return m, nil
}

// group makes media entries of volumes in the order of their slots: one of each
// run of slots that hold the same.
func group(volumes []volume) (all []config.Media) {
	for len(volumes) > 0 {
		n := 1
		for n < len(volumes) && volumes[n].slot == volumes[0].slot+n && volumes[n].media == volumes[0].media {
			n++
		}
		m := volumes[0].media
		m.Slot = volumes[0].slot
		m.Barcodes = ranges(volumes[:n])
		all = append(all, m)
		volumes = volumes[n:]
	}
	return all
}

// ranges writes barcodes as ranges where they count up.
func ranges(volumes []volume) string {
	var parts []string
	for len(volumes) > 0 {
		first, n := volumes[0].barcode, 1
		for n < len(volumes) && counts(volumes[n-1].barcode, volumes[n].barcode, 2) {
			n++
		}
		last := volumes[n-1].barcode
		switch {
		case n > 2 && counts(first, last, n):
			parts = append(parts, first+"-"+last)
		default:
			n = 1
			parts = append(parts, first)
		}
		volumes = volumes[n:]
	}
	return strings.Join(parts, ", ")
}

// counts says that the range from first to last has n barcodes.
func counts(first, last string, n int) bool {
	all, err := config.ExpandBarcodes(first + "-" + last)
	return err == nil && len(all) == n
}
