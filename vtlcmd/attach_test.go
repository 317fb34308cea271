package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"govtl/internal/daemon"
)

func TestParseDiscovery(t *testing.T) {
	got := parseDiscovery("127.0.0.1:3260,1 iqn.2026-11.local.vtl:drive11\n[::1]:3260,1 iqn.a\niscsiadm: a warning of three words\nnonsense iqn.b\n127.0.0.1,1 iqn.c\n")
	want := []found{{"127.0.0.1:3260", "iqn.2026-11.local.vtl:drive11"}, {"[::1]:3260", "iqn.a"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestFindIscsiadm(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	_, err := findIscsiadm(filepath.Join(dir, "sbin"))
	if err == nil || !strings.Contains(err.Error(), "no iscsiadm") || !strings.Contains(daemon.Hint(err), "open-iscsi on Debian") {
		t.Errorf("without one: %v, hint %q", err, daemon.Hint(err))
	}
	there := filepath.Join(dir, "sbin", "iscsiadm")
	write(t, there, "#!/bin/sh\n", 0o755)
	if got, err := findIscsiadm(filepath.Join(dir, "sbin")); got != there || err != nil {
		t.Errorf("found %q, %v", got, err)
	}
}

// write makes a file and the directories above it.
func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// TestNodesOfASession finds devices in directories like those of the kernel's.
func TestNodesOfASession(t *testing.T) {
	top := t.TempDir()
	i := &initiator{sys: filepath.Join(top, "sys"), dev: filepath.Join(top, "dev")}
	session := filepath.Join(i.sys, "class/iscsi_session/session1")
	unit := filepath.Join(session, "device/target2:0:0/2:0:0:0")
	write(t, filepath.Join(session, "targetname"), "iqn.t\n", 0o644)
	connection := filepath.Join(session, "device/connection1:0/iscsi_connection/connection1:0")
	write(t, filepath.Join(connection, "persistent_address"), "127.0.0.1\n", 0o644)
	write(t, filepath.Join(connection, "persistent_port"), "3260\n", 0o644)
	for _, name := range []string{"scsi_tape/nst3", "scsi_tape/nst3a", "scsi_tape/nst3l", "scsi_tape/st3", "scsi_generic/sg7"} {
		write(t, filepath.Join(unit, name, "dev"), "", 0o644)
	}
	all := i.sessions()
	if len(all) != 1 || all[0].found != (found{"127.0.0.1:3260", "iqn.t"}) {
		t.Fatalf("sessions %v", all)
	}
	if n := i.nodes(all[0]); n.complete() || n.Tape != "" {
		t.Errorf("devices before they are in /dev: %+v", n)
	}
	for _, name := range []string{"nst3", "nst3a", "st3", "sg7", "nst4"} {
		write(t, filepath.Join(i.dev, name), "", 0o644)
	}
	for link, to := range map[string]string{"scsi-X-nst": "../../nst3", "scsi-Y-nst": "../../nst4", "scsi-X-sg": "../../sg7"} {
		path := filepath.Join(i.dev, "tape/by-id", link)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	n := i.nodes(all[0])
	byID := []string{filepath.Join(i.dev, "tape/by-id/scsi-X-nst"), filepath.Join(i.dev, "tape/by-id/scsi-X-sg")}
	if !n.complete() || n.Tape != filepath.Join(i.dev, "nst3") || n.Generic != filepath.Join(i.dev, "sg7") || n.Changer != "" || !slices.Equal(n.ByID, byID) {
		t.Errorf("devices %+v", n)
	}
}

// TestAttachNeedsRoot runs it as nobody; it must not even look for a suite.
func TestAttachNeedsRoot(t *testing.T) {
	u := newUps(t, oneDrive)
	for d := u.dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if strings.HasPrefix(u.bin, os.TempDir()) {
		if err := os.Chmod(u.bin, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, word := range []string{"attach", "detach"} {
		cmd := u.command(word)
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		if err == nil || string(out) != "error: open-iscsi only obeys root: it makes devices in the kernel\n"+
			"hint: sudo vtlcmd, with --config and --state when the suite is yours\n" {
			t.Errorf("%s: %v\n%s", word, err, out)
		}
	}
}

func TestAttachWhat(t *testing.T) {
	f := newFar(t)
	for _, tc := range []struct{ words, stderr string }{
		{"attach 99", "error: there is no library or drive 99 in " + f.config},
		{"attach eleven", `error: "eleven" is no device number`},
		{"detach 11 x", `error: "x" is no device number`},
	} {
		status, stdout, stderr := f.typed(strings.Fields(tc.words)...)
		if status == exitOK || stdout != "" || !strings.HasPrefix(stderr, tc.stderr+"\nhint: ") {
			t.Errorf("%s: status %d, %q, %q", tc.words, status, stdout, stderr)
		}
	}
}

func TestJoinHinted(t *testing.T) {
	err := joinHinted([]error{errors.New("one"), daemon.WithHint(errors.New("two"), "do it")})
	if err.Error() != "one\ntwo" || daemon.Hint(err) != "do it" {
		t.Errorf("%v, hint %q", err, daemon.Hint(err))
	}
	if err := joinHinted(nil); err != nil {
		t.Errorf("of nothing: %v", err)
	}
}
