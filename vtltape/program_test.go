package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/libcart"
	"govtl/scsi/personality"
)

// asProgram in the environment makes the test binary the program itself.
const asProgram = "VTLTAPE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// patience bounds what the test waits for; nothing takes nearly as long.
const patience = 60 * time.Second

const (
	driveID    = 11
	targetName = "iqn.2026-11.local.vtl:drive11"
	barcode    = "VTL001L9"
)

// site is the place of a suite that has one drive and no portal.
type site struct {
	t     *testing.T
	dir   string
	paths config.Paths
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "vt") // short, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &site{t: t, dir: dir}
	s.configure(fmt.Sprintf("version: 1\ndrives:\n  - {id: %d, model: ibm-ult3580-td9, serial: VTL0000011, home: %s}\n", driveID, dir))
	s.paths, err = config.ResolvePaths(config.PathOptions{Config: s.file(), State: s.state()})
	if err == nil {
		err = s.paths.MakeDirs()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) file() string  { return filepath.Join(s.dir, "vtl.yaml") }
func (s *site) state() string { return filepath.Join(s.dir, "state") }

// configure writes vtl.yaml.
func (s *site) configure(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file(), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// command is the program with the site's places and further arguments.
func (s *site) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"--config", s.file(), "--state", s.state()}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "HOME="+s.dir, "NOTIFY_SOCKET=")
	return cmd
}

// process is the program while it runs.
type process struct {
	*exec.Cmd
	t *testing.T

	mu     sync.Mutex
	log    strings.Builder
	grown  chan struct{} // replaced and closed with each line
	exited chan struct{} // closed when it has ended
	err    error         // how
}

// start runs the drive and waits until it is ready.
func (s *site) start() *process {
	s.t.Helper()
	p := &process{Cmd: s.command(fmt.Sprint(driveID)), t: s.t, grown: make(chan struct{}), exited: make(chan struct{})}
	out, err := p.StderrPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			close(p.grown)
			p.grown = make(chan struct{})
			p.mu.Unlock()
		}
		p.err = p.Wait()
		close(p.exited)
	}()
	s.t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.exited
		if s.t.Failed() {
			s.t.Logf("the drive's log:\n%s", p.log.String())
		}
	})
	p.says(`msg=ready`)
	return p
}

// says waits until the log has a match.
func (p *process) says(pattern string) {
	p.t.Helper()
	want, late := regexp.MustCompile(pattern), time.After(patience)
	for {
		p.mu.Lock()
		found, grown := want.MatchString(p.log.String()), p.grown
		p.mu.Unlock()
		if found {
			return
		}
		select {
		case <-grown:
		case <-p.exited:
			p.t.Fatalf("it ended (%v) without saying %q:\n%s", p.err, pattern, p.log.String())
		case <-late:
			p.t.Fatalf("it does not say %q", pattern)
		}
	}
}

// signal sends a signal.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end and compares the exit status.
func (p *process) ends(status int) {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatal("it does not end")
	}
	if got := p.ProcessState.ExitCode(); got != status {
		p.t.Fatalf("exit status %d (%v), want %d", got, p.err, status)
	}
}

// door is an iSCSI portal in the test's process.
type door struct{ socket string }

func (d door) Targets() []iscsi.Listing { return []iscsi.Listing{{Name: targetName}} }
func (d door) Route(string) (iscsi.Acceptor, error) {
	return &iscsi.Handover{Path: d.socket}, nil
}

