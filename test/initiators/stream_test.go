//go:build e2e

package initiators

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"govtl/iscsi/iscsitest"
	"govtl/test/suite"
)

// Of the stream that TestStream writes.
const (
	blockLength = 256 << 10
	blocks      = 256
)

// block is the content of one block; half of it compresses.
func block(n int) []byte {
	p := make([]byte, blockLength)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), 1}).Read(p[:blockLength/2])
	return p
}

// TestStream writes 256 KiB blocks with one and with eight commands outstanding,
// reads them back the same way and compares every byte.
func TestStream(t *testing.T) {
	s := suite.Start(t, suite.Options{})
	s.Command(t, "11", "load", "VTL001L9")
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	session, err := iscsitest.Login(conn, iscsitest.Config{Target: target("drive11")})
	if err != nil {
		t.Fatal(err)
	}
	for range 8 { // the unit attentions
		c := &iscsitest.Command{CDB: []byte{0x00, 0, 0, 0, 0, 0}}
		if err := session.Do(c); err != nil {
			t.Fatal(err)
		}
		if c.Status == 0 {
			break
		}
	}
	for _, depth := range []int{1, 8} {
		t.Run(fmt.Sprintf("depth %d", depth), func(t *testing.T) {
			do(t, session, "REWIND", &iscsitest.Command{CDB: []byte{0x01, 0, 0, 0, 0, 0}})
			length := []byte{blockLength >> 16, blockLength >> 8 & 0xFF, blockLength & 0xFF}
			pipeline(t, session, depth, func(n int) *iscsitest.Command {
				return &iscsitest.Command{CDB: []byte{0x0A, 0, length[0], length[1], length[2], 0}, Out: block(n + depth)}
			}, func(n int, c *iscsitest.Command) {
				if c.Status != 0 || c.Residual != 0 {
					t.Fatalf("write of block %d: %v", n, c)
				}
			})
			do(t, session, "WRITE FILEMARKS", &iscsitest.Command{CDB: []byte{0x10, 0, 0, 0, 1, 0}})
			do(t, session, "REWIND", &iscsitest.Command{CDB: []byte{0x01, 0, 0, 0, 0, 0}})
			pipeline(t, session, depth, func(n int) *iscsitest.Command {
				return &iscsitest.Command{CDB: []byte{0x08, 0, length[0], length[1], length[2], 0}, In: blockLength}
			}, func(n int, c *iscsitest.Command) {
				if c.Status != 0 || c.Residual != 0 || !bytes.Equal(c.Data, block(n+depth)) {
					t.Fatalf("read of block %d: %v", n, c)
				}
			})
			// Behind the last block is the filemark (SSC-4 6.4), behind that nothing.
			c := &iscsitest.Command{CDB: []byte{0x08, 0, length[0], length[1], length[2], 0}, In: blockLength}
			if err := session.Do(c); err != nil || c.Status != 0x02 || c.Sense[2] != 0x80 || c.ASC() != 0x0001 || len(c.Data) != 0 {
				t.Errorf("at the filemark: %v, %v, sense % x", err, c, c.Sense)
			}
			c = &iscsitest.Command{CDB: c.CDB, In: blockLength}
			if err := session.Do(c); err != nil || c.Status != 0x02 || c.SenseKey() != 0x08 || c.ASC() != 0x0005 || len(c.Data) != 0 {
				t.Errorf("at the end of data: %v, %v, sense % x", err, c, c.Sense)
			}
		})
	}
	if err := session.Logout(); err != nil {
		t.Error(err)
	}
}

// do carries out a command that must succeed.
func do(t *testing.T, s *iscsitest.Session, name string, c *iscsitest.Command) {
	t.Helper()
	if err := s.Do(c); err != nil || c.Status != 0 {
		t.Fatalf("%s: %v, %v", name, err, c)
	}
}

// pipeline keeps a number of commands outstanding and looks at each result in order.
func pipeline(t *testing.T, s *iscsitest.Session, depth int, next func(n int) *iscsitest.Command, done func(n int, c *iscsitest.Command)) {
	t.Helper()
	var outstanding []*iscsitest.Command
	for n := range blocks + depth {
		if n >= depth {
			c := outstanding[0]
			if err := s.Wait(c); err != nil {
				t.Fatal(err)
			}
			done(n-depth, c)
			outstanding = outstanding[1:]
		}
		if n < blocks {
			c := next(n)
			if err := s.Start(c); err != nil {
				t.Fatal(err)
			}
			outstanding = append(outstanding, c)
		}
	}
}
