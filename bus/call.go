package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// DefaultTimeout is the deadline of a call whose context has none.
const DefaultTimeout = 10 * time.Second

// Call sends a request and waits for its reply. While the bus is away it waits
// for it, because nothing has been sent yet. Errors of the bus itself are:
//
//   - ErrAbsent: the bus is away or nobody serves the endpoint. The request was
//     not carried out.
//   - ErrUnreachable: the deadline passed without a reply. Whether the request
//     was carried out is not known.
//   - ErrTooLarge: the request was not sent.
//
// Everything else is what the handler returned.
func Call[Req, Resp any](ctx context.Context, c *Conn, e Endpoint[Req, Resp], req Req) (Resp, error) {
	var resp Resp
	deadline, ok := ctx.Deadline()
	if !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
		deadline, _ = ctx.Deadline()
	}
	body, err := json.Marshal(req)
	if err != nil {
		return resp, fmt.Errorf("bus: %w", err)
	}
	id := nuid.Next()
	data, err := json.Marshal(request{Version: Version, ID: id, Deadline: deadline.UTC(), Body: body})
	if err != nil {
		return resp, fmt.Errorf("bus: %w", err)
	}
	if len(data) > MaxRequest {
		return resp, Errorf(CodeTooLarge, "a request of %d bytes is above the limit of %d", len(data), MaxRequest)
	}
	m, err := c.request(ctx, e.Subject(), data)
	switch {
	case err == nil:
	case errors.Is(err, nats.ErrNoResponders):
		return resp, Errorf(CodeAbsent, "%s does not run, or is not on the message bus", e.device)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return resp, Errorf(CodeUnreachable, "%s does not answer", e.device)
	default:
		return resp, err
	}
	return resp, decodeReply(m, id, &resp)
}

// request sends data as soon as the bus is there and waits for the answer.
func (c *Conn) request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	for {
		if err := c.WaitConnected(ctx); err != nil {
			return nil, err
		}
		m, err := c.nc.RequestWithContext(ctx, subject, data)
		switch {
		case err == nil:
			return m.Data, nil
		case errors.Is(err, nats.ErrReconnectBufExceeded):
			continue // lost between the two lines above: nothing was sent
		case errors.Is(err, nats.ErrConnectionClosed):
			return nil, Errorf(CodeAbsent, "the connection to the message bus is closed")
		}
		return nil, err
	}
}
