package mhvtl

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"govtl/scsi/personality"
)

// shown is what a device shows of itself, as device.conf has it.
type shown struct{ vendor, product, revision string }

// shown reads it, cut to what INQUIRY data hold.
func (i *importer) shown(r *record) shown {
	field := func(key string, most int) string {
		v := r.value(key)
		clean := strings.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return '_'
			}
			return c
		}, v)
		clean = strings.TrimSpace(clean[:min(len(clean), most)])
		if clean != v {
			i.notes.add(r.String(), "%s: %q is shown as %q", key, clip(v), clean)
		}
		return clean
	}
	return shown{field("Vendor identification", 8), field("Product identification", 16), field("Product revision level", 4)}
}

// from fills what is not said with what a model shows.
func (s shown) from(q personality.Inquiry) shown {
	or := func(a, b string) string {
		if a == "" {
			return b
		}
		return a
	}
	return shown{or(s.vendor, q.Vendor), or(s.product, q.Product), or(s.revision, q.Revision)}
}

// libraryModel names a library model that shows what a library of mhVTL showed
// and has its elements at the same addresses; it makes one where there is none.
func (i *importer) libraryModel(r *record) (string, family) {
	s := i.shown(r)
	m, f := i.known.library(s.vendor, s.product)
	s = s.from(m.Inquiry)
	if s == (shown{m.Inquiry.Vendor, m.Inquiry.Product, m.Inquiry.Revision}) && m.Elements == f.elements {
		return m.Name, f
	}
	return i.derive(r, m.Name, s, fmt.Sprintf("elements: {transport: 0x%03X, import-export: 0x%03X, data-transfer: 0x%03X, storage: 0x%03X}\n",
		f.elements.Transport, f.elements.ImportExport, f.elements.DataTransfer, f.elements.Storage)), f
}

// driveModel names a drive model that shows what a drive of mhVTL showed; it
// makes one where there is none.
func (i *importer) driveModel(r *record) string {
	s := i.shown(r)
	m := i.known.drive(s.vendor, s.product)
	s = s.from(m.Inquiry)
	if s == (shown{m.Inquiry.Vendor, m.Inquiry.Product, m.Inquiry.Revision}) {
		return m.Name
	}
	return i.derive(r, m.Name, s, "")
}

// derive makes a model of another one.
func (i *importer) derive(r *record, base string, s shown, more string) string {
	name := "mhvtl-" + strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		}
		return '-'
	}, strings.ToLower(s.vendor+"-"+s.product+"-"+s.revision))
	text := fmt.Sprintf("# Made of the configuration of mhVTL: a %s with other names.\nbase: %s\ntitle: %s\nsource: configuration of mhVTL\ninquiry: {vendor: %s, product: %s, revision: %s}\n%s",
		base, base, scalar(s.vendor+" "+s.product), scalar(s.vendor), scalar(s.product), scalar(s.revision), more)
	for n := 2; i.made[name] != nil && string(i.made[name]) != text; n++ {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	if i.made[name] == nil {
		i.made[name] = []byte(text)
		i.notes.add(r.String(), "the model %s.yaml is made for it: %s, but it shows itself as %q %q %q, as before", name, base, s.vendor, s.product, s.revision)
	}
	return name
}

// writeModels writes the models that were made into a directory. One that is
// there with the same content is left; with another it is fs.ErrExist.
func writeModels(dir string, made map[string][]byte) error {
	if len(made) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range made {
		file := filepath.Join(dir, name+".yaml")
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			if old, rerr := readConf(file); rerr == nil && bytes.Equal(old, text) {
				continue
			}
		}
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return errors.Join(err, os.Remove(file))
		}
	}
	return nil
}

// withModels calls fn with a directory that has the operator's models and those
// that were made.
func (i *importer) withModels(fn func(dir string) error) (err error) {
	if len(i.made) == 0 {
		return fn(i.o.Models)
	}
	dir, err := os.MkdirTemp("", "vtl-models-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if i.o.Models != "" {
		own, err := filepath.Glob(filepath.Join(i.o.Models, "*.yaml"))
		if err != nil {
			return err
		}
		for _, file := range own {
			text, err := readConf(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600); err != nil {
				return err
			}
		}
	}
	if err := writeModels(dir, i.made); err != nil {
		return err
	}
	return fn(dir)
}
