// Package transcripts runs transcripts over iSCSI that the packages beside their
// devices run in-process: what an initiator sees must be the same.
package transcripts

import (
	"context"
	"fmt"
	"net"
	"testing"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/scsi/spc/spctest"
)

const targetName = "iqn.2026-11.test.target:unit"

// remote is a Unit over iSCSI.
type remote struct {
	t        *testing.T
	address  string
	commands []*scsi.Command
	sessions map[string]*iscsitest.Session
}

// one is a portal's directory and route of one target.
type one struct{ target *iscsi.Target }

func (o one) Targets() []iscsi.Listing             { return []iscsi.Listing{{Name: o.target.Name()}} }
func (o one) Route(string) (iscsi.Acceptor, error) { return o.target, nil }

// serve puts a logical unit behind a target and a portal of its own.
func serve(t *testing.T, lu scsi.LogicalUnit, commands []*scsi.Command) scsitest.Unit {
	target, err := iscsi.NewTarget(iscsi.TargetOptions{Name: targetName, Unit: lu})
	if err != nil {
		t.Fatal(err)
	}
	portal, err := iscsi.NewPortal(iscsi.PortalOptions{Directory: one{target}, Route: one{target}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- portal.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		portal.Shutdown(context.Background())
		target.Shutdown(context.Background())
		<-served
	})
	return &remote{t: t, address: l.Addr().String(), commands: commands, sessions: map[string]*iscsitest.Session{}}
}

// session returns the session of a nexus, logged in.
func (r *remote) session(name string) (*iscsitest.Session, error) {
	if s := r.sessions[name]; s != nil {
		return s, nil
	}
	return r.login(name)
}

func (r *remote) login(name string) (*iscsitest.Session, error) {
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		return nil, err
	}
	r.t.Cleanup(func() { conn.Close() })
	n := scsitest.NewNexus(name)
	s, err := iscsitest.Login(conn, iscsitest.Config{Initiator: n.InitiatorName, Target: targetName, ISID: pdu.ISID(n.ISID)})
	if err != nil {
		return nil, err
	}
	r.sessions[name] = s
	return s, nil
}

// Execute implements scsitest.Unit.
func (r *remote) Execute(nexus string, c scsitest.Command) (scsitest.Result, error) {
	s, err := r.session(nexus)
	if err != nil {
		return scsitest.Result{}, err
	}
	cmd := &iscsitest.Command{CDB: c.CDB, LUN: c.LUN, Out: c.Out}
	if len(c.Out) == 0 {
		cmd.In = 1 << 20
	}
	if c.ExpectedIn >= 0 {
		cmd.In = c.ExpectedIn
	}
	if c.ExpectedOut >= 0 {
		n := uint32(c.ExpectedOut)
		cmd.Expected = &n
	}
	if err := s.Do(cmd); err != nil {
		return scsitest.Result{}, err
	}
	res := scsitest.Result{Status: scsi.Status(cmd.Status), In: cmd.Data, Name: r.name(c)}
	if res.Status == scsi.CheckCondition {
		res.Sense = cmd.Sense
	}
	if len(c.Out) > 0 || c.ExpectedIn >= 0 {
		switch {
		case cmd.Overflow:
			res.Residual = fmt.Sprintf("residual overflow %d", cmd.Residual)
		case cmd.Underflow && cmd.Residual > 0 && res.Status != scsi.ReservationConflict:
			res.Residual = fmt.Sprintf("residual underflow %d", cmd.Residual)
		}
	}
	return res, nil
}

// name is the command's name, which does not go over the wire.
func (r *remote) name(cmd scsitest.Command) string {
	if n, ok := cmd.LUN.Number(); !ok || n != 0 {
		return ""
	}
	cdb := cmd.CDB
	for _, c := range r.commands {
		if c.Opcode == cdb[0] && c.Missing == "" && (!c.HasServiceAction || c.ServiceAction == cdb[1]&0x1F) {
			return c.Name
		}
	}
	return ""
}

// Manage implements scsitest.Unit.
func (r *remote) Manage(nexus string, fn scsi.TaskManagement) (scsi.TaskManagementResponse, error) {
	s, err := r.session(nexus)
	if err != nil {
		return 0, err
	}
	response, err := s.Manage(uint8(fn), [8]byte{}, nil)
	return scsi.TaskManagementResponse(response), err
}

// Logout implements scsitest.Unit.
func (r *remote) Logout(nexus string) error {
	s, err := r.session(nexus)
	if err != nil {
		return err
	}
	delete(r.sessions, nexus)
	return s.Logout()
}

// Reconnect implements scsitest.Unit.
func (r *remote) Reconnect(nexus string) error {
	_, err := r.login(nexus)
	return err
}

func TestOverISCSI(t *testing.T) {
	scsitest.RunFiles(t, "../../scsi/spc/testdata/*.txt", func(t *testing.T) *scsitest.Env {
		return spctest.NewWorld(t, func(t *testing.T, d *spctest.Device) scsitest.Unit {
			return serve(t, d.Server, d.Commands())
		})
	})
}
