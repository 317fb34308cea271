package iscsi_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// fresh is a connection with nothing sent on it.
func (w *world) fresh() *iscsitest.Session {
	return iscsitest.NewSession(w.dial(), iscsitest.Config{Target: targetName})
}

// status is the status that a login ended with.
func status(err error) string {
	var refused *iscsitest.LoginError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refused):
		return fmt.Sprintf("%04x", uint16(refused.Status))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isReset(err):
		return "closed"
	}
	return err.Error()
}

const (
	sec  = pdu.SecurityNegotiation
	op   = pdu.OperationalNegotiation
	full = pdu.FullFeaturePhase
)

// step is one Login Request of a row and what is to come of it: a status, or
// "ok" and some keys.
type step struct {
	stage, next pdu.Stage
	keys        string // separated by spaces
	want        string // status, or "ok" and keys
}

const who = "InitiatorName=iqn.2026-11.test.initiator:one TargetName=" + targetName

func TestLoginSteps(t *testing.T) {
	rows := map[string][]step{
		"straight to operational": {{op, full, who, "ok TargetPortalGroupTag=1 TargetAlias=a_RAM_disk"}},
		"security, then full":     {{sec, full, who + " AuthMethod=None", "ok AuthMethod=None"}},
		"security without method": {{sec, op, who, "ok"}, {op, full, "", "ok MaxRecvDataSegmentLength=1048576"}},
		"one stage at a time":     {{sec, sec, who, "ok"}, {sec, op, "", "ok"}, {op, op, "", "ok"}, {op, full, "", "ok"}},
		"no initiator name":       {{op, full, "TargetName=" + targetName, "0207"}},
		"empty initiator name":    {{op, full, "InitiatorName= TargetName=" + targetName, "0207"}},
		"no target name":          {{op, full, "InitiatorName=iqn.2026-11.test.initiator:one", "0207"}},
		"unknown target":          {{op, full, "InitiatorName=iqn.2026-11.test.initiator:one TargetName=iqn.2026-11.test.target:other", "0203"}},
		"odd target name":         {{op, full, "InitiatorName=iqn.2026-11.test.initiator:one TargetName=drive", "0203"}},
		"odd initiator name":      {{op, full, "InitiatorName=one TargetName=" + targetName, "0200"}},
		"long initiator name":     {{op, full, "InitiatorName=iqn.2026-11.t:" + strings.Repeat("x", 230) + " TargetName=" + targetName, "0200"}},
		"target name in capitals": {{op, full, "InitiatorName=iqn.2026-11.test.initiator:one TargetName=" + strings.ToUpper(targetName[:4]) + targetName[4:], "ok"}},
		"odd session type":        {{op, full, who + " SessionType=Odd", "0209"}},
		"key twice in a request":  {{op, full, who + " InitialR2T=No InitialR2T=No", "0200"}},
		"key twice in a login":    {{op, op, who + " InitialR2T=No", "ok"}, {op, full, "InitialR2T=No", "0200"}},
		"name again":              {{sec, op, who, "ok"}, {op, full, who, "ok"}},
		"another name":            {{sec, op, who, "ok"}, {op, full, "InitiatorName=iqn.2026-11.test.initiator:two", "0200"}},
		"back a stage":            {{op, op, who, "ok"}, {sec, op, "", "0200"}},
		"stage 2":                 {{op, 2, who, "0200"}},
		"to the same stage":       {{sec, op, who, "ok"}, {op, full, "", "ok"}},
		"unknown keys":            {{op, full, who + " X-com.example=1 Foo=bar", "ok X-com.example=NotUnderstood Foo=NotUnderstood"}},
		"method we have not":      {{sec, op, who + " AuthMethod=KRB5,SRP", "0201"}},
		"CHAP that nobody asked":  {{sec, op, who + " AuthMethod=CHAP", "0201"}},
		"None is in the list":     {{sec, op, who + " AuthMethod=CHAP,None", "ok AuthMethod=None"}},
		"a target's own key":      {{op, full, who + " TargetAlias=x", "0200"}},
		"a target's group tag":    {{sec, op, who + " TargetPortalGroupTag=1", "0200"}},
		"discovery in a login":    {{op, full, who + " SendTargets=All", "0200"}},
		"AuthMethod too late":     {{op, full, who + " AuthMethod=None", "0200"}},
		"InitialR2T too early":    {{sec, op, who + " InitialR2T=No", "0200"}},
		"answer proposed":         {{op, full, who + " InitialR2T=Reject", "0200"}},
		"no value separator":      {{op, full, who + " Foo", "0200"}},
		"key in lower case":       {{op, full, who + " foo=bar", "0200"}},
		"long key":                {{op, full, who + " F" + strings.Repeat("o", 63) + "=1", "0200"}},
		"long value":              {{op, full, who + " Foo=" + strings.Repeat("o", 256), "0200"}},
		"too many keys":           {{op, full, who + manyKeys(70), "0200"}},
		"all of open-iscsi": {{op, full, who + " HeaderDigest=CRC32C,None DataDigest=None DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 InitialR2T=No ImmediateData=Yes MaxBurstLength=16776192 FirstBurstLength=262144 MaxOutstandingR2T=1 MaxConnections=1 DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=262144",
			"ok HeaderDigest=CRC32C DataDigest=None DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 InitialR2T=No ImmediateData=Yes MaxBurstLength=16776192 FirstBurstLength=262144 MaxOutstandingR2T=1 MaxConnections=1 DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=1048576"}},
		"all of Windows": {{op, full, who + " MaxConnections=8 InitialR2T=No FirstBurstLength=65536 MaxBurstLength=262144 MaxOutstandingR2T=16 ErrorRecoveryLevel=2 DefaultTime2Wait=0 DefaultTime2Retain=60 HeaderDigest=None,CRC32C",
			"ok MaxConnections=1 InitialR2T=No FirstBurstLength=65536 MaxBurstLength=262144 MaxOutstandingR2T=8 ErrorRecoveryLevel=0 DefaultTime2Wait=2 DefaultTime2Retain=20 HeaderDigest=None"}},
		"newer keys":             {{op, full, who + " TaskReporting=RFC3720,ResponseFence,FastAbort iSCSIProtocolLevel=2 X#NodeArchitecture=x", "ok TaskReporting=ResponseFence iSCSIProtocolLevel=1"}},
		"marker intervals":       {{op, full, who + " IFMarkInt=1~2 OFMarkInt=3 RDMAExtensions=Yes", "ok IFMarkInt=Reject OFMarkInt=Reject RDMAExtensions=No"}},
		"out of order answers":   {{op, full, who + " DataPDUInOrder=No DataSequenceInOrder=No", "ok DataPDUInOrder=Yes DataSequenceInOrder=Yes"}},
		"first burst irrelevant": {{op, full, who + " FirstBurstLength=65536 InitialR2T=Yes ImmediateData=No", "ok FirstBurstLength=Irrelevant"}},
		"first above max burst":  {{op, full, who + " FirstBurstLength=262144 MaxBurstLength=8192 InitialR2T=No", "ok FirstBurstLength=8192 MaxBurstLength=8192"}},
		"hexadecimal number":     {{op, full, who + " MaxBurstLength=0x10000", "ok MaxBurstLength=65536"}},
		"digest we have not":     {{op, full, who + " HeaderDigest=MD5", "ok HeaderDigest=Reject"}},
		"segment out of range":   {{op, full, who + " MaxRecvDataSegmentLength=511", "0200"}},
		"segment far out":        {{op, full, who + " MaxRecvDataSegmentLength=16777216", "0200"}},
		"numbers out of range":   {{op, full, who + " MaxBurstLength=511 MaxConnections=0 MaxOutstandingR2T=65536 DefaultTime2Wait=3601 ErrorRecoveryLevel=3", "ok MaxBurstLength=Reject MaxConnections=Reject MaxOutstandingR2T=Reject DefaultTime2Wait=Reject ErrorRecoveryLevel=Reject"}},
		"numbers that are none":  {{op, full, who + " MaxBurstLength=-1 MaxConnections=+1 MaxOutstandingR2T=01 DefaultTime2Wait=1_0 DefaultTime2Retain=0x ErrorRecoveryLevel=99999999999999999999", "ok MaxBurstLength=Reject MaxConnections=Reject MaxOutstandingR2T=Reject DefaultTime2Wait=Reject DefaultTime2Retain=Reject ErrorRecoveryLevel=Reject"}},
		"booleans that are none": {{op, full, who + " InitialR2T=no ImmediateData=1 DataPDUInOrder=", "ok InitialR2T=Reject ImmediateData=Reject DataPDUInOrder=Reject"}},
	}
	w := newWorld(t)
	for name, steps := range rows {
		t.Run(name, func(t *testing.T) {
			s := w.fresh()
			defer s.Conn.Close()
			for i, st := range steps {
				var keys []byte
				for k := range strings.FieldsSeq(st.keys) {
					keys = append(append(keys, k...), 0)
				}
				want := strings.Fields(st.want)
				r, got, err := s.LoginKeys(st.stage, st.next, keys)
				if status(err) != want[0] {
					t.Fatalf("step %d: %s, want %s (%v)", i, status(err), want[0], err)
				}
				if err != nil {
					if r.Transit || r.CSG != 0 || r.NSG != 0 {
						t.Errorf("a refusal with T %v, CSG %d, NSG %d", r.Transit, r.CSG, r.NSG)
					}
					closed(t, s)
					return
				}
				if r.Transit != (st.next != st.stage) || r.Transit && r.NSG != st.next || r.CSG != st.stage {
					t.Errorf("step %d: T %v, CSG %d, NSG %d", i, r.Transit, r.CSG, r.NSG)
				}
				for _, k := range want[1:] {
					key, value, _ := strings.Cut(k, "=")
					if g := strings.ReplaceAll(got[key], " ", "_"); g != value {
						t.Errorf("step %d: %s=%s, want %s", i, key, g, value)
					}
				}
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " X-%d=1", i)
	}
	return b.String()
}

// TestLoginHeaders sends Login Requests whose header is wrong.
func TestLoginHeaders(t *testing.T) {
	text := []byte(strings.ReplaceAll(who, " ", "\x00") + "\x00")
	rows := map[string]struct {
		change func(*pdu.Header)
		want   string
	}{
		"nothing":          {func(*pdu.Header) {}, "ok"},
		"version 1 to 2":   {func(h *pdu.Header) { h[2], h[3] = 2, 1 }, "0205"},
		"version 0 to 1":   {func(h *pdu.Header) { h[2], h[3] = 1, 0 }, "ok"},
		"T and C":          {func(h *pdu.Header) { h[1] |= 0x40 }, "closed"},
		"not immediate":    {func(h *pdu.Header) { h[0] = 0x03 }, "closed"},
		"a SCSI command":   {func(h *pdu.Header) { h[0] = 0x41 }, "closed"},
		"with AHS":         {func(h *pdu.Header) { h[4] = 1 }, "closed"},
		"unknown TSIH":     {func(h *pdu.Header) { h[15] = 9 }, "020a"},
		"full feature CSG": {func(h *pdu.Header) { h[1] = 0x8F }, "0200"},
	}
	w := newWorld(t)
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := w.fresh()
			defer s.Conn.Close()
			req := pdu.LoginRequest{Transit: true, CSG: op, NSG: full, ISID: pdu.ISID{0x80, 1}, InitiatorTaskTag: 7, CmdSN: 1}
			var h pdu.Header
			req.Encode(&h)
			h.SetDataSegmentLength(len(text))
			row.change(&h)
			if err := s.SendRaw(append(append(h[:], text...), make([]byte, pdu.Padding(len(text)))...)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.LoginResponse(); status(err) != row.want {
				t.Fatalf("%s, want %s", status(err), row.want)
			}
		})
	}
}

