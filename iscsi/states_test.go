package iscsi_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// states are where a connection can stand when a PDU comes that does not belong there.
var states = map[string]func(w *world, s *iscsitest.Session) error{
	"nothing was sent": func(*world, *iscsitest.Session) error { return nil },
	"in the security stage": func(_ *world, s *iscsitest.Session) error {
		_, _, err := s.LoginKeys(sec, sec, words(who+" AuthMethod=None"))
		return err
	},
	"in the operational stage": func(_ *world, s *iscsitest.Session) error {
		_, _, err := s.LoginKeys(op, op, words(who))
		return err
	},
	"in the middle of a login's text": func(_ *world, s *iscsitest.Session) error {
		req := pdu.LoginRequest{Continue: true, CSG: op, ISID: s.Config.ISID, InitiatorTaskTag: 1, CmdSN: 1}
		_, _, err := s.LoginExchange(&req, []byte("InitiatorName=iqn.2026-11"))
		return err
	},
	"idle": enter,
	"a command waits for its data": func(w *world, s *iscsitest.Session) error {
		s.HoldR2T = true
		if err := enter(w, s); err != nil {
			return err
		}
		if err := s.Start(write10(0, 9, make([]byte, 64*ramBlock))); err != nil { // tag 1
			return err
		}
		_, err := s.Ping(nil)
		return err
	},
	"a text goes on": func(w *world, s *iscsitest.Session) error {
		if err := enter(w, s); err != nil {
			return err
		}
		p := pdu.TextRequest{Continue: true, InitiatorTaskTag: 1, TargetTransferTag: pdu.Reserved, CmdSN: s.CmdSN}
		s.CmdSN++
		var h pdu.Header
		p.Encode(&h)
		if err := s.Send(&h, nil, []byte("SendTar")); err != nil {
			return err
		}
		_, err := s.Await(1)
		return err
	},
	"after the logout": func(w *world, s *iscsitest.Session) error {
		if err := enter(w, s); err != nil {
			return err
		}
		p := pdu.LogoutRequest{Immediate: true, Reason: pdu.LogoutCloseSession, InitiatorTaskTag: s.Tag(), CmdSN: s.CmdSN}
		var h pdu.Header
		p.Encode(&h)
		return s.Send(&h, nil, nil)
	},
	"in a discovery session": func(_ *world, s *iscsitest.Session) error {
		_, _, err := s.LoginKeys(op, full, words("InitiatorName=iqn.2026-11.test.initiator:one SessionType=Discovery"))
		return err
	},
}

// enter logs in to full feature phase.
func enter(_ *world, s *iscsitest.Session) error {
	_, _, err := s.LoginKeys(op, full, words(who+" InitialR2T=Yes ImmediateData=No DefaultTime2Wait=0 DefaultTime2Retain=0"))
	s.Settle()
	return err
}

// TestEveryPDUInEveryState sends one PDU of each operation code, of ours and of
// theirs, with lengths at the boundaries, in each state of a connection. Whatever
// comes of it, the target answers by the protocol or closes, nothing stays behind,
// and others are served.
func TestEveryPDUInEveryState(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) {
		o.Log = slog.New(noPanics{slog.DiscardHandler, t})
		o.Offers.Time2Wait, o.Offers.Time2Retain = -1, -1
		o.Limits.MaxPendingPerAddress, o.Limits.MaxPendingLogins = 200, 200
	})
	good := w.login(iscsitest.Config{Initiator: "iqn.2026-11.test.initiator:good", Timeout: 20 * time.Second})
	data := pattern(64*ramBlock, 4)
	for name, reach := range states {
		for opcode := range 64 {
			variants := []pdu.Header{{}, {5: 0x00, 6: 0x04, 7: 0x00}, {4: 2}, {5: 0xFF, 6: 0xFF, 7: 0xFF}, {4: 0xFF, 7: 3}, {7: 1}}
			for v, h := range variants {
				immediate := byte(v & 1 << 6)
				h[0], h[1] = byte(opcode)|immediate, 0x80
				h[19], h[23] = 1, 1 // a tag that is in use, or like one
				if v == 5 {
					h[1] = 0xFF
					for i := 16; i < 24; i++ {
						h[i] = 0xFF
					}
				}
				s := w.fresh()
				s.Config.Timeout = 20 * time.Second
				if err := reach(w, s); err != nil {
					t.Fatal(name, err)
				}
				h[27] = byte(s.CmdSN)
				_ = s.SendRaw(h[:])
				// As much as is announced, if that is not too much.
				if n := h.AHSLength() + h.DataSegmentLength() + pdu.Padding(h.DataSegmentLength()); n < 64<<10 {
					_ = s.SendRaw(make([]byte, n))
				}
				if err := judge(s); err != nil {
					t.Errorf("%s: operation code %02Xh, variant %d: %v", name, opcode, v, err)
				}
				s.Conn.Close()
			}
		}
		// The peer is gone at once, with a reset, or in the middle of a header.
		for n := range 4 {
			s := w.fresh()
			if err := reach(w, s); err != nil {
				t.Fatal(name, err)
			}
			_ = s.SendRaw(make([]byte, 40*(n&1)))
			if n < 2 {
				_ = s.Conn.(*net.TCPConn).SetLinger(0)
			}
			s.Conn.Close()
		}
		w.good(good, write10(0, 1, data))
		check(t, "after "+name, w.good(good, read10(0, 64)).Data, data)
	}
	eventually(t, "their sessions are gone", func() bool { return len(w.target.Sessions()) == 1 })
}

