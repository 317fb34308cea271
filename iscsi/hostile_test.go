package iscsi_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"govtl/internal/buffer"
	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// heap is what is in use after a collection, the idle block buffers apart.
func heap() uint64 {
	buffer.Default.Trim()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// noPanics fails the test when something is logged that was a panic.
type noPanics struct {
	slog.Handler
	t testing.TB
}

func (h noPanics) Enabled(context.Context, slog.Level) bool { return true }

func (h noPanics) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stack" {
			h.t.Errorf("%s: %s", r.Message, a.Value)
		}
		return true
	})
	return nil
}

func (h noPanics) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h noPanics) WithGroup(string) slog.Handler      { return h }

// TestHostile lets initiators loose that keep to nothing, while another one
// works. It is served to the end, nothing panics, and memory is what it was.
func TestHostile(t *testing.T) {
	quick := iscsi.Timeouts{Login: 500 * time.Millisecond, PDU: 400 * time.Millisecond, Write: 400 * time.Millisecond, Ping: time.Second, Pong: time.Second}
	w := newWorld(t, func(o *iscsi.TargetOptions) {
		o.Timeouts = quick
		o.Limits.SessionMemory = 8 << 20
		o.Offers.Time2Wait, o.Offers.Time2Retain = -1, -1
		o.Log = slog.New(noPanics{slog.DiscardHandler, t})
	})
	good := w.login(iscsitest.Config{})
	before := heap()

	var peak atomic.Uint64
	stop := make(chan struct{})
	var watch, storm sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapInuse))
			}
		}
	})
	attacks := map[string]func(r *rand.Rand, conn net.Conn){
		"garbage":       attackGarbage,
		"silence":       func(_ *rand.Rand, c net.Conn) { io.Copy(io.Discard, c) },
		"slow":          attackSlowly,
		"login keys":    attackLogin,
		"lengths":       attackLengths,
		"unknown data":  attackUnknownData,
		"immediates":    attackImmediates,
		"no reader":     attackWithoutReading,
		"pings":         attackPings,
		"huge writes":   attackHugeWrites,
		"reinstatement": attackReinstatement,
	}
	seed := uint64(1)
	for _, attack := range attacks {
		for range 3 {
			seed++
			r := rand.New(rand.NewPCG(seed, 0))
			storm.Go(func() {
				for range 2 {
					conn, err := net.Dial("tcp", w.address)
					if err != nil {
						return
					}
					_ = conn.SetDeadline(time.Now().Add(800 * time.Millisecond))
					attack(r, conn)
					conn.Close()
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { storm.Wait(); close(done) }()
	data := pattern(512*ramBlock, 1)
	for n := 0; ; n++ {
		w.good(good, write10(0, 1, data))
		check(t, "while others attack", w.good(good, read10(0, 512)).Data, data)
		select {
		case <-done:
			close(stop)
			watch.Wait()
			if n == 0 {
				t.Error("nothing was served meanwhile")
			}
			// The attackers' own memory, what the collector has not come to yet and
			// idle buffers are in this as well. Unbounded it would be many GiB.
			if p := peak.Load(); p > before+600<<20 {
				t.Errorf("up to %d MiB of heap, %d MiB at first", p>>20, before>>20)
			}
			eventually(t, "the attackers' sessions are gone", func() bool { return len(w.target.Sessions()) == 1 })
			if after := heap(); after > before+16<<20 {
				t.Errorf("%d MiB of heap stay, %d MiB at first", after>>20, before>>20)
			}
			return
		default:
		}
	}
}

// login lets an attacker in, to attack from inside.
func intrude(r *rand.Rand, conn net.Conn, more ...string) *iscsitest.Session {
	s, err := iscsitest.Login(conn, iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.test.initiator:evil",
		ISID: pdu.ISID{0x80, byte(r.Uint32()), byte(r.Uint32())}, Keys: iscsitest.With(iscsitest.DefaultKeys(), more...), Timeout: 2 * time.Second})
	if err != nil {
		return nil
	}
	return s
}

func attackGarbage(r *rand.Rand, conn net.Conn) {
	b := make([]byte, 1+r.IntN(5000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if r.IntN(2) == 0 {
		b[0] = 0x43 // looks like a login
	}
	conn.Write(b)
	io.Copy(io.Discard, conn)
}

func attackSlowly(_ *rand.Rand, conn net.Conn) {
	req := pdu.LoginRequest{Transit: true, CSG: op, NSG: full, CmdSN: 1}
	var h pdu.Header
	req.Encode(&h)
	h.SetDataSegmentLength(8000)
	for _, b := range h[:] {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
	}
	for range 1000 {
		if _, err := conn.Write([]byte("A")); err != nil {
			return
		}
		time.Sleep(time.Millisecond) // slowness is the attack
	}
}

func attackLogin(r *rand.Rand, conn net.Conn) {
	s := iscsitest.NewSession(conn, iscsitest.Config{Timeout: time.Second})
	for range 50 {
		text := []byte(strings.ReplaceAll(who, " ", "\x00") + "\x00")
		for range r.IntN(50) {
			text = append(text, strings.Repeat(string(rune('A'+r.IntN(26))), r.IntN(70))+"="+strings.Repeat("x", r.IntN(300))+"\x00"...)
		}
		req := pdu.LoginRequest{Continue: r.IntN(2) == 0, CSG: pdu.Stage(r.IntN(4)), InitiatorTaskTag: 1, CmdSN: 1}
		if _, _, err := s.LoginExchange(&req, text[:r.IntN(len(text))]); err != nil {
			return
		}
	}
}

// attackLengths sends headers whose lengths promise what does not come, or more
// than there may be.
func attackLengths(r *rand.Rand, conn net.Conn) {
	s := intrude(r, conn)
	if s == nil {
		return
	}
	for range 20 {
		var h pdu.Header
		for i := range h {
			h[i] = byte(r.Uint32())
		}
		h[0] = []byte{0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x10, 0x40, 0x41}[r.IntN(9)]
		h[4] = byte(r.IntN(2) * r.IntN(256))
		h[5] = byte(r.IntN(20))
		binary.BigEndian.PutUint32(h[24:], s.CmdSN)
		if s.SendRaw(h[:]) != nil || s.SendRaw(make([]byte, r.IntN(2000))) != nil {
			return
		}
	}
	io.Copy(io.Discard, conn)
}

func attackUnknownData(r *rand.Rand, conn net.Conn) {
	s := intrude(r, conn)
	if s == nil {
		return
	}
	for range 200 {
		p := pdu.DataOut{Final: true, InitiatorTaskTag: r.Uint32(), TargetTransferTag: r.Uint32(), BufferOffset: r.Uint32()}
		var h pdu.Header
		p.Encode(&h)
		if s.Send(&h, nil, make([]byte, r.IntN(100000))) != nil {
			return
		}
	}
	io.Copy(io.Discard, conn)
}

func attackImmediates(r *rand.Rand, conn net.Conn) {
	s := intrude(r, conn)
	if s == nil {
		return
	}
	for i := range 500 {
		p := pdu.SCSICommand{Immediate: true, Write: true, InitiatorTaskTag: uint32(i), ExpectedLength: 16 << 20, CmdSN: s.CmdSN}
		p.CDB[0] = 0xC3
		var h pdu.Header
		p.Encode(&h)
		if s.Send(&h, nil, make([]byte, r.IntN(4096))) != nil {
			return
		}
	}
	io.Copy(io.Discard, conn)
}

func attackWithoutReading(r *rand.Rand, conn net.Conn) {
	s := intrude(r, conn)
	if s == nil {
		return
	}
	for range 5000 {
		if s.Start(read10(0, 32768)) != nil {
			return
		}
	}
}

func attackPings(r *rand.Rand, conn net.Conn) {
	s := intrude(r, conn, "MaxRecvDataSegmentLength", "16777215")
	if s == nil {
		return
	}
	for range 5000 {
		p := pdu.NOPOut{Immediate: true, InitiatorTaskTag: 1, TargetTransferTag: pdu.Reserved}
		var h pdu.Header
		p.Encode(&h)
		if s.Send(&h, nil, make([]byte, 60000)) != nil {
			return
		}
	}
}

// attackHugeWrites announces a window full of 16 MiB writes and sends nothing
// but what may be sent without being asked for.
func attackHugeWrites(r *rand.Rand, conn net.Conn) {
	s := intrude(r, conn, "FirstBurstLength", "16776192")
	if s == nil {
		return
	}
	s.HoldR2T = true
	for range 64 {
		p := pdu.SCSICommand{Final: true, Write: true, InitiatorTaskTag: s.Tag(), ExpectedLength: 16 << 20, CmdSN: s.CmdSN}
		s.CmdSN++
		p.CDB[0] = 0xC3
		var h pdu.Header
		p.Encode(&h)
		if s.Send(&h, nil, make([]byte, 512<<10)) != nil {
			return
		}
	}
	io.Copy(io.Discard, conn)
}

func attackReinstatement(r *rand.Rand, conn net.Conn) {
	s, err := iscsitest.Login(conn, iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.test.initiator:evil", ISID: pdu.ISID{1}})
	if err != nil {
		return
	}
	for range r.IntN(20) {
		if s.Start(read10(0, 64)) != nil {
			return
		}
	}
}

// TestManyConnections: connections that never log in are limited, in total and
// by address, and others come in when they are gone.
func TestManyConnections(t *testing.T) {
	w := newWorld(t)
	table := &one{target: w.target}
	_, w.address = servePortal(t, iscsi.PortalOptions{Directory: table, Route: table, MaxPending: 50, MaxPendingPerAddress: 40})
	var (
		all     []net.Conn
		readers sync.WaitGroup
		refused atomic.Int32
	)
	open := func() {
		conn, err := net.Dial("tcp", w.address)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
		readers.Go(func() {
			_, _ = conn.Read(make([]byte, 1))
			refused.Add(1) // nothing is ever sent
		})
	}
	for range 1000 {
		open()
	}
	eventually(t, "all but 40 of 1000 are refused", func() bool { return refused.Load() >= 960 })
	open() // connections are accepted in turn: all are, when this one is refused
	eventually(t, "one more is refused", func() bool { return refused.Load() >= 961 })
	if n := refused.Load(); n != 961 {
		t.Errorf("%d of 1001 refused, want 961", n)
	}
	for _, conn := range all {
		conn.Close()
	}
	readers.Wait()
	eventually(t, "somebody can log in", func() bool {
		conn, err := net.Dial("tcp", w.address)
		if err != nil {
			return false
		}
		s, err := iscsitest.Login(conn, iscsitest.Config{Target: targetName})
		if err != nil {
			conn.Close()
			return false
		}
		return s.Logout() == nil
	})
}

// failing is a listener that fails as one does without descriptors.
type failing struct {
	net.Listener
	left atomic.Int32
}

func (l *failing) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, errors.New("accept: too many open files")
	}
	return l.Listener.Accept()
}

func TestAcceptErrors(t *testing.T) {
	w := newWorld(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &failing{Listener: inner}
	l.left.Store(4)
	served := make(chan error)
	go func() { served <- w.portal.Serve(l) }()
	w.address = inner.Addr().String()
	w.good(w.login(iscsitest.Config{}), read10(0, 1))
	inner.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// script is a connection whose input is known beforehand.
type script struct {
	io.Reader
	once   sync.Once
	closed chan struct{}
}

func newScript(b []byte) *script {
	return &script{Reader: strings.NewReader(string(b)), closed: make(chan struct{})}
}

func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) Close() error                     { s.once.Do(func() { close(s.closed) }); return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3260} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// scripts is a listener of such connections.
type scripts struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *scripts) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *scripts) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *scripts) Addr() net.Addr { return &net.TCPAddr{} }

// FuzzConnection feeds a whole connection, from the first byte of its login on.
func FuzzConnection(f *testing.F) {
	var s iscsitest.Session
	login := func(text string, rest ...[]byte) []byte {
		req := pdu.LoginRequest{Transit: true, CSG: op, NSG: full, ISID: pdu.ISID{0x80, 1}, InitiatorTaskTag: 1, CmdSN: 1}
		var h pdu.Header
		req.Encode(&h)
		b := s.Encode(&h, nil, []byte(strings.ReplaceAll(text, " ", "\x00")+"\x00"))
		for _, r := range rest {
			b = append(b, r...)
		}
		return b
	}
	command := func(c *iscsitest.Command, sn uint32) []byte {
		p := c.Header()
		p.InitiatorTaskTag, p.CmdSN = sn, sn
		var h pdu.Header
		p.Encode(&h)
		return s.Encode(&h, nil, c.Out)
	}
	tur := &iscsitest.Command{CDB: make([]byte, 6)}
	logout := pdu.LogoutRequest{InitiatorTaskTag: 9, CmdSN: 3}
	var h pdu.Header
	logout.Encode(&h)
	abort := pdu.TaskManagementRequest{Immediate: true, Function: 1, InitiatorTaskTag: 8, ReferencedTaskTag: 1, RefCmdSN: 1, CmdSN: 2}
	var a pdu.Header
	abort.Encode(&a)
	reset := pdu.TaskManagementRequest{Immediate: true, Function: 7, InitiatorTaskTag: 8, ReferencedTaskTag: pdu.Reserved, CmdSN: 2}
	var cold pdu.Header
	reset.Encode(&cold)
	var dataOut pdu.Header
	(&pdu.DataOut{Final: true, InitiatorTaskTag: 1, TargetTransferTag: 1, BufferOffset: 512}).Encode(&dataOut)
	f.Add(login(who))
	f.Add(login(who+" InitialR2T=No HeaderDigest=CRC32C,None", command(tur, 1)))
	f.Add(login(who+" InitialR2T=No", command(write10(0, 0, make([]byte, 512)), 1), command(read10(0, 1), 2), h[:]))
	f.Add(login(who, command(write10(0, 0, make([]byte, 1024)), 1), a[:], h[:]))
	f.Add(login(who, command(&iscsitest.Command{CDB: []byte{0xC0, 0, 0, 0, 0, 0}}, 1), a[:], cold[:]))
	asked := pdu.SCSICommand{Final: true, Write: true, InitiatorTaskTag: 1, ExpectedLength: 1024, CmdSN: 1}
	copy(asked.CDB[:], write10(0, 0, make([]byte, 1024)).CDB)
	var w1 pdu.Header
	asked.Encode(&w1)
	f.Add(login(who+" InitialR2T=Yes ImmediateData=No", w1[:], s.Encode(&dataOut, nil, make([]byte, 512)), h[:]))
	f.Add(login("InitiatorName=iqn.2026-11.t:x SessionType=Discovery", s.Encode(&pdu.Header{0x44, 0x80, 20: 255, 21: 255, 22: 255, 23: 255}, nil, []byte("SendTargets=All\x00"))))
	disk := newRAMDisk(f, 32<<20/ramBlock)
	disk.most = 64 << 10
	w := newWorld(f, func(o *iscsi.TargetOptions) {
		o.Unit = disk.server
		o.Log = slog.New(noPanics{slog.DiscardHandler, f})
		o.Offers.Time2Wait, o.Offers.Time2Retain = -1, -1
		o.Limits.MaxSessions, o.Limits.Memory = 4, 1<<20
	})
	close(disk.gate) // no command waits for a test to let it go
	l := &scripts{conns: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error)
	go func() { served <- w.portal.Serve(l) }()
	f.Cleanup(func() { l.Close(); <-served })
	f.Fuzz(func(t *testing.T, b []byte) {
		c := newScript(b)
		l.conns <- c
		select {
		case <-c.closed:
		case <-time.After(20 * time.Second):
			t.Fatal("the connection is not closed")
		}
	})
}
