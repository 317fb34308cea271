package libdisc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"govtl/internal/vfs"
)

// SumsSuffix is what the name of the checksums of the blocks has behind the image's.
const SumsSuffix = ".sums"

// ErrDamaged: a block does not have the checksum that it was written with.
var ErrDamaged = errors.New("libdisc: a block is damaged")

// Layout of NAME.sums: a header with a bit for each region that is being written,
// and four bytes for each block.
const (
	sumsMagic   = "vtl-sums 1\n"
	sumsHeader  = 4096
	sumsRegions = 2048    // where the bits are in the header, to its end
	region      = 1 << 14 // blocks of a region: 32 MiB
	sumSize     = 4
)

// BlockError is ErrDamaged with the address of the block.
type BlockError struct{ LBA int64 }

func (e *BlockError) Error() string { return fmt.Sprintf("%v: %d", ErrDamaged, e.LBA) }

// Unwrap returns ErrDamaged.
func (e *BlockError) Unwrap() error { return ErrDamaged }

// blockSums are the checksums of a disc's blocks in NAME.sums. Without the file
// nothing is known of any block.
type blockSums struct {
	fs   vfs.FS
	path string
	file vfs.File // nil: there is none yet

	header  []byte
	changed bool   // since the last sync
	fresh   bool   // the file's name is not durable yet
	marked  []byte // regions that were marked since the last sync
	keep    bool   // a write has failed: what is marked stays so
	scratch []byte
}

