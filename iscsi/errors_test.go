package iscsi_test

import (
	"testing"

	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// dataOut sends one Data-Out of a command, changed.
func (w *world) dataOut(s *iscsitest.Session, c *iscsitest.Command, n int, change func(*pdu.DataOut)) {
	w.t.Helper()
	p := pdu.DataOut{Final: true, InitiatorTaskTag: c.Tag, TargetTransferTag: pdu.Reserved, ExpStatSN: s.ExpStatSN}
	if len(c.R2Ts) > 0 {
		p.TargetTransferTag, p.BufferOffset = c.R2Ts[0].TargetTransferTag, c.R2Ts[0].BufferOffset
	}
	change(&p)
	var h pdu.Header
	p.Encode(&h)
	if err := s.Send(&h, nil, make([]byte, n)); err != nil {
		w.t.Fatal(err)
	}
}

// TestDataOutErrors breaks the rules for Data-Out, one at a time. The command
// fails with the right sense data and nothing is written; or the PDU is rejected,
// and the command can still be finished.
func TestDataOutErrors(t *testing.T) {
	const block = 8192
	type row struct {
		send   []func(*pdu.DataOut) // each PDU
		n      []int                // its length
		asc    uint16               // of the failure; 0: GOOD after the rest was sent
		reject bool
	}
	nothing := func(*pdu.DataOut) {}
	rows := map[string]row{
		"right": {[]func(*pdu.DataOut){nothing}, []int{block}, 0, false},
		"in two": {[]func(*pdu.DataOut){
			func(p *pdu.DataOut) { p.Final = false },
			func(p *pdu.DataOut) { p.DataSN, p.BufferOffset = 1, 4096 }}, []int{4096, 4096}, 0, false},
		"empty one between": {[]func(*pdu.DataOut){
			func(p *pdu.DataOut) { p.Final = false },
			func(p *pdu.DataOut) { p.Final, p.DataSN, p.BufferOffset = false, 1, 4096 },
			func(p *pdu.DataOut) { p.DataSN, p.BufferOffset = 2, 4096 }}, []int{4096, 0, 4096}, 0, false},
		"DataSN of the second": {[]func(*pdu.DataOut){
			func(p *pdu.DataOut) { p.Final = false },
			func(p *pdu.DataOut) { p.DataSN, p.BufferOffset = 5, 4096 }}, []int{4096, 4096}, 0x4705, false},
		"DataSN of the first": {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.DataSN = 1 }}, []int{block}, 0x4705, false},
		"offset":              {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.BufferOffset = 512 }}, []int{block}, 0x0C0D, false},
		"offset far away":     {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.BufferOffset = 1<<32 - 512 }}, []int{block}, 0x0C0D, false},
		"offset back": {[]func(*pdu.DataOut){
			func(p *pdu.DataOut) { p.Final = false },
			func(p *pdu.DataOut) { p.DataSN, p.BufferOffset = 1, 0 }}, []int{4096, 4096}, 0x0C0D, false},
		"too short":     {[]func(*pdu.DataOut){nothing}, []int{4096}, 0x0C0D, false},
		"too long":      {[]func(*pdu.DataOut){nothing}, []int{block + 512}, 0x0C0D, false},
		"not the last":  {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.Final = false }}, []int{block}, 0x0C0D, false},
		"another tag":   {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.TargetTransferTag++ }, nothing}, []int{block, block}, 0, true},
		"unsolicited":   {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.TargetTransferTag = pdu.Reserved }, nothing}, []int{block, block}, 0, true},
		"another LUN":   {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.LUN[1] = 1 }, nothing}, []int{block, block}, 0, true},
		"of no command": {[]func(*pdu.DataOut){func(p *pdu.DataOut) { p.InitiatorTaskTag = 0xABCD }, nothing}, []int{block, block}, 0, true},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.t = t
			s := w.login(iscsitest.Config{Keys: iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", "Yes", "ImmediateData", "No")})
			s.HoldR2T = true
			c := write10(0, 7, make([]byte, block))
			if err := s.Start(c); err != nil {
				t.Fatal(err)
			}
			for len(c.R2Ts) == 0 {
				if err := s.Step(); err != nil {
					t.Fatal(err)
				}
			}
			for i, change := range r.send {
				w.dataOut(s, c, r.n[i], change)
			}
			if err := s.Wait(c); err != nil {
				t.Fatal(err)
			}
			if c.ASC() != r.asc || (r.asc != 0) != (c.SenseKey() == 0xB) || (len(s.Rejects) > 0) != r.reject {
				t.Errorf("%v, rejects %+v", c, s.Rejects)
			}
			if written := w.disk.ran() != ""; written != (r.asc == 0) {
				t.Errorf("written: %v", written)
			}
			s.HoldR2T = false
			w.good(s, write10(1, 1, make([]byte, 4096)))
		})
	}
}

