package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/mhvtl"
	"govtl/internal/provision"
	"govtl/libcart"
	"govtl/libcart/tool"
	"govtl/libdisc"
)

// app is one call of the program.
type app struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	flags          daemon.Flags

	barcode   string
	library   int
	verbose   bool
	json      bool
	partition uint8
	output    string
	file      int64
	block     int
	codec     string
	dir       string
	progress  bool

	// Of import-mhvtl.
	mhvtl          string
	medium         string
	dirty, partial bool
}

// usageError is one of the command line's making.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return daemon.WithHint(&usageError{fmt.Errorf(format, args...)}, "dumptape --help lists commands and options")
}

// errDamaged is what verify ends with.
var (
	errDamaged     = errors.New("the cartridge is damaged")
	errDiscDamaged = errors.New("the disc is damaged")
)

func isDamage(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, errDiscDamaged) || errors.Is(err, mhvtl.ErrDamaged) || errors.Is(err, libdisc.ErrDescription) || errors.Is(err, libcart.ErrDamaged) || errors.Is(err, tool.ErrNotExported)
}

// command is one word of the command line.
type command struct {
	do       func(a *app, dir string, args []string) error
	min, max int // arguments behind the cartridge; max -1: any
}

// commands are all of them.
func commands() map[string]command {
	return map[string]command{
		"list":    {(*app).list, 0, 0},
		"mam":     {(*app).mam, 0, -1},
		"verify":  {(*app).verify, 0, 0},
		"repair":  {(*app).repair, 0, 0},
		"extract": {(*app).extract, 0, 1},
		"import":  {(*app).importFiles, 1, -1},
		"export":  {(*app).export, 1, 1},
		"protect": {(*app).protect, 1, 1},
		"image":   {(*app).noDisc, 1, 1},
	}
}

// do finds the command and the cartridge.
func (a *app) do(args []string) error {
	name := "list"
	if len(args) > 0 {
		if args[0] == "import-mhvtl" {
			return a.importMHVTL(args[1:])
		}
		if _, ok := commands()[args[0]]; ok || args[0] == "restore" {
			name, args = args[0], args[1:]
		}
	}
	if name == "restore" || name == "import" && a.barcode == "" && len(args) == 1 && isFile(args[0]) {
		if len(args) != 1 {
			return usagef("restore takes one archive")
		}
		return a.restore(args[0])
	}
	cartridge := a.barcode
	if cartridge == "" {
		if len(args) == 0 {
			return usagef("which cartridge?")
		}
		cartridge, args = args[0], args[1:]
	}
	c := commands()[name]
	if len(args) < c.min || c.max >= 0 && len(args) > c.max {
		return usagef("%s %s: %d arguments are too many or too few", name, cartridge, len(args))
	}
	image, err := a.findDisc(cartridge)
	if err != nil {
		return err
	}
	if image != "" {
		do := discCommands()[name]
		if do == nil {
			return usagef("%s: %s is a disc; for discs there are list, verify and image", name, image)
		}
		return do(a, image, args)
	}
	dir, err := a.find(cartridge)
	if err != nil {
		return err
	}
	return c.do(a, dir, args)
}

func isFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular()
}

// find returns the directory of a cartridge: a path as it is, a barcode in the
// libraries.
func (a *app) find(cartridge string) (string, error) {
	if strings.ContainsRune(cartridge, filepath.Separator) {
		return cartridge, nil
	}
	if st, err := os.Stat(filepath.Join(cartridge, "data")); err == nil && st.Mode().IsRegular() && a.library == 0 {
		return cartridge, nil
	}
	if err := config.CheckBarcode(cartridge); err != nil {
		return "", &usageError{err}
	}
	homes, err := a.homes()
	if err != nil {
		return "", err
	}
	var found []string
	for _, home := range homes {
		dir := filepath.Join(home, cartridge)
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			found = append(found, dir)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no cartridge %s in %s: %w", cartridge, strings.Join(homes, ", "), fs.ErrNotExist)
	case 1:
		return found[0], nil
	}
	return "", daemon.WithHint(&usageError{fmt.Errorf("cartridge %s is in %s", cartridge, strings.Join(found, " and "))}, "say which: -l LIBRARY, or the directory")
}

// homes are the directories that cartridges are in: those of the configured
// libraries, and what is in the state directory.
func (a *app) homes() ([]string, error) {
	p, err := a.flags.OperatorPaths()
	if err != nil {
		return nil, err
	}
	suite, err := config.Load(p.Config, config.Checks{})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if a.library != 0 {
		l := config.Library{ID: a.library}
		for i := range suiteLibraries(suite) {
			if suite.Libraries[i].ID == a.library {
				l = suite.Libraries[i]
			}
		}
		return []string{p.LibraryHome(&l)}, nil
	}
	var homes []string
	known := map[string]bool{}
	add := func(home string) {
		if !known[home] {
			known[home] = true
			homes = append(homes, home)
		}
	}
	for i := range suiteLibraries(suite) {
		add(p.LibraryHome(&suite.Libraries[i]))
	}
	root := filepath.Join(p.State, "cartridges")
	list, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range list {
		if e.IsDir() {
			add(filepath.Join(root, e.Name()))
		}
	}
	if len(homes) == 0 {
		homes = []string{root}
	}
	return homes, nil
}

