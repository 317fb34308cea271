// Package station is what the daemons of devices share: one logical unit, served
// as an iSCSI target behind the portal's hand-over, present on the message bus,
// announced to the portal. vtltape and vtllibrary add their device and its
// endpoints.
package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/history"
	"govtl/internal/models"
	"govtl/internal/vfs"
	"govtl/iscsi"
	"govtl/scsi"
)

// farewell is how long initiators have to log out when a daemon stops. What is
// buffered is written after that, within daemon.DefaultStopTimeout.
const farewell = time.Second

// Options of a station.
type Options struct {
	Device      bus.Device
	Description string // one line for people
	Flags       daemon.Flags
}

// Station is the surroundings of one device. Open makes it, Run serves.
type Station struct {
	Device bus.Device
	Paths  config.Paths
	Suite  *config.Suite // as it was read at the start
	Log    *slog.Logger
	Conn   *bus.Conn
	Target string // iSCSI name
	Tracer *Tracer

	opt     Options
	level   *slog.LevelVar
	lock    *daemon.Lock
	service *bus.Service
	target  *iscsi.Target
	history *history.Writer
	started time.Time
	ready   atomic.Bool
	end     context.CancelFunc
	reload  func(context.Context, *config.Suite) ([]string, error)
}

// Open reads the configuration, takes the device's lock and connects to the bus,
// which need not be there yet. kind and id name the device in the configuration.
func Open(o Options) (*Station, error) {
	s := &Station{Device: o.Device, opt: o, level: new(slog.LevelVar), started: time.Now()}
	s.level.Set(daemon.Level(o.Flags.Verbose))
	s.Log = daemon.NewLogger(os.Stderr, s.level, os.Getenv)
	var err error
	if s.Paths, err = o.Flags.Paths(); err != nil {
		return nil, err
	}
	if s.Suite, err = s.load(); err != nil {
		return nil, err
	}
	if err := s.Paths.MakeDirs(); err != nil {
		return nil, err
	}
	s.Target = s.Suite.TargetName(string(o.Device.Kind), o.Device.ID)
	if s.lock, err = daemon.LockFile(s.Paths.Run, string(o.Device.Kind)+strconv.Itoa(o.Device.ID)); err != nil {
		return nil, err
	}
	b := s.Suite.Bus
	co := bus.ConnectOptions{URL: b.URL, Credentials: b.Credentials, CA: b.CA, Name: s.Name(), Log: s.Log}
	if b.URL == "" {
		co.RunDir = s.Paths.Run
	}
	if s.Conn, err = bus.Connect(co); err != nil {
		return nil, errors.Join(err, s.lock.Release())
	}
	s.service, err = bus.NewService(s.Conn, bus.ServiceOptions{Device: o.Device, Version: daemon.Version(), Description: o.Description})
	if err != nil {
		s.Conn.Close()
		return nil, errors.Join(err, s.lock.Release())
	}
	s.history = history.Open(vfs.OS{}, s.Paths.State, string(o.Device.Kind)+strconv.Itoa(o.Device.ID), s.Log)
	s.Tracer = &Tracer{log: s.Log}
	return s, nil
}

// Name is the daemon and its device, such as "vtltape 11".
func (s *Station) Name() string { return fmt.Sprintf("%s %d", s.Device.Service(), s.Device.ID) }

// Started is when the daemon was started.
func (s *Station) Started() time.Time { return s.started }

// instance differs for each start of the daemon.
func (s *Station) instance() string {
	return strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(s.started.UnixNano(), 36)
}

// StateFile is a file of the device in the state directory, such as
// STATE/drive11.json for "json".
func (s *Station) StateFile(extension string) string {
	return filepath.Join(s.Paths.State, string(s.Device.Kind)+strconv.Itoa(s.Device.ID)+"."+extension)
}

func (s *Station) load() (*config.Suite, error) {
	return config.Load(s.Paths.Config, models.Checks(s.Paths.Models, s.opt.Flags.Listen))
}

// Event keeps a state change in the history and publishes it, which is lost while
// the bus is away. It does not wait.
func (s *Station) Event(what bus.Happening) {
	e := bus.Event{Time: time.Now().UTC(), Source: s.Device, What: what}
	s.history.Add(e)
	if err := bus.Send(s.Conn, e); err != nil {
		s.Log.Debug("event not published", "event", what.String(), "err", err)
	}
}

// Handle serves an endpoint of the station's device.
func Handle[Req, Resp any](s *Station, e bus.Endpoint[Req, Resp], f func(context.Context, Req) (Resp, error)) error {
	return bus.Handle(s.service, e, f)
}

// Serve is what a main hands to Run once its device is made.
type Serve struct {
	Unit   scsi.LogicalUnit
	Alias  string
	Access config.Access

	// Reload applies a new configuration to the device and tells, one sentence
	// each, what changed. nil: nothing of it is the device's.
	Reload func(context.Context, *config.Suite) ([]string, error)

	// Metrics adds what the device counts to what is counted of every device. It
	// may not wait for a device that is busy for long. nil: nothing.
	Metrics func(context.Context, *bus.MetricsReply)

	// Close puts the device away: everything acknowledged is durable after it.
	Close func() error
}