// TestLoginContinued sends text in pieces with C=1, in the first request and later.
func TestLoginContinued(t *testing.T) {
	w := newWorld(t)
	s := w.fresh()
	text := []byte(strings.ReplaceAll(who, " ", "\x00") + "\x00InitialR2T=No\x00")
	for i := 0; i < len(text); i += 30 {
		last := i+30 >= len(text)
		req := pdu.LoginRequest{Transit: last, Continue: !last, CSG: op, NSG: full, ISID: pdu.ISID{0x80, 2}, InitiatorTaskTag: 7, CmdSN: 1}
		if !last {
			req.NSG = 0
		}
		r, keys, err := s.LoginExchange(&req, text[i:min(i+30, len(text))])
		if err != nil {
			t.Fatal(err)
		}
		if !last && (len(keys) != 0 || r.Transit) || last && (keys["InitialR2T"] != "No" || !r.Transit) {
			t.Fatalf("at %d: %v, T %v", i, keys, r.Transit)
		}
	}
	// Text without end is cut off.
	s = w.fresh()
	req := pdu.LoginRequest{Continue: true, CSG: op, ISID: pdu.ISID{0x80, 3}, InitiatorTaskTag: 7, CmdSN: 1}
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, _, err = s.LoginExchange(&req, make([]byte, 8000))
	}
	if n > 4 {
		t.Fatalf("%d pieces of 8000 bytes were taken", n)
	}
}