// login logs in to the drive as an initiator does: through a portal that hands the
// connection over.
func (s *site) login() *iscsitest.Session {
	s.t.Helper()
	d := door{s.paths.Socket(config.KindDrive, driveID)}
	portal, err := iscsi.NewPortal(iscsi.PortalOptions{Directory: d, Route: d})
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	go portal.Serve(l)
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		portal.Shutdown(ctx)
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	session, err := iscsitest.Login(conn, iscsitest.Config{Target: targetName, Timeout: patience})
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

// want carries out a command that must end with a status and an additional sense code.
func want(t *testing.T, s *iscsitest.Session, status uint8, asc uint16, c *iscsitest.Command) []byte {
	t.Helper()
	if err := s.Do(c); err != nil {
		t.Fatal(err)
	}
	if c.Status != status || c.ASC() != asc {
		t.Fatalf("%s, want status %02x, %04x", c, status, asc)
	}
	return c.Data
}

// attentions takes the unit attention conditions.
func attentions(t *testing.T, s *iscsitest.Session) {
	t.Helper()
	for range 8 {
		c := &iscsitest.Command{CDB: []byte{0, 0, 0, 0, 0, 0}}
		if err := s.Do(c); err != nil {
			t.Fatal(err)
		}
		if c.SenseKey() != 6 {
			return
		}
	}
	t.Fatal("unit attention conditions without an end")
}

// TestRefusals: what cannot be served is refused with a reason and an exit status.
func TestRefusals(t *testing.T) {
	s := newSite(t)
	good, err := os.ReadFile(s.file())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config string // of vtl.yaml; empty: a good one
		args   []string
		status int
		out    string // pattern of what is printed
	}{
		{"no number", "", nil, 2, `error: which drive\? .*\nhint: vtltape --help`},
		{"two numbers", "", []string{"11", "12"}, 2, `error: which drive\?`},
		{"no number but a word", "", []string{"eleven"}, 2, `error: "eleven" is no drive number`},
		{"unknown flag", "", []string{"--colour", "11"}, 2, `error: unknown flag: --colour`},
		{"verbose without a number", "", []string{"--verbose", "11"}, 2, `error: which drive\?`},
		{"verbose is a word", "", []string{"--verbose=loud", "11"}, 2, `error: .*loud`},
		{"named pipe", "", []string{"-q", "11", "-f", "/tmp/x"}, 2, `hint: 'vtlcmd watch'`},
		{"help", "", []string{"--help"}, 0, `usage: vtltape \[options\] NUMBER`},
		{"version", "", []string{"--version"}, 0, `^vtltape `},
		{"no such drive", "", []string{"12"}, 1, `error: .*vtl\.yaml: there is no drive 12`},
		{"library's number", "version: 1\nlibraries:\n  - {id: 10, model: ibm-03584, serial: L1, slots: 4, drives: [{id: 12, model: ibm-ult3580-td9, serial: D1}]}\n", []string{"10"}, 1, `there is no drive 10`},
		{"unknown model", "version: 1\ndrives:\n  - {id: 11, model: ibm-ult3580-td77, serial: D1}\n", []string{"11"}, 1, `error: .*vtl\.yaml:3.*ibm-ult3580-td77`},
		{"two drives of a number", "version: 1\ndrives:\n  - {id: 11, model: ibm-ult3580-td9, serial: D1}\n  - {id: 11, model: ibm-ult3580-td9, serial: D2}\n", []string{"11"}, 1, `error: .*vtl\.yaml:4`},
		{"no YAML", "version: [1\n", []string{"11"}, 1, `error: .*vtl\.yaml`},
		{"unknown key", "version: 1\ncolour: blue\n", []string{"11"}, 1, `error: .*colour`},
		{"no configuration", "", []string{"--config", "/nonexistent/vtl.yaml", "11"}, 1, `error: .*/nonexistent/vtl\.yaml`},
		{"state is a file", "", []string{"--state", s.file(), "11"}, 1, `error: .*vtl\.yaml`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.config
			if text == "" {
				text = string(good)
			}
			s.configure(text)
			out, err := s.command(c.args...).CombinedOutput()
			status := 0
			if e, ok := errors.AsType[*exec.ExitError](err); ok {
				status = e.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if status != c.status || !regexp.MustCompile(c.out).Match(out) {
				t.Errorf("exit status %d, want %d; printed, want %q:\n%s", status, c.status, c.out, out)
			}
			if bytes.Contains(out, []byte("goroutine ")) {
				t.Errorf("it panicked:\n%s", out)
			}
		})
	}
}

// TestNumberInUse: a drive is served once. A second process says who has it and ends;
// when the first is killed the number is free.
func TestNumberInUse(t *testing.T) {
	s := newSite(t)
	first := s.start()
	out, err := s.command(fmt.Sprint(driveID)).CombinedOutput()
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok || e.ExitCode() != 1 || !bytes.Contains(out, fmt.Appendf(nil, "(process %d)", first.Process.Pid)) {
		t.Fatalf("the second: %v\n%s", err, out)
	}
	attentions(t, s.login()) // the first serves on
	first.signal(syscall.SIGKILL)
	first.ends(-1)
	second := s.start()
	attentions(t, s.login())
	second.signal(syscall.SIGTERM)
	second.ends(0)
}

