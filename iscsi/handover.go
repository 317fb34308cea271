package iscsi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"govtl/iscsi/pdu"
)

// The hand-over message, over a Unix stream socket, with one file descriptor in
// its first byte's ancillary data:
//
//	byte  0-3   "VTLH"
//	      4     version, 1
//	      5     Login Responses that were sent before
//	      6-7   length of the text in bytes, big-endian
//	      8-55  header of the Login Request
//	     56-    text
//
// The receiver answers with one byte: 0 when it has taken the connection.
const (
	handoverMagic   = "VTLH"
	handoverVersion = 1
	handoverHeader  = 8 + pdu.HeaderLength
	handoverTimeout = 5 * time.Second
	handoverTaken   = 0
	handoverRefused = 1
)

// maxHandovers bounds the hand-overs that are received at a time.
const maxHandovers = 64

// errHandover is wrapped by what is wrong with a hand-over message.
var errHandover = errors.New("iscsi: malformed hand-over")

// Handover is an Acceptor in another process: it passes the connected socket
// with the bytes read so far over a Unix socket (SCM_RIGHTS).
type Handover struct {
	// Path is the Unix socket of the HandoverListener.
	Path string

	// Timeout bounds the hand-over; 0 is 5 s.
	Timeout time.Duration
}

// Accept implements Acceptor. It returns ErrNotReady when nobody listens at Path
// or whoever does refuses; then the connection still belongs to the caller.
func (h *Handover) Accept(conn net.Conn, first *FirstRequest) error {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("iscsi: %T cannot be handed over", conn)
	}
	timeout := h.Timeout
	setDefault(&timeout, handoverTimeout)
	peer, err := net.DialTimeout("unix", h.Path, timeout)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	defer peer.Close()
	_ = peer.SetDeadline(time.Now().Add(timeout))
	unixPeer := peer.(*net.UnixConn)
	if err := sameUser(unixPeer); err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	// Within Control the descriptor stays open: nobody else can get its number.
	err = raw.Control(func(fd uintptr) {
		_, _, sent = unixPeer.WriteMsgUnix(appendHandover(nil, first), unix.UnixRights(int(fd)), nil)
	})
	if err = errors.Join(err, sent); err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(peer, answer[:]); err != nil {
		return fmt.Errorf("%w: hand-over to %s: %w", ErrNotReady, h.Path, err)
	}
	if answer[0] != handoverTaken {
		return fmt.Errorf("%w: hand-over to %s refused", ErrNotReady, h.Path)
	}
	// The other process has the connection; this closes our descriptor only.
	return conn.Close()
}

func appendHandover(dst []byte, first *FirstRequest) []byte {
	dst = append(dst, handoverMagic...)
	dst = append(dst, handoverVersion, byte(first.Answered))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(first.Data)))
	dst = append(dst, first.Header[:]...)
	return append(dst, first.Data...)
}

// parseHandover decodes what appendHandover wrote; length is how long the
// message is, also when b is only its beginning.
func parseHandover(b []byte) (first *FirstRequest, length int, err error) {
	if len(b) < handoverHeader {
		return nil, handoverHeader, pdu.ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[6:]))
	switch {
	case string(b[:4]) != handoverMagic, b[4] != handoverVersion:
		return nil, 0, fmt.Errorf("%w: % x", errHandover, b[:8])
	case n > maxLoginText+pdu.DefaultMaxRecvDataSegmentLength:
		return nil, 0, fmt.Errorf("%w: %d bytes of text", errHandover, n)
	case len(b) < handoverHeader+n:
		return nil, handoverHeader + n, pdu.ErrShort
	case len(b) > handoverHeader+n:
		return nil, 0, fmt.Errorf("%w: %d bytes too many", errHandover, len(b)-handoverHeader-n)
	}
	first = &FirstRequest{Answered: int(b[5]), Data: append([]byte(nil), b[handoverHeader:]...)}
	copy(first.Header[:], b[8:])
	return first, len(b), nil
}

// HandoverOptions describe the receiving side of hand-overs.
type HandoverOptions struct {
	// Path is where the Unix socket is made, mode 0600. One that is left over
	// from a process that ended is replaced.
	Path string

	// Acceptor gets the connections.
	Acceptor Acceptor

	// Log gets refusals; nil: nothing is logged.
	Log *slog.Logger
}

// HandoverListener receives connections from a portal of the same user.
type HandoverListener struct {
	opt    HandoverOptions
	log    *slog.Logger
	socket *net.UnixListener
	slots  chan struct{}
	serve  sync.WaitGroup

	mu     sync.Mutex // guards closed
	closed bool
}

