package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/models"
	"govtl/internal/station"
	"govtl/iscsi"
)

// portal is the daemon's state.
type portal struct {
	flags   daemon.Flags
	log     *slog.Logger
	paths   config.Paths
	targets *registry
	door    *iscsi.Portal
	server  *bus.Server
	conn    *bus.Conn
	service *bus.Service
	metrics *metricsServer
	started time.Time
	listen  []string // iSCSI addresses
}

// serve runs the portal until a signal or an error.
func serve(f daemon.Flags, log *slog.Logger) error {
	p := &portal{flags: f, log: log, started: time.Now()}
	var err error
	if p.paths, err = f.Paths(); err != nil {
		return err
	}
	suite, err := p.load()
	if err != nil {
		return err
	}
	if err := p.paths.MakeDirs(); err != nil {
		return err
	}
	lock, err := daemon.LockFile(p.paths.Run, "portal")
	if err != nil {
		return daemon.WithHint(err, "another suite uses %s; --state DIR gives this one its own", p.paths.Run)
	}
	defer lock.Release()
	p.listen = suite.ListenAddresses(f.Listen)
	p.targets = newRegistry(p.paths)
	if err := p.targets.configure(suite); err != nil {
		return err
	}
	policy, err := station.Policy(suite, config.Access{})
	if err != nil {
		return err
	}
	p.door, err = iscsi.NewPortal(iscsi.PortalOptions{Directory: p.targets, Route: p.targets, Policy: policy, Log: log})
	if err != nil {
		return err
	}
	parts := []daemon.Part{{Name: "bus", Run: func(ctx context.Context, ready func()) error { return p.runBus(ctx, suite, ready) }}}
	// Before the bus, which takes any port, and might take this one.
	listeners, err := listenAll(p.listen)
	if err != nil {
		return err
	}
	p.metrics = newMetricsServer(p)
	parts = append(parts, daemon.Part{Name: "metrics", Run: p.metrics.run(suite.Metrics.Listen)},
		daemon.Part{Name: "portal", Run: func(ctx context.Context, ready func()) error { return p.runDoor(ctx, listeners, ready) }})
	return daemon.Run(context.Background(), daemon.Options{Name: "vtlportal", Log: log, Reload: p.reload}, parts...)
}

func (p *portal) load() (*config.Suite, error) {
	return config.Load(p.paths.Config, models.Checks(p.paths.Models, p.flags.Listen))
}

// runBus runs the embedded server, or joins an external one, and serves the
// portal's endpoints.
func (p *portal) runBus(ctx context.Context, suite *config.Suite, ready func()) error {
	o := bus.ConnectOptions{URL: suite.Bus.URL, Credentials: suite.Bus.Credentials, CA: suite.Bus.CA, Name: "vtlportal", Log: p.log}
	var err error
	if o.URL == "" {
		if p.server, err = bus.StartServer(bus.ServerOptions{Dir: p.paths.Run, Log: p.log}); err != nil {
			return err
		}
		defer p.server.Close()
		o.Server = p.server
	}
	if p.conn, err = bus.Connect(o); err != nil {
		return err
	}
	defer p.conn.Close()
	if p.service, err = bus.NewService(p.conn, bus.ServiceOptions{
		Device: bus.PortalDevice(), Version: daemon.Version(), Description: "iSCSI portal"}); err != nil {
		return err
	}
	if err := p.endpoints(); err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	return p.service.Close()
}

// runDoor serves the iSCSI addresses.
func (p *portal) runDoor(ctx context.Context, listeners []net.Listener, ready func()) error {
	served := make(chan error, 1)
	go func() { served <- p.serveAll(listeners) }()
	ready()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := p.door.Shutdown(stop)
	if serr := <-served; serr != nil && !errors.Is(serr, iscsi.ErrClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// listenAll listens on each of the addresses, or on none.
func listenAll(addresses []string) (all []net.Listener, err error) {
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			for _, l := range all {
				l.Close()
			}
			return nil, daemon.WithHint(fmt.Errorf("iSCSI address: %w", err), "--listen ADDR gives another address")
		}
		all = append(all, l)
	}
	return all, nil
}

// serveAll serves the listeners until the door is shut, or one of them fails.
func (p *portal) serveAll(all []net.Listener) error {
	ended := make(chan error, len(all))
	for _, l := range all {
		p.log.Info("listening", "address", l.Addr().String())
		go func() { ended <- p.door.Serve(l) }()
	}
	err := <-ended
	for _, l := range all {
		l.Close()
	}
	for range all[1:] {
		<-ended
	}
	return err
}

// reload applies the configuration: which targets there are, and who may
// discover them. The addresses stay until a restart.
func (p *portal) reload(context.Context) error {
	suite, err := p.load()
	if err != nil {
		return err
	}
	policy, err := station.Policy(suite, config.Access{})
	if err != nil {
		return err
	}
	if err := p.metrics.reload(suite.Metrics.Listen); err != nil {
		return err
	}
	if err := p.targets.configure(suite); err != nil {
		return err
	}
	p.door.SetPolicy(policy)
	if a := suite.ListenAddresses(p.flags.Listen); !slices.Equal(a, p.listen) {
		p.log.Warn("the iSCSI addresses change at the next start", "now", strings.Join(p.listen, " "), "then", strings.Join(a, " "))
	}
	return nil
}

func (p *portal) endpoints() error {
	if err := bus.Handle(p.service, bus.PortalRegister(), func(_ context.Context, t bus.Target) (bus.RegisterReply, error) {
		p.targets.register(t)
		p.log.Info("target announced", "target", t.Name, "pid", t.PID)
		return bus.RegisterReply{Listen: p.listen}, nil
	}); err != nil {
		return err
	}
	if err := bus.Handle(p.service, bus.PortalUnregister(), func(_ context.Context, r bus.UnregisterRequest) (bus.Empty, error) {
		p.targets.unregister(r.Name, r.PID)
		return bus.Empty{}, nil
	}); err != nil {
		return err
	}
	if err := bus.Handle(p.service, bus.PortalTargets(), func(context.Context, bus.Empty) (bus.TargetsReply, error) {
		return bus.TargetsReply{Targets: p.targets.list()}, nil
	}); err != nil {
		return err
	}
	if err := bus.Handle(p.service, bus.Reload(bus.PortalDevice()), func(ctx context.Context, _ bus.Empty) (bus.ReloadReply, error) {
		if err := p.reload(ctx); err != nil {
			return bus.ReloadReply{}, bus.Errorf(bus.CodeRefused, "%v", err)
		}
		return bus.ReloadReply{}, nil
	}); err != nil {
		return err
	}
	return bus.Handle(p.service, bus.PortalStatus(), func(context.Context, bus.Empty) (bus.PortalStatusReply, error) {
		return bus.PortalStatusReply{
			Listen: p.listen, PID: os.Getpid(), Started: p.started.UTC().Format(time.RFC3339),
			Version: daemon.Version(), Targets: p.targets.list(), HandedOver: p.targets.handedOver.Load(),
		}, nil
	})
}
