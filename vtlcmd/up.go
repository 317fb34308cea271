package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/history"
	"govtl/internal/models"
	"govtl/internal/provision"
	"govtl/internal/supervise"
	"govtl/internal/vfs"
)

// Times of the supervisor's own doings.
const (
	probeTimeout = 5 * time.Second // for one attempt
	probeAgain   = 50 * time.Millisecond
	tellAfter    = 15 * time.Second // until it says which targets are still missing
)

// suite is a running `vtlcmd up`.
type suite struct {
	app   *app
	paths config.Paths
	sup   *supervise.Supervisor
	conn  *bus.Conn

	history *history.Writer

	out sync.Mutex // one line at a time on stdout

	reloading sync.Mutex // one configuration after the other

	mu       sync.Mutex
	config   *config.Suite
	answered map[string]bool // daemons whose target answers
	starts   map[string]int  // how often a daemon was ready
	ready    bool            // said so
}

// up runs the suite in the foreground until it is told to end.
func up(ctx context.Context, c *call) error {
	s := &suite{app: c.app, answered: map[string]bool{}, starts: map[string]int{}}
	if err := s.prepare(); err != nil {
		return err
	}
	lock, err := daemon.LockFile(s.paths.Run, "suite")
	if err != nil {
		return daemon.WithHint(err, "this suite runs already; --state DIR and --listen ADDR start another one beside it")
	}
	defer lock.Release()
	if err := s.provision(s.config); err != nil {
		return err
	}
	daemons, err := s.daemons(s.config)
	if err != nil {
		return err
	}
	// A reader of our output that goes away must not end the suite.
	signal.Ignore(syscall.SIGPIPE)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	s.history = history.Open(vfs.OS{}, s.paths.State, string(bus.Suite), slog.New(slog.NewTextHandler(lineWriter{s, s.app.stderr}, nil)))
	defer s.history.Close()
	s.sup = supervise.New(supervise.Options{
		RunDir: s.paths.Run,
		Output: lineWriter{s, s.app.stderr},
		Notify: func(e supervise.Event) { s.notify(ctx, e) },
	})
	if err := s.join(); err != nil {
		return err
	}
	defer s.conn.Close()
	if err := s.sup.Set(daemons); err != nil {
		return err
	}
	late := time.After(tellAfter)
	for {
		select {
		case <-ctx.Done():
			s.say("stopping")
			s.sup.Close()
			s.say("stopped")
			return nil
		case <-hup:
			if _, err := s.reload(ctx); err != nil {
				s.complain("configuration not applied: %v", err)
			}
		case <-late:
			s.tellMissing()
		}
	}
}

// prepare finds or writes the configuration and makes the directories.
func (s *suite) prepare() error {
	var err error
	if s.paths, err = s.app.flags.Paths(); err != nil {
		return err
	}
	err = config.WriteDefault(s.paths.Config)
	switch {
	case err == nil:
		s.say("wrote a default configuration to %s", s.paths.Config)
	case !errors.Is(err, fs.ErrExist):
		// Perhaps it is there and its directory is not ours: reading it tells.
		if _, serr := os.Stat(s.paths.Config); serr != nil {
			return err
		}
	}
	if s.config, err = s.load(); err != nil {
		return err
	}
	return s.paths.MakeDirs()
}

// load reads the configuration file as it is now.
func (s *suite) load() (*config.Suite, error) {
	return config.Load(s.paths.Config, models.Checks(s.paths.Models, s.app.flags.Listen))
}

