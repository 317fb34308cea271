package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is one daemon and the goroutine that keeps it running.
//
//	new ─► started ─► ready ─► died ─► (wait) ─► started ...
//	          └─────────┴───► stopped
type child struct {
	s    *Supervisor
	d    Daemon
	done chan struct{} // closed when it runs no more and never will again

	stopping chan struct{} // closed when it is to end
	once     sync.Once

	mu     sync.Mutex
	pid    int // 0: does not run
	killed bool
}

// newChild makes a child that does not run yet.
func newChild(s *Supervisor, d Daemon) *child {
	return &child{s: s, d: d, done: make(chan struct{}), stopping: make(chan struct{})}
}

// run starts the daemon again and again until it is told to stop.
func (c *child) run() {
	defer close(c.done)
	wait := c.s.o.Times.BackoffMin
	for starts := 0; ; starts++ {
		settled, event := c.runOnce(starts > 0)
		if settled {
			wait = c.s.o.Times.BackoffMin
		}
		if event.State == Stopped {
			c.s.tell(event)
			return
		}
		event.Wait = wait
		c.s.tell(event)
		select {
		case <-c.stopping:
			c.s.tell(Event{Daemon: c.d.Name, State: Stopped})
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, c.s.o.Times.BackoffMax)
	}
}

// runOnce runs the process once and says how it ended. settled tells that it had
// been ready for long.
func (c *child) runOnce(restart bool) (settled bool, e Event) {
	e = Event{Daemon: c.d.Name, State: Failed}
	if c.stopped() {
		e.State = Stopped
		return false, e
	}
	// A socket for each start: what a dead process said must not count for the next.
	sock, err := listenNotify(c.s.o.RunDir, c.d.Name)
	if err != nil {
		e.Reason = err.Error()
		return false, e
	}
	defer sock.close()
	cmd := exec.Command(c.d.Path, c.d.Args...)
	cmd.Env = append(append(os.Environ(), c.d.Env...), "NOTIFY_SOCKET="+sock.path)
	out := c.s.out.stream(c.d.Name)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	// A group of its own: Ctrl-C on the terminal reaches the supervisor only,
	// which knows the order. The death of the supervisor's thread ends it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}

	reply := make(chan error, 1)
	c.s.starts <- startRequest{cmd, reply}
	if err := <-reply; err != nil {
		e.Reason = err.Error()
		return false, e
	}
	c.setPID(cmd.Process.Pid)
	c.s.tell(Event{Daemon: c.d.Name, State: Started, PID: cmd.Process.Pid, Restart: restart})

	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	err, readySince := c.watch(cmd.Process.Pid, sock, exited)
	c.setPID(0)
	out.flush()
	e.PID = cmd.Process.Pid
	settled = !readySince.IsZero() && time.Since(readySince) >= c.s.o.Times.Settled
	if c.stopped() {
		e.State, e.Killed = Stopped, c.wasKilled()
		return settled, e
	}
	e.State, e.Reason = Died, reasonOf(err, out.lastError())
	return settled, e
}

// watch waits for the end of the process, and tells when it is ready.
func (c *child) watch(pid int, sock *notifySocket, exited <-chan error) (err error, readySince time.Time) {
	stopping := c.stopping
	for {
		select {
		case err := <-exited:
			return err, readySince
		case msg := <-sock.messages:
			if msg.ready && readySince.IsZero() {
				readySince = time.Now()
				c.s.tell(Event{Daemon: c.d.Name, State: Ready, PID: pid})
			}
		case <-stopping:
			stopping = nil
			c.signal(syscall.SIGTERM)
		}
	}
}

// reasonOf says why a process ended: how, and the last error that it printed.
func reasonOf(err error, last string) string {
	reason := "ended by itself"
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			reason = fmt.Sprintf("killed by signal %d (%s)", int(ws.Signal()), ws.Signal())
			break
		}
		reason = exit.String() // "exit status 1"
	case err != nil:
		reason = err.Error()
	}
	if last != "" {
		reason += ": " + strings.TrimSpace(last)
	}
	return reason
}

// stopped tells whether the daemon is to end.
func (c *child) stopped() bool {
	select {
	case <-c.stopping:
		return true
	default:
		return false
	}
}

// stop tells the daemon to end.
func (c *child) stop() { c.once.Do(func() { close(c.stopping) }) }

// kill ends the daemon and whatever it started.
func (c *child) kill() {
	c.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid != 0 {
		c.killed = true
		c.send(-c.pid, syscall.SIGKILL)
	}
}

// reload tells the daemon to apply its configuration.
func (c *child) reload() { c.signal(syscall.SIGHUP) }

// signal sends a signal to the process if it runs.
func (c *child) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid != 0 {
		c.send(c.pid, sig)
	}
}

// send sends a signal. The process may have ended a moment ago.
func (c *child) send(pid int, sig syscall.Signal) {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		c.s.o.Log.Warn("signal not sent", "daemon", c.d.Name, "signal", sig.String(), "err", err)
	}
}

// setPID notes the process that runs.
func (c *child) setPID(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pid = pid
}

// wasKilled tells whether the process had to be killed.
func (c *child) wasKilled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.killed
}
