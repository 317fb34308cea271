package mhvtl

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"govtl/internal/config"
)

// library carries a library without its content.
func (i *importer) library(r *record) {
	if !i.mayHave(r) {
		return
	}
	model, f := i.libraryModel(r)
	l := config.Library{ID: r.id, Model: model}
	i.families[r.id] = f
	l.Serial, l.NAA = i.identity(r)
	if hook := r.value("movecommand"); utf8.ValidString(hook) {
		l.MoveHook = hook
	} else {
		i.notes.add(r.String(), "movecommand is not carried: it is not UTF-8")
	}
	i.leave(r, "commandtimeout", "the suite gives a move hook as long as it needs")
	i.leaveCommon(r)
	i.suite.Libraries = append(i.suite.Libraries, l)
}

// drive carries a drive.
func (i *importer) drive(r *record) {
	if !i.mayHave(r) {
		return
	}
	d := config.Drive{ID: r.id, Model: i.driveModel(r)}
	d.Serial, d.NAA = i.identity(r)
	d.Compression = i.compression(r)
	if s, ok := r.get("LBP RSCRC BE"); ok && s.value != "1" {
		i.notes.add(r.String(), "%s: %s is not carried: the checksum of logical block protection is big-endian, as the standard has it", s.key, s.value)
	}
	i.leaveCommon(r)
	i.place(r, d)
}

// place puts a drive into its library.
func (i *importer) place(r *record, d config.Drive) {
	s, ok := r.get("Library ID")
	if !ok {
		i.suite.Drives = append(i.suite.Drives, d)
		return
	}
	id, slot, err := parsePlace(s.value)
	var l *config.Library
	if err == nil {
		if l, ok = i.suite.Library(id); !ok {
			err = fmt.Errorf("there is no library %d", id)
		}
	}
	if err != nil {
		i.notes.add(fmt.Sprintf("device.conf:%d", s.line), "%v; drive %d becomes one without a library", err, r.id)
		i.suite.Drives = append(i.suite.Drives, d)
		return
	}
	taken := map[int]bool{}
	for _, other := range l.Drives {
		taken[other.Element] = true
	}
	d.Element = slot
	for d.Element < 1 || taken[d.Element] {
		d.Element++
	}
	if d.Element != slot {
		i.notes.add(r.String(), "drive element %d of library %d is not free; it gets element %d", slot, id, d.Element)
	}
	l.Drives = append(l.Drives, d)
}

// parsePlace parses "40 Slot: 01".
func parsePlace(s string) (library, slot int, err error) {
	first, second, ok := strings.Cut(s, "Slot:")
	library, err1 := strconv.Atoi(strings.TrimSpace(first))
	slot, err2 := strconv.Atoi(strings.TrimSpace(second))
	if !ok || err1 != nil || err2 != nil || slot < 0 || slot > config.MaxDrives {
		return 0, 0, fmt.Errorf("%q is not a library and a slot", clip(s))
	}
	return library, slot, nil
}

// mayHave notes a number that is taken or too large.
func (i *importer) mayHave(r *record) bool {
	if other, ok := i.ids[r.id]; ok {
		i.notes.add(r.String(), "left out: %s has that number already", other)
		return false
	}
	if r.id > config.MaxID {
		i.notes.add(r.String(), "left out: the number is more than %d", config.MaxID)
		return false
	}
	i.ids[r.id] = r.String()
	return true
}

// identity is the serial number and the NAA identifier of a device.
func (i *importer) identity(r *record) (serial, naa string) {
	old := r.value("Unit serial number")
	var why []string
	serial = strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '-' {
			return c
		}
		return '_'
	}, old)
	if serial != old {
		why = append(why, "only letters, digits, _ and - are possible")
	}
	if len(serial) > config.MaxSerial {
		serial = serial[:config.MaxSerial]
		why = append(why, "it is too long")
	}
	if serial == "" {
		serial = "VTL" + strconv.Itoa(r.id)
		why = append(why, "it has none")
	}
	if other := i.serials[serial]; other != "" {
		why = append(why, other+" has it too")
	}
	for n := 0; i.serials[serial] != ""; n++ {
		end := "_" + strconv.Itoa(r.id+n*config.MaxID)
		serial = serial[:min(len(serial), config.MaxSerial-len(end))] + end
	}
	if serial != old {
		i.notes.add(r.String(), "the serial number %q becomes %s: %s", clip(old), serial, strings.Join(why, ", "))
	}
	i.serials[serial] = r.String()
	return serial, i.naa(r, old)
}

// naa is the identifier that initiators have seen: its first digit is always 5;
// without one it is the last eight characters of the serial number. It is empty
// when that gives none, and then the suite makes one of its own.
func (i *importer) naa(r *record, serial string) string {
	var n config.NAA
	s, ok := r.get("NAA")
	digits := strings.Split(s.value, ":")
	if ok && len(digits) != len(n) {
		ok = false
	}
	for k := 0; ok && k < len(n); k++ {
		v, err := strconv.ParseUint(strings.TrimSpace(digits[k]), 16, 8)
		n[k], ok = byte(v), err == nil
	}
	if !ok && len(serial) >= len(n) {
		copy(n[:], serial[len(serial)-len(n):])
		ok = true
	}
	n[0] = 0x50 | n[0]&0x0F
	if other := i.naas[n]; ok && other != "" {
		i.notes.add(r.String(), "the NAA identifier %s belongs to %s too; it gets another", n, other)
		ok = false
	}
	if !ok {
		if s.value != "" || len(serial) < len(n) {
			i.notes.add(r.String(), "its NAA identifier changes: the old one cannot be told from the configuration")
		}
		return ""
	}
	i.naas[n] = r.String()
	return n.String()
}

// compression is what a drive does when no initiator says otherwise: mhVTL
// compresses when it is enabled and a type is named.
func (i *importer) compression(r *record) string {
	kind, typed := r.get("Compression type")
	s, _ := r.get("Compression")
	words := strings.Fields(s.value)
	for n := 0; n+1 < len(words); n++ {
		if words[n] == "enabled" && words[n+1] != "0" && typed {
			i.notes.add(r.String(), "compression %s becomes adaptive: with another codec, or none when that is faster", clip(kind.value))
			return ""
		}
	}
	return "off"
}

// leave notes a setting that is not carried.
func (i *importer) leave(r *record, key, why string) {
	if s, ok := r.get(key); ok {
		i.notes.add(r.String(), "%s: %s is not carried: %s", key, clip(s.value), why)
	}
}

// leaveCommon notes what of both kinds of device is not carried.
func (i *importer) leaveCommon(r *record) {
	i.leave(r, "fifo", "'vtlcmd watch' and the message bus tell what happens")
}
