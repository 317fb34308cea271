package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is one of the suite's daemons.
type Process struct {
	PID     int
	Name    string // the program
	ID      int    // of the device; 0: none
	started string // tells it from a later process with the same number
}

func (p Process) String() string { return fmt.Sprintf("%s %d (process %d)", p.Name, p.ID, p.PID) }

// Alive reports whether the process still runs; a zombie does not.
func (p Process) Alive() bool {
	state, started, _, err := stat(p.PID)
	return err == nil && started == p.started && state != "Z" && state != "X"
}

// Kill sends SIGKILL and waits for the end of the process.
func (p Process) Kill(t testing.TB) {
	t.Helper()
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", p, err)
	}
	for deadline := time.Now().Add(10 * time.Second); p.Alive(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s lives on after SIGKILL", p)
		}
	}
}

// stat reads state, start time and parent of a process (proc(5)).
func stat(pid int) (state, started string, parent int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", "", 0, err
	}
	// The second field is a name in parentheses that may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return "", "", 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], fields[19], parent, err
}

// Daemons lists the living processes below `vtlcmd up`.
func (s *Suite) Daemons(t testing.TB) []Process {
	t.Helper()
	if s.cmd == nil {
		return nil
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var daemons []Process
	for _, dir := range all {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		state, started, parent, err := stat(pid)
		if err != nil || parent != s.cmd.Process.Pid || state == "Z" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		p := Process{PID: pid, started: started}
		for i, arg := range strings.Split(string(text), "\x00") {
			if i == 0 {
				p.Name = filepath.Base(arg)
			} else if id, err := strconv.Atoi(arg); err == nil && p.ID == 0 && p.Name != "vtlportal" {
				p.ID = id
			}
		}
		daemons = append(daemons, p)
	}
	return daemons
}

// Daemon finds one daemon; id is 0 for the portal.
func (s *Suite) Daemon(t testing.TB, name string, id int) Process {
	t.Helper()
	for _, p := range s.Daemons(t) {
		if p.Name == name && p.ID == id {
			return p
		}
	}
	t.Fatalf("no %s %d runs: %v", name, id, s.Daemons(t))
	return Process{}
}

// AwaitDaemon waits until a daemon runs again that is not the one given.
func (s *Suite) AwaitDaemon(t testing.TB, old Process) Process {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		for _, p := range s.Daemons(t) {
			if p.Name == old.Name && p.ID == old.ID && p.PID != old.PID {
				return p
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not restarted", old)
		}
	}
}
