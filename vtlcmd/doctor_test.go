package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"govtl/internal/buffer"
	"govtl/iscsi/iscsitest"
	"govtl/libcart"
	"govtl/test/port"
)

// sick is a suite that does not run, with a state directory made by hand.
func sick(t *testing.T, tail string) *ups {
	t.Helper()
	u := newUps(t, oneDrive+"listen: "+port.For(t)+"\n"+tail)
	for _, dir := range []string{"state/cartridges/10", "state/run"} {
		if err := os.MkdirAll(filepath.Join(u.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// cartridge makes a cartridge of the library.
func (u *ups) cartridge(barcode string) string {
	u.t.Helper()
	dir := filepath.Join(u.dir, "state/cartridges/10", barcode)
	if err := libcart.Create(dir, libcart.Spec{Barcode: barcode, Density: 0x60, Medium: "LTO9", Capacity: 1 << 30, MaxPartitions: 1}, libcart.Options{}); err != nil {
		u.t.Fatal(err)
	}
	return dir
}

// diagnosis runs doctor and returns what it found, by what it is about.
func (u *ups) diagnosis(options ...string) map[string][]finding {
	u.t.Helper()
	out, _ := u.command(append(options, "doctor", "--json")...).Output() // that something is wrong is tested by its text
	var list []finding
	if err := json.Unmarshal(out, &list); err != nil {
		u.t.Fatalf("%v\n%s", err, out)
	}
	by := map[string][]finding{}
	for _, f := range list {
		if f.OK && f.Advice != "" || !f.OK && f.Text == "" {
			u.t.Errorf("finding %+v", f)
		}
		by[f.About] = append(by[f.About], f)
	}
	return by
}

// expect wants a finding that is wrong, with what to do about it.
func (u *ups) expect(by map[string][]finding, about, text, advice string) {
	u.t.Helper()
	for _, f := range by[about] {
		if !f.OK && strings.Contains(f.Text, text) && strings.Contains(f.Advice, advice) {
			return
		}
	}
	u.t.Errorf("%s: no finding %q with the advice %q in %+v", about, text, advice, by[about])
}

// fine wants nothing wrong about something.
func (u *ups) fine(by map[string][]finding, abouts ...string) {
	u.t.Helper()
	for _, about := range abouts {
		for _, f := range by[about] {
			if !f.OK {
				u.t.Errorf("%s: %s", about, f.Text)
			}
		}
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorOnPermissions(t *testing.T) {
	u := sick(t, "iscsi: {chap: true, secrets: secrets}\n")
	secrets, file := filepath.Join(u.dir, "secrets"), filepath.Join(u.dir, "vtl.yaml")
	state, run, home := filepath.Join(u.dir, "state"), filepath.Join(u.dir, "state/run"), filepath.Join(u.dir, "state/cartridges/10")
	u.expect(u.diagnosis(), "secrets", "no such file", "vtl-secrets(5)")
	write(t, secrets, "initiator a 0123456789ab\n", 0o600)
	u.fine(u.diagnosis(), "secrets", "permissions", "state", "run directory", "cartridges 10", "configuration")
	chmod(t, secrets, 0o644)
	chmod(t, file, 0o666)
	chmod(t, state, 0o707)
	chmod(t, run, 0o770)
	chmod(t, home, 0o500)
	by := u.diagnosis()
	u.expect(by, "secrets", "others may read", "chmod 600 "+secrets)
	u.expect(by, "permissions", "everybody may write "+file, "chmod o-w "+file)
	u.expect(by, "state", "everybody may write into "+state, "chmod o-w "+state)
	u.expect(by, "run directory", "others may write into "+run, "chmod 700 "+run)
	u.expect(by, "cartridges 10", "its owner may not write into "+home, "chmod u+rwx "+home)
	chmod(t, home, 0o700)
	write(t, secrets, "initiator a\n", 0o600)
	chmod(t, secrets, 0o600)
	u.expect(u.diagnosis(), "secrets", "secrets:1: a line is", "vtl-secrets(5)")
}

// TestDoctorOnOwners: what belongs to another user than the state. Only root can
// give files away; others see the whole suite as another's.
func TestDoctorOnOwners(t *testing.T) {
	u := sick(t, "")
	u.cartridge("VTL001L9")
	dir := u.cartridge("VTL002L9")
	if os.Geteuid() != 0 {
		u.expect(u.diagnosis("--state", "/"), "state", "/ belongs to user 0", "sudo -u '#0'")
		return
	}
	give := func(path string, user int) {
		if err := os.Chown(path, user, user); err != nil {
			t.Fatal(err)
		}
	}
	give(filepath.Join(dir, "data"), 65534)
	by := u.diagnosis()
	u.expect(by, "cartridges 10", filepath.Join(dir, "data")+" belongs to user 65534, and the suite's state to user 0", "chown -R 0 "+filepath.Dir(dir))
	give(filepath.Join(u.dir, "state"), 65534)
	by = u.diagnosis()
	u.expect(by, "run directory", "belongs to user 0, and the suite's state to user 65534", "chown -R 65534 ")
	u.expect(by, "cartridges 10", "belongs to user 0, and the suite's state to user 65534", "chown -R 65534 ")
}

func TestDoctorOnPorts(t *testing.T) {
	u := sick(t, "")
	by := u.diagnosis()
	u.fine(by, "iSCSI address", "metrics")
	u.expect(by, "message bus", "the suite does not run", "'vtlcmd up'")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	me, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	who := fmt.Sprintf("%s is taken by %s (process %d)", taken, strings.TrimSpace(string(me)), os.Getpid())
	u.expect(u.diagnosis("--listen", taken), "iSCSI address", who, "end that program")
	u.expect(sick(t, "metrics: {listen: \""+taken+"\"}\n").diagnosis(), "metrics", who, "end that program")
	u.expect(sick(t, "metrics: {listen: \"192.0.2.1:9260\"}\n").diagnosis(), "metrics", "192.0.2.1:9260 is no address of this host", "correct listen")
}

func TestDoctorOnPlaces(t *testing.T) {
	u := sick(t, "")
	if err := os.RemoveAll(filepath.Join(u.dir, "state/cartridges")); err != nil {
		t.Fatal(err)
	}
	u.expect(u.diagnosis(), "cartridges 10", "no such file or directory", "'vtlcmd up' makes")
	if err := os.RemoveAll(filepath.Join(u.dir, "state/run")); err != nil {
		t.Fatal(err)
	}
	u.expect(u.diagnosis(), "run directory", "no such file or directory", "'vtlcmd up' makes it")
	if err := os.RemoveAll(filepath.Join(u.dir, "state")); err != nil {
		t.Fatal(err)
	}
	u.expect(u.diagnosis(), "state", "no such file or directory", "'vtlcmd up' makes it")
	if err := os.Remove(filepath.Join(u.dir, "vtl.yaml")); err != nil {
		t.Fatal(err)
	}
	u.expect(u.diagnosis(), "configuration", "no configuration at", "'vtlcmd up' writes one")
	write(t, filepath.Join(u.dir, "vtl.yaml"), oneDrive+"colour: blue\n", 0o644)
	u.expect(u.diagnosis(), "configuration", "unknown key colour", "correct the file")
}

func TestDoctorOnRoom(t *testing.T) {
	for _, tc := range []struct {
		free        int64
		files, left uint64
		ok          bool
		text        string
	}{
		{2 << 30, 1e6, 1e5, true, "2.1 GB free in /s"},
		{2 << 30, 0, 0, true, "2.1 GB free in /s"}, // btrfs has no such number
		{5e8, 1e6, 1e5, false, "500.0 MB free in /s"},
		{2 << 30, 1e6, 7, false, "room for 7 more files"},
	} {
		f := room("/s", tc.free, tc.files, tc.left)
		if f.OK != tc.ok || !strings.Contains(f.Text, tc.text) || f.OK != (f.Advice == "") {
			t.Errorf("%+v: %+v", tc, f)
		}
	}
}

// TestDoctorOnCartridges: those that cannot be read are named, as many as fit, and
// those that will be recovered are told of and are nothing wrong.
func TestDoctorOnCartridges(t *testing.T) {
	u := sick(t, "")
	dir := u.cartridge("VTL001L9")
	c, err := libcart.Open(dir, libcart.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := buffer.Default.Get(1000)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(filepath.Dir(dir), "VTL002L9") // as after kill -9
	if err := os.CopyFS(torn, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	by := u.diagnosis()
	u.fine(by, "cartridges 10")
	if text := by["cartridges 10"][0].Text; !strings.Contains(text, "2 in ") || !strings.Contains(text, ", 1 to be recovered at their next load") {
		t.Errorf("%s", text)
	}
	if len(by["cartridges 10"]) != 2 || !strings.HasPrefix(by["cartridges 10"][1].Text, "VTL002L9: ") {
		t.Errorf("%+v", by["cartridges 10"])
	}
	for i := range 9 {
		bad := u.cartridge(fmt.Sprintf("BAD00%dL9", i))
		for _, name := range []string{"data", "meta", "meta.copy"} {
			write(t, filepath.Join(bad, name), "junk", 0o600)
		}
	}
	by = u.diagnosis()
	u.expect(by, "cartridges 10", "BAD000L9: ", "")
	u.expect(by, "cartridges 10", "and 5 more like it", "'dumptape'")
	if n := len(by["cartridges 10"]); n != 7 {
		t.Errorf("%d findings: %+v", n, by["cartridges 10"])
	}
}

// TestDoctorOnDaemons looks at a suite that runs while its daemons are stopped,
// one after the other, and at who is logged in.
func TestDoctorOnDaemons(t *testing.T) {
	metrics := port.For(t)
	u := newUps(t, oneDrive+"metrics: {listen: \""+metrics+"\"}\n")
	u.start()
	by := u.diagnosis()
	u.fine(by, strings.Fields("configuration state disk portal metrics initiators")...)
	for about := range maps.Keys(by) {
		u.fine(by, about)
	}
	if by["initiators"][0].Text != "none is logged in" || by["metrics"][0].Text != "http://"+metrics+"/metrics" {
		t.Errorf("%+v", by)
	}
	s := u.login("drive11")
	if by := u.diagnosis(); len(by["initiator"]) != 1 || by["initiator"][0].Text != s+" is logged in to 1 devices" {
		t.Errorf("with an initiator: %+v", by["initiator"])
	}
	for name, tc := range map[string]struct{ about, text string }{
		"vtltape 11":    {"drive 11", "does not answer"},
		"vtllibrary 10": {"library 10", "does not answer"},
	} {
		pid := u.daemons()[name]
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		by := u.diagnosis("--timeout", "0.5")
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		u.expect(by, tc.about, tc.text, "its log says why")
	}
	if got := u.do("11", "TapeAlert", "80000"); got != "TapeAlert: cleaning required\n" {
		t.Errorf("printed %q", got)
	}
	u.expect(u.diagnosis(), "drive 11", "TapeAlert: cleaning required", "'vtlcmd 11 TapeAlert 0'")
	u.do("11", "TapeAlert", "0")
	for _, name := range []string{"data", "meta", "meta.copy"} {
		write(t, filepath.Join(u.dir, "state/cartridges/10/VTL002L9", name), "junk", 0o600)
	}
	if out, err := u.command("11", "load", "VTL002L9").CombinedOutput(); err == nil {
		t.Errorf("loaded junk: %s", out)
	}
	u.expect(u.diagnosis(), "drive 11", "VTL002L9: ", "'vtlcmd 11 dump'")
	u.do("11", "load", "VTL001L9")
	if by := u.diagnosis(); len(by["drive 11"]) == 0 {
		t.Error("nothing about drive 11")
	} else {
		for _, f := range by["drive 11"] {
			if strings.Contains(f.Text, "VTL002L9") {
				t.Errorf("after a good load: %+v", f)
			}
		}
	}
}

// login logs an initiator in to a target and returns its name.
func (u *ups) login(device string) string {
	u.t.Helper()
	conn, err := net.Dial("tcp", u.address)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { conn.Close() })
	if _, err := iscsitest.Login(conn, iscsitest.Config{Target: "iqn.2026-11.local.vtl:" + device}); err != nil {
		u.t.Fatal(err)
	}
	return iscsitest.DefaultInitiator
}
