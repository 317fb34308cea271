//go:build e2e

package qemu

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// initrd is the file system of the virtual machine as the kernel unpacks it: a cpio
// archive of the format "newc" (Linux: Documentation/driver-api/early-userspace).
type initrd struct {
	bytes.Buffer
	inode int
}

// Modes of what is in it.
const (
	modeDirectory = 0o040755
	modeProgram   = 0o100755
	modeConsole   = 0o020600
)

// add appends one entry; major and minor are those of a device.
func (i *initrd) add(name string, mode int, major, minor int, content []byte) {
	i.inode++
	fmt.Fprintf(i, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		i.inode, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name)+1, 0)
	i.WriteString(name)
	i.WriteByte(0)
	i.pad()
	i.Write(content)
	i.pad()
}

// pad fills up to a multiple of four bytes.
func (i *initrd) pad() { i.Write(make([]byte, -i.Len()&3)) }

// writeInitrd makes the file with a program as PID 1 and the modules of a directory.
func writeInitrd(path, program, modules string) error {
	var i initrd
	for _, dir := range []string{"dev", "modules"} {
		i.add(dir, modeDirectory, 0, 0, nil)
	}
	i.add("dev/console", modeConsole, 5, 1, nil)
	b, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	i.add("init", modeProgram, 0, 0, b)
	files, err := filepath.Glob(filepath.Join(modules, "*.ko"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no kernel modules in %s: run make qemu", modules)
	}
	for _, f := range files {
		if b, err = os.ReadFile(f); err != nil {
			return err
		}
		i.add("modules/"+filepath.Base(f), modeProgram, 0, 0, b)
	}
	i.add("TRAILER!!!", 0, 0, 0, nil)
	return os.WriteFile(path, i.Bytes(), 0o644)
}