// openSums opens the checksums of an image when they are there. A file that is not
// one of checksums is an error.
func openSums(f vfs.FS, image string, readOnly bool) (*blockSums, error) {
	s := &blockSums{fs: f, path: image + SumsSuffix, marked: make([]byte, sumsHeader-sumsRegions)}
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	file, err := f.OpenFile(s.path, flag, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, err
	}
	s.header = make([]byte, sumsHeader)
	if _, err := file.ReadAt(s.header, 0); err != nil && err != io.EOF {
		return nil, errors.Join(err, file.Close())
	}
	if allZero(s.header[:512]) { // a power cut came before its first sync
		if readOnly {
			return s, file.Close()
		}
		if err := s.begin(file); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	if string(s.header[:len(sumsMagic)]) != sumsMagic {
		return nil, errors.Join(fmt.Errorf("%w: %s is no file of checksums", ErrDescription, s.path), file.Close())
	}
	s.file = file
	s.changed = !readOnly // of a process before this one, which may have been killed
	return s, nil
}

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// create makes the file when it is not there.
func (s *blockSums) create() error {
	if s.file != nil {
		return nil
	}
	file, err := s.fs.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	if err := s.begin(file); err != nil {
		return errors.Join(err, file.Close())
	}
	s.file, s.fresh = file, true
	return nil
}

// begin makes a file know nothing.
func (s *blockSums) begin(file vfs.File) error {
	s.header = make([]byte, sumsHeader)
	copy(s.header, sumsMagic)
	s.changed = true
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(s.header, 0)
	return err
}

// sumOf is the checksum of a block; 0 stands for one that is not known.
func sumOf(block []byte) uint32 { return max(crc32.Checksum(block, castagnoli), 1) }

// room is a buffer for the checksums of n blocks.
func (s *blockSums) room(n int) []byte {
	if len(s.scratch) < n*sumSize {
		s.scratch = make([]byte, n*sumSize)
	}
	return s.scratch[:n*sumSize]
}

// put notes the checksums of blocks.
func (s *blockSums) put(lba int64, p []byte) error {
	b := s.room(len(p) / BlockSize)
	for i := range len(p) / BlockSize {
		binary.LittleEndian.PutUint32(b[i*sumSize:], sumOf(p[i*BlockSize:][:BlockSize]))
	}
	s.changed = true
	_, err := s.file.WriteAt(b, sumsHeader+lba*sumSize)
	return err
}

// mark notes, durably, that blocks in a range are about to be replaced: a power
// cut may leave them with the checksum of what they were before, or the other way
// round.
func (s *blockSums) mark(lba, n int64) error {
	first, last := lba/region, (lba+n-1)/region
	change := false
	for r := first; r <= last; r++ {
		at, bit := r/8, byte(1)<<(r%8)
		if s.header[sumsRegions+at]&bit == 0 {
			s.header[sumsRegions+at] |= bit
			s.marked[at] |= bit
			change = true
		}
	}
	if !change {
		return nil
	}
	s.changed = true
	if _, err := s.file.WriteAt(s.header[sumsRegions:], sumsRegions); err != nil {
		return err
	}
	return s.sync()
}

// sync makes everything durable that was put.
func (s *blockSums) sync() error {
	if s.file == nil || !s.changed && !s.fresh {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if s.fresh {
		if err := s.fs.SyncDir(filepath.Dir(s.path)); err != nil {
			return err
		}
	}
	s.changed, s.fresh = false, false
	return nil
}

// settled says that image and checksums are durable: what was marked since is as
// good as any other. The bits may come back with a power cut, which does no harm.
func (s *blockSums) settled() error {
	if s.file == nil || s.keep || allZero(s.marked) {
		return nil
	}
	for i, v := range s.marked {
		s.header[sumsRegions+i] &^= v
	}
	clear(s.marked)
	_, err := s.file.WriteAt(s.header[sumsRegions:], sumsRegions)
	return err
}

// check compares blocks with their checksums. It returns how many of them have
// one, and the first that is damaged, -1 for none.
func (s *blockSums) check(lba int64, p []byte) (known int, damaged int64, err error) {
	if s.file == nil {
		return 0, -1, nil
	}
	count := (len(p) + BlockSize - 1) / BlockSize
	b := s.room(count)
	n, err := s.file.ReadAt(b, sumsHeader+lba*sumSize)
	if err != nil && err != io.EOF {
		return 0, -1, err
	}
	clear(b[n:])
	for i := range count {
		want := binary.LittleEndian.Uint32(b[i*sumSize:])
		if want == 0 || len(p) < (i+1)*BlockSize {
			continue
		}
		at := lba + int64(i)
		if r := at / region; s.header[sumsRegions+r/8]&(1<<(r%8)) != 0 {
			continue
		}
		if sumOf(p[i*BlockSize:][:BlockSize]) != want {
			return known, at, nil
		}
		known++
	}
	return known, -1, nil
}

// reload reads the marks again: another process may be writing the disc.
func (s *blockSums) reload() error {
	if s.file == nil {
		return nil
	}
	_, err := s.file.ReadAt(s.header[sumsRegions:], sumsRegions)
	return err
}

// cut takes the checksums away from an address on.
func (s *blockSums) cut(lba int64) error {
	if s.file == nil {
		return nil
	}
	size, err := s.file.Size()
	if err != nil || size <= sumsHeader+lba*sumSize {
		return err
	}
	s.changed = true
	return s.file.Truncate(sumsHeader + lba*sumSize)
}

// maxHealed bounds how many regions are gone through when a disc is opened.
const maxHealed = 16

// heal gives the blocks of regions that a process left marked the checksums of
// what they have now, whatever came of its last writes. blocks are those that the
// image may have. A region that cannot be read stays marked.
func (s *blockSums) heal(image vfs.File, blocks int64) error {
	if s.file == nil || allZero(s.header[sumsRegions:]) {
		return nil
	}
	healed := 0
	for r := range int64(len(s.marked)) * 8 {
		at, bit := r/8, byte(1)<<(r%8)
		if s.header[sumsRegions+at]&bit == 0 {
			continue
		}
		if healed++; healed > maxHealed {
			break
		}
		if s.healRegion(image, r*region, min((r+1)*region, blocks)) == nil {
			s.marked[at] |= bit
		}
	}
	s.changed = true
	if err := errors.Join(image.Sync(), s.sync()); err != nil {
		return err
	}
	return s.settled()
}

// healRegion does it from an address to another.
func (s *blockSums) healRegion(image vfs.File, from, to int64) error {
	const piece = 512 // blocks
	p, sums := make([]byte, piece*BlockSize), make([]byte, piece*sumSize)
	for lba := from; lba < to; lba += piece {
		n, err := image.ReadAt(p, lba*BlockSize)
		if err != nil && err != io.EOF {
			return err
		}
		clear(p[n:])
		if n, err = s.file.ReadAt(sums, sumsHeader+lba*sumSize); err != nil && err != io.EOF {
			return err
		}
		clear(sums[n:])
		for i := range piece {
			block, sum := p[i*BlockSize:][:BlockSize], sums[i*sumSize:][:sumSize]
			if !allZero(sum) || !allZero(block) {
				binary.LittleEndian.PutUint32(sum, sumOf(block))
			}
		}
		if allZero(sums) {
			continue
		}
		if _, err := s.file.WriteAt(sums, sumsHeader+lba*sumSize); err != nil {
			return err
		}
	}
	return nil
}

// forget takes all checksums away, durably: before the blocks themselves go.
func (s *blockSums) forget() error {
	if s.file == nil {
		return nil
	}
	clear(s.header[sumsRegions:])
	clear(s.marked)
	s.keep = false
	if err := s.file.Truncate(sumsHeader); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(s.header[sumsRegions:], sumsRegions); err != nil {
		return err
	}
	s.changed = true
	return s.sync()
}

// drop closes the file and knows nothing any more.
func (s *blockSums) drop() error {
	err := s.close()
	s.file = nil
	return err
}

func (s *blockSums) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