func suiteLibraries(s *config.Suite) []config.Library {
	if s == nil {
		return nil
	}
	return s.Libraries
}

// open opens a cartridge; for reading only unless it is to be changed.
func (a *app) open(dir string, change bool) (*libcart.Cartridge, error) {
	o := libcart.Options{ReadOnly: !change, Holder: "dumptape"}
	codec, err := libcart.ParseCodec(a.codec)
	if err != nil {
		return nil, &usageError{err}
	}
	o.Codec = codec
	c, err := libcart.Open(dir, o)
	if errors.Is(err, libcart.ErrInUse) {
		err = daemon.WithHint(err, "unload it from its drive first")
	}
	if err == nil && int(a.partition) >= c.Partitions() {
		err = errors.Join(&usageError{fmt.Errorf("partition %d: the cartridge has %d", a.partition, c.Partitions())}, c.Close())
	}
	return c, err
}

// with opens a cartridge, does something and closes it.
func (a *app) with(dir string, change bool, do func(c *libcart.Cartridge) error) error {
	c, err := a.open(dir, change)
	if err != nil {
		return err
	}
	err = do(c)
	if e := c.Close(); err == nil {
		err = e
	}
	if change && err == nil {
		err = a.own(dir)
	}
	return err
}

// own gives what root made or changed to the user of the suite.
func (a *app) own(dir string) error {
	p, err := a.flags.OperatorPaths()
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil || !strings.HasPrefix(dir, p.State+string(filepath.Separator)) {
		return err
	}
	return provision.Own(p, dir)
}

// meter returns what prints progress, or nil.
func (a *app) meter() func(done, total int64) {
	f, ok := a.stderr.(*os.File)
	terminal := false
	if ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		terminal = err == nil
	}
	if !terminal && !a.progress {
		return nil
	}
	end := "\n"
	if terminal {
		end = "\r"
	}
	return func(done, total int64) {
		percent := 100.0
		if total > 0 {
			percent = float64(done) * 100 / float64(total)
		}
		if done >= total {
			end = "\n"
		}
		fmt.Fprintf(a.stderr, "%5.1f %% of %d MB%s", percent, total/1_000_000, end)
	}
}

func (a *app) printJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(a.stdout, "%s\n", b)
	}
	return err
}

func (a *app) list(dir string, _ []string) error {
	return a.with(dir, false, func(c *libcart.Cartridge) error {
		if a.json {
			return tool.ListJSON(c, a.stdout, a.verbose)
		}
		if err := tool.List(c, a.stdout, a.verbose); err != nil || !a.verbose {
			return err
		}
		fmt.Fprintln(a.stdout, "cartridge memory:")
		return tool.ListAttributes(c, a.stdout)
	})
}

func (a *app) mam(dir string, args []string) error {
	return a.with(dir, len(args) > 0, func(c *libcart.Cartridge) error {
		var list []libcart.Attribute
		for _, s := range args {
			x, err := tool.ParseAttribute(c, a.partition, s)
			if err != nil {
				return &usageError{err}
			}
			list = append(list, x)
		}
		if len(list) > 0 {
			if err := c.SetAttributes(a.partition, list); err != nil {
				return err
			}
		}
		if a.json {
			return a.printJSON(tool.Attributes(c))
		}
		return tool.ListAttributes(c, a.stdout)
	})
}

func (a *app) protect(dir string, args []string) error {
	on := args[0] == "on" || args[0] == "yes"
	if !on && args[0] != "off" && args[0] != "no" {
		return usagef("protect %s: on or off", args[0])
	}
	return a.with(dir, true, func(c *libcart.Cartridge) error { return c.SetWriteProtect(on) })
}

func (a *app) verify(dir string, _ []string) error { return a.with(dir, false, a.check) }

func (a *app) repair(dir string, _ []string) error {
	return a.with(dir, true, func(c *libcart.Cartridge) error {
		if n := c.Recovery().Note; n != "" {
			fmt.Fprintf(a.stdout, "%s\n", n)
		} else {
			fmt.Fprintln(a.stdout, "nothing had to be recovered")
		}
		return a.check(c)
	})
}

// check reads everything and prints what it found.
func (a *app) check(c *libcart.Cartridge) error {
	r, err := c.Verify(a.ctx, a.meter())
	if err != nil {
		return err
	}
	note := c.Recovery().Note
	if a.json {
		err = a.printJSON(struct {
			libcart.Report
			Note string `json:"note,omitempty"`
			Good bool   `json:"good"`
		}{r, note, len(r.Damages) == 0})
	} else {
		if note != "" && c.Recovery().CutBytes == 0 {
			fmt.Fprintf(a.stdout, "note: %s\n", note)
		}
		for _, d := range r.Damages {
			fmt.Fprintf(a.stdout, "partition %d, object %d, %d of them: %s: %s\n", d.Partition, d.Object, d.Count, d.File, d.Reason)
		}
		if r.More > 0 {
			fmt.Fprintf(a.stdout, "and %d more\n", r.More)
		}
		fmt.Fprintf(a.stdout, "%d objects, %d filemarks, %d bytes of blocks, %d stored\n", r.Objects, r.Filemarks, r.Bytes, r.Stored)
	}
	if err == nil && len(r.Damages) > 0 {
		err = fmt.Errorf("%w: %s", errDamaged, strconv.Quote(c.Info().Barcode))
	}
	return err
}
