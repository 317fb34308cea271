package main

import (
	"context"
	"errors"
	"os"
	"time"

	"govtl/bus"
	"govtl/internal/daemon"
	"govtl/internal/station"
	"govtl/scsi"
	"govtl/scsi/smc"
)

// maxPage is how many elements one reply of the inventory holds.
const maxPage = 1000

// codes is how the changer's refusals travel.
var codes = station.Codes{
	{smc.ErrMapNotOpened, bus.CodeRefused},
	{smc.ErrMapClosed, bus.CodeRefused},
	{smc.ErrMapFull, bus.CodeRefused},
	{smc.ErrBarcodePresent, bus.CodeRefused},
	{smc.ErrBadBarcode, bus.CodeBadRequest},
	{smc.ErrBarcodeTooLong, bus.CodeBadRequest},
	{smc.ErrIncompatible, bus.CodeIncompatible},
	{smc.ErrDriveFull, bus.CodeDriveFull},
	{smc.ErrDriveEmpty, bus.CodeDriveEmpty},
	{smc.ErrVolume, bus.CodeVolume},
	{smc.ErrRemovalPrevented, bus.CodeRefused},
	{smc.ErrUnreachable, bus.CodeUnreachable},
	{smc.ErrClosed, bus.CodeAbsent},
}

// coded turns a refusal into one that travels, the reason in words.
func coded(err error) error {
	if err == nil {
		return nil
	}
	if code, ok := codes.Of(err); ok {
		return bus.Errorf(code, "%v", err)
	}
	var sense *scsi.Sense
	if errors.As(err, &sense) {
		why := sense.Why
		if why == "" {
			why = sense.ASC.String()
		}
		return bus.Errorf(bus.CodeRefused, "%s", why)
	}
	return bus.Errorf(bus.CodeRefused, "%v", err)
}

// endpoints serves what a library offers on the bus.
func (l *library) endpoints() error {
	c := l.changer
	return errors.Join(
		station.Handle(l.Station, bus.LibraryStatus(l.id), l.status),
		station.Handle(l.Station, bus.LibraryInventory(l.id), l.inventory),
		station.Handle(l.Station, bus.LibraryMove(l.id), l.move),
		station.Handle(l.Station, bus.LibraryOnline(l.id), func(_ context.Context, r bus.SwitchRequest) (bus.Empty, error) {
			c.SetOnline(r.On)
			return bus.Empty{}, nil
		}),
		station.Handle(l.Station, bus.LibraryMapOpen(l.id), func(context.Context, bus.Empty) (bus.Empty, error) {
			return bus.Empty{}, coded(c.OpenMap())
		}),
		station.Handle(l.Station, bus.LibraryMapClose(l.id), func(context.Context, bus.Empty) (bus.Empty, error) {
			c.CloseMap()
			return bus.Empty{}, nil
		}),
		station.Handle(l.Station, bus.LibraryMapList(l.id), func(context.Context, bus.Empty) (bus.BarcodesReply, error) {
			return bus.BarcodesReply{Barcodes: c.ListMap()}, nil
		}),
		station.Handle(l.Station, bus.LibraryMapEmpty(l.id), func(context.Context, bus.Empty) (bus.BarcodesReply, error) {
			taken, err := c.EmptyMap()
			return bus.BarcodesReply{Barcodes: taken}, coded(err)
		}),
		station.Handle(l.Station, bus.LibraryMapLoad(l.id), l.mapLoad),
		station.Handle(l.Station, bus.LibraryGiveUp(l.id), func(_ context.Context, r bus.GiveUpRequest) (bus.Empty, error) {
			if r.Ask {
				return bus.Empty{}, coded(c.MayGiveUp(r.Barcode))
			}
			return bus.Empty{}, coded(c.GiveUp(r.Barcode, bus.LibraryDevice(r.Library).String()))
		}),
		station.Handle(l.Station, bus.LibraryAddSlot(l.id), l.addSlot),
		station.Handle(l.Station, bus.TapeAlert(l.Device), func(ctx context.Context, r bus.AlertRequest) (bus.AlertReply, error) {
			return bus.AlertReply{Flags: r.Flags}, coded(c.SetAlerts(ctx, r.Flags))
		}),
		station.Handle(l.Station, bus.InquiryDataChanged(l.Device), func(context.Context, bus.Empty) (bus.Empty, error) {
			c.Server().Attend(scsi.InquiryDataChanged, nil)
			return bus.Empty{}, nil
		}),
	)
}

// addSlot adds storage elements for as long as the daemon runs; what keeps them
// is the number in the configuration.
func (l *library) addSlot(ctx context.Context, r bus.AddSlotRequest) (bus.AddSlotReply, error) {
	n := max(r.Count, 1)
	cfg, err := l.configuration(l.config())
	if err != nil {
		return bus.AddSlotReply{}, coded(err)
	}
	cfg.Slots = l.changer.Status().Slots + n
	if err := l.changer.Reconfigure(ctx, cfg); err != nil {
		return bus.AddSlotReply{}, coded(err)
	}
	return bus.AddSlotReply{Slots: cfg.Slots}, nil
}

