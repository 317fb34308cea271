package iscsi_test

import (
	"fmt"
	"strconv"
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// TestTransfers writes and reads with every combination of InitialR2T and
// ImmediateData, small and large bursts and segments, digests on and off.
func TestTransfers(t *testing.T) {
	sizes := []int{1, 2, 3, 16, 17, 100, 513, 4096}
	type bounds struct{ first, most, send, receive int }
	for _, b := range []bounds{
		{512, 512, 512, 512}, {512, 4096, 1024, 8192}, {8192, 8192, 8192, 65536}, {65536, 262144, 4096, 1000},
		{262144, 16776192, 262144, 262144}, {16776192, 16776192, 16777215, 16777215},
	} {
		w := newWorld(t, func(o *iscsi.TargetOptions) { o.Offers.MaxRecvDataSegmentLength = b.send })
		isid := byte(0)
		for _, r2t := range []string{"Yes", "No"} {
			for _, immediate := range []string{"Yes", "No"} {
				for _, digests := range []string{"None", "CRC32C"} {
					name := fmt.Sprintf("%+v InitialR2T=%s ImmediateData=%s digests %s", b, r2t, immediate, digests)
					isid++
					cfg := iscsitest.Config{ISID: pdu.ISID{0x80, 0, 0, 0, 0, isid}, Keys: iscsitest.With(iscsitest.DefaultKeys(),
						"InitialR2T", r2t, "ImmediateData", immediate, "HeaderDigest", digests, "DataDigest", digests,
						"FirstBurstLength", strconv.Itoa(b.first), "MaxBurstLength", strconv.Itoa(b.most),
						"MaxOutstandingR2T", strconv.Itoa(1+int(isid)%2*15),
						"MaxRecvDataSegmentLength", strconv.Itoa(b.receive))}
					s := w.login(cfg)
					if s.InitialR2T != (r2t == "Yes") || s.ImmediateData != (immediate == "Yes") || s.MaxBurst != b.most {
						t.Fatalf("%s: negotiated %+v", name, s)
					}
					for i, n := range sizes {
						data := pattern(n*ramBlock, byte(i)+isid)
						if b.most < 4096 && n > 100 {
							continue
						}
						w.good(s, write10(i, 0, data))
						check(t, name, w.good(s, read10(i, n)).Data, data)
					}
					if err := s.Logout(); err != nil {
						t.Fatal(name, err)
					}
				}
			}
		}
	}
}

// TestInterleaved has eight writes under way, whose data come in turns, and a
// command behind each of them.
func TestInterleaved(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{Keys: iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "4096")})
	s.HoldR2T = true
	var writes, reads []*iscsitest.Command
	for i := range 8 {
		c := write10(i*100, byte(i+1), pattern(64*ramBlock, byte(i)))
		r := read10(i*100, 64)
		for _, x := range []*iscsitest.Command{c, r} {
			if err := s.Start(x); err != nil {
				t.Fatal(err)
			}
		}
		writes, reads = append(writes, c), append(reads, r)
	}
	// From the last to the first, an R2T each, until all have their data.
	for answered := 0; answered < 8*8; {
		for i := 7; i >= 0; i-- {
			c := writes[i]
			have := answered / 8
			for len(c.R2Ts) <= have {
				if err := s.Step(); err != nil {
					t.Fatal(err)
				}
			}
			r := c.R2Ts[have]
			if err := s.SendData(c, r.TargetTransferTag, int(r.BufferOffset), int(r.BufferOffset+r.DesiredLength)); err != nil {
				t.Fatal(err)
			}
			answered++
			if answered < 8*8-8 && writes[0].Done {
				t.Fatal("a write ended before its data came")
			}
		}
	}
	for i := range writes {
		if err := s.Wait(writes[i]); err != nil || writes[i].Status != 0 {
			t.Fatal(writes[i], err)
		}
		if err := s.Wait(reads[i]); err != nil {
			t.Fatal(err)
		}
		check(t, "a read behind its write", reads[i].Data, writes[i].Out)
	}
	if w.disk.ran() != "\x01\x02\x03\x04\x05\x06\x07\x08" {
		t.Errorf("writes were carried out in the order % x", w.disk.ran())
	}
}

