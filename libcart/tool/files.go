package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"govtl/internal/buffer"
	"govtl/libcart"
)

// Extract writes the blocks of one tape file, those between two filemarks, to w,
// and returns how many bytes that were. The first file is 0. io.EOF: there is no
// such file.
func Extract(c *libcart.Cartridge, part uint8, file uint64, w io.Writer) (n int64, err error) {
	if err := c.LocateFile(part, file); err != nil {
		if errors.Is(err, libcart.ErrEndOfData) {
			err = io.EOF
		}
		return 0, err
	}
	for blocks := 0; ; blocks++ {
		o, err := c.Read(libcart.MaxBlock)
		switch {
		case errors.Is(err, libcart.ErrEndOfData) && blocks == 0:
			return 0, io.EOF
		case errors.Is(err, libcart.ErrEndOfData), errors.Is(err, libcart.ErrFilemark):
			return n, nil
		case err != nil:
			return n, err
		}
		m, err := w.Write(o.Block.B)
		o.Block.Release()
		if n += int64(m); err != nil {
			return n, err
		}
	}
}

// ExtractAll writes each tape file of a partition to a file in dir, named after
// its number, and calls done for each. It never overwrites, and leaves no file
// behind that is not whole.
func ExtractAll(c *libcart.Cartridge, part uint8, dir string, done func(name string, bytes int64)) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for file := uint64(0); ; file++ {
		name := filepath.Join(dir, fmt.Sprintf("file%05d", file))
		n, err := extractTo(c, part, file, name)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		done(name, n)
	}
}

func extractTo(c *libcart.Cartridge, part uint8, file uint64, name string) (n int64, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return 0, err
	}
	n, err = Extract(c, part, file, f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(name)
	}
	return n, err
}

// Import appends what r has behind the end of data of a partition, in blocks of
// size bytes (the last may be shorter), and a filemark. When it fails, the tape
// ends where it ended before.
func Import(ctx context.Context, c *libcart.Cartridge, part uint8, r io.Reader, size int) (n int64, err error) {
	if size < 1 || size > libcart.MaxBlock {
		return 0, fmt.Errorf("blocks of %d bytes: not in 1 to %d", size, libcart.MaxBlock)
	}
	if err := c.LocateEnd(part); err != nil {
		return 0, err
	}
	from := c.Position().Object
	defer func() {
		if err != nil && c.Position().Object > from {
			if e := c.LocateObject(part, from); e == nil {
				err = errors.Join(err, c.Erase())
			}
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return n, context.Cause(ctx)
		}
		b := buffer.Default.Get(size)
		m, err := io.ReadFull(r, b.B)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			b.Release()
			return n, err
		}
		if m == 0 {
			b.Release()
			break
		}
		b.B = b.B[:m]
		if _, err := c.Write(b); err != nil {
			return n, err
		}
		n += int64(m)
	}
	if _, err := c.WriteFilemarks(1); err != nil {
		return n, err
	}
	return n, c.Sync(ctx)
}