// move moves a volume as MOVE MEDIUM does.
func (l *library) move(ctx context.Context, r bus.MoveRequest) (bus.MoveReply, error) {
	from, err := l.changer.ParseElement(r.From)
	if err != nil {
		return bus.MoveReply{}, bus.Errorf(bus.CodeNotFound, "%v", err)
	}
	to, err := l.changer.ParseElement(r.To)
	if err != nil {
		return bus.MoveReply{}, bus.Errorf(bus.CodeNotFound, "%v", err)
	}
	move, how := l.changer.Move, ""
	if r.Invert {
		move, how = l.changer.MoveInverted, ", turned over"
	}
	barcode, err := move(ctx, from, to)
	if err != nil {
		return bus.MoveReply{}, coded(err)
	}
	return bus.MoveReply{
		Barcode: barcode, From: int(l.changer.Address(from)), To: int(l.changer.Address(to)),
		Text: barcode + ": " + from.String() + " to " + to.String() + how,
	}, nil
}

// inventory tells what is where, a page at a time.
func (l *library) inventory(_ context.Context, r bus.InventoryRequest) (bus.InventoryReply, error) {
	all := l.changer.Inventory()
	first := min(max(r.Skip, 0), len(all))
	n := r.Max
	if n <= 0 || n > maxPage {
		n = maxPage
	}
	last := min(first+n, len(all))
	reply := bus.InventoryReply{Total: len(all), More: last < len(all), Elements: []bus.Element{}}
	for _, e := range all[first:last] {
		b := bus.Element{
			Type: e.Element.Type.String(), Number: e.Element.Number, Address: int(e.Address),
			Full: e.Volume != nil, Access: e.Access, Drive: e.Drive, Fault: e.Fault,
		}
		if e.Volume != nil {
			b.Barcode, b.Medium, b.Kind = e.Volume.Barcode, e.Volume.Medium, e.Volume.Kind
			if e.Volume.Sides > 1 {
				b.Side = map[bool]string{false: "A", true: "B"}[e.Volume.Inverted]
			}
		}
		if e.Source.Number > 0 {
			b.Source = int(l.changer.Address(e.Source))
		}
		reply.Elements = append(reply.Elements, b)
	}
	if !reply.More {
		for _, v := range l.changer.Shelf() {
			if v.Elsewhere != "" {
				continue
			}
			reply.Shelf = append(reply.Shelf, bus.Volume{Barcode: v.Barcode, Dir: v.Dir, Kind: v.Kind, Medium: v.Medium})
		}
	}
	return reply, nil
}

// status tells the state of the library without its inventory.
func (l *library) status(context.Context, bus.Empty) (bus.LibraryStatusReply, error) {
	s := l.changer.Status()
	r := bus.LibraryStatusReply{
		ID: l.id, Name: l.config().Name, Model: l.config().Model, Vendor: l.model.Inquiry.Vendor, Product: l.model.Inquiry.Product,
		Revision: l.model.Inquiry.Revision, Serial: l.config().Serial, Target: l.Target, PID: os.Getpid(),
		Started: l.Started().UTC().Format(time.RFC3339), Version: daemon.Version(),
		Online: s.Online, DoorOpen: s.DoorOpen, Prevented: s.Prevented, Slots: s.Slots, SlotsFull: s.SlotsFull,
		Mail: s.Mail, MailFull: s.MailFull, Pickers: s.Pickers, Shelf: s.Shelf,
		Sessions: l.Sessions(), Moves: s.Moves, LastError: s.LastError,
	}
	for _, d := range s.Drives {
		r.Drives = append(r.Drives, bus.LibraryDrive{
			ID: d.ID, Element: d.Element, Address: int(d.Address), Serial: d.Identity.Serial,
			Barcode: d.Barcode, Loaded: d.Loaded, Reachable: d.Reachable,
		})
	}
	return r, nil
}

// event logs and publishes what happens in the library. It does not wait.
func (l *library) event(e smc.Event) {
	l.tally.note(e)
	switch e.Kind {
	case smc.Moved:
		l.Log.Info("moved", "barcode", e.Barcode, "from", e.From, "to", e.To, "by", e.By)
		l.Event(bus.Moved{Barcode: e.Barcode, From: e.From.String(), To: e.To.String(), By: e.By})
	case smc.MoveFailed:
		l.Log.Warn("move failed", "barcode", e.Barcode, "from", e.From, "to", e.To, "by", e.By, "why", e.Why)
		l.Event(bus.MoveFailed{Barcode: e.Barcode, From: e.From.String(), To: e.To.String(), By: e.By, Reason: e.Why})
	case smc.DoorOpened, smc.DoorClosed:
		l.Log.Info(string(e.Kind))
		l.Event(bus.Door{Open: e.Kind == smc.DoorOpened})
	case smc.Imported, smc.Exported:
		l.Log.Info(string(e.Kind), "barcode", e.Barcode)
		l.Event(bus.Shelved{Barcodes: []string{e.Barcode}, In: e.Kind == smc.Imported})
	case smc.WentOnline, smc.WentOffline:
		l.Event(bus.Availability{Online: e.Kind == smc.WentOnline})
	case smc.Alert:
		l.Event(bus.Alert{Flags: e.Flags, Names: []string{e.Why}})
	case smc.DriveLost:
		l.Event(bus.DriveLost{Drive: e.Drive, Reason: e.Why})
	case smc.DriveBack:
		l.Event(bus.DriveBack{Drive: e.Drive})
	case smc.Reconciled, smc.Damaged:
		l.Log.Warn(string(e.Kind), "barcode", e.Barcode, "why", e.Why)
		l.Event(bus.Recovered{Barcode: e.Barcode, Text: e.Why})
	}
}
