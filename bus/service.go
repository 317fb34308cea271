package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Limits of what waits for one endpoint.
const (
	pendingMessages = 1024
	pendingBytes    = 16 << 20
)

// ServiceOptions say who offers a service.
type ServiceOptions struct {
	Device      Device
	Version     string // of the program, as `--version` prints it
	Description string // one line for people
}

// Service is a participant's set of endpoints. Requests for one endpoint are
// served one after the other, in the order they came; those for different
// endpoints at the same time.
type Service struct {
	conn   *Conn
	device Device
	svc    micro.Service
	ctx    context.Context
	cancel context.CancelFunc
}

// NewService puts a participant on the bus. It may be called while the bus is
// away; the service appears when it comes.
func NewService(c *Conn, o ServiceOptions) (*Service, error) {
	svc, err := micro.AddService(c.nc, micro.Config{
		Name:        o.Device.Service(),
		Version:     semanticVersion(o.Version),
		Description: o.Description,
		Metadata: map[string]string{
			"id":       strconv.Itoa(o.Device.ID),
			"kind":     string(o.Device.Kind),
			"version":  o.Version,
			"messages": strconv.Itoa(Version),
		},
		ErrorHandler: func(_ micro.Service, err *micro.NATSError) {
			c.log.Warn("bus: service error", "subject", err.Subject, "err", err.Description)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Service{conn: c, device: o.Device, svc: svc, ctx: ctx, cancel: cancel}, nil
}

// Close takes the participant off the bus: requests that run have their context
// cancelled, new ones find nobody.
func (s *Service) Close() error {
	s.cancel()
	if err := s.svc.Stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

// Handle serves an endpoint of the service's own device. The handler's context
// ends at the request's deadline and when the service closes. An *Error that it
// returns goes to the caller as it is, any other error as CodeInternal.
func Handle[Req, Resp any](s *Service, e Endpoint[Req, Resp], f func(context.Context, Req) (Resp, error)) error {
	if e.device != s.device {
		return fmt.Errorf("bus: %s belongs to %s, not to %s", e.Subject(), e.device, s.device)
	}
	err := s.svc.AddEndpoint(e.name, micro.HandlerFunc(func(m micro.Request) { serve(s, m, f) }),
		micro.WithEndpointSubject(e.Subject()),
		micro.WithEndpointPendingLimits(pendingMessages, pendingBytes))
	if err != nil {
		return fmt.Errorf("bus: %s: %w", e.Subject(), err)
	}
	return nil
}

// serve answers one request.
func serve[Req, Resp any](s *Service, m micro.Request, f func(context.Context, Req) (Resp, error)) {
	r, err := decodeRequest(m.Data(), time.Now())
	if err != nil {
		s.refuse(m, r.ID, err)
		return
	}
	var req Req
	if len(r.Body) > 0 {
		if err := unmarshal(r.Body, &req); err != nil {
			s.refuse(m, r.ID, Errorf(CodeBadRequest, "the request is damaged: %v", err))
			return
		}
	}
	ctx, cancel := context.WithDeadline(s.ctx, r.Deadline)
	defer cancel()
	resp, err := f(ctx, req)
	if err != nil {
		s.refuse(m, r.ID, err)
		return
	}
	body, err := json.Marshal(resp)
	if err != nil {
		s.refuse(m, r.ID, err)
		return
	}
	data, err := json.Marshal(reply{Version: Version, ID: r.ID, Body: body})
	if err != nil {
		s.refuse(m, r.ID, err)
		return
	}
	if limit := s.conn.nc.MaxPayload(); limit > 0 && int64(len(data)) > limit {
		s.refuse(m, r.ID, Errorf(CodeTooLarge, "a reply of %d bytes is above the bus's limit of %d", len(data), limit))
		return
	}
	if err := m.Respond(data); err != nil {
		s.conn.log.Debug("bus: reply lost", "subject", m.Subject(), "err", err)
	}
}

// refuse answers with a typed error. The NATS header makes it count as one in
// the statistics of stock clients.
func (s *Service) refuse(m micro.Request, id string, err error) {
	code := CodeOf(err)
	reason := err.Error()
	data, merr := json.Marshal(reply{Version: Version, ID: id, Code: code, Reason: reason})
	if merr != nil {
		data = []byte(`{"v":1,"code":"internal"}`)
	}
	if rerr := m.Error(string(code), headerText(reason), data); rerr != nil {
		s.conn.log.Debug("bus: reply lost", "subject", m.Subject(), "err", rerr)
	}
}

// headerText makes a text fit for a NATS header: one line, bounded.
func headerText(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c == 0x7F {
			b[i] = ' '
		}
	}
	if len(b) > 512 {
		b = b[:512]
	}
	return string(b)
}

// semanticVersion is v when it is a semantic version, with or without the v in
// front, else 0.0.0: the services framework takes no other.
func semanticVersion(v string) string {
	re := regexp.MustCompile(`^v?((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9a-zA-Z.-]+)?(?:\+[0-9a-zA-Z.-]+)?)$`)
	if m := re.FindStringSubmatch(v); m != nil {
		return m[1]
	}
	return "0.0.0"
}
