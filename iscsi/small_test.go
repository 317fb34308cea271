package iscsi_test

import (
	"net"
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// TestSmallDataFlood: the data of pings and texts are no block of data, and no budget
// knows of them. Who has many of them wait is cut off: pings whose answers are not
// taken, and requests that come before their turn.
func TestSmallDataFlood(t *testing.T) {
	data := make([]byte, 64<<10)
	for name, next := range map[string]func(s *iscsitest.Session, n int) (pdu.Header, []byte){
		"pings whose answers are not taken": func(s *iscsitest.Session, n int) (h pdu.Header, _ []byte) {
			p := pdu.NOPOut{Immediate: true, InitiatorTaskTag: uint32(n), TargetTransferTag: pdu.Reserved, CmdSN: s.CmdSN}
			p.Encode(&h)
			return h, data
		},
		"pings before their turn": func(s *iscsitest.Session, n int) (h pdu.Header, _ []byte) {
			p := pdu.NOPOut{InitiatorTaskTag: uint32(n), TargetTransferTag: pdu.Reserved, CmdSN: s.CmdSN + 1 + uint32(n)%100}
			p.Encode(&h)
			return h, data
		},
		"texts before their turn": func(s *iscsitest.Session, n int) (h pdu.Header, _ []byte) {
			p := pdu.TextRequest{Final: true, InitiatorTaskTag: uint32(n), TargetTransferTag: pdu.Reserved, CmdSN: s.CmdSN + 1 + uint32(n)%100}
			p.Encode(&h)
			return h, data[:16<<10]
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *iscsi.TargetOptions) { o.Offers.Time2Wait, o.Offers.Time2Retain = -1, -1 })
			// A narrow first burst gives a wide window.
			s := w.login(iscsitest.Config{Keys: iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", "Yes", "ImmediateData", "No",
				"DefaultTime2Wait", "0", "DefaultTime2Retain", "0")})
			if err := s.Conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
				t.Fatal(err)
			}
			for n := range 250 { // more than sockets hold, and fewer than are counted
				h, data := next(s, n)
				if s.Send(&h, nil, data) != nil {
					break
				}
			}
			eventually(t, "the session ends", func() bool { return len(w.target.Sessions()) == 0 })
			// As many as an initiator may need are answered.
			s = w.login(iscsitest.Config{})
			for range 3 {
				if _, err := s.Ping(data); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
