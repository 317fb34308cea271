package proxmox

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"

	"govtl/test/ltfs"
)

// Story makes a tape of a media set in a loaded drive, appends to it in a second
// session, fills it, and reads all of it back. Everything on the tape is lost. The
// drive is left with the tape ejected.
func Story(u ltfs.Unit) error {
	d, err := open(u)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	key := sha256.Sum256([]byte("a key of a media set"))
	s := &set{drive: d, key: key[:]}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"status", s.fresh},
		{"format", d.format},
		{"label", s.label},
		{"media set label", s.setLabel},
		{"archives", func() error { return s.archives(3) }},
		{"status of a written tape", s.written},
		{"read labels", s.readLabels},
		{"verify", s.verify},
		{"read without the key", s.keyless},
		{"append", s.again},
		{"fill", s.fill},
		{"verify a full tape", s.verify},
		{"the last file", s.last},
		{"eject", s.gone},
		{"load and verify", func() error { return firstError(d.ready(), d.options(), s.readLabels(), s.verify()) }},
		{"format a full tape", func() error { return firstError(d.encrypt(nil), d.format(), s.empty()) }},
		{"eject at the end", s.gone},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// set is a media set of one tape.
type set struct {
	*drive
	key   []byte
	files []int // blocks of each file
	early bool  // early warning was seen
}

// block is the content of a block of a file.
func block(file, n int) []byte {
	b := make([]byte, BlockSize)
	r := rand.NewChaCha8([32]byte{byte(file), byte(n), byte(n >> 8), 21})
	_, _ = r.Read(b[:BlockSize/2]) // the rest compresses
	return b
}

// fresh looks at a tape that nobody has used.
func (s *set) fresh() error {
	st, err := s.status(true)
	if err != nil {
		return err
	}
	if st.Density == 0 || st.WriteProtected || st.WORM || st.Blocks != 0 || st.Files != 0 || st.Written != 0 {
		return fmt.Errorf("%+v", st)
	}
	return nil
}

// file writes a file of some blocks at the end of the tape; early warning ends it.
func (s *set) file(blocks int) error {
	i, n := len(s.files), 0
	for ; n < blocks && !s.early; n++ {
		var err error
		if s.early, err = s.write(block(i, n)); err != nil {
			return fmt.Errorf("file %d, block %d: %w", i, n, err)
		}
	}
	s.files = append(s.files, n)
	return firstError(s.end(), s.at(uint64(len(s.files))))
}

// label writes the label of the tape, in clear.
func (s *set) label() error {
	return firstError(s.encrypt(nil), s.rewind(), s.file(1), s.sync())
}

// setLabel writes the label of the media set, in clear.
func (s *set) setLabel() error {
	return firstError(s.at(1), s.encrypt(nil), s.file(1), s.sync())
}

// archives writes files that the drive encrypts.
func (s *set) archives(n int) error {
	if err := s.encrypt(s.key); err != nil {
		return err
	}
	for range n {
		if err := s.file(7); err != nil {
			return err
		}
	}
	return s.sync()
}

// written looks at the tape after a session.
func (s *set) written() error {
	st, err := s.status(true)
	if err != nil {
		return err
	}
	if st.Files != uint64(len(s.files)) || st.Written == 0 || st.Alerts != 0 || densities[s.newest] > 4 && st.Mounts == 0 {
		return fmt.Errorf("%+v", st)
	}
	return nil
}

// readLabels reads both labels without the key, and then takes it.
func (s *set) readLabels() error {
	if err := firstError(s.encrypt(nil), s.rewind(), s.readFile(0), s.readFile(1)); err != nil {
		return err
	}
	return s.encrypt(s.key)
}

// readFile reads a file that the drive stands at, to its filemark.
func (s *set) readFile(i int) error {
	if err := s.at(uint64(i)); err != nil {
		return err
	}
	for n := 0; ; n++ {
		b, code, err := s.read()
		switch {
		case err != nil:
			return fmt.Errorf("file %d, block %d: %w", i, n, err)
		case code == filemark && n == s.files[i]:
			return nil
		case code != good || n >= s.files[i]:
			return fmt.Errorf("file %d, block %d of %d: %s", i, n, s.files[i], code)
		case !bytes.Equal(b, block(i, n)):
			return fmt.Errorf("file %d, block %d is not what was written", i, n)
		}
	}
}

// verify reads all files, the last first, so that the drive has to find each, and
// then what lies behind them.
func (s *set) verify() error {
	for i := len(s.files) - 1; i >= 0; i-- {
		if err := firstError(s.toFile(uint64(i)), s.readFile(i)); err != nil {
			return err
		}
	}
	if _, err := s.toEnd(); err != nil {
		return err
	}
	if _, code, err := s.read(); err != nil || code != endOfData {
		return fmt.Errorf("READ at the end of data: %s %v", code, err)
	}
	return nil
}

// keyless wants archives to be unreadable without the key.
func (s *set) keyless() error {
	if err := firstError(s.encrypt(nil), s.toFile(2)); err != nil {
		return err
	}
	if _, code, err := s.read(); err != nil || code[:2] != "7/" {
		return fmt.Errorf("READ of an encrypted block: %s %v", code, err)
	}
	return s.encrypt(s.key)
}

// again is a second session: it finds the end, behind a filemark, and appends.
func (s *set) again() error {
	if _, err := s.toEnd(); err != nil {
		return err
	}
	if marked, err := s.behindMark(); err != nil || !marked {
		return fmt.Errorf("behind a filemark: %v, %v", marked, err)
	}
	if err := firstError(s.at(uint64(len(s.files))), s.lock(1), s.archives(2), s.lock(0)); err != nil {
		return err
	}
	// A file that was interrupted has no filemark; the next session writes it.
	if _, err := s.write(block(len(s.files), 0)); err != nil {
		return err
	}
	if _, err := s.toEnd(); err != nil {
		return err
	}
	if marked, err := s.behindMark(); err != nil || marked {
		return fmt.Errorf("behind a block: a filemark %v, %v", marked, err)
	}
	s.files = append(s.files, 1)
	return firstError(s.end(), s.at(uint64(len(s.files))))
}

// fill writes files until early warning; the file that met it ends as all do.
func (s *set) fill() error {
	for n := 0; !s.early; n++ {
		if n > 10_000 {
			return fmt.Errorf("no early warning within %d files", n)
		}
		if err := s.file(20); err != nil {
			return err
		}
	}
	return s.sync()
}

// last goes to the beginning of the last file by the end of data.
func (s *set) last() error {
	i := len(s.files) - 1
	return firstError(s.toLast(), s.readFile(i))
}

// gone ejects the tape and looks at the drive without one.
func (s *set) gone() error {
	if err := firstError(s.encrypt(nil), s.eject()); err != nil {
		return err
	}
	_, err := s.status(false)
	return err
}

// empty wants nothing on the tape.
func (s *set) empty() error {
	p, err := s.toEnd()
	if err == nil && p != (position{}) {
		err = fmt.Errorf("%+v", p)
	}
	return err
}
