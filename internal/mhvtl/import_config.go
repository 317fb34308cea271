package mhvtl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"govtl/internal/config"
	"govtl/internal/models"
)

// Places of mhVTL as it is installed.
const (
	DefaultDir  = "/etc/mhvtl"
	DefaultHome = "/opt/mhvtl"
)

// ConfigOptions say where mhVTL's configuration is.
type ConfigOptions struct {
	// Dir has mhvtl.conf and device.conf; empty: DefaultDir.
	Dir string

	// Root is put before the directories that the configuration names, when
	// the files of another host are mounted or copied somewhere.
	Root string

	// Home is the directory of the cartridges of libraries that name none;
	// empty: MHVTL_HOME_PATH of mhvtl.conf, else DefaultHome.
	Home string

	// Models is the directory of the operator's own models; empty: none.
	Models string
}

// Imported is what ImportConfig made of mhVTL's configuration.
type Imported struct {
	Suite *config.Suite
	Text  []byte // the same as vtl.yaml

	// Models are those that the suite needs beside its own, by name.
	Models map[string][]byte

	// Notes say what could not be carried, or not as it was.
	Notes []Note

	// Cartridges are those that the libraries hold.
	Cartridges []Found
}

// Found is a cartridge of a library.
type Found struct {
	Library int
	Barcode string
	Path    string // of mhVTL's files, for Convert; empty when they are missing
}

// ImportConfig makes a suite of mhVTL's configuration, with the same numbers,
// serial numbers, NAA identifiers, elements and barcodes. Nothing is written.
// The error is ErrConfig when a file cannot be understood, and fs.ErrNotExist
// when device.conf is missing.
func ImportConfig(o ConfigOptions) (*Imported, error) {
	known, err := loadCatalogue(o.Models)
	if err != nil {
		return nil, err
	}
	return importConfig(o, known)
}

// importConfig is ImportConfig with the models that there are.
func importConfig(o ConfigOptions, known *catalogue) (*Imported, error) {
	if o.Dir == "" {
		o.Dir = filepath.Join("/", o.Root, DefaultDir)
	}
	i := &importer{o: o, known: known, made: map[string][]byte{}, families: map[int]family{}, suite: &config.Suite{Version: config.Version},
		ids: map[int]string{}, serials: map[string]string{}, naas: map[config.NAA]string{}, barcodes: map[string]string{}}
	if err := i.read(); err != nil {
		return nil, err
	}
	for _, r := range i.records {
		if r.library {
			i.library(r)
		}
	}
	for _, r := range i.records {
		if !r.library {
			i.drive(r)
		}
	}
	for n := range i.suite.Libraries {
		if err := i.fill(&i.suite.Libraries[n]); err != nil {
			return nil, err
		}
	}
	if len(i.suite.Libraries)+len(i.suite.Drives) == 0 {
		return nil, fmt.Errorf("%w: nothing of device.conf can be carried: %s", ErrConfig, joined(i.notes))
	}
	return i.finish()
}

// finish writes the suite as text and makes sure that it reads back the same.
func (i *importer) finish() (*Imported, error) {
	// As they are read where there is none.
	if i.suite.Libraries == nil {
		i.suite.Libraries = []config.Library{}
	}
	for n := range i.suite.Libraries {
		if l := &i.suite.Libraries[n]; l.Drives == nil {
			l.Drives = []config.Drive{}
		}
	}
	text := writeSuite(i.suite, i.o.Dir, i.notes)
	var back *config.Suite
	err := i.withModels(func(dir string) (err error) {
		back, err = config.Parse(text, config.FileName, models.Checks(dir, ""))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: what was made of it is refused: %w", ErrConfig, err)
	}
	back.File = ""
	if !reflect.DeepEqual(back, i.suite) {
		return nil, fmt.Errorf("%w: what was made of it does not read back the same", ErrConfig)
	}
	return &Imported{Suite: i.suite, Text: text, Models: i.made, Notes: i.notes, Cartridges: i.cartridges}, nil
}

// joined is notes in one line.
func joined(n notes) string {
	var all []string
	for _, note := range n {
		all = append(all, note.String())
	}
	return strings.Join(all, "; ")
}

// Write writes the configuration file, and the models into the directory models
// beside it, durably. The error is fs.ErrExist when there is one already.
func (i *Imported) Write(file string) error {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("configuration: %s: %w", file, fs.ErrExist)
	}
	if err := writeModels(filepath.Join(filepath.Dir(file), "models"), i.Models); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = f.Write(i.Text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("configuration: %w", err), os.Remove(file))
	}
	return nil
}

// importer makes a suite of records.
type importer struct {
	o       ConfigOptions
	suite   *config.Suite
	known   *catalogue
	notes   notes
	records []*record
	homes   map[int][]string // where the cartridges of a library may be

	made     map[string][]byte // models, by name
	families map[int]family    // of the libraries

	ids        map[int]string // whose it is, as of the next three
	serials    map[string]string
	naas       map[config.NAA]string
	barcodes   map[string]string
	cartridges []Found
}

// read reads the files that are not a library's own.
func (i *importer) read() error {
	values := map[string]string{}
	b, err := readConf(filepath.Join(i.o.Dir, "mhvtl.conf"))
	switch {
	case err == nil:
		values = parseMain(b)
	case !isMissing(err):
		return err
	}
	devices := filepath.Join(i.o.Dir, "device.conf")
	if b, err = readConf(devices); isMissing(err) && values["MHVTL_CONFIG_PATH"] != "" {
		i.o.Dir = i.rooted(values["MHVTL_CONFIG_PATH"])
		b, err = readConf(filepath.Join(i.o.Dir, "device.conf"))
	}
	if err != nil {
		return err
	}
	if i.o.Home == "" {
		i.o.Home = values["MHVTL_HOME_PATH"]
		if i.o.Home == "" {
			i.o.Home = DefaultHome
		}
	}
	i.records, err = parseDevices(b, &i.notes)
	i.findHomes()
	return err
}

// rooted is a directory of the old host as it is found here.
func (i *importer) rooted(dir string) string {
	if i.o.Root == "" {
		return dir
	}
	return filepath.Join(i.o.Root, dir)
}

// findHomes notes where the cartridges of each library may be. mhVTL's search
// for a library's home does not end with its record: one that names none has
// that of the next which does.
func (i *importer) findHomes() {
	i.homes = map[int][]string{}
	inherited := ""
	for n := len(i.records) - 1; n >= 0; n-- {
		r := i.records[n]
		if !r.library {
			continue
		}
		if home := r.value("Home directory"); home != "" {
			inherited = home
		}
		var all []string
		if inherited != "" {
			all = append(all, i.rooted(inherited))
		}
		home := i.rooted(i.o.Home)
		i.homes[r.id] = append(all, filepath.Join(home, strconv.Itoa(r.id)), home)
	}
}

// find finds the files of a cartridge.
func (i *importer) find(library int, barcode string) string {
	for _, dir := range i.homes[library] {
		path := filepath.Join(dir, barcode)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}
