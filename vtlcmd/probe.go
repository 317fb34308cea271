package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"govtl/internal/config"
	"govtl/iscsi/pdu"
)

// errNotForUs: a target answers and does not let this program in, because it
// wants a secret or a listed initiator. Who is let in is a matter of initiators.
var errNotForUs = errors.New("the target answers, and wants other credentials")

// proberName is the iSCSI name under which this program logs in to see whether a
// target answers.
func proberName(s *config.Suite) string { return s.TargetName("vtlcmd", 0) }

// probe logs in to a target, asks it for INQUIRY data and logs out: what it
// returns nil for is what an initiator meets. INQUIRY, because it leaves every
// pending unit attention where it is (SPC-4 6.6).
func probe(ctx context.Context, s *config.Suite, address, target string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", reachable(address))
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	p := prober{conn: conn, initiator: proberName(s), target: target}
	if err := p.login(); err != nil {
		return err
	}
	if err := p.inquiry(); err != nil {
		return err
	}
	return p.logout()
}

// reachable is the address to connect to for one to listen on: any address means
// this host's loopback.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "":
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// prober is the least of an initiator, RFC 7143.
type prober struct {
	conn              net.Conn
	initiator, target string
	framing           pdu.Framing
	statSN            uint32 // of the last response
	tsih              uint16
}

// exchange sends one PDU and reads the next.
func (p *prober) exchange(h *pdu.Header, data []byte) (pdu.Frame, error) {
	if _, err := p.conn.Write(p.framing.Append(nil, h, nil, data)); err != nil {
		return pdu.Frame{}, err
	}
	return p.read()
}

func (p *prober) read() (pdu.Frame, error) {
	var f pdu.Frame
	err := p.framing.Read(p.conn, &f)
	return f, err
}

// loginSteps bounds a login: with our offers one step is enough.
const loginSteps = 5

// login goes to the full feature phase.
func (p *prober) login() error {
	req := pdu.LoginRequest{
		Transit: true, CSG: pdu.OperationalNegotiation, NSG: pdu.FullFeaturePhase, InitiatorTaskTag: 1, CmdSN: 1,
	}
	rand.Read(req.ISID[:])
	req.ISID[0] = 0x80 // a random qualifier follows, RFC 7143 11.12.5
	var text []byte
	for _, kv := range [][2]string{
		{"InitiatorName", p.initiator}, {"InitiatorAlias", "vtlcmd"}, {"SessionType", "Normal"}, {"TargetName", p.target},
		{"HeaderDigest", "None"}, {"DataDigest", "None"}, {"ErrorRecoveryLevel", "0"},
	} {
		text = pdu.AppendText(text, kv[0], kv[1])
	}
	for range loginSteps {
		var h pdu.Header
		req.Encode(&h)
		f, err := p.exchange(&h, text)
		if err != nil {
			return fmt.Errorf("login: %w", err)
		}
		resp, err := pdu.DecodeLoginResponse(f.Header[:])
		if err != nil {
			return fmt.Errorf("login: %w", err)
		}
		switch resp.Status {
		case pdu.LoginSuccess:
		case pdu.LoginAuthenticationFailure, pdu.LoginAuthorizationFailure:
			return errNotForUs
		default:
			return fmt.Errorf("login: %s", resp.Status)
		}
		p.statSN, p.tsih = resp.StatSN, resp.TSIH
		if resp.Transit && resp.NSG == pdu.FullFeaturePhase {
			return nil
		}
		req.ExpStatSN, req.TSIH, text = resp.StatSN+1, resp.TSIH, nil
	}
	return errors.New("login: no end to it")
}

// inquiryLength is the standard INQUIRY data that we ask for, in bytes.
const inquiryLength = 36

// inquiry sends INQUIRY to LUN 0 and wants GOOD.
func (p *prober) inquiry() error {
	cmd := pdu.SCSICommand{
		Final: true, Read: true, Attribute: 1, InitiatorTaskTag: 2, ExpectedLength: inquiryLength, CmdSN: 1, ExpStatSN: p.statSN + 1,
	}
	cmd.CDB[0], cmd.CDB[4] = 0x12, inquiryLength
	var h pdu.Header
	cmd.Encode(&h)
	f, err := p.exchange(&h, nil)
	for ; err == nil; f, err = p.read() {
		switch f.Header.Opcode() {
		case pdu.OpDataIn:
			in, err := pdu.DecodeDataIn(f.Header[:])
			if err != nil {
				return fmt.Errorf("inquiry: %w", err)
			}
			if in.HasStatus {
				p.statSN = in.StatSN
				return statusError(in.Status)
			}
		case pdu.OpSCSIResponse:
			r, err := pdu.DecodeSCSIResponse(f.Header[:])
			if err != nil {
				return fmt.Errorf("inquiry: %w", err)
			}
			p.statSN = r.StatSN
			return statusError(r.Status)
		case pdu.OpNOPIn, pdu.OpAsyncMessage:
		default:
			return fmt.Errorf("inquiry: answered with %s", f.Header.Opcode())
		}
	}
	return fmt.Errorf("inquiry: %w", err)
}

// statusError is nil for GOOD.
func statusError(status uint8) error {
	if status != 0 {
		return fmt.Errorf("inquiry: SCSI status %02Xh", status)
	}
	return nil
}

// logout ends the session. The target was reached whatever comes of it.
func (p *prober) logout() error {
	req := pdu.LogoutRequest{Immediate: true, Reason: pdu.LogoutCloseSession, InitiatorTaskTag: 3, CmdSN: 2, ExpStatSN: p.statSN + 1}
	var h pdu.Header
	req.Encode(&h)
	f, err := p.exchange(&h, nil)
	if err == nil && f.Header.Opcode() != pdu.OpLogoutResponse && !strings.Contains(f.Header.Opcode().String(), "NOP") {
		err = fmt.Errorf("logout: answered with %s", f.Header.Opcode())
	}
	return err
}
