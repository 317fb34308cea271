package iscsi

import (
	"io"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVectors is how many pieces one system call writes.
const maxVectors = 128

// stream is the byte stream of a connection, read and written with as few
// system calls as possible: one readv fills a block and whatever follows it, one
// writev sends headers and data of several PDUs. One goroutine at a time reads,
// and one at a time writes.
type stream struct {
	conn net.Conn
	raw  syscall.RawConn // nil when conn is no socket

	// The arguments and results of the functions that are called with the file
	// descriptor: kept here, with the functions, so that no call allocates.
	readVectors  [2]unix.Iovec
	readCount    int
	readN        int
	readErr      error
	readOnce     func(fd uintptr) bool
	writeVectors [maxVectors]unix.Iovec
	writeCount   int
	writeN       int
	writeErr     error
	writeWait    bool // wait until something can be written
	writeOnce    func(fd uintptr) bool
}

func newStream(conn net.Conn) *stream {
	s := &stream{conn: conn}
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	s.readOnce, s.writeOnce = s.doRead, s.doWrite
	return s
}

// read reads at least one byte into a and what is more into b.
func (s *stream) read(a, b []byte) (int, error) {
	if s.raw == nil {
		if len(a) == 0 {
			a = b
		}
		return s.conn.Read(a)
	}
	s.readCount = 0
	for _, p := range [2][]byte{a, b} {
		if len(p) > 0 {
			s.readVectors[s.readCount].Base = unsafe.SliceData(p)
			s.readVectors[s.readCount].SetLen(len(p))
			s.readCount++
		}
	}
	err := s.raw.Read(s.readOnce)
	if err == nil {
		err = s.readErr
	}
	if err == nil && s.readN == 0 {
		err = io.EOF
	}
	return s.readN, err
}

func (s *stream) doRead(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall(unix.SYS_READV, fd, uintptr(unsafe.Pointer(&s.readVectors[0])), uintptr(s.readCount))
		s.readN, s.readErr = int(n), nil
		switch errno {
		case 0:
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			s.readN = 0
			return false
		default:
			s.readN, s.readErr = 0, errno
			return true
		}
	}
}

// write writes the pieces in order, at most maxVectors of them, and returns how
// many bytes it has written. Without wait it writes what the socket takes at
// once; 0 means that it takes nothing, or that conn is no socket.
func (s *stream) write(pieces [][]byte, wait bool) (int, error) {
	if s.raw == nil {
		if !wait {
			return 0, nil
		}
		return s.conn.Write(pieces[0])
	}
	s.writeCount = 0
	for _, p := range pieces[:min(len(pieces), maxVectors)] {
		s.writeVectors[s.writeCount].Base = unsafe.SliceData(p)
		s.writeVectors[s.writeCount].SetLen(len(p))
		s.writeCount++
	}
	s.writeWait = wait
	err := s.raw.Write(s.writeOnce)
	if err == nil {
		err = s.writeErr
	}
	return s.writeN, err
}

func (s *stream) doWrite(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&s.writeVectors[0])), uintptr(s.writeCount))
		s.writeN, s.writeErr = int(n), nil
		switch errno {
		case 0:
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			s.writeN = 0
			return !s.writeWait
		default:
			s.writeN, s.writeErr = 0, errno
			return true
		}
	}
}

// closeWrite half-closes the connection where that exists.
func (s *stream) closeWrite() {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// tuneSocket sets what every connection of ours needs: no delay for small PDUs,
// and a peer that vanished is found out even with nothing to send (RFC 7143 7.14).
func tuneSocket(conn net.Conn, dead time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetNoDelay(true)
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: dead, Interval: dead / 4, Count: 4})
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(2*dead/time.Millisecond))
	})
}
