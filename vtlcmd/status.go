package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"govtl/bus"
)

// quiet is how long nobody may answer a listing before it is taken as complete.
const quiet = 250 * time.Millisecond

// statusLimit bounds the question to each daemon.
const statusLimit = 3 * time.Second

// suiteStatus is the reply of `vtlcmd status`.
type suiteStatus struct {
	Config    string                 `json:"config"`
	State     string                 `json:"state"`
	Portal    *bus.PortalStatusReply `json:"portal,omitempty"`
	Libraries []libraryState         `json:"libraries"`
	Drives    []driveState           `json:"drives"`
	Optical   []opticalState         `json:"optical,omitempty"`
	Errors    []string               `json:"errors,omitempty"`
}

// libraryState is a library or why it does not answer.
type libraryState struct {
	ID     int                     `json:"id"`
	Error  string                  `json:"error,omitempty"`
	Status *bus.LibraryStatusReply `json:"status,omitempty"`
}

// driveState is a drive or why it does not answer.
type driveState struct {
	ID     int                   `json:"id"`
	Error  string                `json:"error,omitempty"`
	Status *bus.DriveStatusReply `json:"status,omitempty"`
}

// status asks everything at once. It fails when something does not answer.
func status(ctx context.Context, c *call) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	s := gather(ctx, c.app)
	if err := c.print(statusText(s), s); err != nil {
		return err
	}
	if len(s.Errors) > 0 {
		return fmt.Errorf("%s", strings.Join(s.Errors, "\n"))
	}
	return nil
}

// gather asks every daemon of the configuration.
func gather(ctx context.Context, a *app) *suiteStatus {
	s := &suiteStatus{Config: a.paths.Config, State: a.paths.State}
	for _, d := range a.suite.Devices() {
		if d.Kind == string(bus.Library) {
			s.Libraries = append(s.Libraries, libraryState{ID: d.ID})
		} else if d.Kind == string(bus.Optical) {
			s.Optical = append(s.Optical, opticalState{ID: d.ID})
		} else {
			s.Drives = append(s.Drives, driveState{ID: d.ID})
		}
	}
	var wg sync.WaitGroup
	var portalErr error
	wg.Go(func() {
		r, err := ask(ctx, a, statusLimit, bus.PortalStatus(), bus.Empty{})
		if err != nil {
			portalErr = err
			return
		}
		s.Portal = &r
	})
	for i := range s.Libraries {
		l := &s.Libraries[i]
		wg.Go(func() {
			r, err := ask(ctx, a, statusLimit, bus.LibraryStatus(l.ID), bus.Empty{})
			if err != nil {
				l.Error = err.Error()
				return
			}
			l.Status = &r
		})
	}
	for i := range s.Drives {
		d := &s.Drives[i]
		wg.Go(func() {
			r, err := ask(ctx, a, statusLimit, bus.DriveStatus(d.ID), bus.Empty{})
			if err != nil {
				d.Error = err.Error()
				return
			}
			d.Status = &r
		})
	}
	for i := range s.Optical {
		o := &s.Optical[i]
		wg.Go(func() {
			r, err := ask(ctx, a, statusLimit, bus.OpticalStatus(o.ID), bus.Empty{})
			if err != nil {
				o.Error = err.Error()
				return
			}
			o.Status = &r
		})
	}
	wg.Wait()
	if portalErr != nil {
		s.Errors = append(s.Errors, portalErr.Error())
	}
	for _, l := range s.Libraries {
		if l.Error != "" {
			s.Errors = append(s.Errors, l.Error)
		}
	}
	for _, d := range s.Drives {
		if d.Error != "" {
			s.Errors = append(s.Errors, d.Error)
		}
	}
	for _, o := range s.Optical {
		if o.Error != "" {
			s.Errors = append(s.Errors, o.Error)
		}
	}
	return s
}

// statusText is one line for each daemon.
func statusText(s *suiteStatus) string {
	var b strings.Builder
	if p := s.Portal; p != nil {
		fmt.Fprintf(&b, "portal       %s, %d targets\n", strings.Join(p.Listen, " "), len(p.Targets))
	}
	for _, l := range s.Libraries {
		if l.Status == nil {
			fmt.Fprintf(&b, "library %-4d %s\n", l.ID, l.Error)
			continue
		}
		fmt.Fprintf(&b, "library %-4d %s\n", l.ID, libraryLine(*l.Status))
	}
	for _, d := range s.Drives {
		if d.Status == nil {
			fmt.Fprintf(&b, "drive %-6d %s\n", d.ID, d.Error)
			continue
		}
		fmt.Fprintf(&b, "drive %-6d %s\n", d.ID, driveLine(*d.Status))
	}
	for _, o := range s.Optical {
		line := o.Error
		if o.Status != nil {
			line = opticalLine(*o.Status)
		}
		fmt.Fprintf(&b, "optical %-4d %s\n", o.ID, line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// libraryLine sums a library up.
func libraryLine(l bus.LibraryStatusReply) string {
	state, door := "offline", "closed"
	if l.Online {
		state = "online"
	}
	if l.DoorOpen {
		door = "open"
	}
	line := fmt.Sprintf("%s %s, %s, slots %d of %d full, map %d of %d full and %s",
		strings.TrimSpace(l.Vendor), strings.TrimSpace(l.Product), state, l.SlotsFull, l.Slots, l.MailFull, l.Mail, door)
	if l.Shelf > 0 {
		line += fmt.Sprintf(", %d on the shelf", l.Shelf)
	}
	return line + sessionsSuffix(len(l.Sessions))
}

// driveLine sums a drive up.
func driveLine(d bus.DriveStatusReply) string {
	line := fmt.Sprintf("%s %s, ", strings.TrimSpace(d.Vendor), strings.TrimSpace(d.Product))
	switch {
	case d.Holds.Barcode == "":
		line += "empty"
	case d.Holds.Loaded:
		line += fmt.Sprintf("%s loaded, %s", d.Holds.Barcode, positionText(d.Position))
	default:
		line += d.Holds.Barcode + " ejected"
	}
	if d.State != "" && d.State != "empty" {
		line += ", " + d.State
	}
	if len(d.Alerts) > 0 {
		line += ", TapeAlert: " + strings.Join(d.Alerts, ", ")
	}
	return line + sessionsSuffix(len(d.Sessions))
}

func sessionsSuffix(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", 1 session"
	}
	return fmt.Sprintf(", %d sessions", n)
}

// positionText says where a tape stands.
func positionText(p bus.TapePosition) string {
	if p.Lost {
		return "position lost (rewind or locate finds it)"
	}
	text := fmt.Sprintf("at object %d behind %d filemarks", p.Object, p.Filemarks)
	if p.Partition != 0 {
		text += fmt.Sprintf(" of partition %d", p.Partition)
	}
	return text
}
