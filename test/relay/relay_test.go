package relay

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// echo is a server that sends back what it gets and reports how connections end.
func echo(t *testing.T) (addr string, ends <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ended := make(chan error, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, err := io.Copy(c, c)
				ended <- err
			}()
		}
	}()
	return l.Addr().String(), ended
}

// connect connects through a new relay.
func connect(t *testing.T) (*Relay, net.Conn, <-chan error) {
	t.Helper()
	addr, ends := echo(t)
	r, err := Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	say(t, c, []byte("hello"))
	return r, c, ends
}

// say sends bytes and wants them back.
func say(t *testing.T, c net.Conn, p []byte) {
	t.Helper()
	go c.Write(p)
	got := make([]byte, len(p))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, p) {
		t.Fatalf("%d bytes came back wrong: %v", len(p), err)
	}
}

func TestPieces(t *testing.T) {
	r, c, _ := connect(t)
	r.Pieces(7)
	say(t, c, bytes.Repeat([]byte("0123456789abcdef"), 2000))
	if r.Passed() != 5+32000 {
		t.Errorf("%d bytes passed", r.Passed())
	}
}

func TestReset(t *testing.T) {
	r, c, ends := connect(t)
	if n := r.Reset(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("initiator sees %v", err)
	}
	if err := <-ends; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("target sees %v", err)
	}
}

func TestHalfClose(t *testing.T) {
	r, c, ends := connect(t)
	r.HalfClose()
	if err := <-ends; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("target sees %v", err)
	}
	if _, err := c.Write([]byte("into the void")); err != nil {
		t.Errorf("initiator sees %v", err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("initiator reads %v", err)
	}
}

func TestSilence(t *testing.T) {
	r, c, _ := connect(t)
	r.Silence(true)
	if _, err := c.Write([]byte("later")); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("while silent: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	r.Silence(false)
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "later" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}
