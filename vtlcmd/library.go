package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"govtl/bus"
	"govtl/internal/daemon"
)

// libraryCommands are those of a library.
func libraryCommands() []row {
	return []row{
		{"status", "the state of the library and its drives", libraryStatus},
		{"inventory", "every element and what is in it", libraryInventory},
		{"online", "take commands", libraryOnline(true)},
		{"offline", "answer NOT READY", libraryOnline(false)},
		{"open map", "open the import/export door", libraryDoor(true)},
		{"close map", "close it", libraryDoor(false)},
		{"list map", "the barcodes in the import/export elements", mapList},
		{"empty map", "take everything out of them, onto the shelf", mapEmpty},
		{"load map BARCODE", "put a cartridge into a free one", mapLoad},
		{"move FROM...", "move FROM TO; each is slot N, map N, drive N, a barcode (FROM) or an address; with 'invert' behind, turn a disc over", libraryMove},
	}
}

func libraryOnline(on bool) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		_, err := ask(ctx, c.app, quick, bus.LibraryOnline(c.device.ID), bus.SwitchRequest{On: on})
		return c.done(err)
	}
}

func libraryDoor(open bool) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		e := bus.LibraryMapClose(c.device.ID)
		if open {
			e = bus.LibraryMapOpen(c.device.ID)
		}
		_, err := ask(ctx, c.app, quick, e, bus.Empty{})
		return c.done(err)
	}
}

func mapList(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.LibraryMapList(c.device.ID), bus.Empty{})
	if err != nil {
		return err
	}
	return c.print(strings.TrimSpace("Contents: "+strings.Join(r.Barcodes, " ")), r)
}

func mapEmpty(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.LibraryMapEmpty(c.device.ID), bus.Empty{})
	if err != nil {
		return err
	}
	return c.print("OK", r)
}

func mapLoad(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.LibraryMapLoad(c.device.ID), bus.MapLoadRequest{Barcode: c.args["BARCODE"]})
	if errors.Is(err, bus.ErrNotFound) {
		err = daemon.WithHint(err, "'mktape -l %d -m %s' makes one", c.device.ID, c.args["BARCODE"])
	}
	if err != nil {
		return err
	}
	return c.print("OK", r)
}

func libraryMove(ctx context.Context, c *call) error {
	from, words, err := element(c.rest)
	if err != nil {
		return err
	}
	if len(words) > 0 && strings.EqualFold(words[0], "to") {
		words = words[1:]
	}
	to, words, err := element(words)
	if err != nil {
		return err
	}
	invert := len(words) == 1 && strings.EqualFold(words[0], "invert")
	if len(words) > 0 && !invert {
		return usageError{fmt.Sprintf("%q follows the destination", strings.Join(words, " "))}
	}
	return c.move(ctx, c.device, bus.MoveRequest{From: from, To: to, Invert: invert})
}

// element takes one element off the words.
func element(words []string) (e string, rest []string, err error) {
	if len(words) == 0 {
		return "", nil, daemon.WithHint(usageError{"move needs a source and a destination"}, "such as 'move slot 1 drive 2' or 'move VTL001L9 slot 7'")
	}
	first := strings.ToLower(words[0])
	switch first {
	case "slot", "map", "drive", "picker":
		if len(words) < 2 {
			return "", nil, usageError{"which " + first + "?"}
		}
		if _, err := strconv.ParseUint(words[1], 10, 16); err != nil {
			return "", nil, usageError{fmt.Sprintf("%q is no number of a %s", words[1], first)}
		}
		return first + " " + words[1], words[2:], nil
	}
	return words[0], words[1:], nil
}

// move asks a library to move a volume and prints what it did.
func (c *call) move(ctx context.Context, library bus.Device, m bus.MoveRequest) error {
	r, err := ask(ctx, c.app, slow, bus.LibraryMove(library.ID), m)
	if errors.Is(err, bus.ErrNotFound) {
		err = daemon.WithHint(err, "slots and drives are named so: 'move slot 1 drive 2'; 'vtlcmd %d inventory' lists all", library.ID)
	}
	if err != nil {
		return err
	}
	text := r.Text
	if text == "" {
		text = "OK"
	}
	return c.print(text, r)
}

func libraryStatus(ctx context.Context, c *call) error {
	r, err := ask(ctx, c.app, quick, bus.LibraryStatus(c.device.ID), bus.Empty{})
	if err != nil {
		return err
	}
	return c.print(libraryText(r), r)
}

func libraryInventory(ctx context.Context, c *call) error {
	all, err := inventory(ctx, c.app, c.device.ID)
	if err != nil {
		return err
	}
	return c.print(inventoryText(all), all)
}

// inventory asks for all pages of an inventory.
func inventory(ctx context.Context, a *app, id int) (bus.InventoryReply, error) {
	var all bus.InventoryReply
	for {
		page, err := ask(ctx, a, quick, bus.LibraryInventory(id), bus.InventoryRequest{Skip: len(all.Elements)})
		if err != nil {
			return all, err
		}
		all.Elements = append(all.Elements, page.Elements...)
		all.Shelf = append(all.Shelf, page.Shelf...)
		all.Total = page.Total
		if !page.More || len(page.Elements) == 0 {
			return all, nil
		}
	}
}