func TestPolicy(t *testing.T) {
	rows := map[string]struct {
		policy *iscsi.Policy
		want   string
	}{
		"nobody asked":    {nil, "ok"},
		"by name":         {&iscsi.Policy{Initiators: []string{"iqn.2026-11.test.initiator:one"}}, "ok"},
		"by pattern":      {&iscsi.Policy{Initiators: []string{"iqn.1999-01.x:y", "iqn.2026-11.test.*"}}, "ok"},
		"another name":    {&iscsi.Policy{Initiators: []string{"iqn.2026-11.test.initiator:two"}}, "0202"},
		"by address":      {&iscsi.Policy{Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, "ok"},
		"another address": {&iscsi.Policy{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, "0202"},
		"name, not address": {&iscsi.Policy{Initiators: []string{"iqn.2026-11.test.initiator:one"},
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, "0202"},
	}
	w := newWorld(t)
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if err := w.target.SetPolicy(row.policy); err != nil {
				t.Fatal(err)
			}
			s, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName})
			if status(err) != row.want {
				t.Fatalf("%s, want %s", status(err), row.want)
			}
			s.Conn.Close()
		})
	}
}

func TestSessionLimits(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) {
		o.Limits.MaxSessions, o.Limits.MaxSessionsPerInitiator = 3, 2
		o.Offers.Time2Wait, o.Offers.Time2Retain = -1, -1
	})
	login := func(name string, n byte) string {
		_, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, Initiator: name, ISID: pdu.ISID{0x80, n}})
		return status(err)
	}
	for i, row := range []struct {
		name string
		isid byte
		want string
	}{
		{"iqn.2026-11.test:a", 1, "ok"}, {"iqn.2026-11.test:a", 2, "ok"}, {"iqn.2026-11.test:a", 3, "0302"},
		{"iqn.2026-11.test:a", 2, "ok"}, {"iqn.2026-11.test:b", 1, "ok"}, {"iqn.2026-11.test:c", 1, "0302"},
	} {
		if got := login(row.name, row.isid); got != row.want {
			t.Fatalf("login %d: %s, want %s", i, got, row.want)
		}
	}
}

