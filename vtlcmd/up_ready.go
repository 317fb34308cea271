package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/supervise"
)

// notify tells the operator and the bus what happened to a daemon. The
// supervisor waits for it.
func (s *suite) notify(ctx context.Context, e supervise.Event) {
	d, isDevice := s.device(e.Daemon)
	name := e.Daemon
	if isDevice {
		name = d.String()
	}
	what := bus.DaemonChanged{PID: e.PID, Reason: e.Reason, Wait: e.Wait.Seconds()}
	switch e.State {
	case supervise.Started:
		what.State = bus.DaemonStarted
		if e.Restart {
			what.State = bus.DaemonRestarted
			s.say("%s: started again, process %d", name, e.PID)
		}
	case supervise.Ready:
		if isDevice {
			go s.await(ctx, d)
		}
		return // the daemon publishes that itself
	case supervise.Died:
		what.State = bus.DaemonDied
		s.forget(e.Daemon)
		s.complain("%s: died: %s; started again in %.1f s", name, e.Reason, e.Wait.Seconds())
	case supervise.Failed:
		what.State = bus.DaemonDied
		s.complain("%s: cannot be started: %s; again in %.1f s", name, e.Reason, e.Wait.Seconds())
	case supervise.Stopped:
		what.State = bus.DaemonStopped
		s.forget(e.Daemon)
		if e.Killed {
			s.complain("%s: did not end in time and was killed", name)
		}
	}
	event := bus.Event{Time: time.Now().UTC(), Source: s.source(e.Daemon, d, isDevice), What: what}
	s.history.Add(event)
	if err := bus.Send(s.conn, event); err != nil && ctx.Err() == nil {
		return // the bus is away; whoever watches is too
	}
}

// source is the daemon as a participant of the bus.
func (s *suite) source(name string, d config.Device, isDevice bool) bus.Device {
	if isDevice {
		return bus.Device{Kind: bus.Kind(d.Kind), ID: d.ID}
	}
	return bus.PortalDevice()
}

// device finds the device of a daemon.
func (s *suite) device(name string) (config.Device, bool) {
	for _, d := range s.current().Devices() {
		if daemonName(d) == name {
			return d, true
		}
	}
	return config.Device{}, false
}

// forget notes that a daemon's target no longer answers.
func (s *suite) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.answered, name)
}

// await asks a target, as an initiator does, until it answers, and says so.
func (s *suite) await(ctx context.Context, d config.Device) {
	mine := s.begin(d)
	for ctx.Err() == nil && s.holds(d, mine) {
		attempt, cancel := context.WithTimeout(ctx, probeTimeout)
		err := probe(attempt, s.current(), s.address(), d.Target)
		cancel()
		if err == nil || errors.Is(err, errNotForUs) {
			s.takesOrders(ctx, d)
			s.hasAnswered(d)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(probeAgain):
		}
	}
}

// begin counts a start of a daemon.
func (s *suite) begin(d config.Device) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts[daemonName(d)]++
	return s.starts[daemonName(d)]
}

// holds tells whether a start is the daemon's last and its device is still in the
// configuration.
func (s *suite) holds(d config.Device, start int) bool {
	now, ok := s.device(daemonName(d))
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok && now == d && s.starts[daemonName(d)] == start
}

// takesOrders waits until a device is on the bus too, so that whoever reads
// "ready" may give it orders. Without a bus it serves initiators all the same:
// then it is not waited for.
func (s *suite) takesOrders(ctx context.Context, d config.Device) {
	ctx, cancel := context.WithTimeout(ctx, busPatience)
	defer cancel()
	device := bus.Device{Kind: bus.Kind(d.Kind), ID: d.ID}
	for ctx.Err() == nil {
		if _, err := bus.Call(ctx, s.conn, bus.TargetStatus(device), bus.Empty{}); err == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(probeAgain):
		}
	}
}

// busPatience is how long a target that answers is waited for on the bus.
const busPatience = 5 * time.Second

// hasAnswered prints the line of a target, and "ready" after the last.
func (s *suite) hasAnswered(d config.Device) {
	s.mu.Lock()
	s.answered[daemonName(d)] = true
	all := true
	for _, other := range s.config.Devices() {
		all = all && s.answered[daemonName(other)]
	}
	first := all && !s.ready
	s.ready = s.ready || all
	cfg := s.config
	s.mu.Unlock()
	s.say("%-12s %s  %s  %s", d, d.Target, reachable(s.address()), describe(cfg, d))
	if first {
		s.say("ready")
	}
}

// describe is a device's model and serial number.
func describe(s *config.Suite, d config.Device) string {
	if d.Kind == config.KindLibrary {
		if l, ok := s.Library(d.ID); ok {
			return fmt.Sprintf("%s, serial %s, %d slots", l.Model, l.Serial, l.Slots)
		}
	}
	if o, ok := s.OpticalDrive(d.ID); ok && d.Kind == config.KindOptical {
		return fmt.Sprintf("%s, serial %s", o.Model, o.Serial)
	}
	if dr, _, ok := s.Drive(d.ID); ok {
		return fmt.Sprintf("%s, serial %s", dr.Model, dr.Serial)
	}
	return ""
}

// tellMissing says which targets have not answered by now.
func (s *suite) tellMissing() {
	s.mu.Lock()
	var missing []string
	for _, d := range s.config.Devices() {
		if !s.ready && !s.answered[daemonName(d)] {
			missing = append(missing, d.String())
		}
	}
	s.mu.Unlock()
	if len(missing) > 0 {
		s.complain("no answer yet from %s", strings.Join(missing, ", "))
	}
}