// ListenHandover makes the Unix socket.
func ListenHandover(opt HandoverOptions) (*HandoverListener, error) {
	if opt.Acceptor == nil {
		return nil, errors.New("iscsi: a hand-over listener needs an acceptor")
	}
	if peer, err := net.DialTimeout("unix", opt.Path, time.Second); err == nil {
		peer.Close()
		return nil, fmt.Errorf("iscsi: %s is in use by another process", opt.Path)
	}
	if err := os.Remove(opt.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Bound elsewhere and renamed, the socket never exists with another mode.
	temporary := fmt.Sprintf("%s.%d", opt.Path, os.Getpid())
	_ = os.Remove(temporary)
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	socket.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(temporary, 0o600), os.Rename(temporary, opt.Path)); err != nil {
		socket.Close()
		_ = os.Remove(temporary)
		return nil, err
	}
	return &HandoverListener{opt: opt, log: logger(opt.Log), socket: socket, slots: make(chan struct{}, maxHandovers)}, nil
}

// Serve receives connections until Close, then returns ErrClosed.
func (l *HandoverListener) Serve() error {
	for {
		peer, err := l.socket.AcceptUnix()
		if err != nil {
			l.mu.Lock()
			closed := l.closed
			l.mu.Unlock()
			if closed {
				l.serve.Wait()
				return ErrClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			l.log.Error("accept of a hand-over failed", "err", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		l.slots <- struct{}{}
		l.serve.Add(1)
		go func() {
			defer func() { <-l.slots; l.serve.Done() }()
			defer peer.Close()
			if err := guard(l.log, func() error { return l.receive(peer) }); err != nil {
				l.log.Warn("hand-over refused", "err", err)
			}
		}()
	}
}

// receive takes one hand-over and answers it.
func (l *HandoverListener) receive(peer *net.UnixConn) error {
	_ = peer.SetDeadline(time.Now().Add(handoverTimeout))
	if err := sameUser(peer); err != nil {
		return err
	}
	conn, first, err := readHandover(peer)
	if err == nil {
		if err = l.opt.Acceptor.Accept(conn, first); err != nil {
			conn.Close()
		}
	}
	answer := byte(handoverTaken)
	if err != nil {
		answer = handoverRefused
	}
	_, _ = peer.Write([]byte{answer})
	return err
}

// readHandover reads a hand-over message and the connection in it.
func readHandover(peer *net.UnixConn) (net.Conn, *FirstRequest, error) {
	buf := make([]byte, 0, handoverHeader+pdu.DefaultMaxRecvDataSegmentLength)
	ancillary := make([]byte, unix.CmsgSpace(4*4))
	var conn net.Conn
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, an, _, _, err := peer.ReadMsgUnix(buf[len(buf):cap(buf)], ancillary)
		if received, bad := receivedConn(ancillary[:an]); received != nil || bad != nil {
			if bad != nil || conn != nil {
				closeConn(received)
				closeConn(conn)
				return nil, nil, errors.Join(errHandover, bad)
			}
			conn = received
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			closeConn(conn)
			return nil, nil, err
		}
		buf = buf[:len(buf)+n]
		first, _, err := parseHandover(buf)
		switch {
		case err == nil && conn == nil:
			return nil, nil, fmt.Errorf("%w: no connection in it", errHandover)
		case err == nil:
			return conn, first, nil
		case err != pdu.ErrShort:
			closeConn(conn)
			return nil, nil, err
		}
	}
}

// receivedConn makes a connection of the one descriptor in ancillary data.
func receivedConn(b []byte) (net.Conn, error) {
	if len(b) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(b)
	if err != nil {
		return nil, err
	}
	var fds []int
	for i := range messages {
		if got, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	if len(fds) != 1 {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		return nil, fmt.Errorf("%w: %d descriptors", errHandover, len(fds))
	}
	unix.CloseOnExec(fds[0])
	f := os.NewFile(uintptr(fds[0]), "hand-over")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	if _, ok := conn.(*net.TCPConn); !ok {
		conn.Close()
		return nil, fmt.Errorf("%w: a %T", errHandover, conn)
	}
	return conn, nil
}

func closeConn(c net.Conn) {
	if c != nil {
		c.Close()
	}
}

// sameUser refuses peers that run as another user than we do.
func sameUser(peer *net.UnixConn) error {
	raw, err := peer.SyscallConn()
	if err != nil {
		return err
	}
	var (
		cred *unix.Ucred
		bad  error
	)
	if err := raw.Control(func(fd uintptr) {
		cred, bad = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if bad != nil {
		return bad
	}
	if int(cred.Uid) != os.Geteuid() {
		return fmt.Errorf("iscsi: hand-over by user %d, process %d; expected user %d", cred.Uid, cred.Pid, os.Geteuid())
	}
	return nil
}

// Close stops receiving and removes the Unix socket. Connections that were
// received are not touched.
func (l *HandoverListener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	_ = os.Remove(l.opt.Path)
	return l.socket.Close()
}
