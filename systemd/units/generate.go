package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"govtl/internal/config"
)

const (
	target   = "vtl.target"
	dropIn   = "50-vtl-yaml.conf"
	unitsDir = "/usr/lib/systemd/system"
)

// unitOf is the unit that runs a device's daemon.
func unitOf(kind string, id int) string {
	template := "vtltape@"
	switch kind {
	case config.KindLibrary:
		template = "vtllibrary@"
	case config.KindOptical:
		template = "vtloptical@"
	}
	return template + strconv.Itoa(id) + ".service"
}

// templateOf is the file that a unit is an instance of.
func templateOf(unit string) string {
	name, _, _ := strings.Cut(unit, "@")
	for _, dir := range []string{"/etc/systemd/system", "/usr/local/lib/systemd/system", unitsDir, "/lib/systemd/system"} {
		file := filepath.Join(dir, name+"@.service")
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return filepath.Join(unitsDir, name+"@.service")
}

// generate writes for each device of a suite that vtl.target wants it, and what
// of the configuration its unit has to know, below the directory dir of a
// generator (systemd.generator(7)).
func generate(s *config.Suite, dir string) error {
	wants := filepath.Join(dir, target+".wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		return err
	}
	for _, d := range s.Devices() {
		unit := unitOf(d.Kind, d.ID)
		if err := os.Symlink(templateOf(unit), filepath.Join(wants, unit)); err != nil {
			return err
		}
	}
	var all []error
	for i := range s.Libraries {
		l := &s.Libraries[i]
		var drives []string
		for _, d := range l.Drives {
			unit := unitOf(config.KindDrive, d.ID)
			drives = append(drives, unit)
			all = append(all, writeDropIn(dir, unit, homeSettings(l.Home)))
		}
		for _, o := range l.Optical {
			unit := unitOf(config.KindOptical, o.ID)
			drives = append(drives, unit)
			all = append(all, writeDropIn(dir, unit, homeSettings(l.Home)))
		}
		text := homeSettings(l.Home)
		if len(drives) > 0 {
			text = "[Unit]\nAfter=" + strings.Join(drives, " ") + "\n" + text
		}
		all = append(all, writeDropIn(dir, unitOf(config.KindLibrary, l.ID), text))
	}
	for _, d := range s.Drives {
		all = append(all, writeDropIn(dir, unitOf(config.KindDrive, d.ID), homeSettings(d.Home)))
	}
	for _, o := range s.Optical {
		all = append(all, writeDropIn(dir, unitOf(config.KindOptical, o.ID), homeSettings(o.Home)))
	}
	return errors.Join(all...)
}

// homeSettings open a directory of cartridges to a unit that may write only the
// suite's own.
func homeSettings(home string) string {
	if home == "" {
		return ""
	}
	settings := "[Service]\nReadWritePaths=-" + quote(home) + "\n"
	for _, closed := range []string{"/home", "/root", "/run/user"} { // as ProtectHome= has them
		if rel, err := filepath.Rel(closed, home); err == nil && filepath.IsLocal(rel) {
			settings += "ProtectHome=tmpfs\nBindPaths=-" + quote(home) + "\n"
		}
	}
	return settings
}

// quote is a path as a word of a unit file, systemd.syntax(7).
func quote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(path) {
		switch {
		case c == '%':
			b.WriteString("%%")
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// writeDropIn writes settings of one unit; none when there are none.
func writeDropIn(dir, unit, text string) error {
	if text == "" {
		return nil
	}
	dir = filepath.Join(dir, unit+".d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, dropIn), []byte(text), 0o644)
}