// current is the configuration that holds.
func (s *suite) current() *config.Suite {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// provision makes the cartridges that were never made.
func (s *suite) provision(cfg *config.Suite) error {
	for i := range cfg.Libraries {
		l := &cfg.Libraries[i]
		made, err := provision.Library(s.paths, l)
		if err != nil {
			return fmt.Errorf("library %d: %w", l.ID, err)
		}
		if len(made) > 0 {
			s.say("made %d cartridges for library %d in %s", len(made), l.ID, s.paths.LibraryHome(l))
		}
	}
	return nil
}

// address is where initiators connect to.
func (s *suite) address() string {
	if s.app.flags.Listen != "" {
		return s.app.flags.Listen
	}
	return s.current().ListenAddress()
}

// daemons lists the processes of the suite.
func (s *suite) daemons(cfg *config.Suite) ([]supervise.Daemon, error) {
	common := []string{"--verbose", strconv.Itoa(s.app.flags.Verbose)}
	if s.app.flags.Config != "" {
		common = append(common, "--config", s.paths.Config)
	}
	if s.app.flags.State != "" {
		common = append(common, "--state", s.paths.State)
	}
	portal := append([]string{}, common...)
	if s.app.flags.Listen != "" {
		portal = append(portal, "--listen", s.app.flags.Listen)
	}
	paths := map[string]string{}
	programs := []string{"vtlportal", "vtllibrary", "vtltape"}
	if slices.ContainsFunc(cfg.Devices(), func(d config.Device) bool { return d.Kind == config.KindOptical }) {
		programs = append(programs, "vtloptical")
	}
	for _, name := range programs {
		path, err := executable(name)
		if err != nil {
			return nil, err
		}
		paths[name] = path
	}
	list := []supervise.Daemon{{Name: "portal", Path: paths["vtlportal"], Args: portal, Last: true}}
	for _, d := range cfg.Devices() {
		program := bus.Device{Kind: bus.Kind(d.Kind)}.Service()
		list = append(list, supervise.Daemon{
			Name: daemonName(d), Path: paths[program], Args: append([]string{strconv.Itoa(d.ID)}, common...),
		})
	}
	return list, nil
}

// daemonName is a device's name towards the supervisor, such as "drive11".
func daemonName(d config.Device) string { return d.Kind + strconv.Itoa(d.ID) }

// join puts the supervisor itself on the bus: it publishes what happens to the
// daemons, and applies a configuration when asked.
func (s *suite) join() error {
	cfg := s.current()
	o := busOptions(cfg, s.paths, "vtlcmd up")
	var err error
	if s.conn, err = bus.Connect(o); err != nil {
		return err
	}
	self := bus.Device{Kind: bus.Suite}
	service, err := bus.NewService(s.conn, bus.ServiceOptions{Device: self, Version: daemon.Version(), Description: "supervisor"})
	if err != nil {
		return err
	}
	return bus.Handle(service, bus.Reload(self), func(ctx context.Context, _ bus.Empty) (bus.ReloadReply, error) {
		changes, err := s.reload(ctx)
		if err != nil {
			return bus.ReloadReply{}, bus.Errorf(bus.CodeRefused, "%v", err)
		}
		return bus.ReloadReply{Changes: changes}, nil
	})
}

// reload applies the configuration file as it is now: cartridges are made,
// daemons started and ended as it says, and those that stay are told.
func (s *suite) reload(ctx context.Context) ([]string, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	next, err := s.load()
	if err != nil {
		return nil, err
	}
	if err := s.provision(next); err != nil {
		return nil, err
	}
	daemons, err := s.daemons(next)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	changes := changedDevices(s.config, next)
	s.config = next
	s.mu.Unlock()
	s.sup.Reload()
	if err := s.sup.Set(daemons); err != nil {
		return changes, err
	}
	s.say("configuration applied")
	return changes, ctx.Err()
}

// changedDevices says which devices came and went.
func changedDevices(old, next *config.Suite) []string {
	var changes []string
	had, has := map[config.Device]bool{}, map[config.Device]bool{}
	for _, d := range old.Devices() {
		had[d] = true
	}
	for _, d := range next.Devices() {
		has[d] = true
		if !had[d] {
			changes = append(changes, d.String()+" is new")
		}
	}
	for _, d := range old.Devices() {
		if !has[d] {
			changes = append(changes, d.String()+" is gone")
		}
	}
	return changes
}

// say prints one line for the operator.
func (s *suite) say(format string, args ...any) {
	s.line(s.app.stdout, fmt.Sprintf(format, args...)+"\n")
}

// complain prints one line about trouble.
func (s *suite) complain(format string, args ...any) {
	s.line(s.app.stderr, "error: "+fmt.Sprintf(format, args...)+"\n")
}

// line writes whole lines only, whoever writes.
func (s *suite) line(w io.Writer, text string) {
	s.out.Lock()
	defer s.out.Unlock()
	// Nothing can be done about a reader that went away.
	_, _ = io.WriteString(w, text)
}

// lineWriter passes the daemons' lines on.
type lineWriter struct {
	s *suite
	w io.Writer
}

func (l lineWriter) Write(b []byte) (int, error) {
	l.s.line(l.w, string(b))
	return len(b), nil
}
