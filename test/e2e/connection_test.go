//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"govtl/test/linux"
	"govtl/test/relay"
	"govtl/test/suite"
	"govtl/test/workload"
)

// through logs in to drive 11 through a relay.
func (r *rig) through(t *testing.T, settings ...string) (*relay.Relay, linux.Device) {
	t.Helper()
	between, err := relay.Listen(r.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { between.Close() })
	linux.NewNode(t, between.Addr(), driveName(11), settings...)
	return between, linux.Login(t, between.Addr(), driveName(11))
}

// TestConnections breaks the connection in the middle of a write in every way
// that a network knows. Nothing acknowledged is lost, the writer never hangs, and
// the initiator comes back by itself.
func TestConnections(t *testing.T) {
	r := newRig(t, suite.Options{Config: small})
	between, d := r.through(t)
	linux.Run(t, "mtx -f %s load 1 0", r.changer.Generic)
	r.ready(t, d)
	s := newStream(d, 4)
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"reset", func() { between.Reset() }},
		{"reset again", func() { between.Reset() }},
		{"half closed", func() { between.HalfClose() }},
		{"silence", func() {
			between.Silence(true)
			linux.Eventually(t, "the initiator to notice the silence", func() bool { return d.State() != "LOGGED_IN" })
			between.Silence(false)
		}},
	} {
		s.start(t)
		s.after(t, 2)
		c.do()
		if err := s.end(t); err == nil {
			t.Fatal("the writer ended without an error")
		} else {
			t.Logf("%s: the writer: %v", c.name, err)
		}
		r.settle(t, d)
		s.check(t, c.name)
	}

	t.Run("small pieces", func(t *testing.T) {
		between.Pieces(150)
		s.start(t)
		s.after(t, 1)
		s.finish(t)
		between.Pieces(3000)
		s.check(t, "in small pieces")
		between.Pieces(0)
	})
	t.Run("a lossy network", func(t *testing.T) {
		linux.Run(t, "tc qdisc add dev lo root netem loss 1%% delay 1ms reorder 10%%")
		defer linux.Run(t, "tc qdisc del dev lo root")
		s.start(t)
		s.after(t, 3)
		s.finish(t)
		s.check(t, "over a lossy network")
	})
	t.Run("rescan", func(t *testing.T) {
		linux.Run(t, "iscsiadm -m session --rescan")
		r.settle(t, d)
	})
	t.Run("logout in the middle of a write", func(t *testing.T) {
		s.start(t)
		s.after(t, 1)
		linux.Try("iscsiadm -m node -T %s -u", driveName(11))
		if err := s.end(t); err == nil {
			t.Fatal("the writer ended without an error")
		}
		s.device = linux.Login(t, r.Addr, driveName(11))
		r.ready(t, s.device)
		s.check(t, "after logout")
	})
}

// TestDigests writes and reads with every combination of digests.
func TestDigests(t *testing.T) {
	r := newRig(t, suite.Options{Config: small})
	linux.Run(t, "mtx -f %s load 1 0", r.changer.Generic)
	for _, c := range []struct{ header, data string }{{"CRC32C", "None"}, {"None", "CRC32C"}, {"CRC32C", "CRC32C"}} {
		linux.NewNode(t, r.Addr, driveName(11), "node.conn[0].iscsi.HeaderDigest="+c.header, "node.conn[0].iscsi.DataDigest="+c.data)
		d := linux.Login(t, r.Addr, driveName(11))
		on := map[string]string{"CRC32C": "1", "None": "0"}
		if h, p := d.Connection("header_digest"), d.Connection("data_digest"); h != on[c.header] || p != on[c.data] {
			t.Errorf("wanted header digest %s, data digest %s; negotiated %q and %q", c.header, c.data, h, p)
		}
		r.ready(t, d)
		s := newStream(d, 5)
		s.start(t)
		s.after(t, 3)
		s.finish(t)
		s.check(t, "header digest "+c.header+", data digest "+c.data)
		linux.Run(t, "iscsiadm -m node -T %s -u", driveName(11))
	}
}

// TestNegotiation writes and reads with the ways that data can travel.
func TestNegotiation(t *testing.T) {
	r := newRig(t, suite.Options{Config: small})
	linux.Run(t, "mtx -f %s load 1 0", r.changer.Generic)
	for _, settings := range [][]string{
		{"node.session.iscsi.InitialR2T=Yes", "node.session.iscsi.ImmediateData=No"},
		{"node.session.iscsi.InitialR2T=Yes", "node.session.iscsi.ImmediateData=Yes", "node.session.iscsi.FirstBurstLength=4096"},
		{"node.session.iscsi.InitialR2T=No", "node.session.iscsi.ImmediateData=No", "node.session.iscsi.FirstBurstLength=65536"},
		{"node.session.iscsi.MaxBurstLength=16384", "node.session.iscsi.FirstBurstLength=8192", "node.conn[0].iscsi.MaxRecvDataSegmentLength=4096"},
		{"node.session.cmds_max=16", "node.session.queue_depth=1"},
	} {
		linux.NewNode(t, r.Addr, driveName(11), settings...)
		d := linux.Login(t, r.Addr, driveName(11))
		r.ready(t, d)
		s := newStream(d, 6)
		s.start(t)
		s.after(t, 2)
		s.finish(t)
		s.check(t, settings[0])
		linux.Run(t, "iscsiadm -m node -T %s -u", driveName(11))
	}
}

