// Command guest is PID 1 of the virtual machine that package qemu boots: the only
// program in it. It loads the kernel's drivers, then carries out what it is told
// on the second serial line, a request and an answer a line each:
//
//	write 7 16 65536        COUNT blocks of SIZE bytes from SEED on: SEED COUNT SIZE
//	ok 16
//	rewind
//	ok
//	read 9 1 65536 65536
//	error block 0 is another one
//
// Data never go over that line: both sides know what a block of a seed contains.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"govtl/test/linux"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is PID 1 of a virtual machine of the tests, and of no use elsewhere")
		os.Exit(2)
	}
	if err := serve(); err != nil {
		fmt.Println("guest:", err) // on the console, which the test shows
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// serve sets the machine up and answers requests until the line ends.
func serve() error {
	for _, m := range []struct{ kind, dir string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := errors.Join(os.MkdirAll(m.dir, 0o755), unix.Mount(m.kind, m.dir, m.kind, 0, "")); err != nil {
			return fmt.Errorf("mount of %s: %w", m.dir, err)
		}
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	line, err := os.OpenFile("/dev/ttyS1", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	if err := raw(line); err != nil {
		return err
	}
	fmt.Fprintln(line, "ok ready")
	var g guest
	for in := bufio.NewScanner(line); in.Scan(); {
		words := strings.Fields(in.Text())
		if len(words) == 0 {
			continue
		}
		result, err := g.request(words[0], words[1:])
		if err != nil {
			fmt.Fprintln(line, "error", strings.ReplaceAll(err.Error(), "\n", "; "))
			continue
		}
		fmt.Fprintln(line, strings.TrimSpace("ok "+result))
	}
	return errors.New("the line has ended")
}

// raw makes a terminal a line that passes bytes on as they are.
func raw(f *os.File) error {
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
}

// loadModules loads the modules of a directory, each when those that it needs are
// there: in as many rounds as that takes.
func loadModules(dir string) error {
	files, err := filepath.Glob(dir + "/*.ko")
	for n := len(files) + 1; err == nil && len(files) > 0 && len(files) < n; {
		n = len(files)
		files = slices.DeleteFunc(files, func(name string) bool {
			err = loadModule(name)
			return err == nil
		})
		if len(files) < n {
			err = nil
		}
	}
	return err
}

// loadModule loads one module, unless it is there.
func loadModule(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	parameters := ""
	if filepath.Base(name) == "scsi_mod.ko" {
		parameters = "scan=sync" // the devices are there when the last module is
	}
	if err := unix.FinitModule(int(f.Fd()), parameters, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// guest is what requests act on.
type guest struct {
	tape *linux.Tape
}

// request carries out one request.
func (g *guest) request(name string, args []string) (string, error) {
	if name == "devices" {
		return devices()
	}
	if name == "open" || name == "move" {
		if len(args) != 2 {
			return "", fmt.Errorf("%s wants two words", name)
		}
	}
	if name == "open" {
		var err error
		g.tape, err = linux.OpenTape(args[0], args[1] == "rw")
		return "", err
	}
	var n [4]int
	for i, a := range args {
		v, err := strconv.Atoi(a)
		if err != nil || i == len(n) {
			return "", fmt.Errorf("%s: %q", name, args)
		}
		n[i] = v
	}
	if name == "move" {
		return "", move(n[0], n[1])
	}
	if g.tape == nil {
		return "", fmt.Errorf("%s: no tape is open", name)
	}
	switch name {
	case "close":
		err := g.tape.Close()
		g.tape = nil
		return "", err
	case "write":
		return g.write(n[0], n[1], n[2])
	case "read":
		return "", g.read(n[0], n[1], n[2], n[3])
	case "prefix":
		return g.prefix(n[0], n[1])
	case "end":
		return "", g.end(n[0])
	case "block":
		return "", g.tape.SetBlock(n[0])
	case "filemarks":
		return "", g.tape.WriteFilemarks(n[0])
	case "rewind":
		return "", g.tape.Rewind()
	case "eod":
		return "", g.tape.EndOfData()
	case "space-filemarks":
		return "", g.tape.Filemarks(n[0])
	case "space-records":
		return "", g.tape.Records(n[0])
	case "seek":
		return "", g.tape.Seek(n[0])
	case "tell":
		at, err := g.tape.Tell()
		return strconv.Itoa(at), err
	}
	return "", fmt.Errorf("unknown request %q", name)
}

// content is the block of a seed; no two seeds begin alike.
func content(seed, size int) []byte {
	p := make([]byte, size)
	var key [32]byte
	copy(key[:], strconv.Itoa(seed))
	rand.NewChaCha8(key).Read(p)
	return p
}

// write writes blocks and says how many were accepted, also in the error.
func (g *guest) write(seed, count, size int) (string, error) {
	for i := range count {
		n, err := g.tape.Write(content(seed+i, size))
		if err == nil && n != size {
			err = fmt.Errorf("only %d bytes taken", n)
		}
		if err != nil {
			return "", fmt.Errorf("accepted %d: %w", i, err)
		}
	}
	return strconv.Itoa(count), nil
}

// read reads blocks, with room for more than they have, and compares them.
func (g *guest) read(seed, count, size, room int) error {
	buf := make([]byte, room)
	for i := range count {
		n, err := g.tape.Read(buf)
		switch {
		case err != nil:
			return fmt.Errorf("block %d: %w", i, err)
		case n != size:
			return fmt.Errorf("block %d has %d bytes", i, n)
		case !bytes.Equal(buf[:n], content(seed+i, size)):
			return fmt.Errorf("block %d is another one", i)
		}
	}
	return nil
}

// prefix reads blocks until a filemark or the end of data: they have to be those
// of a write in order, none missing, none twice. It says how many there are.
func (g *guest) prefix(seed, size int) (string, error) {
	buf := make([]byte, size+1)
	for i := 0; ; i++ {
		n, err := g.tape.Read(buf)
		switch {
		case err != nil:
			return "", fmt.Errorf("block %d: %w", i, err)
		case n == 0:
			return strconv.Itoa(i), nil
		case !bytes.Equal(buf[:n], content(seed+i, size)):
			return "", fmt.Errorf("block %d of %d bytes is another one", i, n)
		}
	}
}

// end reads a filemark, or finds the end of data.
func (g *guest) end(room int) error {
	n, err := g.tape.Read(make([]byte, room))
	if err == nil && n != 0 {
		err = fmt.Errorf("there are %d bytes", n)
	}
	return err
}

// move moves a medium from a storage element to a drive by the ch driver's
// CHIOMOVE; both are counted from 0, <linux/chio.h>.
func move(slot, drive int) error {
	const (
		request                         = 0x40146301
		storageElement, transferElement = 1, 3
	)
	f, err := os.Open("/dev/sch0")
	if err != nil {
		return err
	}
	defer f.Close()
	m := [5]int32{storageElement, int32(slot), transferElement, int32(drive), 0}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&m))); errno != 0 {
		return fmt.Errorf("CHIOMOVE: %w", errno)
	}
	return nil
}

// devices lists what the kernel has found: type, model, serial number and name
// of each, separated by commas.
func devices() (string, error) {
	dirs, err := filepath.Glob("/sys/bus/scsi/devices/*:*:*:*")
	if err != nil {
		return "", err
	}
	var all []string
	for _, dir := range dirs {
		attribute := func(name string) string {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return "?"
			}
			return strings.TrimSpace(string(b))
		}
		serial := "?"
		if page := attribute("vpd_pg80"); len(page) > 4 {
			serial, _, _ = strings.Cut(strings.TrimSpace(page[4:]), " ") // a changer adds an address
		}
		name := "?"
		for _, pattern := range []string{"scsi_tape/nst?", "scsi_changer/sch?"} {
			if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
				name = filepath.Base(found[0])
			}
		}
		all = append(all, strings.Join([]string{attribute("type"), attribute("model"), serial, name}, ","))
	}
	return strings.Join(all, " "), nil
}