// TestOrderBehindR2T: a command without data does not overtake writes that wait
// for theirs (RFC 7143 10.6).
func TestOrderBehindR2T(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{Keys: iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", "Yes", "ImmediateData", "No")})
	s.HoldR2T = true
	var writes []*iscsitest.Command
	for i := range 8 {
		c := write10(i, byte(i+1), pattern(ramBlock, byte(i)))
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		writes = append(writes, c)
	}
	tur := &iscsitest.Command{CDB: make([]byte, 6)}
	if err := s.Start(tur); err != nil {
		t.Fatal(err)
	}
	// A ping overtakes all of them: the reader never waits for data.
	if _, err := s.Ping([]byte("are you there")); err != nil {
		t.Fatal(err)
	}
	if tur.Done {
		t.Fatal("a command ended before the writes before it")
	}
	for i := 7; i >= 0; i-- {
		for len(writes[i].R2Ts) == 0 {
			if err := s.Step(); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 && tur.Done {
			t.Fatal("a command ended before the writes before it")
		}
		if err := s.SendData(writes[i], writes[i].R2Ts[0].TargetTransferTag, 0, ramBlock); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Wait(tur); err != nil {
		t.Fatal(err)
	}
	for _, c := range writes {
		if !c.Done {
			t.Fatal("the last command ended before a write")
		}
	}
}

// TestResiduals: every combination of what the header and the CDB say.
func TestResiduals(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	row := func(name string, c *iscsitest.Command, over, under bool, count uint32) {
		t.Helper()
		if w.do(s, c); c.Overflow != over || c.Underflow != under || c.Residual != count {
			t.Errorf("%s: %v", name, c)
		}
	}
	long, short := read10(0, 1), read10(0, 4)
	long.In, short.In = 2048, 512
	row("read with room to spare", long, false, true, 1536)
	row("read without room", short, true, false, 1536)
	none := read10(0, 1)
	none.In = 0
	row("read with no room at all", none, true, false, 512)
	row("no data expected, none came", &iscsitest.Command{CDB: make([]byte, 6)}, false, false, 0)
	inquiry := &iscsitest.Command{CDB: []byte{0x12, 0, 0, 0, 36, 0}, In: 255}
	row("allocation length is less", inquiry, false, true, 219)
	// Sense, data and the residual travel together.
	both := &iscsitest.Command{CDB: []byte{0xC2, 3, 4, 0, 0, 0}, In: 4096}
	row("data with an error", both, false, true, 3072)
	if len(both.Data) != 1024 || both.SenseKey() != 3 || both.ASC() != 0x1100 || both.Sense[2]&0x20 == 0 || both.Sense[6] != 77 {
		t.Errorf("%v, sense % x", both, both.Sense)
	}
	none = &iscsitest.Command{CDB: []byte{0xC2, 3, 0, 0, 0, 0}, In: 4096}
	row("no data with an error", none, false, true, 4096)
	more := write10(0, 0, make([]byte, 2048))
	more.CDB[8] = 1
	row("write of less than was sent", more, false, true, 1536)
	less := write10(0, 0, make([]byte, 512))
	less.CDB[8] = 4
	row("write of more than was sent", less, true, false, 1536)
	refused := write10(1<<20, 0, make([]byte, 512))
	row("a write that is refused", refused, false, false, 0)
}

// TestOddCommands sends headers that agree with the framing and with nothing else.
func TestOddCommands(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	start := func(change func(*pdu.SCSICommand), ahs, data []byte) *iscsitest.Command {
		c := &iscsitest.Command{CDB: make([]byte, 6)}
		p := c.Header()
		change(&p)
		if err := s.StartHeader(c, &p, ahs, data); err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := start(func(p *pdu.SCSICommand) { p.Read, p.Write, p.ExpectedLength = true, true, 512 }, nil, nil); c.SenseKey() != 5 || c.ASC() != 0x2000 {
		t.Errorf("bidirectional: %v", c)
	}
	ahs := pdu.AppendAHS(nil, pdu.AHS{Type: pdu.AHSExtendedCDB, Specific: make([]byte, 17)})
	if c := start(func(p *pdu.SCSICommand) {}, ahs, nil); c.SenseKey() != 5 || c.ASC() != 0x2000 {
		t.Errorf("extended CDB: %v", c)
	}
	if c := start(func(p *pdu.SCSICommand) { p.ExpectedLength = 512 }, nil, nil); c.SenseKey() != 5 || c.ASC() != 0x0E03 {
		t.Errorf("length without direction: %v", c)
	}
	if c := start(func(p *pdu.SCSICommand) {}, nil, make([]byte, 512)); c.SenseKey() != 0xB || c.ASC() != 0x0C0C {
		t.Errorf("data of a command without: %v", c)
	}
	if c := start(func(p *pdu.SCSICommand) { p.Write, p.ExpectedLength = true, 100 }, nil, make([]byte, 512)); c.SenseKey() != 0xB || c.ASC() != 0x0C0D {
		t.Errorf("more data than announced: %v", c)
	}
	// 4 GiB are announced: nothing is asked for, nothing is reserved.
	if c := start(func(p *pdu.SCSICommand) { p.Write, p.ExpectedLength = true, 1<<32-1; p.CDB[0] = 0xC3 }, nil, make([]byte, 512)); c.SenseKey() != 5 || len(c.R2Ts) > 0 {
		t.Errorf("4 GiB: %v", c)
	}
	if c := start(func(p *pdu.SCSICommand) { p.LUN[1] = 3 }, nil, nil); c.SenseKey() != 5 || c.ASC() != 0x2500 {
		t.Errorf("LUN 3: %v", c)
	}
	if c := start(func(p *pdu.SCSICommand) { p.LUN[0] = 0x40 }, nil, nil); c.Status != 0 {
		t.Errorf("LUN 0 in flat addressing: %v", c)
	}
	if c := start(func(p *pdu.SCSICommand) { p.Immediate = true }, nil, nil); c.Status != 0 {
		t.Errorf("immediate: %v", c)
	}
	w.good(s, &iscsitest.Command{CDB: make([]byte, 6)})
}

// TestLargest moves 16 MiB in one command, and one byte more.
func TestLargest(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	data := pattern(16<<20, 9)
	w.good(s, &iscsitest.Command{CDB: []byte{0xC3, 0, 0, 0, 0, 0}, Out: data})
	c := w.do(s, &iscsitest.Command{CDB: []byte{0xC3, 0, 0, 0, 0, 0}, Out: append(data, 0)})
	if c.SenseKey() != 5 || len(c.R2Ts) > 0 {
		t.Errorf("16 MiB and a byte: %v, %d R2Ts", c, len(c.R2Ts))
	}
	r := &iscsitest.Command{CDB: []byte{0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0}, In: 16 << 20}
	if w.good(s, r); len(r.Data) != 16<<20 {
		t.Errorf("%d bytes read", len(r.Data))
	}
}