// TestTwoInitiators: a reservation of one holds off the other, survives the loss
// of the connection, and can be taken over by preemption (SPC-4 5.13).
func TestTwoInitiators(t *testing.T) {
	const keyA, keyB = "0xa1", "0xb2"
	r := newRig(t, suite.Options{Config: small}, 11)
	a := r.load(t, 1, 0)
	between, err := relay.Listen(r.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { between.Close() })
	b := linux.LoginAs(t, "iqn.2026-11.test.guest:other", between.Addr(), driveName(11))
	r.ready(t, b)
	block := workload.File{}.Block(1, 0)
	write := func(d linux.Device) error {
		tape, err := linux.OpenTape(d.Tape, true)
		if err != nil {
			return err
		}
		defer tape.Close()
		if err := tape.Rewind(); err != nil {
			return err
		}
		if _, err := tape.Write(block); err != nil {
			return err
		}
		return tape.WriteFilemarks(1)
	}
	must := func(who string, d linux.Device, want bool) {
		t.Helper()
		if err := write(d); (err == nil) != want {
			t.Errorf("%s writes: %v", who, err)
		}
	}
	must("a, nothing reserved", a, true)
	linux.Run(t, "sg_persist -n -o -G -S %s -d %s", keyA, a.Generic)
	linux.Run(t, "sg_persist -n -o -R -K %s -T 3 -d %s", keyA, a.Generic)
	must("a, reserved by a", a, true)
	must("b, reserved by a", b, false)
	linux.Want(t, "b sees the reservation", linux.Run(t, "sg_persist -n -r -d %s", b.Generic), `Key=0xa1`)

	linux.Run(t, "sg_persist -n -o -G -S %s -d %s", keyB, b.Generic)
	must("b, registered only", b, false)
	linux.Run(t, "sg_persist -n -o -P -K %s -S %s -T 3 -d %s", keyB, keyA, b.Generic)
	r.told(t, a)
	must("a, preempted", a, false)
	must("b, after preemption", b, true)

	between.Reset()
	must("a, b has lost its connection", a, false)
	linux.Try("sg_turs %s", b.Generic) // so that the initiator notices
	r.settle(t, b)
	must("b, connected again", b, true)
	linux.Run(t, "sg_persist -n -o -C -K %s -d %s", keyB, b.Generic)
	must("a, all cleared", a, true)
}

// told takes the unit attentions that wait for an initiator.
func (r *rig) told(t *testing.T, d linux.Device) {
	t.Helper()
	for range 4 {
		if _, err := linux.Try("sg_turs %s", d.Generic); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestInitiatorSettings: two sessions of one initiator are two nexuses, more
// connections than one are declined, a session may be bound to an interface, and who
// looks for a name server here finds none.
func TestInitiatorSettings(t *testing.T) {
	r := newRig(t, suite.Options{Config: small})
	linux.NewNode(t, r.Addr, driveName(11), "node.session.nr_sessions=2", "node.session.iscsi.MaxConnections=4")
	linux.Run(t, "iscsiadm -m node -T %s -p %s --login", driveName(11), r.Addr)
	if out := linux.Run(t, "iscsiadm -m session"); strings.Count(out, driveName(11)) != 2 {
		t.Errorf("sessions:\n%s", out)
	}
	linux.Want(t, "what was negotiated", linux.Run(t, "iscsiadm -m session -P 2"), "MaxOutstandingR2T: 1", "InitialR2T: No", "ImmediateData: Yes")
	linux.Run(t, "iscsiadm -m node -T %s -u", driveName(11))

	linux.Run(t, "iscsiadm -m iface -I bound -o new")
	linux.Run(t, "iscsiadm -m iface -I bound -o update -n iface.net_ifacename -v lo")
	linux.Want(t, "discovery by an interface", linux.Run(t, "iscsiadm -m discovery -t sendtargets -I bound -p %s", r.Addr), driveName(11))
	linux.Run(t, "iscsiadm -m node -I bound -T %s -p %s --login", driveName(11), r.Addr)
	d := linux.Find(t, driveName(11))
	linux.Run(t, "mtx -f %s load 1 0", r.changer.Generic)
	r.ready(t, d)
	s := newStream(d, 7)
	s.start(t)
	s.after(t, 2)
	s.finish(t)
	s.check(t, "by an interface")
	linux.Run(t, "iscsiadm -m node -T %s -u", driveName(11))

	linux.Refused(t, "iscsiadm -m discovery -t isns -p %s", r.Addr)
	linux.Want(t, "discovery afterwards", linux.Run(t, "iscsiadm -m discovery -t sendtargets -p %s", r.Addr), driveName(11))
}
