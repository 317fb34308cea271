package iscsi_test

import (
	"testing"

	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// TestOutstandingR2T: as many R2Ts as were negotiated are unanswered at a time, in
// order, and no more (RFC 7143 13.17).
func TestOutstandingR2T(t *testing.T) {
	const burst = 8192
	keys := iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "8192", "MaxOutstandingR2T", "4")
	for name, change := range map[string]func(n int, p *pdu.DataOut){
		"right":           func(int, *pdu.DataOut) {},
		"DataSN of the 2": func(n int, p *pdu.DataOut) { p.DataSN += uint32(n & 1) },
	} {
		w := newWorld(t)
		s := w.login(iscsitest.Config{Keys: keys})
		s.HoldR2T = true
		c := write10(0, 7, pattern(10*burst, 5))
		if err := s.Start(c); err != nil {
			t.Fatal(err)
		}
		answered := 0
		for !c.Done && answered < len(c.Out)/burst {
			if _, err := s.Ping(nil); err != nil { // everything that was asked for is here
				t.Fatal(err)
			}
			want := min(answered+4, len(c.Out)/burst)
			if name != "right" && answered > 1 {
				want = 5 // nothing more is asked for
			}
			if len(c.R2Ts) != want {
				t.Fatalf("%s: %d R2Ts when %d were answered", name, len(c.R2Ts), answered)
			}
			if answered == len(c.R2Ts) {
				break
			}
			r := c.R2Ts[answered]
			if int(r.BufferOffset) != answered*burst || r.DesiredLength != burst {
				t.Fatalf("%s: %+v", name, r)
			}
			p := pdu.DataOut{Final: true, InitiatorTaskTag: c.Tag, TargetTransferTag: r.TargetTransferTag, BufferOffset: r.BufferOffset}
			change(answered, &p)
			var h pdu.Header
			p.Encode(&h)
			if err := s.Send(&h, nil, c.Out[r.BufferOffset:r.BufferOffset+r.DesiredLength]); err != nil {
				t.Fatal(err)
			}
			answered++
		}
		if err := s.Wait(c); err != nil {
			t.Fatal(err)
		}
		s.HoldR2T = false
		if name == "right" {
			if c.Status != 0 || w.disk.ran() != "\x07" {
				t.Errorf("%v", c)
			}
			check(t, name, w.good(s, read10(0, len(c.Out)/ramBlock)).Data, c.Out)
			continue
		}
		if c.ASC() != 0x4705 || answered != 5 || w.disk.ran() != "" {
			t.Errorf("%s: %v, %d answered, written % x", name, c, answered, w.disk.ran())
		}
		w.good(s, write10(0, 1, pattern(10*burst, 6)))
	}
}
