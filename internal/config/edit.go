package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"
)

// Change is one change of a configuration file. Changes are made in the text, so
// that comments, order and the author's own layout stay.
type Change struct {
	// suite makes the change in what the file means, text in its text: the
	// result is written only if both come to the same.
	suite func(*Suite) error
	text  func(*editor) error
}

// ErrByHand: the file is written in a way that only its author can change.
var ErrByHand = errors.New("the file has to be changed by hand")

// Edit makes changes in a configuration file. The result is checked as a whole,
// and nothing is written when it is refused. undo puts back the old text, unless
// the file has been changed again since.
func Edit(file string, checks Checks, changes ...Change) (after *Suite, undo func() error, err error) {
	lock, err := lockFile(file)
	if err != nil {
		return nil, nil, err
	}
	defer lock.Close()
	old, err := readBounded(file)
	if err != nil {
		return nil, nil, err
	}
	text, after, err := edited(old, file, checks, changes)
	if err != nil {
		return nil, nil, err
	}
	if err := replace(file, text); err != nil {
		return nil, nil, err
	}
	return after, func() error { return restore(file, text, old) }, nil
}

// edited makes the changes in a text.
func edited(old []byte, file string, checks Checks, changes []Change) ([]byte, *Suite, error) {
	want, err := Parse(old, file, checks)
	if err != nil {
		return nil, nil, err
	}
	e := &editor{text: slices.Clone(old)}
	for _, c := range changes {
		if err := c.suite(want); err != nil {
			return nil, nil, err
		}
		if err := e.parse(); err != nil {
			return nil, nil, err
		}
		if err := c.text(e); err != nil {
			return nil, nil, err
		}
	}
	got, err := Parse(e.text, file, checks)
	if err != nil {
		return nil, nil, err
	}
	if !reflect.DeepEqual(plain(got), plain(want)) {
		return nil, nil, fmt.Errorf("%s: %w", file, ErrByHand)
	}
	return e.text, got, nil
}

// plain is a suite without the difference between an empty list and none.
func plain(s *Suite) Suite {
	c := *s
	c.Libraries = slices.Clone(c.Libraries)
	for i := range c.Libraries {
		l := &c.Libraries[i]
		if len(l.Drives) == 0 {
			l.Drives = nil
		}
		if len(l.Media) == 0 {
			l.Media = nil
		}
		if len(l.Optical) == 0 {
			l.Optical = nil
		}
	}
	if len(c.Libraries) == 0 {
		c.Libraries = nil
	}
	if len(c.Optical) == 0 {
		c.Optical = nil
	}
	if len(c.Drives) == 0 {
		c.Drives = nil
	}
	return c
}

// lockFile keeps two editors from losing each other's change.
func lockFile(file string) (*os.File, error) {
	for {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			return nil, errors.Join(fmt.Errorf("configuration: lock: %w", err), f.Close())
		}
		mine, err1 := f.Stat()
		now, err2 := os.Stat(file)
		if err := errors.Join(err1, err2); err != nil {
			return nil, errors.Join(fmt.Errorf("configuration: %w", err), f.Close())
		}
		if os.SameFile(mine, now) {
			return f, nil
		}
		f.Close() // another editor has replaced it meanwhile
	}
}

