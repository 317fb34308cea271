package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// maxDepth is how many commands may be outstanding.
const maxDepth = 64

// patience is how long a phase may take.
const patience = 5 * time.Minute

// stream is a session on a tape drive that keeps commands outstanding and copies
// no data: the target is to be what is measured.
type stream struct {
	session *iscsitest.Session
	conn    net.Conn
	in      *bufio.Reader
	lun     [8]byte
	size    int // of a block
	sn      uint32
	statSN  uint32
	tag     uint32
	header  pdu.Header
	bufs    net.Buffers
	slots   [maxDepth]slot
}

// slot is a command that is outstanding.
type slot struct {
	tag  uint32
	n    int    // block
	data []byte // to or from the device
	got  int    // bytes that came
}

// checkCondition is a command that did not end with GOOD.
type checkCondition struct {
	status byte
	sense  []byte // fixed format
}

func (c *checkCondition) Error() string {
	if len(c.sense) < 14 {
		return fmt.Sprintf("status %02Xh", c.status)
	}
	return fmt.Sprintf("status %02Xh, sense %X/%02X/%02X", c.status, c.sense[2]&0xF, c.sense[12], c.sense[13])
}

// dial logs in to a server's drive.
func dial(s *server, size int) (*stream, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	session, err := iscsitest.Login(conn, iscsitest.Config{Target: s.target})
	if err != nil {
		conn.Close()
		return nil, err
	}
	t := &stream{session: session, conn: conn, in: bufio.NewReader(conn), size: size, sn: session.CmdSN, statSN: session.ExpStatSN}
	t.lun[1] = s.lun
	return t, nil
}

func (t *stream) close() { _ = t.conn.Close() }

