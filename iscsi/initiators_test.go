package iscsi_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// initiator is how an initiator in the wild logs in: its keys in their order, and
// what it puts into headers.
type initiator struct {
	name  string
	isid  pdu.ISID
	cmdSN uint32
	itt   uint32
	steps []initiatorStep

	// immediateLogout says that its Logout Request is immediate.
	immediateLogout bool
}

// initiatorStep is a Login Request and the answer to it: the keys that are asked for,
// in any order and no others, and whether the target goes on to the next stage.
type initiatorStep struct {
	stage, next pdu.Stage
	keys        string
	want        string
}

// announced is what the first answer of a target tells of itself.
const announced = " TargetPortalGroupTag=1 TargetAlias=a_RAM_disk"

var (
	openISCSI = pdu.ISID{0x00, 0x02, 0x3D, 0x00, 0x00, 0x01} // IANA enterprise number
	microsoft = pdu.ISID{0x40, 0x00, 0x01, 0x37, 0x00, 0x00}
	random    = pdu.ISID{0x80, 0xAB, 0xCD, 0xEF, 0x00, 0x00}
)

// initiators are taken from the sources of those that are open, and else from what
// captures show.
var initiators = []initiator{
	{name: "open-iscsi", isid: openISCSI, cmdSN: 1, steps: []initiatorStep{
		{sec, op, "InitiatorName=iqn.1993-08.org.debian:01:abc InitiatorAlias=host TargetName=" + targetName + " SessionType=Normal AuthMethod=None",
			"AuthMethod=None" + announced},
		{op, full, "HeaderDigest=None DataDigest=None DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 " +
			"InitialR2T=No ImmediateData=Yes MaxBurstLength=16776192 FirstBurstLength=262144 MaxOutstandingR2T=1 MaxConnections=1 " +
			"DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=262144",
			"HeaderDigest=None DataDigest=None DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 " +
				"InitialR2T=No ImmediateData=Yes MaxBurstLength=16776192 FirstBurstLength=262144 MaxOutstandingR2T=1 MaxConnections=1 " +
				"DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=1048576"},
	}},
	{name: "open-iscsi with digests and CHAP to spare", isid: openISCSI, cmdSN: 1, steps: []initiatorStep{
		{sec, op, "InitiatorName=iqn.1993-08.org.debian:01:abc InitiatorAlias=(none) TargetName=" + targetName + " SessionType=Normal AuthMethod=CHAP,None",
			"AuthMethod=None" + announced},
		{op, full, "HeaderDigest=CRC32C,None DataDigest=CRC32C,None DefaultTime2Wait=0 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 " +
			"InitialR2T=Yes ImmediateData=No MaxBurstLength=16776192 MaxOutstandingR2T=16 MaxConnections=1 " +
			"DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=131072",
			"HeaderDigest=CRC32C DataDigest=CRC32C DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 " +
				"InitialR2T=Yes ImmediateData=No MaxBurstLength=16776192 MaxOutstandingR2T=8 MaxConnections=1 " +
				"DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=1048576"},
	}},
	{name: "libiscsi", isid: random, itt: 0, immediateLogout: true, steps: []initiatorStep{
		{op, full, "InitiatorName=iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-inq InitiatorAlias=iscsi-inq TargetName=" + targetName + " SessionType=Normal " +
			"HeaderDigest=None,CRC32C DataDigest=None InitialR2T=No ImmediateData=Yes MaxBurstLength=262144 FirstBurstLength=262144 MaxRecvDataSegmentLength=262144 " +
			"DataPDUInOrder=Yes DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No MaxConnections=1 MaxOutstandingR2T=1 ErrorRecoveryLevel=0 DataSequenceInOrder=Yes",
			"HeaderDigest=None DataDigest=None InitialR2T=No ImmediateData=Yes MaxBurstLength=262144 FirstBurstLength=262144 MaxRecvDataSegmentLength=1048576 " +
				"DataPDUInOrder=Yes DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No MaxConnections=1 MaxOutstandingR2T=1 ErrorRecoveryLevel=0 DataSequenceInOrder=Yes" + announced},
	}},
	{name: "FreeBSD", isid: random, steps: []initiatorStep{
		{sec, op, "AuthMethod=None InitiatorName=iqn.1994-09.org.freebsd:host InitiatorAlias=host SessionType=Normal TargetName=" + targetName,
			"AuthMethod=None" + announced},
		// The first burst is above what is given; the list has one digest.
		{op, full, "HeaderDigest=CRC32C DataDigest=CRC32C ImmediateData=Yes MaxBurstLength=131072 FirstBurstLength=131072 InitialR2T=Yes " +
			"MaxRecvDataSegmentLength=131072 DefaultTime2Wait=0 DefaultTime2Retain=0 ErrorRecoveryLevel=0 MaxOutstandingR2T=1",
			"HeaderDigest=CRC32C DataDigest=CRC32C ImmediateData=Yes MaxBurstLength=131072 FirstBurstLength=131072 InitialR2T=Yes " +
				"MaxRecvDataSegmentLength=1048576 DefaultTime2Wait=2 DefaultTime2Retain=0 ErrorRecoveryLevel=0 MaxOutstandingR2T=1"},
	}},
	{name: "iPXE", isid: pdu.ISID{0x00, 0x02, 0xB6, 0x5C, 0x12, 0x34}, itt: 0x18AE0001, steps: []initiatorStep{
		{sec, op, "InitiatorName=iqn.2010-04.org.ipxe:host TargetName=" + targetName + " SessionType=Normal AuthMethod=CHAP,None",
			"AuthMethod=None" + announced},
		{op, full, "HeaderDigest=None DataDigest=None MaxConnections=1 InitialR2T=Yes ImmediateData=No MaxRecvDataSegmentLength=8192 MaxBurstLength=262144 " +
			"FirstBurstLength=65536 DefaultTime2Wait=0 DefaultTime2Retain=0 MaxOutstandingR2T=1 DataPDUInOrder=Yes DataSequenceInOrder=Yes ErrorRecoveryLevel=0",
			"HeaderDigest=None DataDigest=None MaxConnections=1 InitialR2T=Yes ImmediateData=No MaxRecvDataSegmentLength=1048576 MaxBurstLength=262144 " +
				"FirstBurstLength=Irrelevant DefaultTime2Wait=2 DefaultTime2Retain=0 MaxOutstandingR2T=1 DataPDUInOrder=Yes DataSequenceInOrder=Yes ErrorRecoveryLevel=0"},
	}},
	{name: "Windows", isid: microsoft, cmdSN: 1, steps: []initiatorStep{
		{sec, op, "InitiatorName=iqn.1991-05.com.microsoft:backup_host SessionType=Normal TargetName=" + targetName + " AuthMethod=None",
			"AuthMethod=None" + announced},
		{op, full, "HeaderDigest=None,CRC32C DataDigest=None,CRC32C ErrorRecoveryLevel=2 InitialR2T=No ImmediateData=Yes MaxRecvDataSegmentLength=65536 " +
			"MaxBurstLength=262144 FirstBurstLength=65536 MaxConnections=8 DataPDUInOrder=Yes DataSequenceInOrder=Yes DefaultTime2Wait=0 DefaultTime2Retain=60 MaxOutstandingR2T=16",
			"HeaderDigest=None DataDigest=None ErrorRecoveryLevel=0 InitialR2T=No ImmediateData=Yes MaxRecvDataSegmentLength=1048576 " +
				"MaxBurstLength=262144 FirstBurstLength=65536 MaxConnections=1 DataPDUInOrder=Yes DataSequenceInOrder=Yes DefaultTime2Wait=2 DefaultTime2Retain=20 MaxOutstandingR2T=8"},
	}},
	{name: "ESXi", isid: openISCSI, cmdSN: 1, steps: []initiatorStep{
		{sec, op, "InitiatorName=iqn.1998-01.com.vmware:esx-1a2b3c4d InitiatorAlias=esx TargetName=" + targetName + " SessionType=Normal AuthMethod=None",
			"AuthMethod=None" + announced},
		{op, full, "HeaderDigest=None DataDigest=None DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 " +
			"InitialR2T=No ImmediateData=Yes MaxBurstLength=262144 FirstBurstLength=262144 MaxOutstandingR2T=1 MaxConnections=1 " +
			"DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=131072",
			"HeaderDigest=None DataDigest=None DefaultTime2Wait=2 DefaultTime2Retain=0 IFMarker=No OFMarker=No ErrorRecoveryLevel=0 " +
				"InitialR2T=No ImmediateData=Yes MaxBurstLength=262144 FirstBurstLength=262144 MaxOutstandingR2T=1 MaxConnections=1 " +
				"DataPDUInOrder=Yes DataSequenceInOrder=Yes MaxRecvDataSegmentLength=1048576"},
	}},
	{name: "one that says what it is only later", isid: random, cmdSN: 7, itt: 9, steps: []initiatorStep{
		{sec, op, "InitiatorName=iqn.2026-11.test.initiator:one TargetName=" + targetName, announced[1:]},
		{op, op, "SessionType=Normal InitialR2T=No", "InitialR2T=No MaxRecvDataSegmentLength=1048576"},
		{op, full, "", ""},
	}},
	{name: "one with all that newer RFCs have", isid: random, cmdSN: 0xFFFFFFFF, itt: 0xFFFFFFFE, immediateLogout: true, steps: []initiatorStep{
		{sec, op, "InitiatorName=iqn.2026-11.test.initiator:one TargetName=" + targetName + " SessionType=Normal AuthMethod=KRB5,None", "AuthMethod=None" + announced},
		{op, full, "iSCSIProtocolLevel=2 TaskReporting=FastAbort,ResponseFence,RFC3720 X#NodeArchitecture=x RDMAExtensions=No MaxConnections=65535 ErrorRecoveryLevel=1",
			"iSCSIProtocolLevel=1 TaskReporting=ResponseFence RDMAExtensions=No MaxConnections=1 ErrorRecoveryLevel=0 MaxRecvDataSegmentLength=1048576"},
	}},
}

