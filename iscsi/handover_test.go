package iscsi_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// handedOver is a world whose portal hands connections over to its target.
func handedOver(t *testing.T) (*world, string) {
	t.Helper()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "drive11.sock")
	l, err := iscsi.ListenHandover(iscsi.HandoverOptions{Path: path, Acceptor: w.target, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, iscsi.ErrClosed) {
			t.Error(err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Error("the socket is still there")
		}
	})
	table := &one{target: w.target, acceptor: &iscsi.Handover{Path: path}}
	w.portal, w.address = servePortal(t, iscsi.PortalOptions{Directory: table, Route: table, Log: testLog(t)})
	return w, path
}

func TestHandover(t *testing.T) {
	w, path := handedOver(t)
	if i, err := os.Lstat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", i, err)
	}
	s := w.login(iscsitest.Config{})
	data := pattern(100*ramBlock, 1)
	w.good(s, write10(0, 1, data))
	// The session outlives its portal.
	if err := w.portal.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	check(t, "after the portal", w.good(s, read10(0, 100)).Data, data)
	if l := w.target.Sessions(); len(l) != 1 || l[0].Local.String() != w.address || l[0].Remote.String() != s.Conn.LocalAddr().String() {
		t.Errorf("%+v", l)
	}
	if err := s.Logout(); err != nil {
		t.Fatal(err)
	}
	if _, err := iscsi.ListenHandover(iscsi.HandoverOptions{Path: path, Acceptor: w.target}); err == nil {
		t.Error("a second listener takes the path over")
	}
}

// TestHandoverContinued: the first request's text came in pieces.
func TestHandoverContinued(t *testing.T) {
	w, _ := handedOver(t)
	s := w.fresh()
	text := []byte(strings.ReplaceAll(who, " ", "\x00") + "\x00")
	req := pdu.LoginRequest{Continue: true, CSG: op, ISID: pdu.ISID{0x80, 2}, InitiatorTaskTag: 7, CmdSN: 1}
	if _, _, err := s.LoginExchange(&req, text[:40]); err != nil {
		t.Fatal(err)
	}
	req = pdu.LoginRequest{Transit: true, CSG: op, NSG: full, ISID: pdu.ISID{0x80, 2}, InitiatorTaskTag: 7, CmdSN: 1}
	if r, _, err := s.LoginExchange(&req, text[40:]); err != nil || !r.Transit {
		t.Fatal(r, err)
	}
}

func TestHandoverNobody(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "gone.sock")
	refusing := func() string {
		table := &one{target: w.target, acceptor: &iscsi.Handover{Path: path, Timeout: 200 * time.Millisecond}}
		_, w.address = servePortal(t, iscsi.PortalOptions{Directory: table, Route: table})
		_, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName})
		return status(err)
	}
	if got := refusing(); got != "0301" {
		t.Errorf("no socket: %s", got)
	}
	// A socket that a process left behind.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if got := refusing(); got != "0301" {
		t.Errorf("stale socket: %s", got)
	}
	// One whose process takes nothing.
	os.Remove(path)
	if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := refusing(); got != "0301" {
		t.Errorf("silent socket: %s", got)
	}
	// And a listener takes the place of the stale one.
	l.SetUnlinkOnClose(false)
	l.Close()
	h, err := iscsi.ListenHandover(iscsi.HandoverOptions{Path: path, Acceptor: w.target})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
}

// TestHandoverHostile sends the listener what no portal would.
func TestHandoverHostile(t *testing.T) {
	w, path := handedOver(t)
	tcp := w.dial().(*net.TCPConn)
	file, err := tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	good := append([]byte("VTLH\x01\x00\x00\x00"), make([]byte, 48)...)
	rows := map[string]struct {
		message []byte
		fds     []int
	}{
		"nothing":              {nil, nil},
		"another protocol":     {[]byte("GET / HTTP/1.0\r\n\r\n" + strings.Repeat("x", 100)), nil},
		"no descriptor":        {good, nil},
		"two descriptors":      {good, []int{int(file.Fd()), int(file.Fd())}},
		"no socket":            {good, []int{int(os.Stdin.Fd())}},
		"another version":      {append([]byte("VTLH\x02"), good[5:]...), []int{int(file.Fd())}},
		"too many bytes":       {append(append([]byte{}, good...), 1, 2, 3), []int{int(file.Fd())}},
		"more text than there": {append([]byte("VTLH\x01\x00\xFF\xFF"), good[8:]...), []int{int(file.Fd())}},
		"half a message":       {good[:20], []int{int(file.Fd())}},
	}
	for name, row := range rows {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		var rights []byte
		if row.fds != nil {
			rights = unix.UnixRights(row.fds...)
		}
		if len(row.message) > 0 {
			if _, _, err := conn.WriteMsgUnix(row.message, rights, nil); err != nil {
				t.Fatal(name, err)
			}
		}
		conn.CloseWrite()
		answer := make([]byte, 10)
		if n, _ := conn.Read(answer); n > 0 && answer[0] == 0 {
			t.Errorf("%s: taken", name)
		}
		conn.Close()
	}
	s := w.login(iscsitest.Config{})
	w.good(s, read10(0, 1))
}