// TestUnsolicitedErrors: data that nobody asked for, and too little of those
// that were announced.
func TestUnsolicitedErrors(t *testing.T) {
	keys := func(r2t, immediate string) []pdu.Pair {
		return iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", r2t, "ImmediateData", immediate, "FirstBurstLength", "4096")
	}
	w := newWorld(t)
	run := func(name string, k []pdu.Pair, final bool, immediate int, then []int, asc uint16) {
		t.Helper()
		s := w.login(iscsitest.Config{Keys: k})
		c := write10(0, 7, make([]byte, 8192))
		p := c.Header()
		p.Final = final
		if err := s.StartHeader(c, &p, nil, c.Out[:immediate]); err != nil {
			t.Fatal(err)
		}
		at := immediate
		for i, n := range then {
			w.dataOut(s, c, n, func(d *pdu.DataOut) { d.BufferOffset, d.DataSN, d.Final = uint32(at), uint32(i), i == len(then)-1 })
			at += n
		}
		if err := s.Wait(c); err != nil {
			t.Fatal(name, err)
		}
		if c.ASC() != asc {
			t.Errorf("%s: %v", name, c)
		}
		if err := s.Logout(); err != nil {
			t.Fatal(name, err)
		}
	}
	run("immediate", keys("Yes", "Yes"), true, 4096, nil, 0)
	run("little immediate", keys("Yes", "Yes"), true, 512, nil, 0)
	run("immediate, forbidden", keys("Yes", "No"), true, 512, nil, 0x0C0C)
	run("immediate, too much", keys("Yes", "Yes"), true, 4100, nil, 0x0C0D)
	run("unsolicited", keys("No", "No"), false, 0, []int{2048, 2048}, 0)
	run("immediate and unsolicited", keys("No", "Yes"), false, 1024, []int{3072}, 0)
	run("unsolicited, too little", keys("No", "Yes"), false, 1024, []int{1024}, 0x0C0D)
	run("unsolicited, too much", keys("No", "Yes"), false, 1024, []int{4096}, 0x0C0D)
	if w.disk.ran() != "\x07\x07\x07\x07" {
		t.Errorf("written: % x", w.disk.ran())
	}
}

