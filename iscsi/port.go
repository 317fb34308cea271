package iscsi

import (
	"time"

	"govtl/iscsi/pdu"
	"govtl/scsi"
)

// portKey names an initiator port (RFC 7143 4.4.3): with the target it is the
// I_T nexus. A target has at most one session with each.
type portKey struct {
	initiator string
	isid      pdu.ISID
}

// port is what a target knows of an initiator port: its session, or what is kept
// of it after a connection was lost, until the time to come back is over.
type port struct {
	nexus   *scsi.Nexus // attached to the logical unit; nil: not
	session *session    // the present one, or the one that was lost
	retain  *time.Timer // running out for a session that was lost
}

// admit makes the session of a login that has passed everything else. Of one
// that the same initiator port had before, it first ends every task (RFC 7143
// 6.3.5): else an old WRITE could run after the new session's READ POSITION.
func (t *Target) admit(l *login) (*session, *loginError) {
	s := newSession(t, l)
	s.port = portKey{l.initiator, l.first.ISID}
	old, refusal := t.claim(s, l)
	if refusal != nil {
		return nil, refusal
	}
	if old != nil {
		old.fail(errReplaced)
		wait := time.NewTimer(t.opt.Timeouts.Login)
		defer wait.Stop()
		select {
		case <-old.done:
		case <-wait.C:
			// A command that cannot stop still runs. Whoever comes next waits
			// for it as well.
			go func() {
				<-old.done
				s.abandon(errReplaced)
			}()
			return nil, refuse(pdu.LoginServiceUnavailable, "a command of the old session still runs")
		}
	}
	if refusal := t.attach(s); refusal != nil {
		s.abandon(errReplaced)
		return nil, refusal
	}
	s.join()
	return s, nil
}

// claim makes s the session of its initiator port, and returns the one before.
func (t *Target) claim(s *session, l *login) (old *session, refusal *loginError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, refuse(pdu.LoginServiceUnavailable, "the target is shutting down")
	}
	p := t.ports[s.port]
	if p != nil {
		old = p.session
	}
	switch tsih := l.first.TSIH; {
	case tsih == 0:
	case old == nil || old.tsih != tsih:
		return nil, refuse(pdu.LoginSessionDoesNotExist, "TSIH %#04x", tsih)
	case old.cid != l.first.CID:
		return nil, refuse(pdu.LoginTooManyConnections, "a session has one connection here")
	default:
		s.tsih = tsih // connection reinstatement, RFC 7143 6.3.4
	}
	if p == nil {
		if refusal := t.makeRoom(s.initiator); refusal != nil {
			return nil, refusal
		}
		p = &port{}
		t.ports[s.port] = p
	}
	if p.retain != nil {
		p.retain.Stop()
		p.retain = nil
	}
	if s.tsih == 0 {
		s.tsih = t.newTSIH()
	}
	p.session = s
	return old, nil
}

// makeRoom refuses sessions beyond the limits. A session that is only kept for its
// initiator to come back gives way first; t.mu is held.
func (t *Target) makeRoom(initiator string) *loginError {
	mine := 0
	var kept, keptMine portKey
	var since, sinceMine time.Time
	for key, p := range t.ports {
		if key.initiator == initiator {
			mine++
		}
		if p.retain == nil {
			continue
		}
		if since.IsZero() || p.session.since.Before(since) {
			kept, since = key, p.session.since
		}
		if key.initiator == initiator && (sinceMine.IsZero() || p.session.since.Before(sinceMine)) {
			keptMine, sinceMine = key, p.session.since
		}
	}
	switch {
	case mine >= t.opt.Limits.MaxSessionsPerInitiator:
		kept, since = keptMine, sinceMine
	case len(t.ports) < t.opt.Limits.MaxSessions:
		return nil
	}
	if since.IsZero() {
		return refuse(pdu.LoginOutOfResources, "%d sessions, %d of this initiator", len(t.ports), mine)
	}
	p := t.ports[kept]
	p.retain.Stop()
	delete(t.ports, kept)
	t.serve.Add(1)
	go func() {
		defer t.serve.Done()
		t.opt.Unit.Detach(p.nexus, scsi.NexusClosed)
	}()
	return nil
}

// newTSIH returns a session handle that is not in use; t.mu is held.
func (t *Target) newTSIH() uint16 {
	for {
		t.nextTSIH++
		if t.nextTSIH == 0 {
			continue
		}
		used := false
		for _, p := range t.ports {
			used = used || p.session != nil && p.session.tsih == t.nextTSIH
		}
		if !used {
			return t.nextTSIH
		}
	}
}

