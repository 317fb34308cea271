package tool

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart"
)

// sumsName is the last entry of an exported cartridge.
const sumsName = "SHA256SUMS"

// Export writes a whole cartridge as one tar archive: its files, and at the end
// their checksums as sha256sum(1) prints them. Nobody can write to the cartridge
// meanwhile; one that had not been closed properly is recovered first.
func Export(ctx context.Context, dir string, o libcart.Options, w io.Writer, progress func(done, total int64)) error {
	c, err := libcart.Open(dir, o)
	if err != nil {
		return err
	}
	info := c.Info()
	if err := c.Close(); err != nil {
		return err
	}
	release, err := libcart.Hold(dir, o)
	if err != nil {
		return err
	}
	defer release()
	names, err := libcart.Files(dir, o)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			return err
		}
		total += st.Size()
	}
	meter := &meter{ctx: ctx, total: total, tell: progress}
	t := tar.NewWriter(w)
	var sums strings.Builder
	for _, name := range names {
		inside := path.Join(info.Barcode, filepath.Base(name))
		sum, err := exportFile(t, name, inside, info.Created, meter)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum), inside)
	}
	if err := writeEntry(t, path.Join(info.Barcode, sumsName), int64(sums.Len()), info.Created, strings.NewReader(sums.String())); err != nil {
		return err
	}
	return t.Close()
}

func exportFile(t *tar.Writer, name, inside string, at time.Time, m *meter) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	err = writeEntry(t, inside, st.Size(), at, io.TeeReader(io.TeeReader(f, h), m))
	return h.Sum(nil), err
}

func writeEntry(t *tar.Writer, name string, size int64, at time.Time, r io.Reader) error {
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: at, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.Copy(t, r)
	return err
}

// meter counts bytes and ends a copy when its context does.
type meter struct {
	ctx         context.Context
	done, total int64
	told        int64
	tell        func(done, total int64)
}

func (m *meter) Write(b []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, context.Cause(m.ctx)
	}
	m.done += int64(len(b))
	if m.tell != nil && (m.done-m.told >= 64<<20 || m.done == m.total) {
		m.told = m.done
		m.tell(m.done, m.total)
	}
	return len(b), nil
}

// ErrNotExported says that a file is no exported cartridge, or a damaged one.
var ErrNotExported = errors.New("not an exported cartridge, or a damaged one")

// Restore makes a cartridge of an archive of Export, in a new directory below
// home that is named as its barcode, and returns that. It is there when it is
// whole and its checksums were right; otherwise nothing is.
func Restore(ctx context.Context, home string, o libcart.Options, r io.Reader) (dir string, err error) {
	if err := os.MkdirAll(home, 0o777); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(home, ".new-import-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	barcode, err := unpack(ctx, tmp, r)
	if err != nil {
		return "", err
	}
	c, err := libcart.Open(tmp, o)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotExported, err)
	}
	same := c.Info().Barcode == barcode
	if err := c.Close(); err != nil {
		return "", err
	}
	if !same {
		return "", fmt.Errorf("%w: it calls itself %s and holds %s", ErrNotExported, barcode, c.Info().Barcode)
	}
	dir = filepath.Join(home, barcode)
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(fmt.Errorf("%w: %s", libcart.ErrExists, dir), err)
	}
	var osfs vfs.OS
	if err := osfs.SyncDir(tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", err
	}
	return dir, osfs.SyncDir(home)
}

// unpack writes the files of an archive to dir, durably, checks them, and returns
// the barcode.
func unpack(ctx context.Context, dir string, r io.Reader) (barcode string, err error) {
	sums := map[string]string{}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrNotExported, err)
		}
		folder, base := path.Split(h.Name)
		folder = strings.TrimSuffix(folder, "/")
		if h.Typeflag != tar.TypeReg || folder == "" || strings.ContainsAny(folder, "/\x00") || folder[0] == '.' || barcode != "" && folder != barcode {
			return "", fmt.Errorf("%w: entry %q", ErrNotExported, h.Name)
		}
		barcode = folder
		if base == sumsName {
			if h.Size > 4096 {
				return "", fmt.Errorf("%w: entry %q", ErrNotExported, h.Name)
			}
			b, err := io.ReadAll(t)
			if err != nil {
				return "", fmt.Errorf("%w: %w", ErrNotExported, err)
			}
			return barcode, compare(string(b), sums)
		}
		if sums[h.Name] != "" || !partOfCartridge(base) {
			return "", fmt.Errorf("%w: entry %q", ErrNotExported, h.Name)
		}
		if sums[h.Name], err = unpackFile(ctx, filepath.Join(dir, base), t); err != nil {
			return "", err
		}
	}
}

// partOfCartridge says that a cartridge may have a file of this name.
func partOfCartridge(name string) bool {
	if name == "meta" {
		return true
	}
	base, number, more := strings.Cut(name, ".")
	return (base == "data" || base == "index") && (!more || number == "1" || number == "2" || number == "3")
}

func unpackFile(ctx context.Context, name string, r io.Reader) (sum string, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h, &meter{ctx: ctx}), r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), f.Sync()
}

// compare checks checksums as sha256sum prints them against those of the files.
func compare(list string, sums map[string]string) error {
	seen := 0
	for line := range strings.Lines(list) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if sums[name] == "" || sums[name] != sum {
			return fmt.Errorf("%w: %s has another checksum", ErrNotExported, name)
		}
		seen++
	}
	if seen != len(sums) || seen == 0 {
		return fmt.Errorf("%w: %d checksums for %d files", ErrNotExported, seen, len(sums))
	}
	return nil
}