// TestDigestErrors turns one bit, everywhere.
func TestDigestErrors(t *testing.T) {
	keys := iscsitest.With(iscsitest.DefaultKeys(), "HeaderDigest", "CRC32C", "DataDigest", "CRC32C", "InitialR2T", "Yes")
	const data = 516 // of a TEST DEVICE write: not a multiple of the digest's block
	length := pdu.HeaderLength + 4 + data + 4
	w := newWorld(t)
	for at := 0; at < length; at += 7 {
		s := w.login(iscsitest.Config{Keys: keys, ISID: pdu.ISID{0x80, byte(at), byte(at >> 8)}})
		before := w.disk.ran()
		c := write10(0, 5, make([]byte, data))
		c.CDB[8] = 1
		p := c.Header()
		p.InitiatorTaskTag, p.CmdSN, p.ExpStatSN = s.Tag(), s.CmdSN, s.ExpStatSN
		var h pdu.Header
		p.Encode(&h)
		b := s.Encode(&h, nil, c.Out)
		b[at] ^= 1 << (at % 8)
		if err := s.SendRaw(b); err != nil {
			t.Fatal(err)
		}
		if at < pdu.HeaderLength+4 {
			_ = s.Conn.(interface{ CloseWrite() error }).CloseWrite() // a header that claims more than there is must not wait for it
			closed(t, s)
		} else {
			f, err := s.Receive()
			if err != nil || f.Header.Opcode() != pdu.OpReject || f.Header[2] != byte(pdu.RejectDataDigest) {
				t.Fatalf("bit at %d: % x, %v", at, f.Header, err)
			}
			f, err = s.Receive()
			if err != nil || f.Header.Opcode() != pdu.OpSCSIResponse || f.Header[3] != 2 || f.Data[14] != 0x47 || f.Data[15] != 5 {
				t.Fatalf("bit at %d: % x, %v", at, f.Header, err)
			}
			s.Conn.Close()
		}
		if w.disk.ran() != before {
			t.Fatalf("bit at %d: written", at)
		}
	}
	// In Data-Out: the rest of the data is taken, then the command fails.
	s := w.login(iscsitest.Config{Keys: iscsitest.With(keys, "ImmediateData", "No")})
	c := w.hold(s, 0)
	q := pdu.DataOut{InitiatorTaskTag: c.Tag, TargetTransferTag: c.R2Ts[0].TargetTransferTag}
	var h pdu.Header
	q.Encode(&h)
	b := s.Encode(&h, nil, c.Out[:4096])
	b[100] ^= 1
	if err := s.SendRaw(b); err != nil {
		t.Fatal(err)
	}
	w.dataOut(s, c, len(c.Out)-4096, func(d *pdu.DataOut) { d.DataSN, d.BufferOffset = 1, 4096 })
	if err := s.Wait(c); err != nil || c.ASC() != 0x4705 || len(s.Rejects) != 1 {
		t.Fatalf("%v, %v, %+v", c, err, s.Rejects)
	}
	// And without a bit wrong, both ways.
	s.HoldR2T = false
	want := pattern(8*ramBlock, 8)
	w.good(s, write10(0, 5, want))
	check(t, "with digests", w.good(s, read10(0, 8)).Data, want)
	if got, err := s.Ping([]byte("abc")); err != nil || string(got) != "abc" {
		t.Fatalf("%q, %v", got, err)
	}
}

// TestRejects: what is no request is rejected, and the session goes on.
func TestRejects(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	expect := func(name string, h pdu.Header, data []byte, want pdu.RejectReason) {
		t.Helper()
		before := len(s.Rejects)
		if err := s.Send(&h, nil, data); err != nil {
			t.Fatal(name, err)
		}
		for len(s.Rejects) == before {
			if err := s.Step(); err != nil {
				t.Fatal(name, err)
			}
		}
		if r := s.Rejects[before]; r.Reason != want || r.DataSegmentLength != pdu.HeaderLength {
			t.Errorf("%s: %+v", name, r)
		}
	}
	var h pdu.Header
	snack := pdu.SNACK{InitiatorTaskTag: pdu.Reserved, TargetTransferTag: pdu.Reserved}
	snack.Encode(&h)
	expect("SNACK", h, nil, pdu.RejectSNACK)
	for _, op := range []byte{0x07, 0x1C, 0x20, 0x21, 0x3F} {
		expect("opcode", pdu.Header{0: op}, []byte("data"), pdu.RejectCommandNotSupported)
	}
	login := pdu.LoginRequest{CmdSN: s.CmdSN}
	login.Encode(&h)
	expect("login", h, nil, pdu.RejectProtocolError)
	c := &iscsitest.Command{CDB: []byte{0xC1, 0, 0, 0, 0, 0}}
	if err := s.Start(c); err != nil {
		t.Fatal(err)
	}
	p := c.Header()
	p.InitiatorTaskTag, p.CmdSN = c.Tag, s.CmdSN
	p.Encode(&h)
	expect("a tag in use", h, nil, pdu.RejectTaskInProgress)
	eventually(t, "it waits", func() bool { return w.disk.begun() == 1 })
	w.disk.open()
	if err := s.Wait(c); err != nil {
		t.Fatal(err)
	}
	w.good(s, read10(0, 1))
	// Now and then it does no harm, however often.
	for range 5 {
		for range 20 {
			expect("opcode", pdu.Header{0: 0x07}, nil, pdu.RejectCommandNotSupported)
		}
		for range 300 {
			w.good(s, &iscsitest.Command{CDB: make([]byte, 6)})
		}
	}
	// Nobody may go on like that.
	for i := range 100 {
		if err := s.Send(&pdu.Header{0: 0x07}, nil, nil); err != nil {
			break
		}
		if i == 99 {
			closed(t, s)
		}
	}
}

