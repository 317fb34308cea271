package main

import (
	"fmt"
	"strconv"
	"strings"

	"govtl/bus"
)

// field is one line of a status for people.
func field(b *strings.Builder, name, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); strings.TrimSpace(text) != "" {
		fmt.Fprintf(b, "%-14s %s\n", name, strings.TrimSpace(text))
	}
}

// driveText is `vtlcmd DRIVE status`.
func driveText(d bus.DriveStatusReply) string {
	var b strings.Builder
	field(&b, "drive", "%d: %s %s %s, serial %s, model %s", d.ID, strings.TrimSpace(d.Vendor), strings.TrimSpace(d.Product), d.Revision, d.Serial, d.Model)
	field(&b, "target", "%s", d.Target)
	if d.Library != 0 {
		field(&b, "library", "%d, drive element %d", d.Library, d.Element)
	}
	field(&b, "state", "%s", driveLine(d))
	if d.Medium != "" {
		what := d.Medium
		if d.Kind != "" && d.Kind != "data" {
			what += " " + d.Kind
		}
		if d.WriteProt {
			what += ", write protected"
		}
		field(&b, "medium", "%s", what)
	}
	for i, c := range d.Capacity {
		field(&b, "partition", "%d: %s of %s used, %s left", i, bytesText(c.Used), bytesText(c.Max), bytesText(c.Remaining))
	}
	block := "variable"
	if d.BlockSize > 0 {
		block = strconv.FormatUint(uint64(d.BlockSize), 10) + " bytes"
	}
	field(&b, "blocks", "%s", block)
	field(&b, "compression", "%s", d.Compression)
	field(&b, "encryption", "%s", d.Encryption)
	if d.AppendOnly {
		field(&b, "append only", "yes")
	}
	if d.Prevented {
		field(&b, "removal", "prevented")
	}
	field(&b, "reserved by", "%s", d.Reserved)
	c := d.Counters
	field(&b, "since start", "%d commands (%d refused), %d loads, written %s in %d blocks (%s stored), read %s, %d filemarks, %d syncs",
		c.Commands, c.CheckConditions, c.Loads, bytesText(int64(c.HostBytesWritten)), c.BlocksWritten, bytesText(int64(c.StoredBytesWritten)),
		bytesText(int64(c.HostBytesRead)), c.Filemarks, c.SyncPoints)
	for _, s := range d.Sessions {
		field(&b, "session", "%s from %s", s.Initiator, s.Address)
	}
	field(&b, "last error", "%s", d.LastError)
	field(&b, "note", "%s", d.Note)
	field(&b, "process", "%d since %s, version %s", d.PID, d.Started, d.Version)
	return strings.TrimSuffix(b.String(), "\n")
}

// libraryText is `vtlcmd LIBRARY status`.
func libraryText(l bus.LibraryStatusReply) string {
	var b strings.Builder
	field(&b, "library", "%d: %s %s %s, serial %s, model %s", l.ID, strings.TrimSpace(l.Vendor), strings.TrimSpace(l.Product), l.Revision, l.Serial, l.Model)
	field(&b, "name", "%s", l.Name)
	field(&b, "target", "%s", l.Target)
	field(&b, "state", "%s", libraryLine(l))
	for _, d := range l.Drives {
		what := "empty"
		switch {
		case !d.Reachable:
			what = "does not answer"
		case d.Barcode != "" && d.Loaded:
			what = d.Barcode + " loaded"
		case d.Barcode != "":
			what = d.Barcode + " ejected"
		}
		field(&b, fmt.Sprintf("drive %d", d.Element), "id %d, address %d, serial %s: %s", d.ID, d.Address, d.Serial, what)
	}
	if l.Prevented {
		field(&b, "removal", "prevented")
	}
	for _, s := range l.Sessions {
		field(&b, "session", "%s from %s", s.Initiator, s.Address)
	}
	field(&b, "moves", "%d", l.Moves)
	field(&b, "last error", "%s", l.LastError)
	field(&b, "process", "%d since %s, version %s", l.PID, l.Started, l.Version)
	return strings.TrimSuffix(b.String(), "\n")
}

// inventoryText is `vtlcmd LIBRARY inventory`.
func inventoryText(r bus.InventoryReply) string {
	var b strings.Builder
	for _, e := range r.Elements {
		what := "empty"
		if e.Full {
			what = e.Barcode
			if what == "" {
				what = "full, no barcode"
			}
		}
		fmt.Fprintf(&b, "%-6s %-5d address %-6d %s", e.Type, e.Number, e.Address, what)
		if e.Side != "" {
			fmt.Fprintf(&b, ", side %s up", e.Side)
		}
		if e.Drive != 0 {
			fmt.Fprintf(&b, "  (drive id %d)", e.Drive)
		}
		if e.Fault != "" {
			fmt.Fprintf(&b, "  %s", e.Fault)
		}
		b.WriteByte('\n')
	}
	for _, v := range r.Shelf {
		fmt.Fprintf(&b, "shelf                      %s\n", v.Barcode)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// bytesText is a size for people, in decimal units as tape makers count.
func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
