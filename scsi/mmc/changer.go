package mmc

import (
	"context"
	"fmt"
)

// Insert is how a changer puts a disc into the drive and closes the tray: the
// image of the side that is up. All initiators get the unit attention condition
// 28h/00h and the event of a new medium. moveID makes it idempotent: the same id
// and barcode again changes nothing. Errors are ErrFull, ErrRefused and, with
// it, ErrIncompatible.
func (d *Drive) Insert(ctx context.Context, image, barcode, moveID string) error {
	return d.server.Do(ctx, func(d *Drive) error {
		if d.file != "" {
			if d.barcode == barcode && d.moveID == moveID && moveID != "" {
				return nil
			}
			return fmt.Errorf("%w: it holds %s", ErrFull, d.held())
		}
		was := d.moveID
		d.file, d.barcode, d.moveID, d.offline, d.ejected = image, barcode, moveID, false, false
		err := d.mount()
		if err == nil {
			if err = d.remember(); err == nil {
				d.publish()
				return nil
			}
			err = fmt.Errorf("%w: %w", ErrMemory, err)
			if uerr := d.unmount(); uerr != nil {
				d.log.Error("the disc was not put away in order", "file", d.file, "err", uerr)
			}
		}
		d.event("refused", "%v", err)
		d.file, d.barcode, d.moveID = "", "", was
		d.publish()
		return err
	})
}

// Remove is how a changer takes the disc out, from an open tray or a closed one:
// everything written is durable when it returns nil. Errors are ErrEmpty,
// ErrPrevented, ErrBusy, and ErrRefused when the disc's files could not be
// written: then the disc is out all the same.
func (d *Drive) Remove(ctx context.Context, barcode, moveID string) error {
	return d.server.Do(ctx, func(d *Drive) error {
		switch {
		case d.file == "" && d.moveID == moveID && moveID != "":
			return nil
		case d.file == "":
			return ErrEmpty
		case d.barcode != barcode:
			return fmt.Errorf("%w: it holds %s", ErrEmpty, d.held())
		}
		if err := d.mayRemove(); err != nil {
			return err
		}
		err := d.unmount()
		was := *d.document()
		d.file, d.barcode, d.moveID, d.offline, d.ejected = "", "", moveID, false, false
		if merr := d.remember(); merr != nil {
			// Nobody may believe it gone that the drive cannot forget.
			d.file, d.barcode, d.moveID, d.offline, d.ejected = was.File, was.Barcode, was.MoveID, was.Offline, was.Ejected
			if again := d.mount(); again != nil {
				d.log.Error("the disc in the drive cannot be used", "err", again)
			}
			return fmt.Errorf("%w: %w", ErrMemory, merr)
		}
		d.publish()
		d.tell(Event{Kind: "unloaded", File: was.File, Barcode: barcode})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return nil
	})
}

// held names what is in the drive.
func (d *Drive) held() string {
	if d.barcode != "" {
		return d.barcode
	}
	return d.file
}