// TestFormatErrors: fields that cannot be end the session (RFC 7143 7.7).
func TestFormatErrors(t *testing.T) {
	w := newWorld(t)
	rows := map[string]func(*pdu.Header){
		"neither F nor W":         func(h *pdu.Header) { h[0], h[1] = 0x01, 0 },
		"ATTR 7":                  func(h *pdu.Header) { h[0], h[1] = 0x01, 0x87 },
		"reserved tag":            func(h *pdu.Header) { h[0], h[1] = 0x01, 0x80; h[16], h[17], h[18], h[19] = 255, 255, 255, 255 },
		"data beyond our limit":   func(h *pdu.Header) { h[0], h[5] = 0x40, 0xFF },
		"AHS of a ping":           func(h *pdu.Header) { h[0], h[4] = 0x40, 1 },
		"data of a logout":        func(h *pdu.Header) { h[0], h[1], h[7] = 0x46, 0x80, 4 },
		"data of a TMF":           func(h *pdu.Header) { h[0], h[1], h[7] = 0x42, 0x81, 4 },
		"numbered ping, no tag":   func(h *pdu.Header) { h[0] = 0; h[16], h[17], h[18], h[19] = 255, 255, 255, 255 },
		"text that goes on and F": func(h *pdu.Header) { h[0], h[1] = 0x44, 0xC0 },
	}
	isid := byte(0)
	for name, change := range rows {
		isid++
		s := w.login(iscsitest.Config{ISID: pdu.ISID{0x80, 5, isid}})
		var h pdu.Header
		change(&h)
		if err := s.SendRaw(append(h[:], make([]byte, 64)...)); err != nil {
			t.Fatal(name, err)
		}
		closed(t, s)
	}
}

// TestText in a normal session.
func TestText(t *testing.T) {
	w := newWorld(t)
	s := w.login(iscsitest.Config{})
	for _, which := range []string{"", "All", targetName} {
		pairs, err := s.SendTargets(which)
		if err != nil || len(pairs) != 2 || pairs[0].Value != targetName || pairs[1].Value != w.address+",1" {
			t.Errorf("SendTargets=%s: %v, %v", which, pairs, err)
		}
	}
	if pairs, err := s.SendTargets("iqn.2026-11.test.target:other"); err != nil || len(pairs) != 0 {
		t.Errorf("SendTargets of another target: %v, %v", pairs, err)
	}
	if pairs, err := s.TextExchange(keysOf("X-a=1 InitiatorAlias=x")); err != nil || len(pairs) != 1 || pairs[0].Value != "NotUnderstood" {
		t.Errorf("%v, %v", pairs, err)
	}
	for _, k := range []string{"InitialR2T=No", "HeaderDigest=None", "InitiatorName=x", "CHAP_A=5", "MaxRecvDataSegmentLength=1", "FirstBurstLength=512"} {
		if pairs, err := s.TextExchange(keysOf(k)); err == nil {
			t.Errorf("%s: %v", k, pairs)
		}
	}
	// A smaller segment length holds from now on.
	if _, err := s.TextExchange(keysOf("MaxRecvDataSegmentLength=512")); err != nil {
		t.Fatal(err)
	}
	if c := w.good(s, read10(0, 16)); c.DataIns != 16 {
		t.Errorf("%d Data-In", c.DataIns)
	}
}
