package station

import (
	"context"
	"time"

	"govtl/bus"
	"govtl/internal/daemon"
)

// endpoints serves what every device offers.
func (s *Station) endpoints(v Serve) error {
	d := s.Device
	if err := Handle(s, bus.Verbose(d), s.verbose); err != nil {
		return err
	}
	if err := Handle(s, bus.Debug(d), s.debug); err != nil {
		return err
	}
	if err := Handle(s, bus.Exit(d), s.exit); err != nil {
		return err
	}
	if err := Handle(s, bus.Reload(d), func(ctx context.Context, _ bus.Empty) (bus.ReloadReply, error) {
		changes, err := s.applyConfiguration(ctx)
		if err != nil {
			return bus.ReloadReply{}, bus.Errorf(bus.CodeRefused, "%v", err)
		}
		return bus.ReloadReply{Changes: changes}, nil
	}); err != nil {
		return err
	}
	if err := Handle(s, bus.Metrics(d), func(ctx context.Context, _ bus.Empty) (bus.MetricsReply, error) {
		return s.metrics(ctx, v.Metrics)
	}); err != nil {
		return err
	}
	return Handle(s, bus.TargetStatus(d), func(context.Context, bus.Empty) (bus.TargetStatusReply, error) {
		return bus.TargetStatusReply{Name: s.Target, Ready: s.ready.Load(), Instance: s.instance(), Sessions: s.Sessions()}, nil
	})
}

// verbose sets the log level, or steps it down and from the lowest to the
// highest.
func (s *Station) verbose(_ context.Context, r bus.VerboseRequest) (bus.Verbosity, error) {
	v := daemon.Verbosity(s.level.Level())
	switch {
	case r.Level == nil:
		v = (v + 3) % 4
	case *r.Level < 0:
		return bus.Verbosity{}, bus.Errorf(bus.CodeBadRequest, "a log level is 0 to 3, not %d", *r.Level)
	default:
		v = min(*r.Level, 3)
	}
	s.level.Set(daemon.Level(v))
	s.Log.Info("log level changed", "verbose", v)
	return bus.Verbosity{Level: v}, nil
}

// debug turns the trace of every command on, and off again.
func (s *Station) debug(context.Context, bus.Empty) (bus.Verbosity, error) {
	v := 3
	if s.level.Level() <= daemon.LevelTrace {
		v = 1
	}
	s.level.Set(daemon.Level(v))
	return bus.Verbosity{Level: v}, nil
}

// exit ends the daemon, gracefully, after the answer.
func (s *Station) exit(context.Context, bus.Empty) (bus.Empty, error) {
	s.Log.Info("told to exit")
	time.AfterFunc(50*time.Millisecond, s.end)
	return bus.Empty{}, nil
}

// Sessions lists the iSCSI sessions of the device.
func (s *Station) Sessions() []bus.Session {
	var all []bus.Session
	if s.target == nil {
		return nil
	}
	for _, i := range s.target.Sessions() {
		b := bus.Session{
			Initiator: i.InitiatorName, ISID: i.ISID, TSIH: i.TSIH, Address: i.Remote.String(),
			Since: i.Since.UTC().Format(time.RFC3339), Commands: i.Commands, BytesIn: i.BytesIn, BytesOut: i.BytesOut,
		}
		if i.Connected {
			b.Connections = 1
		}
		all = append(all, b)
	}
	return all
}