// judge closes the sending direction and reads what comes until the end: whole
// PDUs that only a target sends, and then the end of the connection.
func judge(s *iscsitest.Session) error {
	_ = s.Conn.(*net.TCPConn).CloseWrite() // the target may have closed already
	for {
		f, err := s.Receive()
		switch {
		case err == io.EOF, isReset(err):
			return nil
		case err != nil:
			return err
		case f.Header.Opcode() < 0x20:
			return fmt.Errorf("%v came", f.Header.Opcode())
		}
	}
}

// TestLogoutInEveryState: whatever is under way, a logout is answered, closes the
// connection and leaves nothing behind (RFC 7143 11.14).
func TestLogoutInEveryState(t *testing.T) {
	w := newWorld(t)
	t.Cleanup(w.disk.open)
	send := func(s *iscsitest.Session, immediate bool, reason uint8, cmdSN uint32) {
		t.Helper()
		p := pdu.LogoutRequest{Immediate: immediate, Reason: reason, InitiatorTaskTag: 0x7777, CmdSN: cmdSN, ExpStatSN: s.ExpStatSN}
		var h pdu.Header
		p.Encode(&h)
		if err := s.Send(&h, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, logout := range map[string]func(s *iscsitest.Session){
		"immediate":         func(s *iscsitest.Session) { send(s, true, pdu.LogoutCloseSession, s.CmdSN) },
		"numbered":          func(s *iscsitest.Session) { send(s, false, pdu.LogoutCloseSession, s.CmdSN) },
		"of the connection": func(s *iscsitest.Session) { send(s, false, pdu.LogoutCloseConnection, s.CmdSN) },
		"twice":             func(s *iscsitest.Session) { send(s, true, 0, s.CmdSN); send(s, true, 0, s.CmdSN) },
		"before a number that is missing": func(s *iscsitest.Session) {
			send(s, false, pdu.LogoutCloseSession, s.CmdSN+1)
			p := pdu.NOPOut{InitiatorTaskTag: 0x8888, TargetTransferTag: pdu.Reserved, CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN}
			var h pdu.Header
			p.Encode(&h)
			if err := s.Send(&h, nil, nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for state, reach := range states {
			switch state {
			case "idle", "a command waits for its data", "a text goes on":
			default:
				continue // no session, or one that has logged out
			}
			s := w.fresh()
			s.Config.Timeout = 20 * time.Second
			if err := reach(w, s); err != nil {
				t.Fatal(name, state, err)
			}
			logout(s)
			f, err := s.Await(0x7777)
			if err != nil {
				t.Fatal(name, state, err)
			}
			if r, err := pdu.DecodeLogoutResponse(f.Header[:]); err != nil || r.Response != pdu.LogoutSuccess {
				t.Errorf("%s, %s: %+v, %v", name, state, r, err)
			}
			closed(t, s)
			s.Conn.Close()
			eventually(t, "the session is gone", func() bool { return len(w.target.Sessions()) == 0 })
		}
	}
	if ran := w.disk.ran(); ran != "" {
		t.Errorf("written by commands without their data: % x", ran)
	}
}
