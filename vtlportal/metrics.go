package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"govtl/bus"
	"govtl/internal/daemon"
)

// Limits of the metrics' HTTP server: a scraper asks a few times a minute.
const (
	metricsTimeout = 2 * time.Second // for each daemon's answer
	metricsAtOnce  = 4               // requests
	metricsHeader  = 16 << 10        // bytes
	metricsIdle    = 2 * time.Minute
	metricsRead    = 5 * time.Second
	metricsWrite   = 15 * time.Second
)

// metricsServer serves the counters of all daemons over HTTP, on an address that
// may change while it runs.
type metricsServer struct {
	portal  *portal
	handler http.Handler

	mu      sync.Mutex // guards what follows
	wanted  string     // the address that was asked for last, served or not
	address string     // empty: nothing is served
	server  *http.Server
}

// newMetricsServer makes the server of a portal; it listens nowhere yet.
func newMetricsServer(p *portal) *metricsServer {
	r := prometheus.NewRegistry()
	r.MustRegister(suiteMetrics{p}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: metricsAtOnce, Timeout: metricsWrite - time.Second})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/metrics", http.StatusFound)
	})
	return &metricsServer{portal: p, handler: mux}
}

// reload serves on another address from now on. A new address that cannot be had
// is refused. One that was not to be had before is tried again, and is no reason
// to refuse what else the configuration changes.
func (m *metricsServer) reload(address string) error {
	m.mu.Lock()
	same := address == m.wanted
	m.mu.Unlock()
	err := m.listen(address)
	if err != nil && same {
		m.portal.log.Error("metrics are not served", "err", err)
		return nil
	}
	return err
}

// listen serves on another address from now on; empty: nowhere. When it fails,
// what was served before goes on.
func (m *metricsServer) listen(address string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if address == m.address {
		return nil
	}
	var next *http.Server
	if address != "" {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return daemon.WithHint(fmt.Errorf("metrics address: %w", err), "metrics: listen in %s gives another address", m.portal.paths.Config)
		}
		next = &http.Server{
			Handler: m.handler, ReadHeaderTimeout: metricsRead, ReadTimeout: metricsRead, WriteTimeout: metricsWrite,
			IdleTimeout: metricsIdle, MaxHeaderBytes: metricsHeader,
		}
		go func() {
			if err := next.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				m.portal.log.Error("metrics are not served any more", "err", err)
			}
		}()
		m.portal.log.Info("serving metrics", "address", l.Addr().String())
	}
	if m.server != nil {
		m.server.Close()
	}
	m.wanted, m.address, m.server = address, address, next
	return nil
}

// run is the daemon's part: it serves until ctx ends. An address that cannot be
// had keeps nobody's tapes away: the log and `vtlcmd doctor` tell of it.
func (m *metricsServer) run(address string) func(context.Context, func()) error {
	return func(ctx context.Context, ready func()) error {
		if err := m.listen(address); err != nil {
			m.portal.log.Error("metrics are not served", "err", err, "hint", daemon.Hint(err)+"; 'vtlcmd reload' tries again")
			m.mu.Lock()
			m.wanted = address
			m.mu.Unlock()
		}
		ready()
		<-ctx.Done()
		return m.listen("")
	}
}

// suiteMetrics asks all daemons for what they have counted.
type suiteMetrics struct{ portal *portal }

// Describe implements prometheus.Collector. What there will be depends on the
// devices.
func (suiteMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. A daemon that does not answer has
// vtl_up 0 and nothing else.
func (s suiteMetrics) Collect(out chan<- prometheus.Metric) {
	p := s.portal
	gauge := func(name, help string, value float64, labels, values []string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value, values...)
	}
	gauge("vtl_build_info", "The version of the suite's portal.", 1, []string{"version"}, []string{daemon.Version()})
	gauge("vtl_portal_start_time_seconds", "When the portal was started, in seconds since 1970.",
		float64(p.started.UnixMilli())/1000, nil, nil)
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc("vtl_portal_handed_over_total",
		"Connections that the portal has handed to the daemon of their target.", nil, nil),
		prometheus.CounterValue, float64(p.targets.handedOver.Load()))
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, t := range p.targets.list() {
		wg.Go(func() {
			up := 0.0
			if r, err := bus.Call(ctx, p.conn, bus.Metrics(t.Device), bus.Empty{}); err == nil {
				up = 1
				export(out, t.Device, &r)
			} else {
				p.log.Debug("no metrics", "device", t.Device, "err", err)
			}
			gauge("vtl_up", "Whether the device's daemon answers.", up, deviceLabels(), labelsOf(t.Device))
		})
	}
	wg.Wait()
}

// deviceLabels are the labels of all that is counted of a device.
func deviceLabels(more ...string) []string { return slices.Concat([]string{"kind", "id"}, more) }

// labelsOf are their values.
func labelsOf(d bus.Device, more ...string) []string {
	return slices.Concat([]string{string(d.Kind), fmt.Sprint(d.ID)}, more)
}