// TestWithoutBus: the drive serves initiators while there is no bus, announces itself
// when one comes, serves on when that goes, and announces itself to the next.
func TestWithoutBus(t *testing.T) {
	s := newSite(t)
	p := s.start()
	session := s.login()
	attentions(t, session)
	ready := func() { t.Helper(); want(t, session, 2, 0x3A00, &iscsitest.Command{CDB: []byte{0, 0, 0, 0, 0, 0}}) }
	ready()
	for range 2 {
		b := s.bus()
		if target := <-b.registered; target.Name != targetName || target.PID != p.Process.Pid {
			t.Fatalf("registered %+v", target)
		}
		ready()
		b.close()
		ready()
	}
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// TestReload: SIGHUP applies a configuration, and refuses a wrong one; the drive
// serves on.
func TestReload(t *testing.T) {
	s := newSite(t)
	good, err := os.ReadFile(s.file())
	if err != nil {
		t.Fatal(err)
	}
	p := s.start()
	session := s.login()
	attentions(t, session)
	s.configure("version: 1\ndrives: nothing\n")
	p.signal(syscall.SIGHUP)
	p.says(`level=ERROR .*vtl\.yaml`)
	s.configure(strings.Replace(string(good), "id: 11", "id: 12", 1))
	p.signal(syscall.SIGHUP)
	p.says(`drive 11 is not in the configuration any more`)
	want(t, session, 2, 0x3A00, &iscsitest.Command{CDB: []byte{0, 0, 0, 0, 0, 0}})
	s.configure(string(good))
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// busOf is a bus with the portal's part in it.
type busOf struct {
	*bus.Conn
	server     *bus.Server
	service    *bus.Service
	registered chan bus.Target
}

func (s *site) bus() *busOf {
	s.t.Helper()
	b := &busOf{registered: make(chan bus.Target, 8)}
	var err error
	if b.server, err = bus.StartServer(bus.ServerOptions{Dir: s.paths.Run}); err != nil {
		s.t.Fatal(err)
	}
	if b.Conn, err = bus.Connect(bus.ConnectOptions{Server: b.server, Name: "test"}); err != nil {
		s.t.Fatal(err)
	}
	if b.service, err = bus.NewService(b.Conn, bus.ServiceOptions{Device: bus.PortalDevice(), Version: "1"}); err != nil {
		s.t.Fatal(err)
	}
	err = errors.Join(
		bus.Handle(b.service, bus.PortalRegister(), func(_ context.Context, t bus.Target) (bus.RegisterReply, error) {
			b.registered <- t
			return bus.RegisterReply{}, nil
		}),
		bus.Handle(b.service, bus.PortalUnregister(), func(context.Context, bus.UnregisterRequest) (bus.Empty, error) { return bus.Empty{}, nil }))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(b.close)
	return b
}

func (b *busOf) close() {
	if b.server == nil {
		return
	}
	_ = b.service.Close()
	b.Conn.Close()
	b.server.Close()
	b.server = nil
}

// block is what the nth block holds.
func block(n, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(n + i*7)
	}
	return b
}

// TestSignalInMidWrite: while an initiator writes, the program is told to stop, or is
// killed. Told to stop, it ends with status 0 and every block that was GOOD is on the
// cartridge; killed, every block before the last filemark. When it is started again
// the cartridge is in the drive, its position is lost, and it reads.
func TestSignalInMidWrite(t *testing.T) {
	for name, c := range map[string]struct {
		signal syscall.Signal
		status int
	}{"told to stop": {syscall.SIGTERM, 0}, "killed": {syscall.SIGKILL, -1}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			m, err := personality.LoadMedium("LTO9")
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(s.dir, barcode)
			if err := libcart.Create(dir, libcart.Spec{Barcode: barcode, Density: m.Density, Medium: m.Name, Capacity: 4 << 30, Serial: "S1", Made: time.Unix(1, 0)}, libcart.Options{}); err != nil {
				t.Fatal(err)
			}
			p := s.start()
			b := s.bus()
			<-b.registered
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := bus.Call(ctx, b.Conn, bus.DriveLoad(driveID), bus.LoadRequest{Barcode: barcode}); err != nil {
				t.Fatal(err)
			}
			session := s.login()
			attentions(t, session)
			acknowledged, synced := writeUntilItEnds(t, session, p, c.signal)
			p.ends(c.status)

			promised := acknowledged
			if c.signal == syscall.SIGKILL {
				promised = synced
			}
			s.start()
			session = s.login()
			attentions(t, session)
			want(t, session, 2, 0x3B00, &iscsitest.Command{CDB: write(4), Out: make([]byte, 4)})
			want(t, session, 0, 0, &iscsitest.Command{CDB: []byte{1, 0, 0, 0, 0, 0}})
			for n := range promised {
				if n == marked {
					want(t, session, 2, 0x0001, &iscsitest.Command{CDB: read(blockSize), In: blockSize})
				}
				if got := want(t, session, 0, 0, &iscsitest.Command{CDB: read(blockSize), In: blockSize}); !bytes.Equal(got, block(n, blockSize)) {
					t.Fatalf("block %d of %d is not what was written", n, promised)
				}
			}
		})
	}
}

const (
	blockSize = 64 << 10
	marked    = 100 // so many blocks are followed by a filemark
)

func write(n int) []byte { return []byte{0x0A, 0, byte(n >> 16), byte(n >> 8), byte(n), 0} }
func read(n int) []byte  { return []byte{0x08, 0, byte(n >> 16), byte(n >> 8), byte(n), 0} }

// writeUntilItEnds writes blocks, after some a synchronising filemark, sends the signal
// a bit later, and goes on until the session is gone. It returns how many blocks were
// GOOD, and how many of them when the filemark was.
func writeUntilItEnds(t *testing.T, s *iscsitest.Session, p *process, signal os.Signal) (acknowledged, synced int) {
	t.Helper()
	for n := 0; ; n++ {
		if n == marked {
			want(t, s, 0, 0, &iscsitest.Command{CDB: []byte{0x10, 0, 0, 0, 1, 0}})
			synced = n
		}
		if n == marked+50 {
			p.signal(signal)
		}
		c := &iscsitest.Command{CDB: write(blockSize), Out: block(n, blockSize)}
		if err := s.Do(c); err != nil {
			return acknowledged, synced
		}
		if c.Status != 0 {
			t.Logf("block %d: %s", n, c)
			return acknowledged, synced
		}
		acknowledged = n + 1
		if n > 20_000 {
			t.Fatal("it takes writes for ever")
		}
	}
}
