package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Limits of a suite.
const (
	MaxID      = 32767
	MaxSlots   = 10_000
	MaxMail    = 200
	MaxDrives  = 255
	MaxPickers = 16
	MaxSerial  = 16
	MaxBuffer  = 4096 // MiB
	MaxDelay   = 3600 // seconds
)

// KeyError is what is wrong with one key of a library or a drive.
type KeyError struct {
	Key string
	Err error
}

// Error names the key and the reason.
func (e *KeyError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *KeyError) Unwrap() error { return e.Err }

// checker collects what is wrong with a suite.
type checker struct {
	root     *yaml.Node
	suite    *Suite
	checks   Checks
	problems []Problem
}

// path leads to a value in the file: keys and list indices.
type path []any

// in is the path one step further.
func (p path) in(steps ...any) path { return append(slices.Clone(p), steps...) }

// report notes a problem at the value that p leads to, or the nearest thing
// around it that is in the file.
func (c *checker) report(p path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Line: lineOf(c.root, p), Reason: fmt.Sprintf(format, args...)})
}

// lineOf is the line of the value at p; of its key, when it is a mapping's.
func lineOf(n *yaml.Node, p path) int {
	line := n.Line
	for _, step := range p {
		for n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		switch s := step.(type) {
		case string:
			key, value := lookup(n, s)
			if value == nil {
				return line
			}
			line, n = key.Line, value
		case int:
			if n.Kind != yaml.SequenceNode || s >= len(n.Content) {
				return line
			}
			n = n.Content[s]
			line = n.Line
		}
	}
	return line
}

