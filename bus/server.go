package bus

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Limits of messages in bytes.
const (
	// MaxRequest is the largest request that a service takes.
	MaxRequest = 256 << 10

	// MaxMessage is the largest message, replies included, that the embedded
	// server carries. An external server has its own limit (1 MiB as a rule).
	MaxMessage = 4 << 20
)

// startTimeout bounds how long the embedded server may take to accept clients.
const startTimeout = 10 * time.Second

// ServerOptions say how the embedded server runs.
type ServerOptions struct {
	// Dir is the run directory where the bus file goes. It must exist and
	// belong to the suite's user alone. Empty: no file and no socket; clients
	// in the same process connect by ConnectOptions.Server.
	Dir string

	// Port on the loopback address; 0: that of the directory's last server when
	// it is free, else any.
	Port int

	Log *slog.Logger // nil: discards
}

// Server is an embedded NATS server on the loopback address. It stores nothing.
type Server struct {
	ns     *server.Server
	access Access
}

// StartServer starts the embedded server and writes the bus file. A server that
// follows another in the same directory takes over address and secret, so that
// the daemons find it again.
func StartServer(o ServerOptions) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	access := newAccess()
	ports := []int{o.Port}
	if o.Dir != "" {
		old, ok, err := previousAccess(o.Dir)
		if err != nil {
			o.Log.Warn("bus: the old bus file is of no use; daemons that still hold its secret read the new one", "err", err)
		}
		if ok {
			access = old
			if port := old.port(); o.Port == 0 && port != 0 {
				ports = []int{port, 0}
			}
		}
	}
	var ns *server.Server
	var err error
	for _, port := range ports {
		if ns, err = startNATS(o, access, port); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	s := &Server{ns: ns, access: access}
	if o.Dir == "" {
		return s, nil
	}
	s.access.URL = "nats://" + ns.Addr().String()
	if err := writeAccess(o.Dir, s.access); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// startNATS starts one server on the port; 0 is any.
func startNATS(o ServerOptions, access Access, port int) (*server.Server, error) {
	if err := checkPort(port); err != nil {
		return nil, err
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	ns, err := server.NewServer(&server.Options{
		ServerName:                 fmt.Sprintf("vtl-%d", os.Getpid()),
		Host:                       "127.0.0.1",
		Port:                       port,
		DontListen:                 o.Dir == "",
		CustomClientAuthentication: &gatekeeper{access},
		MaxPayload:                 MaxMessage,
		MaxConn:                    4096,
		WriteDeadline:              10 * time.Second,
		NoSigs:                     true,
		NoLog:                      true,
		NoSystemAccount:            true,
	})
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	ns.SetLoggerV2(natsLogger{o.Log}, false, false, false)
	ns.Start()
	if !ns.ReadyForConnections(startTimeout) {
		ns.Shutdown()
		return nil, errors.New("bus: the embedded server did not start")
	}
	return ns, nil
}

// gatekeeper lets in who knows the secret.
type gatekeeper struct{ access Access }

// Check compares in a time that tells nothing of the secret.
func (g *gatekeeper) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	user := subtle.ConstantTimeCompare([]byte(o.Username), []byte(g.access.User))
	secret := subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.access.Secret))
	return user&secret == 1
}

// checkPort finds out whether the port can be had before the server tries,
// because the server would only wait. Another process can still snatch it.
func checkPort(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return l.Close()
}

// port is the port of the URL, 0 when it has none.
func (a Access) port() int {
	hostport, err := a.address()
	if err != nil {
		return 0
	}
	addr, err := net.ResolveTCPAddr("tcp", hostport)
	if err != nil {
		return 0
	}
	return addr.Port
}

// URL is where clients connect to; empty for a server without a socket.
func (s *Server) URL() string { return s.access.URL }

// Clients is how many clients are connected.
func (s *Server) Clients() int { return s.ns.NumClients() }

// Close ends the server. The bus file stays: its secret serves the next one.
func (s *Server) Close() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

// natsLogger hands the server's messages to slog. Its notices are our debug.
type natsLogger struct{ log *slog.Logger }

func (l natsLogger) Noticef(f string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }
func (l natsLogger) Warnf(f string, v ...any)   { l.log.Warn("nats: " + fmt.Sprintf(f, v...)) }
func (l natsLogger) Fatalf(f string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(f, v...)) }
func (l natsLogger) Errorf(f string, v ...any)  { l.log.Warn("nats: " + fmt.Sprintf(f, v...)) }
func (l natsLogger) Debugf(f string, v ...any)  { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }
func (l natsLogger) Tracef(f string, v ...any)  { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }
