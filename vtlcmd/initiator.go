package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"govtl/internal/daemon"
)

// Exit statuses of iscsiadm(8) that are no failures here.
const (
	statusSessionExists = 15 // logged in already
	statusNothingFound  = 21 // no such record or session
)

// nodeWait is how long the kernel's drivers may take to show a device after a
// login, and nodeLook how often it is looked.
const (
	nodeWait = 15 * time.Second
	nodeLook = 50 * time.Millisecond
)

// initiator is this host's open-iscsi: iscsiadm, and what the kernel shows.
type initiator struct {
	program  string // iscsiadm
	sys, dev string // /sys and /dev
}

// newInitiator finds open-iscsi, or says what to do. Only root may use it.
func newInitiator() (*initiator, error) {
	if os.Geteuid() != 0 {
		return nil, daemon.WithHint(errors.New("open-iscsi only obeys root: it makes devices in the kernel"), "sudo vtlcmd, with --config and --state when the suite is yours")
	}
	path, err := findIscsiadm("/usr/sbin", "/sbin", "/usr/local/sbin")
	if err != nil {
		return nil, err
	}
	return &initiator{program: path, sys: "/sys", dev: "/dev"}, nil
}

// findIscsiadm looks in the PATH and in directories that it may not have.
func findIscsiadm(more ...string) (string, error) {
	path, err := exec.LookPath("iscsiadm")
	for _, dir := range more {
		if err == nil {
			break
		}
		path, err = exec.LookPath(filepath.Join(dir, "iscsiadm"))
	}
	if err != nil {
		return "", daemon.WithHint(errors.New("this host has no iscsiadm, so no open-iscsi"),
			"the package is open-iscsi on Debian and Ubuntu, iscsi-initiator-utils on Fedora and Red Hat")
	}
	return path, nil
}

// run runs iscsiadm. A failure is told with what it printed.
func (i *initiator) run(ctx context.Context, args ...string) (out string, status int, err error) {
	cmd := exec.CommandContext(ctx, i.program, args...)
	cmd.WaitDelay = time.Second
	b, err := cmd.CombinedOutput()
	out = strings.TrimSpace(string(b))
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, 0, nil
	case ctx.Err() != nil:
		return out, -1, fmt.Errorf("iscsiadm: %w", context.Cause(ctx))
	case errors.As(err, &exit):
		status = exit.ExitCode()
	}
	_, reason, _ := strings.Cut(out, "iscsiadm: ")
	if reason == "" {
		reason = err.Error()
	}
	return out, status, fmt.Errorf("iscsiadm: %s", strings.ReplaceAll(reason, "\n", "; "))
}

// found is a target as discovery tells of it.
type found struct{ portal, target string }

// discover asks a portal for its targets, and makes iscsiadm remember them.
func (i *initiator) discover(ctx context.Context, address string) ([]found, error) {
	out, _, err := i.run(ctx, "-m", "discovery", "-t", "sendtargets", "-p", address)
	if err != nil {
		return nil, daemon.WithHint(err, "'vtlcmd doctor' tells whether the suite answers at %s; iscsid must run, and with CHAP /etc/iscsi/iscsid.conf needs the secrets", address)
	}
	return parseDiscovery(out), nil
}

// parseDiscovery reads lines such as "127.0.0.1:3260,1 iqn.2026-11.local.vtl:drive11".
func parseDiscovery(out string) []found {
	var all []found
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		portal, _, ok := strings.Cut(f[0], ",")
		if _, _, err := net.SplitHostPort(portal); ok && err == nil {
			all = append(all, found{portal, f[1]})
		}
	}
	return all
}

// login logs in to a target, if it is not.
func (i *initiator) login(ctx context.Context, f found) error {
	_, status, err := i.run(ctx, "-m", "node", "-T", f.target, "-p", f.portal, "--login")
	if status == statusSessionExists {
		return nil
	}
	return daemon.WithHint(err, "the suite's log tells why a login was refused; with CHAP, /etc/iscsi/iscsid.conf needs the secrets before discovery")
}