// lookup finds a key of a mapping.
func lookup(n *yaml.Node, key string) (k, v *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// run checks everything.
func (c *checker) run() {
	s := c.suite
	switch {
	case s.Version == 0:
		c.report(path{"version"}, "version is missing: this program writes version %d", Version)
	case s.Version != Version:
		c.report(path{"version"}, "version %d is not known to this program, which reads version %d", s.Version, Version)
	}
	if s.IQNPrefix != "" && !validIQN(s.IQNPrefix) {
		c.report(path{"iqn-prefix"}, "iqn-prefix %q is not of the form iqn.YYYY-MM.reversed.domain (RFC 7143 4.2.7.4)", s.IQNPrefix)
	}
	c.numbers(c.root, wholeNumbers(reflect.TypeFor[Suite](), map[string]bool{}))
	c.bus()
	c.iscsi()
	c.listen()
	c.announce()
	c.metrics()
	if len(s.Libraries)+len(s.Drives)+len(s.Optical) == 0 {
		c.report(path{"libraries"}, "there is neither a library nor a drive")
	}
	u := uniques{ids: map[int]string{}, serials: map[string]string{}, naas: map[NAA]string{}, barcodes: map[string]string{}}
	for i := range s.Libraries {
		c.library(path{"libraries", i}, &s.Libraries[i], u)
	}
	for i := range s.Drives {
		p := path{"drives", i}
		c.drive(p, &s.Drives[i], u)
		if s.Drives[i].Element != 0 {
			c.report(p.in("element"), "a drive without a library has no element")
		}
	}
	for i := range s.Optical {
		p := path{"optical", i}
		c.optical(p, &s.Optical[i], u)
		if s.Optical[i].Element != 0 {
			c.report(p.in("element"), "a drive without a library has no element")
		}
	}
}

// uniques remembers what may be there once, and whose it is.
type uniques struct {
	ids      map[int]string
	serials  map[string]string
	naas     map[NAA]string
	barcodes map[string]string
}

// validIQN tells whether s begins an iSCSI qualified name.
func validIQN(s string) bool {
	re := regexp.MustCompile(`^iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[a-z0-9.:-]+)?$`)
	return len(s) <= 200 && re.MatchString(s)
}

// bus checks the external message bus.
func (c *checker) bus() {
	b := c.suite.Bus
	if b.URL == "" {
		if b.Credentials != "" {
			c.report(path{"bus", "credentials"}, "credentials without a url: the suite's own bus needs none")
		}
		if b.CA != "" {
			c.report(path{"bus", "ca"}, "ca without a url: the suite's own bus has no certificate")
		}
		return
	}
	for part := range strings.SplitSeq(b.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if err != nil {
			c.report(path{"bus", "url"}, "the url cannot be read: %v", errors.Unwrap(err))
			continue
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			c.report(path{"bus", "url"}, "the url begins with %q: use nats://, tls://, ws:// or wss://", u.Scheme)
		}
		if u.Hostname() == "" {
			c.report(path{"bus", "url"}, "the url has no host")
		}
	}
}

// maxMemoryMiB is more memory than a host has.
const maxMemoryMiB = 1 << 20

// iscsi checks access control and limits.
func (c *checker) iscsi() {
	i := c.suite.ISCSI
	if i.CHAP && i.Secrets == "" {
		c.report(path{"iscsi", "chap"}, "chap needs a file with the secrets (iscsi: secrets)")
	}
	if i.MaxSessions < 0 {
		c.report(path{"iscsi", "max-sessions"}, "max-sessions is negative")
	}
	if i.MaxSessionsPerInitiator < 0 {
		c.report(path{"iscsi", "max-sessions-per-initiator"}, "max-sessions-per-initiator is negative")
	}
	// iscsi.Limits: room for the largest transfer, and for a first burst of each session.
	if least := max(64, i.MaxSessions/4+1); i.MemoryMiB != 0 && (i.MemoryMiB < least || i.MemoryMiB > maxMemoryMiB) {
		c.report(path{"iscsi", "memory-mib"}, "memory-mib %d is not from %d to %d", i.MemoryMiB, least, maxMemoryMiB)
	}
	c.access(path{"iscsi"}, i.Initiators, i.Addresses)
}

// access checks lists of initiators and addresses.
func (c *checker) access(p path, initiators, addresses []string) {
	for i, s := range initiators {
		if err := checkInitiator(s); err != nil {
			c.report(p.in("initiators", i), "%v", err)
		}
	}
	for i, s := range addresses {
		if err := checkAddress(s); err != nil {
			c.report(p.in("addresses", i), "%v", err)
		}
	}
}

// listen checks the address, that of --listen when there is one.
func (c *checker) listen() {
	address, p := c.suite.ListenAddress(), path{"listen"}
	if c.checks.Listen != "" {
		address = c.checks.Listen
	}
	if err := CheckListen(address, c.suite); err != nil {
		c.report(p, "%v", err)
	}
	seen := map[string]bool{c.suite.ListenAddress(): true}
	for i, also := range c.suite.AlsoListen {
		at := path{"also-listen", i}
		if err := CheckListen(also, c.suite); err != nil {
			c.report(at, "%v", err)
		}
		if seen[also] {
			c.report(at, "%s is there twice", also)
		}
		seen[also] = true
	}
}

// metrics checks the address of the metrics.
func (c *checker) metrics() {
	address := c.suite.Metrics.Listen
	if address == "" {
		return
	}
	p := path{"metrics", "listen"}
	if _, err := public(address); err != nil {
		c.report(p, "%v", err)
		return
	}
	iscsi := c.suite.ListenAddress()
	if c.checks.Listen != "" {
		iscsi = c.checks.Listen
	}
	if address == iscsi || slices.Contains(c.suite.AlsoListen, address) {
		c.report(p, "%s is the iSCSI address", address)
	}
}

// library checks one library.
func (c *checker) library(p path, l *Library, u uniques) {
	c.identity(p, KindLibrary, l.ID, l.Serial, l.NAA, u)
	c.model(p, l.Model, "a library", c.checks.LibraryModel)
	inRange := func(key string, n, low, high int) {
		if n < low || n > high {
			c.report(p.in(key), "%s %d is not from %d to %d", key, n, low, high)
		}
	}
	before := len(c.problems)
	inRange("slots", l.Slots, 1, MaxSlots)
	inRange("mail-slots", l.Mailbox, 0, MaxMail)
	inRange("pickers", l.Pickers, 0, MaxPickers)
	if len(l.Drives) > MaxDrives {
		c.report(p.in("drives"), "%d drives: a library has at most %d", len(l.Drives), MaxDrives)
	}
	sizes := len(c.problems) == before
	elements := map[int]int{}
	for i := range l.Drives {
		d := &l.Drives[i]
		dp := p.in("drives", i)
		c.drive(dp, d, u)
		e := l.DriveElement(i)
		if e < 1 || e > MaxDrives {
			c.report(dp.in("element"), "element %d is not from 1 to %d", e, MaxDrives)
		}
		if other, ok := elements[e]; ok {
			c.report(dp.in("element"), "drives %d and %d are both in element %d", other, d.ID, e)
		}
		elements[e] = d.ID
		if d.Home != "" {
			c.report(dp.in("home"), "a drive in a library uses the library's home")
		}
	}
	c.libraryOptical(p, l, elements, u)
	if len(l.Name) > 64 {
		c.report(p.in("name"), "the name is longer than 64 characters")
	}
	c.access(p.in("access"), l.Access.Initiators, l.Access.Addresses)
	if sizes {
		c.media(p, l, u)
	}
	if c.checks.Library != nil && len(c.problems) == before {
		var key *KeyError
		switch err := c.checks.Library(l); {
		case errors.As(err, &key):
			c.report(p.in(key.Key), "library %d: %v", l.ID, key.Err)
		case err != nil:
			c.report(p, "library %d: %v", l.ID, err)
		}
	}
}

// media checks what a library is filled with.
func (c *checker) media(p path, l *Library, u uniques) {
	for i, m := range l.Media {
		mp := p.in("media", i)
		c.disc(mp, &m)
		if !slices.Contains([]string{"", "data", "clean", "WORM", "NULL"}, m.Kind) {
			c.report(mp.in("kind"), "kind %q is none of data, clean, WORM, NULL", m.Kind)
		}
		if m.SizeMiB < 0 || m.SizeMiB > 1<<40 {
			c.report(mp.in("size-mib"), "size-mib %d makes no sense", m.SizeMiB)
		}
		if m.Slot < 0 {
			c.report(mp.in("slot"), "slots are counted from 1")
			return
		}
	}
	placed, err := l.Place()
	if err != nil {
		var me *mediaError
		if errors.As(err, &me) {
			c.report(p.in("media", me.index, "barcodes"), "%v", me.err)
		} else {
			c.report(p.in("media"), "%v", err)
		}
		return
	}
	owner := "library " + strconv.Itoa(l.ID)
	reported := map[string]bool{}
	for _, pl := range placed {
		mp := p.in("media", pl.Entry, "barcodes")
		if other, ok := u.barcodes[pl.Barcode]; ok {
			if !reported[other] {
				c.report(mp, "barcode %s is in %s as well", pl.Barcode, other)
				reported[other] = true
			}
			continue
		}
		u.barcodes[pl.Barcode] = owner
		if c.checks.Medium == nil || pl.Media.Disc != "" {
			continue
		}
		if err := c.checks.Medium(pl.Media, pl.Barcode); err != nil && !reported[err.Error()] {
			c.report(mp, "%s: %v", pl.Barcode, err)
			reported[err.Error()] = true
		}
	}
}

// drive checks one drive.
func (c *checker) drive(p path, d *Drive, u uniques) {
	c.identity(p, KindDrive, d.ID, d.Serial, d.NAA, u)
	c.model(p, d.Model, "a drive", c.checks.DriveModel)
	if !slices.Contains(Codecs(), d.Compression) && d.Compression != "" {
		c.report(p.in("compression"), "compression %q is none of %s", d.Compression, strings.Join(Codecs(), ", "))
	}
	if d.BufferMiB < 0 || d.BufferMiB > MaxBuffer {
		c.report(p.in("buffer-mib"), "buffer-mib %d is not from 1 to %d", d.BufferMiB, MaxBuffer)
	}
	if t := d.Timing; t != nil {
		for _, f := range []struct {
			key     string
			seconds float64
		}{{"load", t.Load}, {"unload", t.Unload}, {"rewind", t.Rewind}, {"position", t.Position}, {"thread", t.Thread}} {
			if !(f.seconds >= 0 && f.seconds <= MaxDelay) { // NaN too
				c.report(p.in("timing", f.key), "%s takes from 0 to %d seconds", f.key, MaxDelay)
			}
		}
	}
	c.access(p.in("access"), d.Access.Initiators, d.Access.Addresses)
}

// Codecs are the names of the compressions that a drive can have.
func Codecs() []string { return []string{"adaptive", "lz4", "s2", "zstd", "off"} }

// identity checks what tells one device from all others.
func (c *checker) identity(p path, kind string, id int, serial, naa string, u uniques) {
	who := fmt.Sprintf("%s %d", kind, id)
	if id < 0 || id > MaxID {
		c.report(p.in("id"), "id %d is not from 0 to %d", id, MaxID)
	} else if other, ok := u.ids[id]; ok {
		c.report(p.in("id"), "id %d belongs to %s already: libraries and drives share the numbers", id, other)
	} else {
		u.ids[id] = who
	}
	if err := checkSerial(serial); err != nil {
		c.report(p.in("serial"), "%s: %v", who, err)
	} else if other, ok := u.serials[serial]; ok {
		c.report(p.in("serial"), "serial %s belongs to %s already", serial, other)
	} else {
		u.serials[serial] = who
	}
	n, err := naaFor(naa, kind, serial)
	if err != nil {
		if naa != "" {
			c.report(p.in("naa"), "%v", err)
		}
		return
	}
	if other, ok := u.naas[n]; ok && u.serials[serial] == who {
		c.report(p.in("naa"), "NAA %s belongs to %s already", n, other)
	}
	u.naas[n] = who
}

// checkSerial says what is wrong with a serial number.
func checkSerial(s string) error {
	switch {
	case s == "":
		return errors.New("serial is missing")
	case len(s) > MaxSerial:
		return fmt.Errorf("serial %q is longer than %d characters", s, MaxSerial)
	}
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && b != '_' && b != '-' {
			return fmt.Errorf("serial %q has the character %q; letters, digits, _ and - are possible", s, string(rune(b)))
		}
	}
	return nil
}

// model checks a model's name.
func (c *checker) model(p path, name, what string, check func(string) error, key ...any) {
	if len(key) == 0 {
		key = []any{"model"}
	}
	if name == "" {
		c.report(p.in(key...), "model is missing")
		return
	}
	if check == nil {
		return
	}
	if err := check(name); err != nil {
		c.report(p.in(key...), "%s of model %q: %v", what, name, err)
	}
}