// prepare takes the unit attentions, asks for blocks of variable length, buffered,
// and rewinds.
func (t *stream) prepare() error {
	var err error
	for range 8 {
		if err = t.command("TEST UNIT READY", make([]byte, 6)); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := t.commandOut("MODE SELECT", []byte{0x15, 0x10, 0, 0, 12, 0}, []byte{2: 0x10, 3: 8, 11: 0}); err != nil {
		return err
	}
	return t.command("REWIND", []byte{0x01, 0, 0, 0, 0, 0})
}

// command carries out a command without data.
func (t *stream) command(name string, cdb []byte) error { return t.commandOut(name, cdb, nil) }

func (t *stream) commandOut(name string, cdb, data []byte) error {
	if err := t.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	s, err := t.start(cdb, data, 0)
	for err == nil {
		var done *slot
		if done, err = t.step(); done == s {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// write writes blocks 0 to n-1.
func (t *stream) write(c *content, n, depth int) error {
	cdb := []byte{0x0A, 0, byte(t.size >> 16), byte(t.size >> 8), byte(t.size), 0}
	return t.pipeline(n, depth, func(i int) (*slot, error) { return t.start(cdb, c.block(i), 0) }, nil)
}

// read reads blocks 0 to n-1 and compares them.
func (t *stream) read(c *content, n, depth int) error {
	cdb := []byte{0x08, 0, byte(t.size >> 16), byte(t.size >> 8), byte(t.size), 0}
	buffers := make([][]byte, maxDepth)
	for i := range buffers {
		buffers[i] = make([]byte, t.size)
	}
	return t.pipeline(n, depth,
		func(i int) (*slot, error) {
			s, err := t.start(cdb, nil, t.size)
			s.n, s.data = i, buffers[s.tag%maxDepth]
			return s, err
		},
		func(s *slot) error { return c.check(s.n, s.data[:s.got]) })
}

// pipeline keeps depth commands outstanding until n are done.
func (t *stream) pipeline(n, depth int, start func(int) (*slot, error), done func(*slot) error) error {
	if err := t.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for begun, ended := 0, 0; ended < n; {
		for ; begun < n && begun-ended < depth; begun++ {
			if _, err := start(begun); err != nil {
				return fmt.Errorf("block %d: %w", begun, err)
			}
		}
		s, err := t.step()
		if err != nil {
			return fmt.Errorf("after %d blocks: %w", ended, err)
		}
		if s == nil {
			continue
		}
		if done != nil {
			if err := done(s); err != nil {
				return err
			}
		}
		ended++
	}
	return nil
}

// positions finds random blocks of n: by LOCATE, or by SPACE where there is none.
func (t *stream) positions(n, count int) (time.Duration, error) {
	r := rand.New(rand.NewPCG(1, 2))
	at := n
	locate := true
	begun := time.Now()
	for range count {
		to := r.IntN(n)
		if locate {
			cdb := make([]byte, 10)
			cdb[0] = 0x2B
			binary.BigEndian.PutUint32(cdb[3:], uint32(to))
			var cc *checkCondition
			err := t.command("LOCATE", cdb)
			if errors.As(err, &cc) && at == n {
				locate = false // and from now on by SPACE
			} else if err != nil {
				return 0, err
			}
		}
		if !locate && to != at {
			d := to - at
			if err := t.command("SPACE", []byte{0x11, 0, byte(d >> 16), byte(d >> 8), byte(d), 0}); err != nil {
				return 0, err
			}
		}
		at = to
	}
	return time.Since(begun), nil
}

// start sends a command with all the data that may go unasked.
func (t *stream) start(cdb, out []byte, in int) (*slot, error) {
	t.tag++
	s := &t.slots[t.tag%maxDepth]
	*s = slot{tag: t.tag, data: out}
	p := pdu.SCSICommand{
		Final: true, Attribute: 1, Read: in > 0, Write: len(out) > 0, LUN: t.lun, InitiatorTaskTag: t.tag,
		ExpectedLength: uint32(in + len(out)), CmdSN: t.sn, ExpStatSN: t.statSN,
	}
	copy(p.CDB[:], cdb)
	t.sn++
	unasked := min(len(out), t.session.FirstBurst)
	immediate := 0
	if t.session.ImmediateData {
		immediate = min(unasked, t.session.MaxSend)
	}
	if t.session.InitialR2T {
		unasked = immediate
	}
	p.Final, p.DataSegmentLength = unasked == immediate, immediate
	p.Encode(&t.header)
	if err := t.send(out[:immediate]); err != nil {
		return s, err
	}
	return s, t.data(s, pdu.Reserved, immediate, unasked)
}

// send sends the header and a data segment.
func (t *stream) send(data []byte) error {
	t.bufs = append(t.bufs[:0], t.header[:])
	if len(data) > 0 {
		t.bufs = append(t.bufs, data)
	}
	if pad := pdu.Padding(len(data)); pad > 0 {
		t.bufs = append(t.bufs, make([]byte, pad))
	}
	b := t.bufs
	_, err := b.WriteTo(t.conn)
	return err
}

// data sends a sequence of Data-Out PDUs.
func (t *stream) data(s *slot, ttt uint32, from, to int) error {
	for n := uint32(0); from < to; n++ {
		part := min(to-from, t.session.MaxSend)
		p := pdu.DataOut{
			Final: from+part == to, DataSegmentLength: part, LUN: t.lun, InitiatorTaskTag: s.tag,
			TargetTransferTag: ttt, ExpStatSN: t.statSN, DataSN: n, BufferOffset: uint32(from),
		}
		p.Encode(&t.header)
		if err := t.send(s.data[from : from+part]); err != nil {
			return err
		}
		from += part
	}
	return nil
}

// step takes one PDU; it returns the command that it ends, or nil.
func (t *stream) step() (*slot, error) {
	h := &t.header
	if _, err := io.ReadFull(t.in, h[:]); err != nil {
		return nil, err
	}
	n := h.DataSegmentLength()
	s := &t.slots[h.InitiatorTaskTag()%maxDepth]
	switch h.Opcode() {
	case pdu.OpDataIn:
		p, err := pdu.DecodeDataIn(h[:])
		if err != nil {
			return nil, err
		}
		at := int(p.BufferOffset)
		if s.tag != p.InitiatorTaskTag || at > len(s.data) || n > len(s.data)-at {
			return nil, fmt.Errorf("Data-In of %d bytes at %d for no command", n, at)
		}
		if _, err := io.ReadFull(t.in, s.data[at:at+n]); err != nil {
			return nil, err
		}
		s.got += n
		if _, err := t.in.Discard(pdu.Padding(n)); err != nil {
			return nil, err
		}
		if !p.HasStatus {
			return nil, nil
		}
		t.statSN = p.StatSN + 1
		return s, status(p.Status, nil)
	case pdu.OpSCSIResponse:
		p, err := pdu.DecodeSCSIResponse(h[:])
		if err != nil {
			return nil, err
		}
		segment := make([]byte, n+pdu.Padding(n))
		if _, err := io.ReadFull(t.in, segment); err != nil {
			return nil, err
		}
		if s.tag != p.InitiatorTaskTag {
			return nil, errors.New("a response to no command")
		}
		t.statSN = p.StatSN + 1
		return s, status(p.Status, segment[min(2, len(segment)):])
	case pdu.OpR2T:
		p, err := pdu.DecodeR2T(h[:])
		if err != nil {
			return nil, err
		}
		from, to := int(p.BufferOffset), int(p.BufferOffset)+int(p.DesiredLength)
		if s.tag != p.InitiatorTaskTag || to > len(s.data) {
			return nil, fmt.Errorf("an R2T for %d to %d of no command", from, to)
		}
		return nil, t.data(s, p.TargetTransferTag, from, to)
	}
	_, err := t.in.Discard(n + pdu.Padding(n))
	return nil, err
}

func status(status uint8, sense []byte) error {
	if status == 0 {
		return nil
	}
	return &checkCondition{status, sense}
}
