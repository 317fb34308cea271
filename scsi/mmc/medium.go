package mmc

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// What an operator's request can meet.
var (
	ErrPrevented = errors.New("an initiator prevents the removal of the disc")
	ErrFull      = errors.New("a disc is in the drive")
	ErrEmpty     = errors.New("no disc is in the drive")
	ErrBusy      = errors.New("the drive formats, blanks or closes a disc")
	ErrRefused   = errors.New("the drive does not take the disc")

	// ErrIncompatible says why of ErrRefused: a disc of a kind that is not for this drive.
	ErrIncompatible = errors.New("the disc does not fit the drive")

	// ErrMemory: the drive cannot remember what was asked of it.
	ErrMemory = errors.New("the drive's memory cannot be written")
)

// Status is the state of the drive for people.
type Status struct {
	File      string // what is in the tray; empty: nothing
	Offline   bool
	Ejected   bool
	Medium    string // title of the medium; empty: none in use
	State     string // empty, blank, appendable, closed, formatted, busy ...
	Sessions  int
	Tracks    int
	Readable  int64 // blocks
	Free      int64 // blocks
	Prevented bool

	Barcode string // of the disc that a changer put there
	MoveID  string // of the changer's last move
	Loaded  bool   // in use, or hidden by the operator
}

// simpleBlank is what an empty file is.
const simpleBlank = "dvd+r"

// simple says what an image without a description is, by its size.
func (d *Drive) simple(size int64) libdisc.Medium {
	if size == 0 {
		if k := d.model.Find(simpleBlank); k != nil {
			return Medium(k)
		}
		for _, k := range d.model.Media {
			if k.Recording == "sequential" {
				return Medium(k)
			}
		}
	}
	for _, n := range []struct {
		disc string
		most int64
	}{{"dvd-rom", 4173824 * libdisc.BlockSize}, {"bd-rom", 1 << 62}, {"dvd-rom", 1 << 62}, {"cd-rom", 1 << 62}} {
		if k := d.model.Find(n.disc); k != nil && size <= n.most {
			return Medium(k)
		}
	}
	return libdisc.Medium{}
}

// Medium is a disc model as libdisc has it.
func Medium(k *personality.Disc) libdisc.Medium {
	return libdisc.Medium{
		Name: k.Name, Recording: libdisc.Recording(k.Recording), Rewritable: k.Rewritable, Blocks: k.Blocks, Align: k.Align,
		RunOut: k.RunOut, TrackGap: k.Gaps.Track, FirstGap: k.Gaps.First, LaterGap: k.Gaps.Later, Bordered: k.Bordered,
	}
}

// mount takes the file in the tray into use. The unit attention and the media
// event of a new medium go out when it can be.
func (d *Drive) mount() error {
	if d.disc != nil || d.file == "" || d.offline || d.ejected {
		d.publish()
		return nil
	}
	disc, err := libdisc.Open(d.file, libdisc.Options{FS: d.opt.FS, Simple: d.simple})
	if err != nil {
		d.publish()
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	kind := d.model.Find(disc.Kind().Name)
	if kind == nil {
		d.publish()
		return errors.Join(fmt.Errorf("%w: %w: %s takes no %s", ErrRefused, ErrIncompatible, d.model.Title, disc.Kind().Name), disc.Close())
	}
	if form, _ := disc.Format(); kind.Preformat && form == libdisc.Plain {
		if err := disc.SetFormat(libdisc.Random, kind.Formats[0].Blocks, 0, false); err != nil {
			return errors.Join(err, disc.Close())
		}
	}
	d.disc, d.kind, d.cue, d.failed = disc, kind, nil, nil
	d.resetWriteParameters()
	d.Attend(scsi.NotReadyToReadyChange, nil)
	d.mediaEvent(eventNewMedia)
	d.publish()
	d.event("loaded", "%s", d.seen.Medium)
	return nil
}

// reclassify follows a disc whose kind changes: one of the simple model that
// becomes a ROM.
func (d *Drive) reclassify() {
	if k := d.model.Find(d.disc.Kind().Name); k != nil {
		d.kind = k
	}
	d.publish()
}

// unmount ends the use of the disc: everything written is durable after it.
func (d *Drive) unmount() error {
	if d.disc == nil {
		return nil
	}
	err := d.disc.Close()
	d.disc, d.kind, d.cue = nil, nil, nil
	d.mediaEvent(eventRemoval)
	return err
}

// eject opens the tray; its disc stays on it.
func (d *Drive) eject() error {
	if d.RemovalPrevented() {
		return ErrPrevented
	}
	err := d.unmount()
	d.ejected = true
	d.remember()
	d.publish()
	d.event("ejected", "the tray is open")
	return err
}

// Resume takes the disc into use that was in the drive when it was closed.
func (d *Drive) Resume(ctx context.Context) error {
	return d.server.Do(ctx, (*Drive).mount)
}

// Load puts a disc into the drive: the path of an image. With a medium, such as
// "dvd-rw", a blank disc of that kind is made first when there is no such file.
// The disc that is there is taken out, unless an initiator prevents it.
func (d *Drive) Load(ctx context.Context, path, medium string) error {
	return d.server.Do(ctx, func(d *Drive) error {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%w: %q is not an absolute path", ErrRefused, path)
		}
		if err := d.mayRemove(); err != nil {
			return err
		}
		if medium != "" {
			k := d.model.Find(medium)
			if k == nil {
				return fmt.Errorf("%w: %s takes no %q", ErrRefused, d.model.Title, medium)
			}
			if err := libdisc.Create(path, Medium(k), libdisc.Options{FS: d.opt.FS}); err != nil {
				return fmt.Errorf("%w: %w", ErrRefused, err)
			}
		}
		if err := d.unmount(); err != nil {
			d.log.Error("the disc was not put away in order", "file", d.file, "err", err)
		}
		was := d.file
		d.file, d.barcode, d.offline, d.ejected = path, "", false, false
		if err := d.mount(); err != nil {
			d.event("refused", "%v", err)
			d.file = ""
			d.log.Debug("the tray is empty now", "before", was)
			d.publish()
			return errors.Join(err, d.remember())
		}
		return d.remember()
	})
}