// TestInitiatorsInTheWild: each of them logs in with the keys that it has, is
// answered with what it can understand, works, and logs out.
func TestInitiatorsInTheWild(t *testing.T) {
	w := newWorld(t)
	for i, in := range initiators {
		t.Run(in.name, func(t *testing.T) {
			s := iscsitest.NewSession(w.dial(), iscsitest.Config{Target: targetName, ISID: in.isid})
			s.CmdSN = in.cmdSN
			for _, step := range in.steps {
				req := pdu.LoginRequest{Transit: step.next != step.stage, CSG: step.stage, NSG: step.next, ISID: in.isid,
					InitiatorTaskTag: in.itt, CmdSN: in.cmdSN, ExpStatSN: s.ExpStatSN}
				if !req.Transit {
					req.NSG = 0
				}
				r, keys, err := s.LoginExchange(&req, words(step.keys))
				if err != nil {
					t.Fatal(err)
				}
				if r.Transit != req.Transit || r.NSG != req.NSG || r.InitiatorTaskTag != in.itt || r.ISID != in.isid || r.ExpCmdSN != in.cmdSN {
					t.Errorf("%+v answers %+v", r, req)
				}
				if step.next == full && (r.TSIH == 0 || int32(r.MaxCmdSN-r.ExpCmdSN) < 0) || step.next != full && r.TSIH != 0 {
					t.Errorf("%+v", r)
				}
				got := map[string]string{}
				for k, v := range keys {
					got[k] = strings.ReplaceAll(v, " ", "_")
				}
				for k := range strings.FieldsSeq(step.want) {
					key, value, _ := strings.Cut(k, "=")
					if got[key] != value {
						t.Errorf("%s=%s, want %s", key, got[key], value)
					}
					delete(got, key)
				}
				if len(got) != 0 {
					t.Errorf("more than it asked for: %v", got)
				}
			}
			s.Settle()
			if c := w.do(s, &iscsitest.Command{CDB: make([]byte, 6)}); c.SenseKey() != 6 {
				t.Fatal(c)
			}
			data := pattern(600*ramBlock, byte(i))
			w.good(s, write10(0, 1, data))
			check(t, in.name, w.good(s, read10(0, 600)).Data, data)
			if _, err := s.Ping([]byte("as long as it lives")); err != nil {
				t.Fatal(err)
			}
			p := pdu.LogoutRequest{Immediate: in.immediateLogout, Reason: pdu.LogoutCloseSession, InitiatorTaskTag: s.Tag(), CmdSN: s.CmdSN, ExpStatSN: s.ExpStatSN}
			var h pdu.Header
			p.Encode(&h)
			if err := s.Send(&h, nil, nil); err != nil {
				t.Fatal(err)
			}
			f, err := s.Await(p.InitiatorTaskTag)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := pdu.DecodeLogoutResponse(f.Header[:]); err != nil || r.Response != pdu.LogoutSuccess {
				t.Errorf("%+v, %v", r, err)
			}
			closed(t, s)
		})
	}
}