// TestHandoverOtherUser: another user's process is turned away. It needs root to
// become another user, and is the test binary itself; without root there is no
// other user to be.
func TestHandoverOtherUser(t *testing.T) {
	if path := os.Getenv("ISCSI_HANDOVER_AS_OTHER"); path != "" {
		conn, err := net.Dial("unix", path)
		if err != nil {
			fmt.Println("dial:", err)
			return
		}
		answer := make([]byte, 1)
		_, err = conn.Read(answer)
		fmt.Println("answer:", err)
		return
	}
	if os.Geteuid() != 0 {
		t.Log("not root: no other user to be")
		return
	}
	w, path := handedOver(t)
	// The directory and the mode are in the way first; take them out of it.
	for p := filepath.Dir(path); p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "..", "self")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run", "TestHandoverOtherUser")
	cmd.Env = append(os.Environ(), "ISCSI_HANDOVER_AS_OTHER="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "answer: EOF") {
		t.Fatalf("%s, %v", out, err)
	}
	w.good(w.login(iscsitest.Config{}), read10(0, 1))
}

// listings is a Directory and a Route of many targets.
type listings []iscsi.Listing

func (l listings) Targets() []iscsi.Listing { return l }

func (l listings) Route(name string) (iscsi.Acceptor, error) {
	switch {
	case strings.HasSuffix(name, ":moved"):
		return nil, &iscsi.MovedError{To: iscsi.PortalAddress{Host: "192.0.2.7", Port: 3260}}
	case strings.HasSuffix(name, ":moved6"):
		return nil, &iscsi.MovedError{To: iscsi.PortalAddress{Host: "2001:db8::1", Port: 3261}, Permanent: true}
	case strings.HasSuffix(name, ":starting"):
		return nil, iscsi.ErrNotReady
	case strings.HasSuffix(name, ":broken"):
		return nil, errors.New("something else")
	}
	return nil, iscsi.ErrUnknownTarget
}

func TestRoutes(t *testing.T) {
	w := &world{t: t}
	_, w.address = servePortal(t, iscsi.PortalOptions{Directory: listings{}, Route: listings{}})
	for name, want := range map[string]string{
		"moved": "0101 192.0.2.7:3260", "moved6": "0102 [2001:db8::1]:3261", "starting": "0301 ", "broken": "0301 ", "none": "0203 ",
	} {
		_, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: "iqn.2026-11.test:" + name})
		got := status(err) + " "
		var refused *iscsitest.LoginError
		if errors.As(err, &refused) {
			got += refused.Keys["TargetAddress"]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestLongDiscovery: a list that needs many PDUs, and of which an initiator sees
// what it may use.
func TestLongDiscovery(t *testing.T) {
	var all listings
	hidden := &iscsi.Policy{Initiators: []string{"iqn.2026-11.test:nobody"}}
	away := &iscsi.Policy{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for i := range 300 {
		l := iscsi.Listing{Name: fmt.Sprintf("iqn.2026-11.test:%s%d", strings.Repeat("long", 30), i)}
		switch i % 3 {
		case 1:
			l.Policy = hidden
		case 2:
			l.Portals = []iscsi.PortalAddress{{Host: "192.0.2.1", Port: 3260, GroupTag: 1}, {Host: "2001:db8::1", Port: 3260, GroupTag: 2}}
		}
		all = append(all, l)
	}
	all = append(all, iscsi.Listing{Name: "iqn.2026-11.test:away", Policy: away})
	w := &world{t: t}
	_, w.address = servePortal(t, iscsi.PortalOptions{Directory: all, Route: all})
	for _, digest := range []string{"None", "CRC32C"} {
		s, err := iscsitest.Login(w.dial(), iscsitest.Config{Discovery: true,
			Keys: keysOf("MaxRecvDataSegmentLength=1000 InitialR2T=No HeaderDigest=" + digest + " DataDigest=" + digest)})
		if err != nil || s.Answers["InitialR2T"] != "Irrelevant" {
			t.Fatalf("%v, %v", s.Answers, err)
		}
		pairs, err := s.SendTargets("All")
		if err != nil || len(pairs) != 100*2+100*3 {
			t.Fatalf("%d pairs, %v", len(pairs), err)
		}
		if p := pairs[4]; p.Key != "TargetAddress" || p.Value != "[2001:db8::1]:3260,2" {
			t.Errorf("%v", pairs[:5])
		}
		if pairs, err = s.SendTargets(all[2].Name); err != nil || len(pairs) != 3 {
			t.Errorf("one: %v, %v", pairs, err)
		}
		if pairs, err = s.SendTargets(all[1].Name); err != nil || len(pairs) != 0 {
			t.Errorf("a hidden one: %v, %v", pairs, err)
		}
		if got, err := s.Ping([]byte("x")); err != nil || string(got) != "x" {
			t.Errorf("ping: %q, %v", got, err)
		}
		c := &iscsitest.Command{CDB: make([]byte, 6)}
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		for len(s.Rejects) == 0 {
			if err := s.Step(); err != nil {
				t.Fatal(err)
			}
		}
		if s.Rejects[0].Reason != pdu.RejectCommandNotSupported {
			t.Errorf("%+v", s.Rejects)
		}
		if err := s.Logout(); err != nil {
			t.Fatal(err)
		}
	}
}