// logout logs out of a target and makes iscsiadm forget it.
func (i *initiator) logout(ctx context.Context, f found) error {
	for _, what := range [][]string{{"--logout"}, {"-o", "delete"}} {
		_, status, err := i.run(ctx, append([]string{"-m", "node", "-T", f.target, "-p", f.portal}, what...)...)
		if err != nil && status != statusNothingFound {
			return daemon.WithHint(err, "a program may have the device open")
		}
	}
	return nil
}

// session is an iSCSI session of the kernel, a directory of /sys.
type session struct {
	dir string
	found
}

// sessions lists them. A portal that is not known is empty.
func (i *initiator) sessions() []session {
	dirs, err := filepath.Glob(filepath.Join(i.sys, "class/iscsi_session/session*"))
	if err != nil {
		return nil
	}
	var all []session
	for _, dir := range dirs {
		s := session{dir: dir, found: found{target: attribute(dir, "targetname")}}
		c, err := filepath.Glob(filepath.Join(dir, "device/connection*/iscsi_connection/connection*"))
		if err == nil && len(c) > 0 {
			if host, port := attribute(c[0], "persistent_address"), attribute(c[0], "persistent_port"); host != "" {
				s.portal = net.JoinHostPort(host, port)
			}
		}
		all = append(all, s)
	}
	return all
}

// attribute reads a file of /sys.
func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// nodes are the devices of a session, as programs open them. A name is empty when
// that driver does not have the device.
type nodes struct {
	Tape    string   `json:"tape,omitempty"`    // /dev/nst0: does not rewind at the close
	Changer string   `json:"changer,omitempty"` // /dev/sch0
	Generic string   `json:"generic,omitempty"` // /dev/sg0
	ByID    []string `json:"byId,omitempty"`    // names that stay the same, made by udev
}

// complete says that the drivers have done with a device: sg, and st or ch.
func (n nodes) complete() bool { return n.Generic != "" && (n.Tape != "" || n.Changer != "") }

// nodes finds the devices of a session now.
func (i *initiator) nodes(s session) nodes {
	n := nodes{
		Tape: i.node(s, "scsi_tape", `^nst[0-9]+$`), Changer: i.node(s, "scsi_changer", `^sch[0-9]+$`), Generic: i.node(s, "scsi_generic", `^sg[0-9]+$`),
	}
	for _, dir := range []string{"tape/by-id", "changer/by-id"} {
		links, err := filepath.Glob(filepath.Join(i.dev, dir, "*"))
		if err != nil {
			continue
		}
		for _, link := range links {
			to, err := filepath.EvalSymlinks(link)
			if err == nil && slices.Contains([]string{n.Tape, n.Changer, n.Generic}, to) {
				n.ByID = append(n.ByID, link)
			}
		}
	}
	return n
}

// node finds the device of one driver below a session.
func (i *initiator) node(s session, class, pattern string) string {
	all, err := filepath.Glob(filepath.Join(s.dir, "device/target*/*", class, "*"))
	if err != nil {
		return ""
	}
	re := regexp.MustCompile(pattern)
	for _, path := range all {
		if name := filepath.Base(path); re.MatchString(name) {
			if node := filepath.Join(i.dev, name); exists(node) {
				return node
			}
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// await waits for the devices of a target. What is there when the time is over
// is the result.
func (i *initiator) await(ctx context.Context, f found) nodes {
	ctx, cancel := context.WithTimeout(ctx, nodeWait)
	defer cancel()
	for {
		var n nodes
		for _, s := range i.sessions() {
			if s.found == f {
				n = i.nodes(s)
			}
		}
		if n.complete() {
			return n
		}
		select {
		case <-ctx.Done():
			return n
		case <-time.After(nodeLook): // the kernel tells nobody
		}
	}
}