// mayRemove refuses to take a disc away that is in use for something.
func (d *Drive) mayRemove() error {
	switch {
	case d.busy != nil:
		return ErrBusy
	case d.disc != nil && d.RemovalPrevented():
		return ErrPrevented
	}
	return nil
}

// Unload takes the disc out of the drive.
func (d *Drive) Unload(ctx context.Context) (file string, err error) {
	err = d.server.Do(ctx, func(d *Drive) error {
		if d.file == "" {
			return ErrEmpty
		}
		if err := d.mayRemove(); err != nil {
			return err
		}
		err := d.unmount()
		file = d.file
		d.event("unloaded", "%s", d.file)
		d.file, d.barcode, d.offline, d.ejected = "", "", false, false
		d.publish()
		return errors.Join(err, d.remember())
	})
	return file, err
}

// Eject opens the tray, as the button on the drive does; its disc stays on it.
func (d *Drive) Eject(ctx context.Context) (file string, err error) {
	err = d.server.Do(ctx, func(d *Drive) error {
		if d.file == "" {
			return ErrEmpty
		}
		if err := d.mayRemove(); err != nil {
			return err
		}
		file = d.file
		return d.eject()
	})
	return file, err
}

// SetOffline takes the disc away from initiators, who see an empty drive, or
// gives it back.
func (d *Drive) SetOffline(ctx context.Context, offline bool) error {
	return d.server.Do(ctx, func(d *Drive) error {
		if offline {
			if err := d.mayRemove(); err != nil {
				return err
			}
			if err := d.unmount(); err != nil {
				return err
			}
		} else if d.file == "" {
			return ErrEmpty
		}
		d.offline = offline
		if !offline {
			d.ejected = false
		}
		err := d.mount()
		return errors.Join(err, d.remember())
	})
}

// Status is the state of the drive, without waiting for it.
func (d *Drive) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

// publishWritten is publish on the path of every WRITE.
func (d *Drive) publishWritten() { d.publish() }

// publish makes the state readable without the turn.
func (d *Drive) publish() {
	s := Status{File: d.file, Offline: d.offline, Ejected: d.ejected, State: "empty", Prevented: d.RemovalPrevented(),
		Barcode: d.barcode, MoveID: d.moveID, Loaded: d.file != "" && !d.ejected}
	if d.disc != nil {
		s.Medium, s.State = d.kind.Title, d.word()
		s.Sessions, s.Tracks = d.disc.ClosedSessions(), len(d.disc.Tracks())
		s.Readable = d.disc.Readable()
		if nwa, ok := d.disc.NWA(); ok {
			s.Free = d.disc.Capacity() - nwa
		}
	} else if d.ejected {
		s.State = "tray open"
	} else if d.offline {
		s.State = "offline"
	}
	d.mu.Lock()
	d.seen = s
	d.mu.Unlock()
}

// word is the state of the disc in a word.
func (d *Drive) word() string {
	form, _ := d.disc.Format()
	switch {
	case d.busy != nil:
		return "busy"
	case d.kind.Recording == "rom":
		return "read-only"
	case form == libdisc.Random || form == libdisc.Restricted || form == libdisc.Intermediate:
		return "formatted"
	case d.kind.Recording == "overwrite":
		return "unformatted"
	case d.disc.Blank():
		return "blank"
	case d.disc.Final():
		return "closed"
	}
	return "appendable"
}
