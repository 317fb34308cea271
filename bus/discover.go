package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// maxInstances bounds what Discover collects.
const maxInstances = 100_000

// Instance is one running daemon as it shows on the bus.
type Instance struct {
	Service   string          `json:"service"` // vtltape, vtllibrary, vtlportal
	Device    Device          `json:"device"`
	Version   string          `json:"version"`
	Key       string          `json:"key"` // differs for each start of a daemon
	Started   time.Time       `json:"started"`
	Endpoints []EndpointStats `json:"endpoints,omitempty"`
}

// EndpointStats measure one endpoint of an instance.
type EndpointStats struct {
	Name     string        `json:"name"`
	Subject  string        `json:"subject"`
	Requests int           `json:"requests"`
	Errors   int           `json:"errors"`
	Average  time.Duration `json:"averageNs"` // processing time
}

// Discover lists every daemon that answers, in the order of service and id. It
// returns when nobody has answered for the time of quiet, or when ctx ends.
func Discover(ctx context.Context, c *Conn, quiet time.Duration) ([]Instance, error) {
	if err := c.WaitConnected(ctx); err != nil {
		return nil, err
	}
	inbox := nats.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	defer func() {
		if err := sub.Unsubscribe(); err != nil {
			c.log.Debug("bus: unsubscribe", "err", err)
		}
	}()
	subject, err := micro.ControlSubject(micro.StatsVerb, "", "")
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	if err := c.nc.PublishRequest(subject, inbox, nil); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	var list []Instance
	for len(list) < maxInstances {
		wait, cancel := context.WithTimeout(ctx, quiet)
		m, err := sub.NextMsgWithContext(wait)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("bus: %w", err)
		}
		var s micro.Stats
		if err := unmarshal(m.Data, &s); err != nil {
			c.log.Debug("bus: strange answer to a listing", "err", err)
			continue
		}
		if in, ok := instanceOf(s); ok {
			list = append(list, in)
		}
	}
	slices.SortFunc(list, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Device.ID, b.Device.ID), cmp.Compare(a.Key, b.Key))
	})
	return list, nil
}

// instanceOf picks what we know of a service; ok is false for one of others.
func instanceOf(s micro.Stats) (in Instance, ok bool) {
	id, err := strconv.Atoi(s.Metadata["id"])
	if err != nil {
		return in, false
	}
	in = Instance{
		Service: s.Name,
		Device:  Device{Kind: Kind(s.Metadata["kind"]), ID: id},
		Version: s.Metadata["version"],
		Key:     s.ID,
		Started: s.Started,
	}
	if in.Device.Service() != in.Service {
		return in, false
	}
	for _, e := range s.Endpoints {
		if e == nil {
			continue
		}
		in.Endpoints = append(in.Endpoints, EndpointStats{
			Name: e.Name, Subject: e.Subject, Requests: e.NumRequests, Errors: e.NumErrors, Average: e.AverageProcessingTime,
		})
	}
	return in, true
}