// Run serves the device until a signal, an exit request, or an error.
func (s *Station) Run(v Serve) (err error) {
	defer func() { err = errors.Join(err, s.Abandon()) }()
	s.reload = v.Reload
	policy, err := Policy(s.Suite, v.Access)
	if err != nil {
		return err
	}
	var portals []iscsi.PortalAddress
	if host, port, ok := s.Suite.Announced(); ok {
		portals = []iscsi.PortalAddress{{Host: host, Port: port, GroupTag: 1}}
	}
	s.target, err = iscsi.NewTarget(iscsi.TargetOptions{
		Name: s.Target, Alias: v.Alias, Unit: v.Unit, Policy: policy, Log: s.Log, Portals: portals,
		Sessions: s.sessionEvent,
		Limits: iscsi.Limits{MaxSessions: s.Suite.ISCSI.MaxSessions, MaxSessionsPerInitiator: s.Suite.ISCSI.MaxSessionsPerInitiator,
			Memory: int64(s.Suite.ISCSI.MemoryMiB) << 20},
	})
	if err != nil {
		return err
	}
	if err := s.endpoints(v); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.end = cancel
	return daemon.Run(ctx, daemon.Options{Name: s.Name(), Log: s.Log, Reload: s.reloadNow},
		daemon.Part{Name: "device", Run: func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			return v.Close()
		}},
		daemon.Part{Name: "target", Run: s.serveTarget},
		daemon.Part{Name: "announcement", Run: s.announce},
	)
}

// Abandon puts away a station that does not run, such as one whose device could
// not be made.
func (s *Station) Abandon() error {
	s.Conn.Close()
	s.history.Close()
	return s.lock.Release()
}

// sessionEvent publishes who logs in and out.
func (s *Station) sessionEvent(e iscsi.SessionEvent) {
	reason := ""
	if e.Reason != nil {
		reason = e.Reason.Error()
	}
	switch e.Kind {
	case iscsi.SessionBegins:
		s.Event(bus.Login{Initiator: e.Initiator, Address: e.Address, TSIH: e.TSIH})
	case iscsi.SessionEnds:
		s.Event(bus.Logout{Initiator: e.Initiator, Address: e.Address, TSIH: e.TSIH, Reason: reason})
	case iscsi.LoginRefused:
		s.Event(bus.LoginRefused{Initiator: e.Initiator, Address: e.Address, Target: s.Target, Reason: reason})
	}
}

// serveTarget takes connections from the portal until ctx ends, then sends the
// initiators away.
func (s *Station) serveTarget(ctx context.Context, ready func()) error {
	l, err := iscsi.ListenHandover(iscsi.HandoverOptions{
		Path: s.Paths.Socket(string(s.Device.Kind), s.Device.ID), Acceptor: s.target, Log: s.Log})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	ready()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err = l.Close()
	<-served
	bye, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if serr := s.target.Shutdown(bye); serr != nil && !errors.Is(serr, context.DeadlineExceeded) {
		err = errors.Join(err, serr)
	}
	return err
}

// announce tells the portal, whenever the bus comes up, that the target is here.
func (s *Station) announce(ctx context.Context, ready func()) error {
	s.ready.Store(true)
	tell := make(chan struct{}, 1)
	s.Conn.OnConnect(func() {
		select {
		case tell <- struct{}{}:
		default:
		}
	})
	ready()
	for {
		select {
		case <-tell:
			s.register(ctx)
		case <-ctx.Done():
			s.ready.Store(false)
			bye, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			if s.Conn.Connected() {
				s.Event(bus.NotReady{Target: s.Target, Reason: "stopping"})
				_, err := bus.Call(bye, s.Conn, bus.PortalUnregister(), bus.UnregisterRequest{Name: s.Target, PID: os.Getpid()})
				if err != nil {
					s.Log.Debug("the portal was not told", "err", err)
				}
			}
			return nil
		}
	}
}

// register announces the target, again and again until the portal has heard it.
func (s *Station) register(ctx context.Context) {
	t := bus.Target{
		Name: s.Target, Device: s.Device, PID: os.Getpid(), Ready: true,
		Socket: s.Paths.Socket(string(s.Device.Kind), s.Device.ID),
	}
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := bus.Call(call, s.Conn, bus.PortalRegister(), t)
		cancel()
		if err == nil {
			s.Event(bus.Ready{Target: s.Target, PID: t.PID})
			return
		}
		s.Log.Debug("not announced to the portal", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// reloadNow applies the configuration file as it is now.
func (s *Station) reloadNow(ctx context.Context) error {
	_, err := s.applyConfiguration(ctx)
	return err
}

func (s *Station) applyConfiguration(ctx context.Context) ([]string, error) {
	next, err := s.load()
	if err != nil {
		s.Event(bus.Configured{Refused: err.Error()})
		return nil, err
	}
	var changes []string
	if s.reload != nil {
		if changes, err = s.reload(ctx, next); err != nil {
			s.Event(bus.Configured{Refused: err.Error()})
			return nil, err
		}
	}
	s.Event(bus.Configured{Changes: changes})
	return changes, nil
}

// SetAccess replaces who may log in from now on.
func (s *Station) SetAccess(suite *config.Suite, a config.Access) error {
	p, err := Policy(suite, a)
	if err != nil {
		return err
	}
	return s.SetPolicy(p)
}

// SetPolicy is SetAccess with what Policy made of it, which is not refused.
func (s *Station) SetPolicy(p *iscsi.Policy) error { return s.target.SetPolicy(p) }
