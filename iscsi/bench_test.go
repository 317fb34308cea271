package iscsi_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// pump is an initiator that allocates nothing: one SCSI command, over and over.
type pump struct {
	conn   net.Conn
	out    []byte // the PDU, immediate data included
	in     []byte
	sn     uint32
	digest bool
	header pdu.Header
}

func newPump(t testing.TB, w *world, c *iscsitest.Command, keys ...string) *pump {
	t.Helper()
	s := w.login(iscsitest.Config{Keys: iscsitest.With(iscsitest.DefaultKeys(), keys...)})
	p := c.Header()
	var h pdu.Header
	p.Encode(&h)
	return &pump{
		conn: s.Conn, out: s.Encode(&h, nil, c.Out), in: make([]byte, 64<<10), sn: s.CmdSN,
		digest: s.Answers["DataDigest"] == "CRC32C",
	}
}

func (p *pump) send() error {
	binary.BigEndian.PutUint32(p.out[16:], p.sn)
	binary.BigEndian.PutUint32(p.out[24:], p.sn)
	p.sn++
	if p.digest {
		pdu.PutDigest(p.out[pdu.HeaderLength:], pdu.Digest(p.out[:pdu.HeaderLength]))
	}
	_, err := p.conn.Write(p.out)
	return err
}

// receive reads PDUs until one ends a command.
func (p *pump) receive() error {
	for {
		h := &p.header
		if _, err := io.ReadFull(p.conn, h[:]); err != nil {
			return err
		}
		n := h.DataSegmentLength()
		if n += pdu.Padding(n); n > 0 && p.digest {
			n += pdu.DigestLength
		}
		if p.digest {
			n += pdu.DigestLength // of the header
		}
		for n > 0 {
			m, err := p.conn.Read(p.in[:min(n, len(p.in))])
			if err != nil {
				return err
			}
			n -= m
		}
		switch {
		case h.Opcode() == pdu.OpSCSIResponse && h[3] == 0, h.Opcode() == pdu.OpDataIn && h[1]&1 != 0:
			return nil
		case h.Opcode() != pdu.OpDataIn:
			return fmt.Errorf("% x", *h)
		}
	}
}

func (p *pump) run(n, depth int) error {
	ahead := 0
	for done := 0; done < n; {
		for ; ahead < depth && done+ahead < n; ahead++ {
			if err := p.send(); err != nil {
				return err
			}
		}
		if err := p.receive(); err != nil {
			return err
		}
		ahead--
		done++
	}
	return nil
}

// nullWorld has the endless tape.
func nullWorld(t testing.TB) *world {
	tape := newNullTape(true)
	t.Cleanup(tape.Close)
	return newWorld(t, func(o *iscsi.TargetOptions) { o.Unit = tape })
}

func tapeWrite(n int) *iscsitest.Command {
	return &iscsitest.Command{CDB: []byte{0x0A, 0, byte(n >> 16), byte(n >> 8), byte(n), 0}, Out: make([]byte, n)}
}

func tapeRead(n int) *iscsitest.Command {
	return &iscsitest.Command{CDB: []byte{0x08, 0, byte(n >> 16), byte(n >> 8), byte(n), 0}, In: n}
}

// benchmarks are what the data path is measured by: block size, commands
// outstanding, keys.
var benchmarks = []struct {
	name  string
	size  int
	depth int
	keys  []string
}{
	{"256KiB/depth1", 256 << 10, 1, nil},
	{"256KiB/depth8", 256 << 10, 8, nil},
	{"64KiB/depth8", 64 << 10, 8, nil},
	{"4KiB/depth8", 4 << 10, 8, nil},
	{"digests", 256 << 10, 1, []string{"HeaderDigest", "CRC32C", "DataDigest", "CRC32C"}},
}

func BenchmarkWrite(b *testing.B) {
	for _, row := range benchmarks {
		b.Run(row.name, func(b *testing.B) { benchmark(b, tapeWrite(row.size), row.depth, row.keys) })
	}
}

func BenchmarkRead(b *testing.B) {
	for _, row := range benchmarks {
		b.Run(row.name, func(b *testing.B) { benchmark(b, tapeRead(row.size), row.depth, row.keys) })
	}
}

func benchmark(b *testing.B, c *iscsitest.Command, depth int, keys []string) {
	p := newPump(b, nullWorld(b), c, keys...)
	if err := p.run(1000, depth); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(max(len(c.Out), c.In)))
	b.ResetTimer()
	if err := p.run(b.N, depth); err != nil {
		b.Fatal(err)
	}
}

// TestNoAllocations: in steady state the data path allocates nothing. The
// initiator allocates nothing either, so what is counted is the target's.
func TestNoAllocations(t *testing.T) {
	for _, row := range benchmarks {
		for name, c := range map[string]*iscsitest.Command{"write": tapeWrite(row.size), "read": tapeRead(row.size)} {
			p := newPump(t, nullWorld(t), c, row.keys...)
			if err := p.run(200, row.depth); err != nil {
				t.Fatal(err)
			}
			const each = 50
			got := testing.AllocsPerRun(4, func() {
				if err := p.run(each, row.depth); err != nil {
					t.Error(err)
				}
			})
			// The runtime's own now and then, for timers and the like, is no
			// allocation for each command.
			if got > each/5 {
				t.Errorf("%s %s: %v allocations for %d commands", name, row.name, got, each)
			}
		}
	}
}