// replace writes a file anew, durably, with the mode of the old one.
func replace(file string, text []byte) error {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	fi, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-*")
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(fi.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// restore puts old back where text is.
func restore(file string, text, old []byte) error {
	lock, err := lockFile(file)
	if err != nil {
		return err
	}
	defer lock.Close()
	now, err := readBounded(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, text) {
		return fmt.Errorf("configuration: %s was changed meanwhile and stays", file)
	}
	return replace(file, old)
}

// SetSlots sets the number of storage slots of a library.
func SetSlots(library, n int) Change {
	return setNumber(library, "slots", n, func(l *Library) { l.Slots = n })
}

// SetMailSlots sets the number of import/export elements of a library.
func SetMailSlots(library, n int) Change {
	return setNumber(library, "mail-slots", n, func(l *Library) { l.Mailbox = n })
}

// setNumber sets a key of a library.
func setNumber(library int, key string, n int, set func(*Library)) Change {
	return Change{
		suite: func(s *Suite) error {
			l, ok := s.Library(library)
			if !ok {
				return fmt.Errorf("there is no library %d", library)
			}
			set(l)
			return nil
		},
		text: func(e *editor) error {
			node, err := e.withID(e.value(e.root, "libraries"), library)
			if err != nil {
				return err
			}
			return e.setScalar(node, key, fmt.Sprint(n))
		},
	}
}

// AddDrive adds a drive to a library, behind the others. Without an element it
// takes that of its place, or where another drive has that the first free one.
func AddDrive(library int, d Drive) Change {
	return Change{
		suite: func(s *Suite) error {
			l, ok := s.Library(library)
			if !ok {
				return fmt.Errorf("there is no library %d", library)
			}
			taken := map[int]bool{}
			for i := range l.Drives {
				taken[l.DriveElement(i)] = true
			}
			for i := range l.Optical {
				taken[l.OpticalElement(i)] = true
			}
			if d.Element == 0 && taken[len(l.Drives)+1] {
				for d.Element = 1; taken[d.Element]; d.Element++ {
				}
			}
			l.Drives = append(slices.Clone(l.Drives), d)
			return nil
		},
		text: func(e *editor) error {
			node, err := e.withID(e.value(e.root, "libraries"), library)
			if err != nil {
				return err
			}
			return e.appendItem(node, "drives", d)
		},
	}
}

// AddStandAloneDrive adds a drive without a library.
func AddStandAloneDrive(d Drive) Change {
	return Change{
		suite: func(s *Suite) error {
			s.Drives = append(slices.Clone(s.Drives), d)
			return nil
		},
		text: func(e *editor) error { return e.appendItem(e.root, "drives", d) },
	}
}

// AddOptical adds an optical drive to a library, behind the others. Beside tape
// drives it takes the first free element.
func AddOptical(library int, o Optical) Change {
	return Change{
		suite: func(s *Suite) error {
			l, ok := s.Library(library)
			if !ok {
				return fmt.Errorf("there is no library %d", library)
			}
			taken := map[int]bool{}
			for i := range l.Drives {
				taken[l.DriveElement(i)] = true
			}
			for i := range l.Optical {
				taken[l.OpticalElement(i)] = true
			}
			if next := len(l.Drives) + len(l.Optical) + 1; o.Element == 0 && (len(l.Drives) > 0 || taken[next]) {
				for o.Element = 1; taken[o.Element]; o.Element++ {
				}
			}
			l.Optical = append(slices.Clone(l.Optical), o)
			return nil
		},
		text: func(e *editor) error {
			node, err := e.withID(e.value(e.root, "libraries"), library)
			if err != nil {
				return err
			}
			return e.appendItem(node, "optical", o)
		},
	}
}

// AddStandAloneOptical adds an optical drive without a library.
func AddStandAloneOptical(o Optical) Change {
	return Change{
		suite: func(s *Suite) error {
			s.Optical = append(slices.Clone(s.Optical), o)
			return nil
		},
		text: func(e *editor) error { return e.appendItem(e.root, "optical", o) },
	}
}

// RemoveOptical removes an optical drive from its library, or one that stands
// alone. Those behind it in a library keep their elements.
func RemoveOptical(id int) Change {
	var library, place int
	var keep []int // elements of the drives behind it
	return Change{
		suite: func(s *Suite) error {
			_, in, ok := s.OpticalIn(id)
			if !ok {
				return fmt.Errorf("there is no optical drive %d", id)
			}
			same := func(o Optical) bool { return o.ID == id }
			if in == nil {
				library = -1
				s.Optical = slices.DeleteFunc(slices.Clone(s.Optical), same)
				return nil
			}
			library, place = in.ID, slices.IndexFunc(in.Optical, same)
			drives := slices.Clone(in.Optical)
			for i := place + 1; i < len(drives); i++ {
				keep = append(keep, in.OpticalElement(i))
				drives[i].Element = in.OpticalElement(i)
			}
			in.Optical = slices.Delete(drives, place, place+1)
			return nil
		},
		text: func(e *editor) error {
			if library < 0 {
				return e.removeItem(e.value(e.root, "optical"), id)
			}
			return e.removeDrive(library, "optical", id, place, keep)
		},
	}
}

// removeDrive removes a drive from a list of a library; those behind it get the
// elements that they have had.
func (e *editor) removeDrive(library int, key string, id, place int, keep []int) error {
	for i, element := range keep {
		node, err := e.withID(e.value(e.root, "libraries"), library)
		if err != nil {
			return err
		}
		list := e.value(node, key)
		if list == nil || list.Kind != yaml.SequenceNode || place+1+i >= len(list.Content) {
			return ErrByHand
		}
		if err := e.setScalar(list.Content[place+1+i], "element", fmt.Sprint(element)); err != nil {
			return err
		}
		if err := e.parse(); err != nil {
			return err
		}
	}
	node, err := e.withID(e.value(e.root, "libraries"), library)
	if err != nil {
		return err
	}
	return e.removeItem(e.value(node, key), id)
}

// RemoveDrive removes a drive from its library, or a stand-alone one. Those
// behind it in a library keep their elements: where the list had given them by
// place, they are written down.
func RemoveDrive(id int) Change {
	var library, place int
	var keep []int // elements of the drives behind it
	return Change{
		suite: func(s *Suite) error {
			_, in, ok := s.Drive(id)
			if !ok {
				return fmt.Errorf("there is no drive %d", id)
			}
			same := func(d Drive) bool { return d.ID == id }
			if in == nil {
				library = -1
				s.Drives = slices.DeleteFunc(slices.Clone(s.Drives), same)
				return nil
			}
			library, place = in.ID, slices.IndexFunc(in.Drives, same)
			drives := slices.Clone(in.Drives)
			for i := place + 1; i < len(drives); i++ {
				keep = append(keep, in.DriveElement(i))
				drives[i].Element = in.DriveElement(i)
			}
			in.Drives = slices.Delete(drives, place, place+1)
			return nil
		},
		text: func(e *editor) error {
			if library < 0 {
				return e.removeItem(e.value(e.root, "drives"), id)
			}
			return e.removeDrive(library, "drives", id, place, keep)
		},
	}
}

// AddLibrary adds a library behind the others.
func AddLibrary(l Library) Change {
	return Change{
		suite: func(s *Suite) error {
			s.Libraries = append(slices.Clone(s.Libraries), l)
			return nil
		},
		text: func(e *editor) error { return e.appendItem(e.root, "libraries", l) },
	}
}

// RemoveLibrary removes a library with its drives. Its cartridges stay where
// they are.
func RemoveLibrary(id int) Change {
	return Change{
		suite: func(s *Suite) error {
			if _, ok := s.Library(id); !ok {
				return fmt.Errorf("there is no library %d", id)
			}
			s.Libraries = slices.DeleteFunc(slices.Clone(s.Libraries), func(l Library) bool { return l.ID == id })
			return nil
		},
		text: func(e *editor) error { return e.removeItem(e.value(e.root, "libraries"), id) },
	}
}

// AddMedia gives more cartridges to a library.
func AddMedia(library int, m Media) Change {
	return Change{
		suite: func(s *Suite) error {
			l, ok := s.Library(library)
			if !ok {
				return fmt.Errorf("there is no library %d", library)
			}
			l.Media = append(slices.Clone(l.Media), m)
			return nil
		},
		text: func(e *editor) error {
			node, err := e.withID(e.value(e.root, "libraries"), library)
			if err != nil {
				return err
			}
			return e.appendItem(node, "media", m)
		},
	}
}