// TestKeptSessionsGiveWay: sessions that are only kept for their initiators to come
// back do not keep others out.
func TestKeptSessionsGiveWay(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Limits.MaxSessions, o.Limits.MaxSessionsPerInitiator = 4, 3 })
	retain := iscsitest.With(iscsitest.DefaultKeys(), "DefaultTime2Retain", "3600")
	for i := range 20 {
		s, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, ISID: pdu.ISID{0x80, byte(i)}, Keys: retain})
		if err != nil {
			t.Fatal(i, err)
		}
		s.Conn.Close()
		eventually(t, "the loss is seen", func() bool {
			return !slices.ContainsFunc(w.target.Sessions(), func(i iscsi.SessionInfo) bool { return i.Connected })
		})
	}
	if n := len(w.target.Sessions()); n != 3 {
		t.Errorf("%d sessions are kept", n)
	}
	for i := range 4 {
		if _, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, Initiator: fmt.Sprintf("iqn.2026-11.test:%d", i)}); err != nil {
			t.Fatal(i, err)
		}
	}
	_, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.test:five"})
	if status(err) != "0302" {
		t.Error(status(err))
	}
}

// TestPendingLogins: logins that do not get on keep neither another address out
// nor, when they are through, their own.
func TestPendingLogins(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Limits.MaxPendingPerAddress = 2 })
	text := []byte(strings.ReplaceAll(who, " ", "\x00") + "\x00")
	var pending []*iscsitest.Session
	for i := range 2 {
		s := iscsitest.NewSession(w.dial(), iscsitest.Config{ISID: pdu.ISID{0x80, byte(i)}})
		if _, _, err := s.LoginKeys(op, op, text); err != nil {
			t.Fatal(err)
		}
		pending = append(pending, s)
	}
	if _, _, err := w.fresh().LoginKeys(op, op, text); status(err) != "0301" {
		t.Errorf("a third login: %s", status(err))
	}
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := from.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	other, err := iscsitest.Login(conn, iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.test.initiator:two"})
	if err != nil {
		t.Fatalf("a login from another address: %v", err)
	}
	if _, _, err := pending[0].LoginKeys(op, full, nil); err != nil {
		t.Fatal(err)
	}
	w.login(iscsitest.Config{ISID: pdu.ISID{0x80, 9}})
	if err := other.Logout(); err != nil {
		t.Error(err)
	}
}

// TestLoginDeadline: a connection that does not get on with its login is closed.
func TestLoginDeadline(t *testing.T) {
	w := newWorld(t, func(o *iscsi.TargetOptions) { o.Timeouts.Login = 50 * time.Millisecond })
	silent := w.fresh()
	closed(t, silent)
	half := w.fresh()
	if err := half.SendRaw(make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	closed(t, half)
	slow := w.fresh()
	if _, _, err := slow.LoginKeys(op, op, []byte(strings.ReplaceAll(who, " ", "\x00")+"\x00")); err != nil {
		t.Fatal(err)
	}
	closed(t, slow)
}
