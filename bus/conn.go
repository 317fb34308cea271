package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Times of a connection.
const (
	reconnectMin = 20 * time.Millisecond // before the second attempt; it grows
	reconnectMax = time.Second           // between two attempts
	dialTimeout  = 2 * time.Second
	pingInterval = 10 * time.Second // a dead server is noticed after two
	flushTimeout = time.Second      // for the last messages before Close
)

// ConnectOptions say where the bus is. One of RunDir, URL and Server is given.
type ConnectOptions struct {
	// RunDir has the bus file of the embedded server. It may appear later, and
	// it is read again for every attempt.
	RunDir string

	// URL of an external NATS server, or several with commas between.
	URL string

	// Credentials is a NATS credentials file for the external server.
	Credentials string

	// CA is a PEM file with the certificates that the external server's
	// certificate is checked against; empty: those of the system.
	CA string

	// Server is an embedded server in the same process.
	Server *Server

	// Name is how the client shows in the server's lists, such as "vtltape 11".
	Name string

	Log *slog.Logger // nil: discards
}

// Conn is a connection to the bus that is made again whenever it is lost. Its
// methods may be used by many goroutines.
type Conn struct {
	nc  *nats.Conn
	log *slog.Logger

	mu        sync.Mutex
	up        chan struct{} // closed while connected
	onConnect []func()
	lastErr   error // why the last attempt failed
	closing   bool
}

// Connect returns a connection that may not be up yet: it tries for ever. It
// fails only for options that can never work. WaitConnected waits for it.
func Connect(o ConnectOptions) (*Conn, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Conn{log: o.Log, up: make(chan struct{})}
	opts, url, err := c.options(o)
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	c.mu.Lock()
	c.nc = nc
	c.mu.Unlock()
	if nc.IsConnected() {
		c.connected()
	}
	return c, nil
}

// options turns ours into those of nats.go.
func (c *Conn) options(o ConnectOptions) (opts []nats.Option, url string, err error) {
	opts = []nats.Option{
		nats.Name(o.Name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.ReconnectBufSize(-1), // a request sent late is worse than one refused
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.IgnoreAuthErrorAbort(), // the secret may be replaced
		nats.ConnectHandler(func(*nats.Conn) { c.connected() }),
		nats.ReconnectHandler(func(*nats.Conn) { c.connected() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.disconnected(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.failed(err) }),
		nats.ClosedHandler(func(*nats.Conn) {}),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			subject := ""
			if s != nil {
				subject = s.Subject
			}
			c.log.Warn("bus: error", "subject", subject, "err", err)
		}),
	}
	switch {
	case o.Server != nil:
		opts = append(opts, nats.InProcessServer(o.Server.ns), nats.UserInfo(o.Server.access.User, o.Server.access.Secret))
		return opts, "", nil
	case o.URL != "":
		if o.Credentials != "" {
			if _, err := os.Stat(o.Credentials); err != nil {
				return nil, "", fmt.Errorf("bus: credentials: %w", err)
			}
			opts = append(opts, nats.UserCredentials(o.Credentials))
		}
		if o.CA != "" {
			if _, err := os.Stat(o.CA); err != nil {
				return nil, "", fmt.Errorf("bus: CA: %w", err)
			}
			opts = append(opts, nats.RootCAs(o.CA))
		}
		return opts, o.URL, nil
	case o.RunDir != "":
		opts = append(opts,
			nats.SetCustomDialer(fileDialer{o.RunDir}),
			nats.UserInfoHandler(func() (string, string) {
				a, err := ReadAccess(o.RunDir)
				if err != nil {
					return "", "" // the server refuses it and we try again
				}
				return a.User, a.Secret
			}),
			nats.IgnoreDiscoveredServers(),
		)
		return opts, "nats://127.0.0.1:4222", nil // the dialer knows better
	}
	return nil, "", errors.New("bus: no run directory, URL or server to connect to")
}

// reconnectDelay is the pause before an attempt: short at first, because daemons
// start together with the bus, and scattered, because there are many.
func reconnectDelay(attempts int) time.Duration {
	d := min(reconnectMin<<min(max(attempts-1, 0), 10), reconnectMax)
	return d/2 + rand.N(d/2)
}

// fileDialer dials the address that the bus file holds now.
type fileDialer struct{ dir string }

// Dial ignores the address it is given.
func (d fileDialer) Dial(network, _ string) (net.Conn, error) {
	a, err := ReadAccess(d.dir)
	if err != nil {
		return nil, err
	}
	address, err := a.address()
	if err != nil {
		return nil, err
	}
	return net.DialTimeout(network, address, dialTimeout)
}

// connected tells everybody who waits.
func (c *Conn) connected() {
	c.mu.Lock()
	c.lastErr = nil
	select {
	case <-c.up:
		c.mu.Unlock()
		return
	default:
	}
	close(c.up)
	callbacks := append([]func(){}, c.onConnect...)
	c.mu.Unlock()
	c.log.Debug("bus: connected")
	for _, f := range callbacks {
		f()
	}
}

// disconnected notes that the bus is away.
func (c *Conn) disconnected(err error) {
	c.mu.Lock()
	lost := false
	select {
	case <-c.up:
		c.up = make(chan struct{})
		lost = true
	default:
	}
	if err != nil {
		c.lastErr = err
	}
	lost = lost && !c.closing
	c.mu.Unlock()
	if lost {
		c.log.Info("bus: connection lost; trying again until it is back", "err", err)
	}
}

// failed notes why an attempt failed.
func (c *Conn) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastErr = err
}

// OnConnect calls f each time the connection comes up, and now if it is up. It
// is where a daemon announces its target to the portal. f runs on a goroutine of
// its own when the connection is up already, else on the connection's: it must
// not wait long.
func (c *Conn) OnConnect(f func()) {
	c.mu.Lock()
	c.onConnect = append(c.onConnect, f)
	up := c.up
	c.mu.Unlock()
	select {
	case <-up:
		go f()
	default:
	}
}

// Connected tells whether the bus is there now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// WaitConnected waits until the connection is up. Its error is ErrAbsent with
// the reason of the last failed attempt when ctx ends first.
func (c *Conn) WaitConnected(ctx context.Context) error {
	for {
		c.mu.Lock()
		up := c.up
		c.mu.Unlock()
		select {
		case <-up:
			if c.nc.IsConnected() || c.nc.IsClosed() {
				return nil
			}
			// Lost, and the callback that says so has not run yet.
			select {
			case <-ctx.Done():
				return c.away()
			case <-time.After(10 * time.Millisecond):
			}
		case <-ctx.Done():
			return c.away()
		}
	}
}

// away is the error of a bus that is not there.
func (c *Conn) away() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastErr != nil {
		return Errorf(CodeAbsent, "the message bus does not answer: %v", c.lastErr)
	}
	return Errorf(CodeAbsent, "the message bus does not answer")
}

// Close sends what is still in the buffer and ends the connection.
func (c *Conn) Close() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	if c.nc.IsConnected() {
		if err := c.nc.FlushTimeout(flushTimeout); err != nil {
			c.log.Debug("bus: the last messages may be lost", "err", err)
		}
	}
	c.nc.Close()
}
