// Package supervise runs the daemons of a suite for `vtlcmd up`: it starts them
// as processes, starts them again when they die, with back-off, and ends them in
// an order in which nothing is lost. They die with the supervisor, however it
// ends.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Daemon is one process to run.
type Daemon struct {
	Name string   // unique, without blanks, such as "drive11"
	Path string   // program
	Args []string // without the program's name
	Env  []string // added to that of the supervisor

	// Last says that the daemon is ended after all others, because they need
	// it until they end.
	Last bool
}

// same tells whether two describe the same process.
func (d Daemon) same(o Daemon) bool {
	return d.Name == o.Name && d.Path == o.Path && d.Last == o.Last && slices.Equal(d.Args, o.Args) && slices.Equal(d.Env, o.Env)
}

// State is what happened to a daemon.
type State string

// The states.
const (
	Started State = "started" // the process runs
	Ready   State = "ready"   // it says that it serves
	Died    State = "died"    // it ended without being told to; it is started again after Wait
	Failed  State = "failed"  // it could not be started; tried again after Wait
	Stopped State = "stopped" // it ended because it was told to
)

// Event is a change of one daemon.
type Event struct {
	Daemon  string
	State   State
	PID     int
	Restart bool          // Started: not for the first time
	Reason  string        // Died, Failed: why
	Wait    time.Duration // Died, Failed: until the next start
	Killed  bool          // Stopped: it had to be killed
}

// Times of a supervisor. They are options because tests are in a hurry.
type Times struct {
	BackoffMin time.Duration // wait after the first death; doubles with each
	BackoffMax time.Duration
	Settled    time.Duration // a daemon that was ready for so long begins anew with BackoffMin
	Last       time.Duration // after which daemons with Last are told to stop too
	Kill       time.Duration // after which what still runs is killed
}

// DefaultTimes stop a suite within 5 seconds.
func DefaultTimes() Times {
	return Times{
		BackoffMin: 200 * time.Millisecond,
		BackoffMax: 10 * time.Second,
		Settled:    10 * time.Second,
		Last:       3 * time.Second,
		Kill:       4 * time.Second,
	}
}

// Options of a Supervisor.
type Options struct {
	// RunDir holds the sockets on which daemons tell that they are ready.
	RunDir string

	// Output receives what the daemons print, each line with the daemon's name
	// before it. Writes are one line each and never at the same time.
	Output io.Writer

	// Notify is called for every event, one at a time and in order. It must
	// not call the supervisor.
	Notify func(Event)

	Times Times // zero: DefaultTimes
	Log   *slog.Logger
}

// Supervisor runs daemons until it is closed.
type Supervisor struct {
	o      Options
	starts chan startRequest // to the thread that starts processes
	quit   chan struct{}     // closed by Close, ends that thread
	out    *prefixer

	setting sync.Mutex // held by Set, so that two of them do not mix
	notify  sync.Mutex // held while Options.Notify runs

	mu       sync.Mutex
	closed   bool
	children map[string]*child
}

// New returns a supervisor without daemons.
func New(o Options) *Supervisor {
	if o.Times == (Times{}) {
		o.Times = DefaultTimes()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	s := &Supervisor{
		o:        o,
		starts:   make(chan startRequest),
		quit:     make(chan struct{}),
		out:      &prefixer{w: o.Output},
		children: map[string]*child{},
	}
	go startThread(s.starts, s.quit)
	return s
}

// ErrClosed: the supervisor is closed.
var ErrClosed = errors.New("supervise: closed")

// Set makes the daemons that run exactly those of the list: what is new is
// started, what is no longer there is ended, what runs with other arguments is
// ended and started anew. It waits for those that end.
func (s *Supervisor) Set(daemons []Daemon) error {
	want := make(map[string]Daemon, len(daemons))
	for _, d := range daemons {
		if _, ok := want[d.Name]; ok {
			return fmt.Errorf("supervise: daemon %s is there twice", d.Name)
		}
		want[d.Name] = d
	}
	s.setting.Lock()
	defer s.setting.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	var gone []*child
	for name, c := range s.children {
		if d, ok := want[name]; !ok || !d.same(c.d) {
			gone = append(gone, c)
			delete(s.children, name)
		}
	}
	s.mu.Unlock()
	s.end(gone)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for _, d := range daemons {
		if _, ok := s.children[d.Name]; ok {
			continue
		}
		c := newChild(s, d)
		s.children[d.Name] = c
		go c.run()
	}
	return nil
}

// Close ends all daemons: those without Last are told first, the others when
// these have ended or Times.Last has passed, and what still runs after Times.Kill
// is killed. It returns when all are gone.
func (s *Supervisor) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	all := slices.Collect(maps.Values(s.children))
	s.mu.Unlock()
	s.end(all)
	close(s.quit)
}

// end stops children in order and waits for them.
func (s *Supervisor) end(children []*child) {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Times.Kill)
	defer cancel()
	var firsts, lasts []*child
	for _, c := range children {
		if c.d.Last {
			lasts = append(lasts, c)
		} else {
			firsts = append(firsts, c)
		}
	}
	stop := func(list []*child, wait time.Duration) {
		for _, c := range list {
			c.stop()
		}
		limit, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		for _, c := range list {
			select {
			case <-c.done:
			case <-limit.Done():
			}
		}
	}
	if len(lasts) == 0 {
		stop(firsts, s.o.Times.Kill)
	} else {
		stop(firsts, s.o.Times.Last)
		stop(lasts, s.o.Times.Kill)
		for _, c := range firsts {
			select {
			case <-c.done:
			case <-ctx.Done():
			}
		}
	}
	for _, c := range children {
		c.kill()
		<-c.done
	}
}

// Reload sends SIGHUP to every daemon that runs: apply the configuration.
func (s *Supervisor) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.children {
		c.reload()
	}
}

// tell hands an event to the owner.
func (s *Supervisor) tell(e Event) {
	s.o.Log.Debug("daemon", "name", e.Daemon, "state", string(e.State), "pid", e.PID, "reason", e.Reason)
	if s.o.Notify == nil {
		return
	}
	s.notify.Lock()
	defer s.notify.Unlock()
	s.o.Notify(e)
}
