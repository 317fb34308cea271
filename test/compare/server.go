package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"govtl/test/port"
)

// server is a running target with a tape in its drive.
type server struct {
	name   string
	addr   string
	target string
	lun    byte
	drive  int // process of the drive
	cmd    *exec.Cmd
	log    *bytes.Buffer
	ended  chan struct{}
}

// start starts a server's program; what it prints comes with errors.
func start(name string, path string, args ...string) (*server, error) {
	s := &server{name: name, log: new(bytes.Buffer), ended: make(chan struct{})}
	s.cmd = exec.Command(path, args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// until repeats try until it succeeds, the server ends, or 20 seconds are over.
func (s *server) until(what string, try func() error) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended: %s", s.name, s.log)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %s: %w", s.name, what, err)
		}
	}
}

// resident is the memory of the drive's process in bytes; 0: unknown.
func (s *server) resident() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.drive))
	if f := strings.Fields(string(b)); err == nil && len(f) > 1 {
		n, _ := strconv.ParseInt(f[1], 10, 64)
		return n * int64(os.Getpagesize())
	}
	return 0
}

// startSuite starts the suite as `vtlcmd up` makes it, and loads a tape.
func startSuite(o options, dir string) (*server, error) {
	addr, err := port.Free()
	if err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "suite")
	places := []string{"--state", state, "--config", filepath.Join(state, "vtl.yaml")}
	vtlcmd := filepath.Join(o.bin, "vtlcmd")
	s, err := start("this suite", vtlcmd, append([]string{"up", "--listen", addr}, places...)...)
	if err != nil {
		return nil, err
	}
	s.addr, s.target = addr, "iqn.2026-11.local.vtl:drive11"
	run := func(args ...string) error { return output(vtlcmd, append(places, args...)...) }
	if err := s.until("loading a tape", func() error { return run("11", "load", "VTL001L9") }); err != nil {
		s.stop()
		return nil, err
	}
	if err := run("11", "compression", o.compression); err != nil {
		s.stop()
		return nil, err
	}
	s.drive, err = child(s.cmd.Process.Pid, "vtltape", "11")
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// child finds the process below another that runs a program with an argument.
func child(parent int, program, arg string) (int, error) {
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, name := range entries {
		b, err := os.ReadFile(name)
		args := strings.Split(string(b), "\x00")
		if err != nil || filepath.Base(args[0]) != program || len(args) < 2 || args[1] != arg {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(name), "stat"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			return strconv.Atoi(filepath.Base(filepath.Dir(name)))
		}
	}
	return 0, fmt.Errorf("no process %s %s below %d", program, arg, parent)
}

// startTgtd starts tgtd with its ssc backing store and a cartridge of 16 GB.
func startTgtd(_ options, dir string) (*server, error) {
	const control = "177" // number of its control socket, of several tgtd on a host
	path, err := exec.LookPath("tgtd")
	if err != nil {
		return nil, fmt.Errorf("%w (Debian: apt-get install tgt; or --peer none)", err)
	}
	addr, err := port.Free()
	if err != nil {
		return nil, err
	}
	tape := filepath.Join(dir, "tgt.tape")
	if err := output("tgtimg", "--op", "new", "--device-type", "tape", "--barcode=T00001", "--size=16000",
		"--type=data", "--file="+tape, "--thin-provisioning"); err != nil {
		return nil, err
	}
	s, err := start("tgtd", path, "-f", "-C", control, "--iscsi", "portal="+addr)
	if err != nil {
		return nil, err
	}
	s.addr, s.target, s.lun, s.drive = addr, "iqn.2026-11.test.compare:tape", 1, s.cmd.Process.Pid
	admin := func(args ...string) error {
		return output("tgtadm", append([]string{"-C", control, "--lld", "iscsi", "--op"}, args...)...)
	}
	err = s.until("making the target", func() error { return admin("new", "--mode", "target", "--tid", "1", "-T", s.target) })
	if err == nil {
		err = errors.Join(
			admin("new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "--device-type", "tape", "-b", tape),
			admin("bind", "--mode", "target", "--tid", "1", "-I", "ALL"))
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// output runs a program; what it printed is part of the error.
func output(path string, args ...string) error {
	if b, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(path), strings.Join(args, " "), err, bytes.TrimSpace(b))
	}
	return nil
}