// words is text with a key in each word.
func words(s string) (text []byte) {
	for k := range strings.FieldsSeq(s) {
		text = append(append(text, k...), 0)
	}
	return text
}

// TestDiscoveryByAddress: a portal that listens on several addresses, or on all,
// tells an initiator the one that it came by, in the form of RFC 7143 13.8.
func TestDiscoveryByAddress(t *testing.T) {
	w := newWorld(t)
	listen := func(network, address string) *net.TCPListener {
		l, err := net.Listen(network, address)
		if err != nil {
			if strings.Contains(address, "::") {
				t.Logf("this host has no IPv6: %v", err)
				return nil
			}
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- w.portal.Serve(l) }()
		t.Cleanup(func() { l.Close(); <-served })
		return l.(*net.TCPListener)
	}
	for _, row := range []struct{ network, address, by string }{
		{"tcp4", "127.0.0.1:0", "127.0.0.1"},
		{"tcp4", "0.0.0.0:0", "127.0.0.1"},
		{"tcp4", "0.0.0.0:0", "127.0.0.77"},
		{"tcp6", "[::1]:0", "::1"},
		{"tcp", "[::]:0", "::1"},
		{"tcp", "[::]:0", "127.0.0.1"}, // mapped to IPv6 inside
	} {
		l := listen(row.network, row.address)
		if l == nil {
			continue
		}
		want := netip.AddrPortFrom(netip.MustParseAddr(row.by), uint16(l.Addr().(*net.TCPAddr).Port))
		conn, err := net.Dial("tcp", want.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		s, err := iscsitest.Login(conn, iscsitest.Config{Discovery: true})
		if err != nil {
			t.Fatal(row, err)
		}
		pairs, err := s.SendTargets("All")
		if err != nil || len(pairs) != 2 || pairs[0].Value != targetName || pairs[1] != (pdu.Pair{Key: "TargetAddress", Value: want.String() + ",1"}) {
			t.Errorf("%v: %v, %v", row, pairs, err)
		}
		if err := s.Logout(); err != nil {
			t.Error(err)
		}
		// A session of the target says the same.
		if conn, err = net.Dial("tcp", want.String()); err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if s, err = iscsitest.Login(conn, iscsitest.Config{Target: targetName}); err != nil {
			t.Fatal(row, err)
		}
		if pairs, err = s.SendTargets(""); err != nil || len(pairs) != 2 || pairs[1].Value != want.String()+",1" {
			t.Errorf("%v: %v, %v", row, pairs, err)
		}
		if err := s.Logout(); err != nil {
			t.Error(err)
		}
	}
}
