package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"govtl/internal/config"
	"govtl/internal/provision"
	"govtl/libdisc"
)

// discCommands are those of optical discs.
func discCommands() map[string]func(a *app, image string, args []string) error {
	return map[string]func(*app, string, []string) error{
		"list":   (*app).listDisc,
		"verify": (*app).verifyDisc,
		"image":  (*app).copyImage,
	}
}

func (a *app) noDisc(dir string, _ []string) error {
	return usagef("%s is a cartridge; extract and export are for those", dir)
}

// findDisc returns the image of a disc: a file as it is, a barcode in the
// libraries and beside the drives that stand alone. Empty: it is no disc.
func (a *app) findDisc(name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) || isFile(name) {
		if isFile(name) {
			return strings.TrimSuffix(name, libdisc.Suffix), nil
		}
		return "", nil
	}
	if config.CheckBarcode(name) != nil {
		return "", nil
	}
	homes, err := a.homes()
	if err != nil {
		return "", err
	}
	p, err := a.flags.OperatorPaths()
	if err != nil {
		return "", err
	}
	if a.library == 0 {
		homes = append(homes, p.OpticalHome(&config.Optical{}, nil))
	}
	for _, home := range homes {
		if image := config.DiscImage(home, name); isFile(image) {
			return image, nil
		}
	}
	return "", nil
}

// discInfo is what list tells of one side of a disc.
type discInfo struct {
	Image     string          `json:"image"`
	Medium    string          `json:"medium"`
	Recording string          `json:"recording"`
	State     string          `json:"state"`
	Format    string          `json:"format,omitempty"`
	Capacity  int64           `json:"capacity"` // blocks
	Readable  int64           `json:"readable"` // blocks
	Free      int64           `json:"free"`     // blocks
	Sessions  int             `json:"closedSessions"`
	Tracks    []libdisc.Track `json:"tracks,omitempty"`
}

// stateOf is the state of a disc in a word.
func stateOf(d *libdisc.Disc) string {
	form, _ := d.Format()
	switch {
	case d.Kind().Recording == libdisc.ROM:
		return "read-only"
	case d.Blank() && d.Kind().Recording == libdisc.Overwrite:
		return "unformatted"
	case d.Blank():
		return "blank"
	case !d.Sequential() || form == libdisc.Pseudo:
		return "formatted"
	case d.Final():
		return "closed"
	}
	return "appendable"
}

func infoOf(image string, d *libdisc.Disc) discInfo {
	m := d.Kind()
	form, _ := d.Format()
	i := discInfo{Image: image, Medium: m.Name, Recording: string(m.Recording), State: stateOf(d), Format: string(form),
		Capacity: d.Capacity(), Readable: d.Readable(), Sessions: d.ClosedSessions(), Tracks: d.Tracks()}
	if i.State == "blank" {
		i.Free = i.Capacity
	} else if n := len(i.Tracks); n > 0 && i.State == "appendable" {
		i.Free = max(i.Capacity-i.Tracks[n-1].End(), 0)
	}
	return i
}

// sides are the images of a disc: one or two.
func sides(image string) []string {
	if second := libdisc.SecondSide(image); isFile(second) {
		return []string{image, second}
	}
	return []string{image}
}

func (a *app) listDisc(image string, _ []string) error {
	var all []discInfo
	for _, side := range sides(image) {
		d, err := provision.OpenDisc(side)
		if err != nil {
			return err
		}
		i := infoOf(side, d)
		if err := d.Close(); err != nil {
			return err
		}
		all = append(all, i)
		if a.json {
			continue
		}
		fmt.Fprintf(a.stdout, "%s: %s, %s\n", i.Image, i.Medium, i.State)
		fmt.Fprintf(a.stdout, "  capacity %d blocks, readable %d, free %d, closed sessions %d\n", i.Capacity, i.Readable, i.Free, i.Sessions)
		for n, t := range i.Tracks {
			state := "open"
			if t.Closed {
				state = "closed"
			}
			fmt.Fprintf(a.stdout, "  session %d, track %d: blocks %d to %d, %s, checksum %s\n", t.Session, n+1, t.Start, max(t.End()-1, t.Start), state, t.Sum)
		}
	}
	if a.json {
		return a.printJSON(all)
	}
	return nil
}

func (a *app) verifyDisc(image string, _ []string) error {
	damaged := false
	for _, side := range sides(image) {
		d, err := provision.OpenDisc(side)
		if err != nil {
			return err
		}
		r, err := d.Verify(a.ctx, a.meter())
		if err = errors.Join(err, d.Close()); err != nil {
			return err
		}
		damaged = damaged || len(r.Damages) > 0
		if a.json {
			if err := a.printJSON(struct {
				Image string `json:"image"`
				libdisc.Report
				Good bool `json:"good"`
			}{side, r, len(r.Damages) == 0}); err != nil {
				return err
			}
			continue
		}
		for _, x := range r.Damages {
			where := "the image"
			if x.Track > 0 {
				where = fmt.Sprintf("track %d", x.Track)
			}
			fmt.Fprintf(a.stdout, "%s: %s, block %d: %s\n", side, where, x.LBA, x.Reason)
		}
		fmt.Fprintf(a.stdout, "%s: %d blocks, %d of them compared with checksums\n", side, r.Blocks, r.Summed)
	}
	if damaged {
		return fmt.Errorf("%w: %s", errDiscDamaged, image)
	}
	return nil
}

// copyImage writes what can be read of a disc to a new file: the ISO image of one
// whose sessions are closed. What lies between sessions is zeros.
func (a *app) copyImage(image string, args []string) error {
	d, err := provision.OpenDisc(image)
	if err != nil {
		return err
	}
	blocks := d.Readable()
	if blocks == 0 {
		return errors.Join(fmt.Errorf("%s: nothing can be read of it: it is %s", image, stateOf(d)), d.Close())
	}
	if st, err := os.Stat(image); err == nil && d.Kind().Recording != libdisc.Sequential {
		blocks = min(blocks, (st.Size()+libdisc.BlockSize-1)/libdisc.BlockSize) // behind it are zeros
	}
	err = output(args[0], a.stdout, func(w io.Writer) error { return copyBlocks(w, d, blocks) })
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%s is there already, and stays", args[0])
	}
	if err == nil && args[0] != "-" {
		fmt.Fprintf(a.stdout, "%s: %d blocks\n", args[0], blocks)
	}
	return errors.Join(err, d.Close())
}

// copyBlocks writes blocks of a disc, compared with their checksums; zeros for what
// was never recorded.
func copyBlocks(w io.Writer, d *libdisc.Disc, blocks int64) error {
	b := make([]byte, 512*libdisc.BlockSize)
	for lba := int64(0); lba < blocks; {
		n := min(512, blocks-lba)
		if errors.Is(d.CanRead(lba, n), libdisc.ErrUnwritten) {
			n = 1
		}
		p := b[:n*libdisc.BlockSize]
		if err := d.Read(lba, p); errors.Is(err, libdisc.ErrUnwritten) {
			clear(p)
		} else if err != nil {
			return err
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		lba += n
	}
	return nil
}