// attach gives the session its nexus, unless yet another login has taken the
// port over meanwhile. Logins to one port pass here one after the other, since
// each waits for the end of the one before.
func (t *Target) attach(s *session) *loginError {
	t.mu.Lock()
	p := t.ports[s.port]
	if p == nil || p.session != s {
		t.mu.Unlock()
		return refuse(pdu.LoginInitiatorError, "replaced by another login")
	}
	if p.nexus != nil {
		s.nexus = p.nexus
		t.mu.Unlock()
		return nil
	}
	n := &scsi.Nexus{
		InitiatorName: s.initiator, ISID: s.isid, InitiatorAddress: s.remote.String(),
		TargetName: t.opt.Name, TargetPortGroup: t.opt.PortalGroupTag, RelativePort: t.opt.RelativePort,
	}
	p.nexus, s.nexus = n, n
	t.mu.Unlock()
	t.opt.Unit.Attach(n)
	return nil
}

// lost ends the tasks of a session whose connection is gone. Reservations and
// the like stay for Time2Wait and Time2Retain (RFC 7143 6.3.5, 7.5), unless the
// initiator port has come back already.
func (t *Target) lost(s *session) {
	reset := s.why() == errReset
	t.mu.Lock()
	p := t.ports[s.port]
	if p == nil || s.nexus == nil || p.nexus != s.nexus {
		t.mu.Unlock()
		return
	}
	retain := s.par.retention()
	replaced := p.session != s
	if !replaced && (retain == 0 || t.closed || reset) {
		delete(t.ports, s.port)
		t.mu.Unlock()
		t.opt.Unit.Detach(s.nexus, scsi.NexusClosed)
		return
	}
	t.mu.Unlock()
	t.opt.Unit.Detach(s.nexus, scsi.NexusReinstated)
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.session != s {
		return
	}
	p.retain = time.AfterFunc(retain, func() { t.expire(s) })
}

// expire ends the nexus of a session that did not come back in time.
func (t *Target) expire(s *session) {
	t.mu.Lock()
	p := t.ports[s.port]
	if p == nil || p.session != s {
		t.mu.Unlock()
		return
	}
	delete(t.ports, s.port)
	t.mu.Unlock()
	s.log.Info("session forgotten", "after", s.par.retention())
	t.opt.Unit.Detach(p.nexus, scsi.NexusClosed)
}

// loggedOut ends the nexus of a session after its logout.
func (t *Target) loggedOut(s *session) {
	t.mu.Lock()
	p := t.ports[s.port]
	event := scsi.NexusClosed
	switch {
	case p == nil || p.nexus != s.nexus:
		t.mu.Unlock()
		return
	case p.session != s:
		event = scsi.NexusReinstated
	default:
		delete(t.ports, s.port)
	}
	t.mu.Unlock()
	t.opt.Unit.Detach(s.nexus, event)
}

// abandon ends a session whose login failed after it had been made.
func (s *session) abandon(err error) {
	s.conn.Close()
	s.target.lost(s)
	t := s.target
	t.mu.Lock()
	if p := t.ports[s.port]; p != nil && p.session == s {
		if p.nexus == nil {
			delete(t.ports, s.port)
		} else if p.retain == nil {
			p.retain = time.AfterFunc(s.par.retention(), func() { t.expire(s) })
		}
	}
	t.mu.Unlock()
	s.part()
	close(s.ended)
	close(s.done)
}

// coldReset is what TARGET COLD RESET does when the device is reset: every session
// of every initiator ends, and nothing is kept of any of them (RFC 7143 11.5.1).
func (t *Target) coldReset() {
	defer t.serve.Done()
	t.dropAll(errReset)
	t.forget(func(p *port) bool { return p.retain != nil })
}

// forgetAll ends the nexuses that are still kept.
func (t *Target) forgetAll() { t.forget(func(*port) bool { return true }) }

// forget ends the nexuses of some ports, which have no connection.
func (t *Target) forget(which func(*port) bool) {
	t.mu.Lock()
	var left []*scsi.Nexus
	for key, p := range t.ports {
		if !which(p) {
			continue
		}
		if p.retain != nil {
			p.retain.Stop()
		}
		if p.nexus != nil {
			left = append(left, p.nexus)
		}
		delete(t.ports, key)
	}
	t.mu.Unlock()
	for _, n := range left {
		t.opt.Unit.Detach(n, scsi.NexusClosed)
	}
}

// dropEverywhere drops the commands of all sessions that were not submitted, for
// functions that are about all tasks of the logical unit. Those of the asking
// session are the ones before a CmdSN.
func (t *Target) dropEverywhere(by *session, before uint32, clear bool) {
	for _, s := range t.sessions() {
		if s == by {
			s.dropAll(before)
			continue
		}
		s.mu.Lock()
		n := s.dropWaiting(func(*command) bool { return true })
		if s.starved {
			s.ask()
		}
		if n > 0 {
			s.reply(reply{kind: replyWindow})
		}
		s.mu.Unlock()
		if n > 0 && clear && s.nexus != nil {
			s.nexus.Attend(scsi.CommandsClearedByAnotherInitiator)
		}
		s.rouse()
		s.pump()
	}
}
