package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Event is one state change as it was published.
type Event struct {
	Time   time.Time
	Source Device
	What   Happening
}

// String is the line that people read.
func (e Event) String() string {
	return fmt.Sprintf("%s %s: %s", e.Time.Local().Format(time.DateTime), e.Source, e.What)
}

// Happening is what an event tells: one of the structs of events.go.
type Happening interface {
	// String says it for people, without time and source.
	fmt.Stringer

	// event is the kind on the wire, the third token of the subject.
	event() string
}

// wireEvent is the envelope of an event.
type wireEvent struct {
	Version int             `json:"v"`
	Time    time.Time       `json:"time"`
	Kind    string          `json:"kind"`
	Source  Device          `json:"source"`
	Text    string          `json:"text"` // for clients that do not know the kind
	Data    json.RawMessage `json:"data"`
}

// MarshalJSON gives an event the form it has on the wire.
func (e Event) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(e.What)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireEvent{
		Version: Version, Time: e.Time, Kind: e.What.event(), Source: e.Source,
		Text: e.What.String(), Data: data,
	})
}

// UnmarshalJSON reads the form of the wire. A kind that this program does not
// know becomes an Unknown, which still has its text.
func (e *Event) UnmarshalJSON(b []byte) error {
	var w wireEvent
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if w.Version != Version {
		return Errorf(CodeVersion, "the event has message version %d, this program knows version %d", w.Version, Version)
	}
	for _, h := range happenings() {
		if h.event() != w.Kind {
			continue
		}
		p := reflect.New(reflect.TypeOf(h))
		if err := json.Unmarshal(w.Data, p.Interface()); err != nil {
			return fmt.Errorf("event %s: %w", w.Kind, err)
		}
		what, ok := p.Elem().Interface().(Happening)
		if !ok {
			return fmt.Errorf("event %s is no happening", w.Kind)
		}
		*e = Event{Time: w.Time, Source: w.Source, What: what}
		return nil
	}
	*e = Event{Time: w.Time, Source: w.Source, What: Unknown{Kind: w.Kind, Text: w.Text}}
	return nil
}

// eventSubject is vtl.event.KIND.ID; the portal and the supervisor have their
// name in place of an id.
func eventSubject(kind string, d Device) string {
	id := strconv.Itoa(d.ID)
	if d.Kind == Portal || d.Kind == Suite {
		id = string(d.Kind)
	}
	return strings.Join([]string{root, "event", kind, id}, ".")
}

// Publish tells everybody who listens. While the bus is away the event is lost,
// and the error says so; daemons log it at debug level and go on.
func Publish(c *Conn, source Device, what Happening) error {
	return Send(c, Event{Time: time.Now().UTC(), Source: source, What: what})
}

// Send is Publish of an event that has its time.
func Send(c *Conn, e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("bus: event: %w", err)
	}
	if len(data) > MaxRequest {
		return Errorf(CodeTooLarge, "an event of %d bytes is above the limit of %d", len(data), MaxRequest)
	}
	if err := c.nc.Publish(eventSubject(e.What.event(), e.Source), data); err != nil {
		return fmt.Errorf("bus: event: %w", err)
	}
	return nil
}

// Subscribe calls f for every event from now on, one at a time and in order,
// until ctx ends. It is in effect when it returns if the bus is there; when the
// bus comes back later it goes on. Events that cannot be read are logged.
func Subscribe(ctx context.Context, c *Conn, f func(Event)) error {
	sub, err := c.nc.Subscribe(root+".event.>", func(m *nats.Msg) {
		if ctx.Err() != nil {
			return
		}
		var e Event
		if err := unmarshal(m.Data, &e); err != nil {
			c.log.Warn("bus: event cannot be read", "subject", m.Subject, "err", err)
			return
		}
		f(e)
	})
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	context.AfterFunc(ctx, func() {
		if err := sub.Unsubscribe(); err != nil {
			c.log.Debug("bus: unsubscribe", "err", err)
		}
	})
	if c.nc.IsConnected() {
		if err := c.nc.FlushTimeout(flushTimeout); err != nil {
			c.log.Debug("bus: subscription not confirmed", "err", err)
		}
	}
	return nil
}
